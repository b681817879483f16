"""A site's worker does what it may, refuses the rest in one sentence, and survives being killed."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("site-worker")]


def test_a_signed_request_is_reduced_at_the_site(place):
    run = place.ask(place.good())
    said = place.answer(run)

    assert (place.site.results / said["product"] / "manifest.json").exists()
    assert said["recipe"] == "saxs"
    assert said["left"] is False
    assert [each["event"] for each in place.audit(run)] == ["accepted", "begun", "reduced", "reported"]

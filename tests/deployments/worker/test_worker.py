"""A site's worker does what it may, refuses the rest in one sentence, and survives being killed."""

from __future__ import annotations

import pytest
import yaml

from .conftest import until

pytestmark = [pytest.mark.slow]


def test_a_signed_request_is_reduced_at_the_site(place):
    run = place.ask(place.good())
    said = place.answer(run)

    assert (place.site.results / said["product"] / "manifest.json").exists()
    assert said["recipe"] == "saxs"
    assert said["left"] is False
    # The hub is told first; that it was told is written down a moment later.
    until(lambda: place.audit(run, "reported"))
    story = [each["event"] for each in place.audit(run) if each["event"] != "ignored"]
    assert story == ["accepted", "begun", "reduced", "reported"]


def test_a_product_leaves_by_the_way_that_the_policy_names(place_for, tmp_path):
    place = place_for("site-l")
    said = yaml.safe_load(place.site.policy.read_text())
    way = {"to": (tmp_path / "hub").as_uri(), "techniques": ["saxs"], "data": ["beam"]}
    (tmp_path / "hub").mkdir()
    place.site.policy.write_text(yaml.safe_dump(said | {"leaving": [way]}))
    place.start()
    until(place.registered)
    answer = place.answer(place.ask(place.good()))
    arrived = until(
        lambda: [each for each in (tmp_path / "hub").iterdir() if each.name.startswith(answer["product"])]
    )
    sent = until(lambda: place.audit(event="product sent"))

    assert answer["left"] is True
    assert len(arrived) == 1
    assert sent[0]["key"] == answer["key"]


def test_the_hub_sees_the_worker(place):
    with place.hub.client() as server:
        (worker,) = server.read_workers_for_work_pool("site-a")

    assert (worker.name, worker.status.value) == ("site-a", "ONLINE")

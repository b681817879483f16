"""A reduction judges its order once more, reads nothing that the asker may not use, and answers once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.testing import samples
from deployments.site import fence
from deployments.site.job import ANSWER, ORDER
from deployments.site.site import Site
from deployments.site.start import laid
from flows.keys import laid as keys_laid
from flows.keys import trusted

pytestmark = pytest.mark.slow


@dataclass
class Facility:
    """A site where anna may have saxs of beam reduced, and data that she may not use."""

    site: Site
    key: str
    beam: Path
    secret: Path

    def job(self, run: str, *paths: str) -> dict[str, Any]:
        """What a job of its own process answers."""
        work = self.site.jobs / run
        work.mkdir(parents=True, exist_ok=True)
        request = {"recipe": "saxs", "paths": list(paths), "parameters": {}, "label": ""}
        (work / ORDER).write_text(json.dumps({"request": request, "key": self.key}))
        command = [sys.executable, "-I", "-m", "deployments.site.job", str(self.site.folder), run]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
        own = {"HOME": str(work), "PREFECT_HOME": str(work / "prefect"), "TMPDIR": str(work)}
        subprocess.run(command, env=kept | own, cwd=work, check=True, capture_output=True)
        said: dict[str, Any] = json.loads((work / ANSWER).read_text())
        return said


@pytest.fixture(scope="module")
def facility(tmp_path_factory) -> Facility:
    folder = tmp_path_factory.mktemp("facility")
    beam, secret = folder / "beam", folder / "outside" / "secret.dat"
    for each in (beam / "series", secret.parent):
        each.mkdir(parents=True)
    samples.write_bioxtas(beam / "series" / "a.dat", samples.sphere_curve(200, radius=20.0))
    samples.write_bioxtas(secret, samples.sphere_curve(200, radius=30.0))
    site = laid(folder / "site", "site-a", {"beam": beam}, None)
    public = keys_laid(folder / "people", "anna")[1].rename(site.trusted / "anna.pub")
    askers = [{"asker": "anna", "recipes": ["saxs"], "data": ["beam"]}]
    site.policy.write_text(yaml.safe_dump({"recipes": ["saxs"], "askers": askers}))
    return Facility(site, trusted(public).fingerprint, beam, secret)


def test_an_order_is_done_once_and_behind_the_fence(facility):
    first = facility.job("one", "beam/series/a.dat")
    written = (facility.site.jobs / "one" / ANSWER).stat().st_mtime_ns
    again = facility.job("one", "beam/series/a.dat")

    assert (first["state"], first["recipe"]) == ("done", "saxs")
    assert first["fenced"] is (fence.version() > 0)
    assert again == first
    assert (facility.site.jobs / "one" / ANSWER).stat().st_mtime_ns == written


def test_a_link_in_a_folder_does_not_lead_outside(facility):
    (facility.beam / "mixed").mkdir()
    (facility.beam / "mixed" / "b.dat").symlink_to(facility.secret)
    os.utime(facility.secret, (1, facility.secret.stat().st_mtime))
    said = facility.job("two", "beam/mixed")

    assert said["state"] == "refused"
    assert "holds b.dat, a link" in said["reason"]
    assert facility.secret.stat().st_atime == 1


def test_what_changed_since_the_worker_judged_is_refused(facility):
    gone = facility.job("three", "beam/gone.dat")
    facility.site.policy.write_text("recipes: [saxs]\n")
    forbidden = facility.job("four", "beam/series/a.dat")

    assert (gone["state"], forbidden["state"]) == ("refused", "refused")
    assert "may ask for nothing" in forbidden["reason"]

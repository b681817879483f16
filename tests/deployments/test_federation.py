"""One sample at two sites: reduced where its data lie, only products cross, as on one machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.testing.samples import SampleCurve, sphere_curve, write_ascii
from deployments.audit import entries
from deployments.neighbours import Around, Neighbour, neighbours
from tests.deployments.conftest import surroundings

pytestmark = [pytest.mark.slow]

RUNS = """\
  - name: one
    {lund}paths: [{lund_root}/one.dat]
    recipe: saxs
    parameters: {{shape: {{particle: other}}}}
  - name: two
    {hamburg}paths: [{hamburg_root}/two.dat]
    recipe: saxs
    parameters: {{shape: {{particle: other}}}}
"""
FEDERATED = RUNS.format(
    lund="site: lund\n    ", hamburg="site: hamburg\n    ", lund_root="raw", hamburg_root="measured"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same spheres, measured at both; bytes that compress badly, and many more than a product has."""
    root = tmp_path_factory.mktemp("data")
    truth = sphere_curve(300, first=0.01, step=0.001, radius=20.0)
    for stream, (place, name) in enumerate((("lund", "one"), ("hamburg", "two"))):
        (root / place).mkdir()
        errors = 4 * truth.errors
        noise = np.random.default_rng(stream).normal(0, errors)
        write_ascii(root / place / f"{name}.dat", SampleCurve(truth.q, truth.intensity + noise, errors))
    (root / "hamburg" / "broken.dat").write_text("Q (1/A)  I  Error\nthe beam was down\n")
    return root


@pytest.fixture(scope="module")
def around(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Around]:
    """A hub and two sites in processes of their own."""
    wanted = (
        Neighbour("lund", {"raw": data / "lund"}, ["saxs"]),
        Neighbour("hamburg", {"measured": data / "hamburg"}, ["saxs"]),
    )
    folder = tmp_path_factory.mktemp("around")
    with neighbours(folder, wanted, sys.stderr.write, surroundings()) as up:
        yield up


def ran(text: str, folder: Path, environment: dict[str, str], *more: str) -> tuple[int, dict[str, Any]]:
    """Status and answer of `halos run --json`."""
    path = folder / "campaign.yaml"
    path.write_text(text)
    command = [sys.executable, "-m", "halos", "run", str(path), "--json", "--wait", "240", *more]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, json.loads(done.stdout)


def campaign(runs: str) -> str:
    return f"sample: {{name: spheres}}\nruns:\n{runs}"


@pytest.fixture(scope="module")
def federated(around: Around, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The answer through the hub."""
    status, said = ran(campaign(FEDERATED), tmp_path_factory.mktemp("asked"), dict(around.environment))
    assert status == 0, said
    return said


def test_the_answer_is_that_of_one_machine(federated, data, tmp_path):
    text = RUNS.format(lund="", hamburg="", lund_root=data / "lund", hamburg_root=data / "hamburg")
    status, local = ran(campaign(text), tmp_path, surroundings(), "--out", str(tmp_path / "results"))

    assert status == 0
    assert {run["name"]: run["key"] for run in local["runs"]} == {
        run["name"]: run["key"] for run in federated["runs"]
    }
    assert local["quantities"] == federated["quantities"]


def test_each_run_is_reduced_at_its_site_and_nowhere_else(federated, around):
    lund, hamburg = around.sites
    keys = {run["name"]: run["key"] for run in federated["runs"]}

    assert made_at(lund.results) == {keys["one"]}
    assert made_at(hamburg.results) == {keys["two"]}


def made_at(results: Path) -> set[str]:
    return {json.loads(path.read_text())["key"] for path in results.glob("*/manifest.json")}


def test_both_sides_tell_the_same_story(federated, around):
    sent = {
        (site.name, line["key"], line["sha256"])
        for site in around.sites
        for line in entries(site.audit)
        if line["event"] == "product sent"
    }
    taken = {
        (line["site"], line["key"], line["sha256"])
        for line in entries(around.hub.home.audit)
        if line["event"] == "product taken in"
    }

    assert sent == taken
    assert len(taken) == 2


def test_only_products_are_in_what_came(federated, around):
    kinds = {
        path.suffix
        for path in around.hub.home.results.rglob("*")
        if path.is_file() and ".ledger" not in path.name and not path.name.startswith("ledger")
    }

    assert kinds <= {".json", ".nxs", ".h5", ".png", ".html"}


def test_what_a_site_forbids_and_what_is_not_there_are_refused_in_the_same_words(around, tmp_path):
    forbidden = FEDERATED.replace("raw/one.dat", "raw/../hamburg/two.dat").replace("two.dat", "nowhere.dat")
    status, said = ran(campaign(forbidden), tmp_path, dict(around.environment))
    reasons = {run["reason"] for run in said["runs"]}

    assert status == 6
    assert {run["state"] for run in said["runs"]} == {"refused"}
    assert reasons == {"refused by the site; its administrator can tell why"}
    assert said["passport"] is None


def test_what_cannot_be_read_at_a_site_is_told_and_the_rest_is_fused(around, tmp_path):
    status, said = ran(
        campaign(FEDERATED.replace("two.dat", "broken.dat")), tmp_path, dict(around.environment)
    )
    states = {run["name"]: run["state"] for run in said["runs"]}

    assert status == 4
    assert states == {"one": "done", "two": "quarantined"}
    assert said["quantities"]["radius_of_gyration"]["consensus"] > 0


def test_a_site_that_is_not_there_is_named(around, tmp_path):
    text = FEDERATED.replace("site: hamburg", "site: grenoble")
    status, said = ran(campaign(text), tmp_path, dict(around.environment))
    reason = next(run["reason"] for run in said["runs"] if run["name"] == "two")

    assert status == 3
    assert reason.startswith("no site called grenoble has reported to this hub")


def test_without_a_key_nobody_is_asked(around, tmp_path):
    environment = {name: each for name, each in around.environment.items() if name != "HALOS_KEY"}
    status, said = ran(campaign(FEDERATED), tmp_path, environment)

    assert status == 2
    assert "halos key new" in said["error"]["message"]

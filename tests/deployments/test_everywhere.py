"""One campaign in threads, on local processes, on Slurm, and at two sites: the same products."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.neighbours import Neighbour, neighbours
from flows.replay import numbers
from tests.deployments.conftest import surroundings
from tests.slurm import slurm_node

pytestmark = [pytest.mark.slow]

WAYS = ("threads", "local", "slurm")


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Path], dict[str, str]]]:
    """Files that name each cluster, and what stands in the environment to reach Slurm."""
    home = tmp_path_factory.mktemp("slurm")
    with slurm_node(home) as environment:
        said: dict[str, dict[str, Any]] = {
            "threads": {"kind": "threads"},
            "local": {"kind": "local", "workers": 1, "threads_below_mib": 0},
            "slurm": {
                "kind": "slurm",
                "partition": "main",
                "workers": 1,
                "memory_gib": 1.0,
                "walltime": "00:05:00",
                "interface": "lo",
                "threads_below_mib": 0,
            },
        }
        for name, values in said.items():
            (home / f"{name}.yaml").write_text(yaml.safe_dump(values))
        yield {name: home / f"{name}.yaml" for name in said}, environment


def campaign(beamtime: Any, lund: str | None, hamburg: str | None) -> dict[str, Any]:
    """Frames of the particle at one site, and more of them at the other."""

    def run(name: str, path: Path, site: str | None) -> dict[str, Any]:
        paths = [f"{'raw' if site else path.parent}/{path.name}"]
        where = {"site": site} if site else {}
        parameters = {"images": beamtime.images()}
        return {"name": name, **where, "paths": paths, "recipe": "saxs", "parameters": parameters}

    runs = [run("first", beamtime.sample, lund), run("second", beamtime.second, hamburg)]
    return {"sample": {"name": "ellipsoid"}, "runs": runs}


def ran(said: dict[str, Any], folder: Path, environment: dict[str, str], *more: str) -> dict[str, Any]:
    folder.mkdir(parents=True)
    path = folder / "campaign.yaml"
    path.write_text(yaml.safe_dump(said))
    command = [sys.executable, "-m", "halos", "run", str(path), "--json", "--wait", "300", *more]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    answer: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == 0, answer
    return answer


def products(answer: dict[str, Any]) -> dict[str, Any]:
    """By run: key, and the bytes of every number of its product."""
    return {
        run["name"]: (
            run["key"],
            {name: array.tobytes() for name, array in numbers(Path(run["product"])).items()},
        )
        for run in answer["runs"]
    }


def test_a_campaign_gives_equal_products_wherever_it_is_computed(beamtime, clusters, tmp_path):
    named, environment = clusters
    around = {**surroundings(), **environment}
    here = {
        way: ran(
            campaign(beamtime, None, None),
            tmp_path / way,
            around,
            *("--out", str(tmp_path / way / "results"), "--cluster", str(named[way])),
        )
        for way in WAYS
    }
    root = {"raw": beamtime.sample.parent}
    wanted = (
        Neighbour("lund", root, ["saxs"], str(named["slurm"])),
        Neighbour("hamburg", root, ["saxs"], str(named["local"])),
    )
    with neighbours(tmp_path / "around", wanted, sys.stderr.write, around) as up:
        asked = campaign(beamtime, "lund", "hamburg")
        federated = ran(asked, tmp_path / "federated", dict(up.environment))

    expected = products(here["threads"])
    assert len(expected) == 2
    for answer in (here["local"], here["slurm"], federated):
        assert products(answer) == expected
        assert answer["quantities"] == here["threads"]["quantities"]

"""A small map through the flow, from file to product."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.errors import LayoutError, MissingMetadataError
from adapters.stores.products import read_manifest
from adapters.testing.em import write_mrc
from flows.em_map import MapFlowParameters, em_map
from tasks.spa.kernels import placing

SHAPE = (24, 24, 24)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two noisy half maps of a few balls and their mean, each on voxels of 3 angstrom."""
    folder = tmp_path_factory.mktemp("map")
    random = np.random.default_rng(3)
    points = random.uniform(24, 48, (60, 3))
    density = placing.simulated(points, np.ones(60), SHAPE, 3.0, 9.0)
    halves = [density + random.normal(0, 0.04 * density.max(), SHAPE) for _ in range(2)]
    cell = (72.0, 72.0, 72.0)
    paths = [
        write_mrc(folder / f"half{number}.mrc", half.astype("f4"), cell=cell)
        for number, half in enumerate(halves, start=1)
    ]
    whole = write_mrc(folder / "map.mrc", (sum(halves) / 2).astype("f4"), cell=cell)
    return whole, paths, write_mrc(folder / "unknown.mrc", density.astype("f4"), cell=(0, 0, 0))


def test_a_map_gives_findings_plots_and_a_product(files, tmp_path):
    whole, halves, _ = files
    asked = MapFlowParameters.model_validate({"files": {"half_maps": halves}})
    answer = em_map.fn([whole], asked, results=tmp_path)
    found = {each["quantity"]: each for each in answer["findings"]}

    assert 6 < found["resolution"]["value"] < 15
    assert found["resolution"]["uncertainty"] > 0
    assert 24 < found["maximum_dimension"]["value"] < 72
    assert [name.split("-")[-1] for name in answer["plots"]][:2] == ["slices.png", "shells.png"]
    assert "level_estimated" in {flag["code"] for flag in answer["flags"]}
    assert em_map.fn([whole], asked, results=tmp_path)["cached"]


def test_a_voxel_that_no_file_says_is_asked_for(files, tmp_path):
    with pytest.raises(MissingMetadataError, match="voxel_angstrom"):
        em_map.fn([files[2]], MapFlowParameters(), results=tmp_path)

    asked = MapFlowParameters.model_validate({"map": {"voxel_angstrom": 3.0, "level": 0.01}})
    answer = em_map.fn([files[2]], asked, results=tmp_path)
    assert read_manifest(tmp_path / answer["product"].split("/")[-2]).details["voxel_angstrom"] == 3.0


def test_images_are_no_map(tmp_path):
    path = write_mrc(tmp_path / "m.mrc", np.ones((1, 4, 4), "f4"))

    with pytest.raises(LayoutError, match="not one map"):
        em_map.fn([path], MapFlowParameters(), results=tmp_path / "out")

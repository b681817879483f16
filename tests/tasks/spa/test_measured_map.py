"""The measured map of beta-galactosidase against its cryo-EM model, from a search that is told nothing."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.errors import MissingMetadataError
from adapters.registry import open_run
from tasks.common.kernels.composition import ELECTRONS
from tasks.spa.errors import ImageError
from tasks.spa.grid import grid_of
from tasks.spa.map import Model, reduce
from tasks.spa.parameters import MapParameters
from tasks.structure.parameters import StructureParameters
from tasks.structure.particle import particle_of

pytestmark = [pytest.mark.measured, pytest.mark.slow]
# Where the database's own comparison puts the model: up to the four turns of its symmetry.
KNOWN = np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]])


@pytest.fixture(scope="module")
def found(measured):
    pytest.importorskip("gemmi")
    particle = particle_of(open_run(measured / "structures/5a1a.cif"), StructureParameters())
    carried = zip(particle.elements, particle.hydrogens, strict=True)
    electrons = np.array([ELECTRONS[element] + count for element, count in carried], float)
    folder = measured / "em/betagal"
    return reduce(
        open_run(folder / "betaGal.mrc"),
        MapParameters(level=0.03, resolution_angstrom=9.0),
        local=open_run(folder / "localResolution.mrc"),
        model=Model(particle.positions, electrons, "5a1a.cif"),
    )


def of(found, method):
    return next(each for each in found.findings if each.method == method)


def test_the_model_is_found_and_the_mirror_image_rejected(found):
    fit = of(found, "rigid fit")
    flags = {flag.code for flag in found.flags}

    assert fit.value >= 0.93
    assert fit.value - found.facts["mirror_placements"][0] > 0.15
    assert {"hand_confirmed", "equal_placements"} <= flags
    assert "4 placements" in next(f.message for f in found.flags if f.code == "equal_placements")


def test_it_lies_where_it_is_known_to_lie(found):
    rotation, shift = np.array(found.facts["rotation"]), np.array(found.facts["shift_angstrom"])
    turns = [np.diag(signs) for signs in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))]

    assert min(np.abs(rotation - turn @ KNOWN).max() for turn in turns) < 0.02
    np.testing.assert_allclose(rotation @ np.full(3, 93.002) + shift, 177.0, atol=1.0)


def test_symmetry_size_and_resolutions_are_as_published(found):
    longest = of(found, "map above its level")

    assert found.facts["point_group"] == "D2"
    extent = [found.facts["extent_angstrom"][axis] for axis in "zyx"]
    np.testing.assert_allclose(extent, [184, 85, 142], atol=4)
    assert 184 < longest.value < 200
    assert of(found, "median local resolution").value == pytest.approx(8.68, abs=0.05)
    assert of(found, "map to model, FSC 0.5").value == pytest.approx(9.7, abs=0.4)


def test_a_voxel_of_one_angstrom_is_refused_where_it_is_needed(measured):
    run = open_run(measured / "em/betagal/localResolution.mrc")

    with pytest.raises(MissingMetadataError, match="voxel_angstrom"):
        grid_of(run, None)
    assert grid_of(run, 3.54).voxel == 3.54


def test_a_slanted_cell_is_refused(measured):
    with pytest.raises(ImageError, match="voxels of"):
        grid_of(open_run(measured / "em/emdb/EMD-3001.map"), None)

"""Flows of free-electron lasers from written files to products that open again."""

from __future__ import annotations

import os
import time

import h5py
import numpy as np
import pytest

from adapters.errors import LayoutError, MissingMetadataError
from adapters.registry import open_run
from adapters.testing.flash import electrons, flash_name, hextof, write_flash
from adapters.testing.sfx import Lattice, write_stream
from flows.mpes import MpesParameters, mpes
from flows.recipe import recipe_called
from flows.saxs import SaxsParameters, saxs
from flows.sfx_cells import StreamParameters, sfx_cells
from flows.sfx_hits import HitFlowParameters, sfx_hits
from flows.xfel_powder import PowderParameters, xfel_powder

FRAMES, SIDE, ENERGY = 6, 32, 9300.0
GEOM = """\
clen = 0.2
photon_energy = 9300
res = 5000
"""


def geometry(path, modules=8):
    """Eight modules of 32 x 32 pixels in two columns around the beam."""
    lines = [GEOM]
    for module in range(modules):
        column, row = module % 2, module // 2
        said = {
            "dim0": "%",
            "dim1": module,
            "dim2": "ss",
            "dim3": "fs",
            "min_fs": 0,
            "max_fs": SIDE - 1,
            "min_ss": 0,
            "max_ss": SIDE - 1,
            "fs": "+1.0x",
            "ss": "+1.0y",
            "corner_x": -36 + 40 * column,
            "corner_y": -76 + 40 * row,
        }
        lines += [f"m{module}/{name} = {value}\n" for name, value in said.items()]
    path.write_text("".join(lines))
    return path


def frames_of(module, hits=(1, 4)):
    """A background that falls outwards from 50, three sharp peaks a module in the frames that are hits."""
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    x, y = -36 + 40 * (module % 2) + columns, -76 + 40 * (module // 2) + rows
    expected = 50 * np.exp(-np.hypot(x, y) / 150)
    frames = np.random.default_rng(module).poisson(expected, (FRAMES, SIDE, SIDE)).astype("f4")
    for frame in hits:
        for place in range(3):
            frames[frame, 5 + 8 * place : 7 + 8 * place, 10:12] += 300
    return frames, expected


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Corrected frames of an AGIPD of eight modules, three trains of two pulses."""
    pytest.importorskip("extra_data")
    from adapters.testing.euxfel import AGIPD, write_module

    folder = tmp_path_factory.mktemp("runs") / "r0007"
    folder.mkdir()
    for module in range(8):
        path = write_module(folder, module, (10000, 10001, 10002), raw=False)
        with h5py.File(path, "r+") as file:
            image = file[f"INSTRUMENT/{AGIPD}/CORR/{module}CH0:output/image"]
            for name, values in (("data", frames_of(module)[0]), ("mask", None), ("gain", None)):
                kind = image[name].dtype
                del image[name]
                shape = (FRAMES, SIDE, SIDE)
                image[name] = np.zeros(shape, kind) if values is None else values
            # One wild pixel that the calibration rejects.
            image["data"][:, 20, 20], image["mask"][:, 20, 20] = 1e6, 4
        os.utime(path, (time.time() - 7200,) * 2)
    return folder


@pytest.fixture(scope="module")
def geom(tmp_path_factory):
    return geometry(tmp_path_factory.mktemp("geometry") / "agipd.geom")


def codes(answer):
    return {flag["code"] for flag in answer["flags"]}


def test_hits_of_a_run(run, geom, tmp_path):
    asked = HitFlowParameters.model_validate(
        {"geometry": {"file": geom}, "hits": {"peaks": {"threshold": 100.0, "ring_width": 4.0}}}
    )

    answer = sfx_hits.fn([run], asked, results=tmp_path)

    share = next(each for each in answer["findings"] if each["quantity"] == "hit_fraction")
    assert share["value"] == 2 / 6
    assert 0.1 < share["uncertainty"] < 0.25
    data = open_run(answer["product"]).data
    assert data["hit"].values.tolist() == [0, 1, 0, 0, 1, 0]
    assert data["peaks"].values.tolist() == [0, 24, 0, 0, 24, 0]
    assert data["frame_train"].values.tolist() == [10000, 10000, 10001, 10001, 10002, 10002]
    # The first peak of module 3 has its centre at row 5.5, column 10.5 of it: corner (4, -36) px, 5000 px/m.
    mine = data.isel(peak=(data["peak_module"].values == 3) & (data["peak_frame"].values == 1))
    assert mine["peak_position_x"].values[0] == pytest.approx((4 + 11.0) / 5000, abs=1.01 / 5000)
    assert mine["peak_position_y"].values[0] == pytest.approx((-36 + 6.0) / 5000, abs=1.01 / 5000)
    assert len(answer["plots"]) == 2


def test_powder_sum_of_a_run(run, geom, tmp_path):
    asked = PowderParameters.model_validate(
        {"geometry": {"file": geom}, "integration": {"polarization": None, "solid_angle": False}}
    )

    answer = xfel_powder.fn([run], asked, results=tmp_path)

    with h5py.File(answer["product"]) as file:
        total, number = file["entry/image/total"][()], file["entry/image/frames"][()]
    assert np.isnan(total[:, 20, 20]).all()
    assert (number[:, 20, 20] == 0).all()
    whole = sum(frames_of(module)[0].sum() for module in range(8))
    masked = sum(frames_of(module)[0][:, 20, 20].sum() for module in range(8))
    assert np.nansum(total) == pytest.approx(whole - masked)
    assert {"not_photon_counting", "from_geometry_file", "polarization_not_corrected"} <= codes(answer)
    curve = open_run(answer["product"]).data
    assert (curve["intensity_errors"].values[0] > 0).all()
    q = curve["q"].values
    # Two theta of a pixel at radius r: the background there is 50 exp(-r / 150).
    r = np.tan(2 * np.arcsin(q * (12398.4198 / ENERGY) / (4 * np.pi))) * 0.2 * 5000
    ratio = curve["intensity"].values[0] / (50 * np.exp(-r / 150))
    assert np.median(ratio) == pytest.approx(1.0, abs=0.03)


def test_powder_sum_of_an_lpd_placed_by_its_quadrants(tmp_path):
    """Every pixel counts once, at the radius that EXtra-geom gives it."""
    geom = pytest.importorskip("extra_geom")
    pytest.importorskip("extra_data")
    from adapters.testing.euxfel_detectors import LPD, module_frames, write_modules, write_quadrants

    quadrants = [[11.4, 299.0], [-11.5, 8.0], [254.5, -16.0], [278.5, 275.0]]
    trains = (10000, 10001)
    lpd = write_modules(tmp_path / "raw/r0009", LPD, trains)
    places = write_quadrants(tmp_path / "raw/lpd.h5")
    asked = PowderParameters.model_validate(
        {
            "geometry": {"file": places, "quadrants": quadrants},
            "beam": {"distance_m": 0.3, "wavelength_angstrom": 1.0},
            "integration": {"polarization": None, "solid_angle": False},
        }
    )

    answer = xfel_powder.fn([lpd], asked, results=tmp_path / "results")

    frames = np.stack([module_frames(LPD, module, trains, 3) for module in range(16)])
    with h5py.File(answer["product"]) as file:
        np.testing.assert_array_equal(file["entry/image/total"][()], frames.sum(axis=1))
    curve = open_run(answer["product"]).data
    theirs = geom.LPD_1MGeometry.from_h5_file_and_quad_positions(str(places), quadrants)
    radius = np.hypot(*np.moveaxis(theirs.get_pixel_positions()[..., :2], -1, 0))
    q = 4 * np.pi * np.sin(np.arctan(radius / 0.3) / 2)
    expected = np.histogram(q, bins=20, weights=frames.mean(axis=1))[0] / np.histogram(q, bins=20)[0]
    middle = np.linspace(q.min(), q.max(), 41)[1::2]
    found = np.interp(middle, curve["q"].values, curve["intensity"].values[0])
    assert np.median(np.abs(found / expected - 1)) < 0.03


def test_modules_without_a_geometry_are_refused(run, tmp_path):
    for flow, parameters in ((sfx_hits, HitFlowParameters()), (xfel_powder, PowderParameters())):
        with pytest.raises(MissingMetadataError, match="geometry"):
            flow.fn([run], parameters, results=tmp_path)


def test_a_geometry_of_another_detector_is_refused(run, tmp_path):
    other = geometry(tmp_path / "other.geom", modules=4)

    with pytest.raises(LayoutError, match="the geometry is for"):
        sfx_hits.fn([run], HitFlowParameters.model_validate({"geometry": {"file": other}}), results=tmp_path)


def test_frames_of_modules_are_refused_where_one_image_is_needed(run, tmp_path):
    asked = SaxsParameters.model_validate(
        {
            "images": {
                "geometry": {
                    "wavelength_angstrom": 1.0,
                    "distance_m": 1.0,
                    "beam_center_x_px": 1.0,
                    "beam_center_y_px": 1.0,
                    "orientation": "as_stored",
                }
            }
        }
    )

    with pytest.raises(LayoutError, match="xfel-powder"):
        saxs.fn([run], asked, results=tmp_path)


def test_the_lattice_of_a_stream(tmp_path):
    rng = np.random.default_rng(1)
    frames = [[Lattice(tuple(rng.normal([79.2, 79.2, 38.0], 0.2)))] for _ in range(30)]
    (tmp_path / "in").mkdir()
    stream = write_stream(tmp_path / "in" / "run.stream", [*frames, None, None])

    answer = sfx_cells.fn([stream], StreamParameters(), results=tmp_path / "out")

    found = {each["quantity"]: each for each in answer["findings"]}
    for name, true in (("unit_cell_a", 79.2), ("unit_cell_b", 79.2), ("unit_cell_c", 38.0)):
        assert found[name]["value"] == pytest.approx(true, abs=4 * found[name]["uncertainty"])
    assert found["hit_fraction"]["value"] == 30 / 32
    assert open_run(answer["product"]).data.sizes["crystal"] == 30


def test_electrons_with_the_channel_map_of_a_beamtime(tmp_path):
    (tmp_path / "in").mkdir()
    path = write_flash(tmp_path / "in" / flash_name(), hextof())
    recipe, reduction = recipe_called("mpes-hextof")
    asked = reduction.parameters.model_validate(recipe.parameters)

    answer = mpes.fn([path], asked, results=tmp_path / "out", recipe="mpes-hextof")

    counts = open_run(answer["product"]).data["intensity"]
    assert int(counts.sum()) == int(np.isfinite(electrons((3, 0, 5, 2, 4, 1), 8)[:, 3]).sum())
    assert "channel_map_given" in codes(answer)
    assert "channel_map_assumed" not in codes(answer)
    assert mpes.fn([path], asked, results=tmp_path / "out", recipe="mpes-hextof")["cached"]


def test_a_run_of_something_else_is_refused(tmp_path):
    stream = write_stream(tmp_path / "run.stream", [[Lattice((79.0, 79.0, 38.0))]])

    with pytest.raises(LayoutError, match="not one run of mpes"):
        mpes.fn([stream], MpesParameters(), results=tmp_path)


@pytest.mark.measured
def test_measured_electrons_and_lattices(measured, tmp_path):
    flash = measured / "flash/FLASH1_USER3_stream_2_run43878_file1_20230130T153807.1.h5"
    volume = mpes.fn([flash], MpesParameters(), results=tmp_path)
    sxp = mpes.fn([measured / "euxfel/sxp-r0016"], MpesParameters(), results=tmp_path)
    lattice = sfx_cells.fn(
        [measured / "mx/lysozyme-palxfel/crystfel.stream"], StreamParameters(), results=tmp_path
    )

    assert int(open_run(sxp["product"]).data["intensity"].sum()) == 2088
    with h5py.File(flash) as file:
        stored = file["uncategorised/FLASH.EXP/HEXTOF.DAQ/DLD1/value"][:, 3]
    assert int(open_run(volume["product"]).data["intensity"].sum()) == int(np.isfinite(stored).sum())
    found = {each["quantity"]: each for each in lattice["findings"]}
    edges = [found[f"unit_cell_{axis}"]["value"] / 10 for axis in "abc"]
    np.testing.assert_allclose(edges, [7.974, 8.054, 3.876], atol=6e-4)
    assert all(found[f"unit_cell_{axis}"]["uncertainty"] > 0 for axis in "abc")
    # The target of indexing was 79.2 79.2 38.0; three crystals agree with it within about 2 %.
    np.testing.assert_allclose(edges, [7.92, 7.92, 3.80], rtol=0.025)

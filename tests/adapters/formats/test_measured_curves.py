"""Curves that were measured, against what is known of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adapters.errors import LayoutError, MissingMetadataError
from adapters.formats.plane_text import PLANE_TEXT
from adapters.model import Severity, State
from adapters.registry import open_run, registry

pytestmark = pytest.mark.measured
ANGSTROM, NM, INVERSE_A = "1/angstrom", "1/nm", "1/A"
ARBITRARY, ABSOLUTE = "arbitrary", "1/cm"
AOT = "sans/1d/AOT_Microemulsion"
REAR = "sans/1d/33837rear_1D_1.75_16.5"

# File, reader, points, first and last q in 1/angstrom, the file's unit, intensity unit, technique.
CURVES = [
    ("biosaxs/lysozyme-chess/lys_saxs.dat", "macchess_dat", 474, 0.0101, 0.2830, ANGSTROM, ABSOLUTE, "saxs"),
    ("biosaxs/lysozyme-chess/lys_waxs.dat", "macchess_dat", 292, 0.2141, 0.7936, ANGSTROM, ARBITRARY, "saxs"),
    ("biosaxs/lysozyme-sasda96/SASDA96.dat", "petra3_p12_dat", 1366, 0.01662, 0.3789, NM, ARBITRARY, "saxs"),
    ("biosaxs/embl-hamburg/SASDAB2.dat", "embl_x33_dat", 2168, 0.0087, 0.6015, NM, ARBITRARY, "saxs"),
    ("biosaxs/embl-hamburg/bsa-sub.dat", "embl_dat", 2178, 0.0067, 0.6024, NM, ARBITRARY, "saxs"),
    ("biosaxs/embl-hamburg/bsa.dat", "embl_x33_dat", 2096, 0.00741, 0.48595, NM, ARBITRARY, "saxs"),
    ("biosaxs/embl-hamburg/SASDB76-cropped.dat", "esrf_bm29_dat", 33, 0.00363, 0.0188, NM, ARBITRARY, "saxs"),
    ("biosaxs/esrf-bm29/WT_001_00001.dat", "esrf_bm29_dat", 1043, 0.00347, 0.49277, NM, ARBITRARY, "saxs"),
    (
        "biosaxs/glucose-isomerase-chess/subtracted/glucose_isomerase.dat",
        "macchess_dat", 474, 0.0101, 0.2830, ANGSTROM, ABSOLUTE, "saxs",
    ),
    (
        "biosaxs/lysozyme-bioxolver/subtracted/S_A_02700_F2-T1_lys_8_000.dat",
        "bioxolver_dat", 430, 0.01069, 0.58066, ANGSTROM, ARBITRARY, "saxs",
    ),
    (
        "biosaxs/bsa-sec-raw/clean_BSA_001.hdf5",
        "bioxtas_series", 469, 0.00982, 0.27984, ANGSTROM, ARBITRARY, "saxs",
    ),
    ("sans/1d/apoferritin.txt", "isis_rkh", 395, 0.0055, 0.3995, ANGSTROM, ARBITRARY, "sans"),
    (f"{AOT}-Core_Contrast.xml", "cansas_xml", 137, 0.009, 0.281, INVERSE_A, ABSOLUTE, "sans"),
    ("sans/1d/Ludox_silica.xml", "cansas_xml", 92, 0.00714, 0.25169, INVERSE_A, ABSOLUTE, "sans"),
    ("sans/1d/ISIS_Polymer_Blend_RT2.xml", "cansas_xml", 124, 0.008, 0.254, INVERSE_A, ABSOLUTE, "sans"),
    (f"{REAR}_CanSAS1D.xml", "cansas_xml", 66, 0.00416, 0.6189, INVERSE_A, ABSOLUTE, "sans"),
    (f"{REAR}_NXcanSAS_v3.h5", "nxcansas", 66, 0.00416, 0.6189, INVERSE_A, "count", "sans"),
    ("usaxs/FK403_0006_Nika.hdf", "nxcansas", 118, 0.03853, 1.64509, ANGSTROM, ABSOLUTE, "curve"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "reader", "points", "first", "last", "unit", "scale", "technique"), CURVES)
def test_points_range_units_and_technique(
    measured, place, reader, points, first, last, unit, scale, technique
):
    run = open_run(measured / place)

    q = run.data["q"].values
    assert run.provenance.adapter == reader
    assert run.data.sizes["q"] == points
    assert (q[0], q[-1]) == pytest.approx((first, last), rel=2e-3)
    assert run.metadata.raw["q_unit"] == unit
    assert run.data["intensity"].attrs["units"] == scale
    assert run.metadata.technique == technique
    assert all(flag.severity < Severity.INVALID for flag in run.flags)


@pytest.mark.parametrize(
    ("folder", "frames", "points"),
    [
        ("biosaxs/lysozyme-bioxolver/frames", 50, 430),
        ("biosaxs/bsa-sec-bioxolver/frames", 372, 430),
        ("biosaxs/glucose-isomerase-chess/frames", 20, 474),
        ("biosaxs/bsa-sec-raw/series_dats", 10, 469),
    ],
)
def test_every_frame_of_a_folder_is_claimed_and_ready(measured, folder, frames, points):
    paths = sorted((measured / folder).glob("*.dat"))
    readers = {path: registry().find(path)[0] for path in paths}

    assert len(paths) == frames
    assert {reader.check(path).state for path, reader in readers.items()} == {State.READY}
    for path in paths[:: max(1, frames // 10)]:
        run = readers[path].open(path)
        assert run.data.sizes["q"] == points
        assert run.metadata.raw["q_unit"] == ANGSTROM


# File, then what its header says of the sample and the instrument.
SAID = [
    (
        "biosaxs/lysozyme-sasda96/SASDA96.dat",
        {"concentration_mg_ml": 2.61, "exposure_s": 0.045, "instrument": "p12"},
    ),
    (
        "biosaxs/embl-hamburg/SASDAB2.dat",
        {"concentration_mg_ml": 25.0, "exposure_s": 15.0, "instrument": "x33"},
    ),
    (
        "biosaxs/embl-hamburg/bsa-sub.dat",
        {"concentration_mg_ml": 0.9, "sample_name": "BSA", "instrument": None},
    ),
    (
        "biosaxs/embl-hamburg/bsa.dat",
        {"exposure_s": 120.0, "temperature_k": 284.115, "beam_center_x_px": 995.5},
    ),
    ("biosaxs/embl-hamburg/SASDB76-cropped.dat", {"concentration_mg_ml": 1.39, "temperature_k": 293.19}),
    (
        "biosaxs/esrf-bm29/WT_001_00001.dat",
        {"wavelength_angstrom": 0.9919, "distance_m": 2.869, "exposure_s": 0.5},
    ),
    (
        "biosaxs/lysozyme-chess/lys_saxs.dat",
        {"concentration_mg_ml": 4.27, "distance_m": 1.5027, "exposure_s": 1.0},
    ),
    ("sans/1d/Ludox_silica.xml", {"thickness_m": 1e-3, "instrument": "LOQ", "distance_m": None}),
    (
        "usaxs/FK403_0006_Nika.hdf",
        {"wavelength_angstrom": 0.5904, "distance_m": 0.528705, "pixel_size_x_m": 172e-6},
    ),
    ("biosaxs/bsa-sec-raw/clean_BSA_001.hdf5", {"exposure_s": 2.0, "wavelength_angstrom": None}),
]


@pytest.mark.parametrize(("place", "said"), SAID)
def test_headers_fill_the_metadata(measured, place, said):
    metadata = open_run(measured / place).metadata

    for name, expected in said.items():
        found = getattr(metadata, name)
        assert found == (pytest.approx(expected) if isinstance(expected, float) else expected), name


def test_results_published_in_headers_are_kept(measured):
    lysozyme = open_run(measured / "biosaxs/lysozyme-chess/lys_saxs.dat").metadata.raw["analysis"]
    cropped = open_run(measured / "biosaxs/embl-hamburg/SASDB76-cropped.dat").metadata.raw

    assert float(lysozyme["guinier"]["Rg"]) == pytest.approx(13.91, abs=0.005)
    assert float(lysozyme["guinier"]["I0"]) == pytest.approx(0.04564, abs=1e-5)
    assert float(lysozyme["molecularWeight"]["Absolute"]["MW"]) == pytest.approx(14.8, abs=0.05)
    assert (cropped["autorg_rg"], cropped["autorg_i0"]) == (3.8982, 39.81)
    assert (cropped["autorg_first_point"], cropped["autorg_last_point"]) == (26, 52)


def test_no_one_is_named_and_no_foreign_folder_is_kept(measured):
    for place in (
        "lysozyme-chess/lys_saxs.dat",
        "bsa-sec-raw/clean_BSA_001.hdf5",
        "esrf-bm29/WT_001_00001.dat",
    ):
        said = str(open_run(measured / "biosaxs" / place).metadata.raw)
        assert not any(
            word in said for word in ("/Users", "/Volumes", "/mnt", "/data/", "jesse", "load_path")
        )


def test_a_series_agrees_with_its_own_totals(measured):
    run = open_run(measured / "biosaxs/bsa-sec-raw/clean_BSA_001.hdf5")

    total = np.trapezoid(run.data["intensity"].values, run.data["q"].values, axis=1)
    assert run.data.sizes["frame"] == 324
    assert int(total.argmax()) == 190
    assert total[190] == pytest.approx(18.43851, rel=1e-4)


def test_a_series_agrees_with_its_frames_in_text(measured):
    series = open_run(measured / "biosaxs/bsa-sec-raw/clean_BSA_001.hdf5").data
    frame = open_run(measured / "biosaxs/bsa-sec-raw/series_dats/BSA_001_0003.dat").data

    np.testing.assert_allclose(
        series["intensity"].sel(frame=3).values, frame["intensity"].values[0], rtol=1e-6
    )
    np.testing.assert_allclose(series["q"].values, frame["q"].values, rtol=1e-6)


def test_one_protein_in_two_units_has_one_size(measured):
    from freesas.autorg import autoRg

    sizes = []
    for place in ("lysozyme-sasda96/SASDA96.dat", "lysozyme-chess/lys_saxs.dat"):
        data = open_run(measured / "biosaxs" / place).data
        columns = [data["q"].values, data["intensity"].values[0], data["intensity_errors"].values[0]]
        sizes.append(autoRg(np.column_stack(columns)).Rg)

    assert sizes[0] == pytest.approx(15.14, abs=0.1)
    assert sizes[1] == pytest.approx(13.91, abs=0.5)


def test_counts_in_the_hdf5_of_a_curve_in_absolute_units_are_suspect(measured):
    hdf5 = open_run(measured / "sans/1d/33837rear_1D_1.75_16.5_NXcanSAS_v3.h5")
    xml = open_run(measured / "sans/1d/33837rear_1D_1.75_16.5_CanSAS1D.xml")

    np.testing.assert_allclose(hdf5.data["intensity"].values, xml.data["intensity"].values, rtol=1e-5)
    assert float(xml.data["intensity"][0, 0]) == pytest.approx(5.41609)
    assert float(xml.data["intensity"].max()) == pytest.approx(28.1966)
    assert "intensity_unit_suspect" in {flag.code for flag in hdf5.flags}


@pytest.mark.parametrize(
    ("place", "shape", "total", "largest"),
    [
        ("sans/2d/33837rear_2D_1.75_16.5_NXcanSAS_v3.h5", (150, 150), 34831.3, 1048.37),
        ("sans/2d/14250_2D_NoDetInfo_NXcanSAS_v3.h5", (160, 160), 96623.1, 5237.12),
    ],
)
def test_maps_have_their_sums(measured, place, shape, total, largest):
    data = open_run(measured / place).data

    assert data["intensity"].shape == shape
    assert float(data["intensity"].sum()) == pytest.approx(total, rel=1e-5)
    assert float(data["intensity"].max()) == pytest.approx(largest, rel=1e-5)


def test_a_map_in_text_is_the_map_in_hdf5(measured):
    text = PLANE_TEXT.assuming({"q_unit": ANGSTROM}).open(
        measured / "sans/2d/33837rear_2D_1.75_16.5_NIST.dat"
    )
    hdf5 = open_run(measured / "sans/2d/33837rear_2D_1.75_16.5_NXcanSAS_v3.h5")

    np.testing.assert_allclose(text.data["intensity"].values, hdf5.data["intensity"].values, rtol=1e-5)
    np.testing.assert_allclose(text.data["qx"].values, hdf5.data["qx"].values, atol=1e-6)


@pytest.mark.parametrize(
    ("place", "error", "reason"),
    [
        ("sans/sesans/sphere_isis.ses", LayoutError, "not momentum transfer"),
        ("biosaxs/lysozyme-sasda96/SASDA96_fit2.fit", LayoutError, "a model's fit"),
        ("sans/2d/P123_D2O_30_percent.dat", MissingMetadataError, "q_unit"),
        ("biosaxs/lysozyme-sasda96/SASDA96.out", MissingMetadataError, "q_unit"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(measured, place, error, reason):
    with pytest.raises(error, match=reason):
        open_run(measured / place)


@pytest.mark.parametrize(
    ("place", "count"),
    [
        ("biosaxs/lysozyme-chess/lys_saxs.dat", "474"),
        ("sans/1d/apoferritin.txt", "395"),
        ("biosaxs/lysozyme-bioxolver/frames/02698_F1-T1_buff_lys_000.dat", "430"),
    ],
)
def test_half_a_file_is_broken_and_says_how_many_points_there_should_be(measured, tmp_path, place, count):
    whole = measured / place
    reader, _ = registry().find(whole)
    half = tmp_path / Path(place).name
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 3])

    readiness = reader.check(half)

    assert readiness.state is State.BROKEN
    assert f"of {count} points" in readiness.reason

"""Measured detector files: read by the right reader, with the sums and set-ups that are known of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.model import Measurement, State
from adapters.registry import open_run, registry

pytestmark = pytest.mark.measured

BIO = "biosaxs"
GANESHA = f"{BIO}/bsa-2d-ganesha"
# path: reader, shape, sum of all stored values (None: test below), what is stated
ROWS: dict[str, tuple[str, tuple[int, int], int | None, dict[str, Any]]] = {
    f"{BIO}/glucose-isomerase-chess/raw/GI2_A9_19_001_0000.tiff": (
        "chess_macchess_tiff",
        (195, 487),
        594964,
        {"technique": "saxs", "exposure_s": 1.0, "monitor_counts": 39391.0, "distance_m": None},
    ),
    f"{GANESHA}/calibration.tiff": (
        "saxslab",
        (619, 487),
        1470318,
        {"distance_m": 0.1798375, "beam_center_y_px": 507.74, "beam_center_x_px": 243.48},
    ),
    f"{GANESHA}/BSA11mg.tiff": (
        "saxslab",
        (619, 487),
        1723463,
        {
            "distance_m": 1.1298375,
            "beam_center_y_px": 372.50,
            "beam_center_x_px": 196.98,
            "wavelength_angstrom": 1.3414,
            "exposure_s": 1200.0,
            "transmission": None,
        },
    ),
    f"{GANESHA}/buffer.tiff": ("saxslab", (619, 487), 1120913, {"exposure_s": 1185.0}),
    f"{GANESHA}/emptycell.tiff": ("saxslab", (619, 487), 1425824, {"exposure_s": 1200.0}),
    f"{BIO}/saxslab-pilatus300k/saxslab_image.tiff": (
        "saxslab",
        (619, 487),
        34737747,
        {"technique": "saxs", "wavelength_angstrom": 1.5418, "transmission": 0.41067},
    ),
    f"{BIO}/esrf-bm29/WT_001_00001.edf": (
        "esrf_bm29_edf",
        (1043, 981),
        None,
        {"distance_m": 2.869, "wavelength_angstrom": 0.9919, "exposure_s": 0.5},
    ),
    f"{BIO}/aps-12idb-eiger/S2p5min_00070_00001.h5": (
        "aps_12idb",
        (3262, 3108),
        None,
        {
            "distance_m": 1.99409,
            "wavelength_angstrom": 0.932212018,
            "beam_center_x_px": 1436.97,
            "beam_center_y_px": 208.648,
            "pixel_size_x_m": 75e-6,
        },
    ),
    "powder/ceo2-pilatus1m/CeO2_Pilatus1M.tif": (
        "tiff",
        (1043, 981),
        None,
        {"technique": "image", "distance_m": 0.21143, "exposure_s": 3.0, "wavelength_angstrom": None},
    ),
    **{
        f"mx/dls-i19-pilatus/{name}.cbf": (
            "diamond_i19_cbf",
            (619, 487),
            -16611,
            {"technique": "mx", "wavelength_angstrom": 0.68937, "distance_m": 0.105, "geometry": None},
        )
        for name in ("omega_scan", "phi_scan_001")
    },
    "formats/CeO2_PI_CCD_Mo.SPE": ("princeton_spe", (1042, 1042), 295191844, {"technique": "image"}),
    "formats/hamamatsu_photon_counting.img": ("hamamatsu_hipic", (512, 672), 110996, {}),
    # Values below zero were clipped when this one was made.
    "formats/fabio-converted/gi_adsc.img": ("adsc", (195, 487), 594966, {}),
    "formats/fabio-converted/gi_cbf.cbf": ("cbf", (195, 487), 594964, {}),
    "formats/fabio-converted/gi_edf.edf": ("edf", (195, 487), 594964, {}),
    "formats/fabio-converted/gi_oxd.img": ("oxford_diffraction", (195, 487), 594964, {}),
    "formats/fabio-converted/gi_eiger.h5": ("nexus_images", (195, 487), 594964, {}),
    "formats/fabio-converted/gi_lima.h5": ("lima", (195, 487), 594964, {}),
}


@pytest.mark.parametrize("name", ROWS)
def test_every_row_is_read_by_its_reader(measured: Path, name: str) -> None:
    reader, shape, total, stated = ROWS[name]
    adapter, _ = registry().find(measured / name)
    run = open_run(measured / name)

    assert adapter.name == reader
    assert adapter.check(measured / name).state is State.READY
    assert run.data["counts"].shape == (1, *shape)
    assert total is None or int(run.data["counts"].sum(dtype="i8")) == total
    assert {field: getattr(run.metadata, field) for field in stated} == pytest.approx(stated)


def valid(run: Measurement, frame: int = 0) -> tuple[int, int]:
    """Sum of the counts of one frame, and how many of its pixels hold none."""
    counts = run.data["counts"][frame].values
    attributes = run.data["counts"].attrs
    good = np.ones(counts.shape, bool)
    if "invalid_below" in attributes:
        good &= counts >= attributes["invalid_below"]
    if "invalid_from" in attributes:
        good &= counts < attributes["invalid_from"]
    return int(counts[good].sum(dtype="i8")), int((~good).sum())


def test_the_bm29_frame_has_its_known_counts(measured: Path) -> None:
    run = open_run(measured / f"{BIO}/esrf-bm29/WT_001_00001.edf")

    assert valid(run) == (5578004, 73637)
    assert int(run.data["mask"].sum()) == 73637


def test_the_12idb_frame_has_its_known_counts(measured: Path) -> None:
    run = open_run(measured / f"{BIO}/aps-12idb-eiger/S2p5min_00070_00001.h5")

    assert valid(run) == (31037384, 664597)
    assert int(run.data["mask"].sum()) == 664597


def test_the_biocat_frames_have_their_known_counts(measured: Path) -> None:
    run = open_run(measured / f"{BIO}/biocat-eiger/vac_007_data_000001.h5")

    assert run.provenance.adapter == "aps_biocat"
    assert run.data["counts"].shape == (2, 3262, 3108)
    assert valid(run) == (137689, 664805)
    np.testing.assert_allclose(run.data["monitor"], [5416158.49623, 5413885.48304])


def test_the_ceo2_image_has_its_known_maximum(measured: Path) -> None:
    counts = open_run(measured / "powder/ceo2-pilatus1m/CeO2_Pilatus1M.tif").data["counts"]

    assert int(counts.max()) == 621698


def test_the_ganesha_buffer_is_flagged_for_its_exposure(measured: Path) -> None:
    codes = [flag.code for flag in open_run(measured / f"{GANESHA}/buffer.tiff").flags]

    assert codes == ["exposure_contradicted"]


def test_the_i19_frame_has_its_few_photons(measured: Path) -> None:
    counts = open_run(measured / "mx/dls-i19-pilatus/omega_scan.cbf").data["counts"].values

    assert (int((counts > 0).sum()), int((counts < 0).sum())) == (15, 16592)


def test_an_image_known_by_its_name_only_is_flagged(measured: Path) -> None:
    codes = {flag.code for flag in open_run(measured / "formats/CeO2_PI_CCD_Mo.SPE").flags}

    assert codes == {"recognised_by_name_only", "not_photon_counting"}


@pytest.mark.parametrize("kind", ["cbf", "edf", "oxd", "eiger", "lima"])
def test_one_image_in_several_formats_has_the_same_pixels(measured: Path, kind: str) -> None:
    original = open_run(measured / f"{BIO}/glucose-isomerase-chess/raw/GI2_A9_19_001_0000.tiff")
    (converted,) = (measured / "formats/fabio-converted").glob(f"gi_{kind}.*")

    np.testing.assert_array_equal(open_run(converted).data["counts"].values, original.data["counts"].values)

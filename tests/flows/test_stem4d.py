"""A scan of moved discs through the flow, from file to product."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.errors import MissingMetadataError
from adapters.registry import open_run
from adapters.testing.stem import write_emd, write_merlin
from flows.stem4d import Stem4dParameters, stem4d
from tasks.stem.errors import PatternError

ROWS, COLUMNS, SIZE, RADIUS = 5, 6, 64, 9.0
MIDDLE = (31.0, 32.5)


def moved_discs(rows=ROWS, columns=COLUMNS):
    """Discs of which each stands aside by a known amount, and a ring of which the even columns have more."""
    row, column = (each.ravel() for each in np.indices((rows, columns)))
    dy, dx = 0.5 * np.sin(row), 0.4 * (column - (columns - 1) / 2)
    fine = (np.arange(4 * SIZE) + 0.5) / 4 - 0.5
    radius = np.hypot(
        fine[:, None] - MIDDLE[0] - dy[:, None, None], fine[None] - MIDDLE[1] - dx[:, None, None]
    )
    ring = np.hypot(*(np.indices((SIZE, SIZE)) - np.array(MIDDLE)[:, None, None]))
    around = (ring > 18) & (ring < 24)
    discs = (radius < RADIUS).reshape(len(row), SIZE, 4, SIZE, 4).mean(axis=(2, 4))
    return 400 * discs + np.where(column % 2, 4.0, 12.0)[:, None, None] * around, dy, dx


@pytest.fixture(scope="module")
def scan():
    truth, dy, dx = moved_discs()
    return np.random.default_rng(0).poisson(truth).astype("u2"), dy, dx


def raw(folder):
    (folder / "raw").mkdir()
    return folder / "raw"


def test_a_scan_gives_images_deflections_and_plots(scan, tmp_path):
    path = write_merlin(raw(tmp_path) / "scan.mib", scan[0])
    asked = Stem4dParameters.model_validate(
        {"patterns": {"scan_columns": COLUMNS, "mrad_per_px": 0.5, "dark_inner_px": 15}}
    )
    answer = stem4d.fn([path], asked, results=tmp_path / "out")
    found = {each["quantity"]: each for each in answer["findings"]}
    tables = open_run(answer["product"]).data

    assert found["convergence_semi_angle"]["value"] == pytest.approx(0.5 * RADIUS, abs=0.15)
    assert found["beam_center_x"]["value"] == pytest.approx(MIDDLE[1], abs=0.2)
    assert tables.bright_field.shape == (ROWS, COLUMNS)
    even, odd = tables.dark_field.values[:, ::2].mean(), tables.dark_field.values[:, 1::2].mean()
    assert even / odd == pytest.approx(3.0, rel=0.02)
    assert tables.dark_field_errors.values == pytest.approx(np.sqrt(tables.dark_field.values))
    assert [name.split("-")[-1] for name in answer["plots"]] == [
        "detectors.png",
        "deflection.png",
        "pattern.png",
    ]
    assert {"disc_estimated"} <= {flag["code"] for flag in answer["flags"]}
    assert "scan_shape_unknown" not in {flag["code"] for flag in answer["flags"]}


def test_deflections_are_those_put_in(scan, tmp_path):
    import h5py

    frames, dy, dx = scan
    axes = (("y", 2.0, "[n_m]"), ("x", 2.0, "[n_m]"), ("ky", 1.0, ""), ("kx", 1.0, ""))
    path = write_emd(raw(tmp_path) / "a.emd", frames.reshape(ROWS, COLUMNS, SIZE, SIZE), axes)
    asked = Stem4dParameters.model_validate(
        {"patterns": {"center_y_px": MIDDLE[0], "center_x_px": MIDDLE[1], "disc_radius_px": RADIUS}}
    )
    answer = stem4d.fn([path], asked, results=tmp_path / "out")
    with h5py.File(answer["product"]) as file:
        com_y, com_x = (file[f"entry/deflection/com_{axis}"][()].ravel() for axis in "yx")

    # The ring stands still, so that the centre of all moves less than the disc.
    disc = 400 * np.pi * RADIUS**2
    share = disc / (disc + np.pi * (24**2 - 18**2) * np.where(np.arange(30) % 2, 4.0, 12.0))
    expected_y, expected_x = share * dy, share * dx
    assert com_y == pytest.approx(expected_y - expected_y.mean(), abs=0.12)
    assert com_x == pytest.approx(expected_x - expected_x.mean(), abs=0.12)
    assert answer["findings"] == []
    assert "not_photon_counting" in {flag["code"] for flag in answer["flags"]}


def test_the_scan_is_asked_for_and_must_fit(scan, tmp_path):
    path = write_merlin(raw(tmp_path) / "scan.mib", scan[0])

    with pytest.raises(MissingMetadataError, match="scan_columns"):
        stem4d.fn([path], Stem4dParameters(), results=tmp_path / "out")
    asked = Stem4dParameters.model_validate({"patterns": {"scan_columns": 7}})
    with pytest.raises(PatternError, match="not 4 x 7"):
        stem4d.fn([path], asked, results=tmp_path / "out")


def test_a_line_of_places_is_drawn_as_lines(scan, tmp_path):
    path = write_merlin(raw(tmp_path) / "scan.mib", scan[0])
    asked = Stem4dParameters.model_validate({"patterns": {"scan_rows": 1, "descan": "none"}})

    assert len(stem4d.fn([path], asked, results=tmp_path / "out")["plots"]) == 3

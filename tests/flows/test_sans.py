"""SANS as a flow: a known I(q) comes back from ESS and from ISIS by one call, and nothing is assumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.errors import LayoutError, MissingMetadataError
from adapters.formats.nxcansas import read_group
from adapters.registry import open_run
from adapters.testing.events import EventFault, SansBench, sphere_intensity, write_ess, write_isis
from flows.sans import SansParameters, sans
from flows.saxs import SaxsParameters, saxs

BENCH = SansBench()
TRIES, MONITOR, HIGHEST = 1_500_000, 400_000, 1.05
SOLVENT = 0.04
RADIUS = 60.0
SPHERE = sphere_intensity(RADIUS)
RANGE: dict[str, Any] = {"wavelength_min": 2.2, "wavelength_max": 9.8, "wavelength_bins": 60, "q_bins": 60}
PLACES = {
    "source_distance_m": BENCH.source_m,
    "detectors": [
        {
            "first_pixel": 9,
            "columns": 40,
            "rows": 40,
            "pixel_width_m": 0.02,
            "pixel_height_m": 0.02,
            "distance_m": 4.0,
        }
    ],
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("raw")
    events = BENCH.expose(lambda q: SPHERE(q) + SOLVENT, HIGHEST, TRIES)
    solvent = BENCH.expose(lambda q: np.full_like(q, SOLVENT), HIGHEST, TRIES, stream=1)
    monitors = [BENCH.monitor(MONITOR, stream=number) for number in (1, 2)]
    made = {"source_m": BENCH.source_m}
    return {
        "ess": write_ess(folder / "s.hdf", BENCH.banks, events, monitor_histogram=monitors[0], **made),
        "isis": write_isis(folder / "s.nxs", events[0], monitors=[monitors[0]]),
        "solvent": write_ess(folder / "b.hdf", BENCH.banks, solvent, monitor_histogram=monitors[1], **made),
        "bare": write_ess(folder / "n.hdf", BENCH.banks, events, **made),
    }


def reduced(path: Path, results: Path, **more: Any) -> tuple[dict[str, Any], Any]:
    asked = SansParameters.model_validate({"binning": RANGE, **more})
    answer = sans.fn([path], asked, results=results)
    return answer, open_run(answer["product"]).data.isel(frame=0)


def pulls(curve: Any, truth: Any) -> np.ndarray:
    factor = BENCH.factor(HIGHEST, TRIES, MONITOR)
    return (curve["intensity"].values - factor * truth(curve["q"].values)) / curve["intensity_errors"].values


def codes(answer: dict[str, Any]) -> set[str]:
    return {flag["code"] for flag in answer["flags"]}


@pytest.fixture(scope="module")
def from_ess(runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Any]:
    return reduced(runs["ess"], tmp_path_factory.mktemp("ess"))


def test_a_known_curve_comes_back_within_its_errors(from_ess: tuple[dict[str, Any], Any]) -> None:
    answer, curve = from_ess

    found = pulls(curve, lambda q: SPHERE(q) + SOLVENT)

    assert np.mean(found**2) == pytest.approx(1.0, abs=0.5)
    assert abs(found.mean()) < 0.5
    assert codes(answer) >= {"transmission_unknown", "response_unknown", "gravity_not_corrected"}


def test_a_run_of_isis_goes_through_the_same_call(
    runs: dict[str, Path], from_ess: tuple[dict[str, Any], Any], tmp_path: Path
) -> None:
    _, curve = reduced(runs["isis"], tmp_path, instrument=PLACES)

    np.testing.assert_allclose(curve["intensity"], from_ess[1]["intensity"], rtol=1e-9)
    np.testing.assert_allclose(curve["intensity_errors"], from_ess[1]["intensity_errors"], rtol=1e-9)


def test_the_solvent_goes_and_the_sphere_is_measured_by_the_size_analysis(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    answer, curve = reduced(runs["ess"], tmp_path, background=[str(runs["solvent"])])
    size = saxs.fn([Path(answer["product"])], SaxsParameters(), results=tmp_path / "size")

    found = pulls(curve, SPHERE)
    radius = next(each for each in size["findings"] if each["quantity"] == "radius_of_gyration")
    assert np.mean(found**2) == pytest.approx(1.0, abs=0.5)
    assert size["technique"] == "sans"
    expected = RADIUS * np.sqrt(0.6)
    assert radius["value"] == pytest.approx(expected, abs=max(4 * radius["uncertainty"], 0.02 * expected))


def test_the_product_carries_table_beam_and_covariance(from_ess: tuple[dict[str, Any], Any]) -> None:
    answer, curve = from_ess
    path = Path(answer["product"])

    counts, covariance = read_group(path, "counts"), read_group(path, "covariance")
    told = json.loads(Path(answer["manifest"]).read_text())["details"]

    assert counts["counts"].dims == ("wavelength", "q")
    assert 0 < float(counts["counts"].sum()) <= told["events"]
    matrix = covariance["covariance"].values
    np.testing.assert_allclose(matrix, matrix.T)
    assert (np.diag(matrix)[:5] < curve["intensity_errors"].values[:5] ** 2).all()
    assert len(answer["plots"]) == 3


def test_a_transmission_is_measured_and_divided_out(
    runs: dict[str, Path], from_ess: tuple[dict[str, Any], Any], tmp_path: Path
) -> None:
    times, edges, behind = BENCH.monitor(200_000, behind=True)
    weaker, *_ = BENCH.monitor(140_000, behind=True, stream=5)
    raw = tmp_path / "raw"
    raw.mkdir()
    none = BENCH.expose(SPHERE, 1.0, 50)
    paths = {}
    for name, counts in (("sample_transmission", weaker), ("empty_beam", times)):
        front = BENCH.monitor(MONITOR, stream=8)
        paths[name] = write_isis(raw / f"{name}.nxs", none[0], monitors=[front, (counts, edges, behind)])

    answer, curve = reduced(
        runs["ess"], tmp_path / "out", **{name: str(path) for name, path in paths.items()}
    )

    claimed = next(each for each in answer["findings"] if each["quantity"] == "transmission")
    assert claimed["value"] == pytest.approx(0.7, abs=4 * claimed["uncertainty"])
    assert "transmission_unknown" not in codes(answer)
    scale = np.median(curve["intensity"].values / from_ess[1]["intensity"].values)
    assert scale == pytest.approx(1 / 0.7, rel=0.02)


@pytest.mark.parametrize(
    ("which", "more", "said"),
    [
        ("bare", {}, "beam.incident_monitor"),
        ("isis", {}, "instrument.detectors"),
        ("isis", {"instrument": {"detectors": PLACES["detectors"]}}, "instrument.source_distance_m"),
        ("ess", {"beam": {"absolute_scale": 1.0}}, "beam.transmission"),
        ("bare", {"beam": {"by": "proton_charge"}}, "proton_charge"),
    ],
)
def test_what_nobody_said_is_asked_for_by_name(
    which: str, more: dict[str, Any], said: str, runs: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(MissingMetadataError, match=said):
        reduced(runs[which], tmp_path, **more)


def test_without_a_monitor_the_curve_says_that_its_spectrum_is_unknown(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    answer, _ = reduced(runs["bare"], tmp_path, beam={"by": "nothing"})

    assert "spectrum_unknown" in codes(answer)


def test_events_of_unknown_pixels_are_counted_and_told(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    events = BENCH.expose(SPHERE, 1.0, 200_000)
    path = write_ess(
        raw / "s.hdf",
        BENCH.banks,
        events,
        source_m=BENCH.source_m,
        monitor_histogram=BENCH.monitor(1000),
        fault=EventFault.UNKNOWN_PIXEL,
    )

    answer, _ = reduced(path, tmp_path / "out")

    lost = -(-len(events[0].ids) // 4)
    told = next(flag["message"] for flag in answer["flags"] if flag["code"] == "unknown_pixels")
    assert told.startswith(f"{lost} of {len(events[0].ids)} events")


def test_a_curve_is_sent_to_where_curves_go(from_ess: tuple[dict[str, Any], Any], tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="recipe saxs"):
        sans.fn([Path(from_ess[0]["product"])], SansParameters(), results=tmp_path)


@pytest.mark.measured
def test_a_measured_run_of_sans2d_is_reduced_with_a_geometry_that_is_given(
    measured: Path, tmp_path: Path
) -> None:
    # The file tells nothing of its pixels; this grid only has as many of them.
    detectors = [
        {
            "first_pixel": 9,
            "columns": 512,
            "rows": 240,
            "pixel_width_m": 0.002,
            "pixel_height_m": 0.004,
            "distance_m": 4.0,
        }
    ]

    answer, curve = reduced(
        measured / "sans/sans2d-events/SANS2D_minimal.nxs",
        tmp_path,
        instrument={"detectors": detectors, "source_distance_m": 19.3},
        beam={"by": "nothing"},
    )

    told = json.loads(Path(answer["manifest"]).read_text())["details"]
    assert told["events"] == 237078
    assert np.isfinite(curve["intensity"]).all()
    assert codes(answer) >= {"spectrum_unknown", "transmission_unknown", "no_geometry"}

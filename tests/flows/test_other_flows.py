"""Calibration, chromatography, series and merging as flows, from files to products; and replays."""

from pathlib import Path

import numpy as np
import pytest

from adapters.formats import poni
from adapters.registry import open_run
from adapters.stores.errors import ProductError
from adapters.testing.samples import SampleCurve, write_ascii
from flows.calibration import CalibrantParameters, calibration
from flows.replay import replay
from flows.saxs import SaxsParameters, saxs
from flows.saxs_series import CombinationParameters, saxs_series
from flows.sec_saxs import SecParameters, sec_saxs
from tasks.common.calibration import CalibrationError
from tasks.saxs.curve import CurveError

Q = np.linspace(0.01, 0.35, 160)
RADIUS = 25.0


def sphere(scale=1.0, seed=0, noise=0.004):
    x = Q * RADIUS
    shape = (3 * (np.sin(x) - x * np.cos(x)) / x**3) ** 2
    errors = noise * (0.2 * shape + 0.05) * max(scale, 0.2)
    return SampleCurve(Q, scale * shape + np.random.default_rng(seed).normal(0, errors), errors)


def test_a_calibrant_gives_a_geometry_file_that_reduces(beamtime, tmp_path):
    start = beamtime.geometry(distance_m=0.8056, beam_center_x_px=30.9)
    asked = CalibrantParameters.model_validate(
        {"calibration": {"calibrant": "silver_behenate"}, "geometry": start}
    )
    answer = calibration.fn([beamtime.calibrant], asked, results=tmp_path)
    geometry = poni.read(Path(answer["product"]).with_name("geometry.poni"))
    distance = next(each for each in answer["findings"] if each["quantity"] == "detector_distance")

    assert geometry.distance_m == pytest.approx(0.8, abs=4 * distance["uncertainty"])
    assert geometry.orientation is not None
    assert "header_distance_contradicted" in {flag["code"] for flag in answer["flags"]}
    assert len(answer["plots"]) == 2


def test_a_calibration_that_is_refused_leaves_no_product(beamtime, tmp_path):
    asked = CalibrantParameters.model_validate(
        {
            "calibration": {"calibrant": "silver_behenate"},
            "geometry": beamtime.geometry(beam_center_x_px=60.0),
        }
    )

    with pytest.raises(CalibrationError):
        calibration.fn([beamtime.calibrant], asked, results=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".staging", "ledger.sqlite"]


@pytest.fixture(scope="module")
def elution(tmp_path_factory):
    folder = tmp_path_factory.mktemp("elution")
    for frame in range(90):
        height = np.exp(-0.5 * ((frame - 65) / 4) ** 2)
        one = sphere(height, seed=frame)
        write_ascii(folder / f"run_{frame:03d}.dat", SampleCurve(Q, one.intensity + 0.3, one.errors))
    return folder


def test_a_chromatography_run_gives_its_peak(elution, tmp_path):
    answer = sec_saxs.fn([elution], SecParameters(), results=tmp_path)
    radius = next(each for each in answer["findings"] if each["method"] == "Guinier of single frames")

    assert abs(radius["value"] - np.sqrt(0.6) * RADIUS) < 3 * radius["uncertainty"]
    assert "elution" in answer["plots"][0]


def test_a_uv_trace_is_aligned_to_the_frames(elution, tmp_path):
    frames = np.arange(-10.0, 90.0)
    trace = np.exp(-0.5 * ((frames - 61) / 4) ** 2)
    uv = tmp_path / "uv" / "trace.txt"
    uv.parent.mkdir()
    np.savetxt(uv, np.column_stack([frames, trace]))
    answer = sec_saxs.fn([elution], SecParameters(uv=uv), results=tmp_path / "out")

    from adapters.stores.products import read_manifest

    lag, error = read_manifest(Path(answer["manifest"]).parent).details["uv_lag_frames"]
    assert lag == pytest.approx(4.0, abs=max(3 * error, 0.5))


def test_frames_without_a_peak_are_refused(tmp_path):
    for frame in range(60):
        one = sphere(0.0, seed=frame)
        write_ascii(tmp_path / f"run_{frame:03d}.dat", SampleCurve(Q, one.intensity + 0.3, one.errors))

    with pytest.raises(CurveError, match="no frame stands out"):
        sec_saxs.fn(sorted(tmp_path.glob("*.dat")), SecParameters(), results=tmp_path.parent / "out")


def test_a_concentration_series_is_brought_to_zero(tmp_path):
    concentrations = (2.0, 4.0, 8.0)
    data = tmp_path / "data"
    data.mkdir()
    paths = [
        write_ascii(data / f"c{c:g}.dat", sphere(c / (1 + 0.01 * c), seed=round(c))) for c in concentrations
    ]
    asked = CombinationParameters(concentrations_mg_ml=concentrations)
    answer = saxs_series.fn(paths, asked, results=tmp_path / "out")
    level = next(each for each in answer["findings"] if each["method"] == "I(0)/c at zero concentration")

    assert level["value"] == pytest.approx(1.0, abs=max(3 * level["uncertainty"], 0.01))
    assert "series" in answer["plots"][0]


def test_two_ranges_are_merged_on_the_scale_of_the_lower(tmp_path):
    whole, data = sphere(), tmp_path / "data"
    data.mkdir()
    low = SampleCurve(*(each[:100] for each in (whole.q, whole.intensity, whole.errors)))
    high = SampleCurve(whole.q[70:], 50 * whole.intensity[70:], 50 * whole.errors[70:])
    paths = [write_ascii(data / "high.dat", high), write_ascii(data / "low.dat", low)]
    answer = saxs_series.fn(
        paths, CombinationParameters(combine="ranges"), results=tmp_path / "out", recipe="saxs-merge"
    )
    run = open_run(answer["product"])

    assert run.data.q.values[-1] == pytest.approx(Q[-1])
    np.testing.assert_allclose(
        run.data.intensity.values[0][run.data.q > 0.25], whole.intensity[Q > 0.25], atol=5e-4
    )


@pytest.fixture
def product(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    curve = write_ascii(data / "curve.dat", sphere())
    answer = saxs.fn([curve], SaxsParameters(), results=tmp_path / "out")
    return curve, Path(answer["manifest"]).parent


def test_a_product_replays_to_equal_numbers(product, tmp_path):
    found = replay(product[1], tmp_path / "again")

    assert (found.verdict, found.reasons) == ("equal", ())


def test_a_replay_of_altered_input_is_refused(product, tmp_path):
    product[0].write_text(product[0].read_text().replace("1", "2", 3))

    with pytest.raises(ProductError, match="altered since"):
        replay(product[1], tmp_path / "again")


def test_a_replay_of_missing_input_is_refused(product, tmp_path):
    product[0].unlink()

    with pytest.raises(ProductError, match="gone"):
        replay(product[1], tmp_path / "again")

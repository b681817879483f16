"""Measured SAXS data from file to answer, against what was published with them."""

from pathlib import Path

import numpy as np
import pytest

from adapters.registry import open_run
from flows.saxs import SaxsParameters, saxs
from flows.saxs_series import CombinationParameters, saxs_series
from flows.sec_saxs import SecParameters, sec_saxs

pytestmark = pytest.mark.measured


@pytest.fixture
def data(measured):
    return measured / "biosaxs"


def found(answer, quantity, method):
    return next(
        each for each in answer["findings"] if each["quantity"] == quantity and each["method"] == method
    )


def codes(answer, severity=None):
    return {flag["code"] for flag in answer["flags"] if severity in (None, flag["severity"])}


def reduced(tmp_path, sample, **parameters):
    return saxs.fn(sample, SaxsParameters.model_validate(parameters), results=tmp_path / "out")


def median_difference(product, published, low=0.0, high=np.inf, scaled=False):
    ours, theirs = open_run(product).data, open_run(published).data
    q = theirs.q.values
    np.testing.assert_allclose(ours.q.values, q, rtol=2e-3)
    ratio = ours.intensity.values[0] / theirs.intensity.values[0]
    inside = (q >= low) & (q <= high) & np.isfinite(ratio)
    ratio = ratio[inside] / (np.median(ratio[inside]) if scaled else 1.0)
    return float(np.median(np.abs(ratio - 1.0)))


def bins_of(published):
    q = open_run(published).data.q.values
    half = (q[1] - q[0]) / 2
    return {"q_min": float(q[0] - half), "q_max": float(q[-1] + half), "bins": len(q)}


MACCHESS = {
    "wavelength_angstrom": 1.245,
    "distance_m": 1.5027,
    "beam_center_x_px": -0.2,
    "beam_center_y_px": 97.0,
}


def glucose_isomerase_image(data, tmp_path, orientation):
    folder = data / "glucose-isomerase-chess"
    published = folder / "frames" / "GI2_A9_19_001_0000.dat"
    answer = reduced(
        tmp_path,
        [folder / "raw" / "GI2_A9_19_001_0000.tiff"],
        images={
            "geometry": {**MACCHESS, "orientation": orientation},
            "integration": bins_of(published),
            "normalization": {
                "by": "monitor",
                "monitor_behind_sample": True,
                "absolute_scale": 0.00071363632818 * 259139,
            },
        },
    )
    return median_difference(answer["product"], published)


def test_the_raw_image_integrates_to_the_published_curve(data, tmp_path):
    assert glucose_isomerase_image(data, tmp_path, "flip_left_right") < 1e-6


def test_the_raw_image_in_a_wrong_orientation_does_not(data, tmp_path):
    assert glucose_isomerase_image(data, tmp_path, "as_stored") > 0.1


def test_glucose_isomerase_from_frames_has_its_size_and_mass(data, tmp_path):
    folder = data / "glucose-isomerase-chess" / "frames"
    answer = reduced(
        tmp_path,
        sorted(folder.glob("GI2_*")),
        buffer=sorted(folder.glob("GIbuf2_*")),
        shape={"concentration_mg_ml": 0.47},
    )
    masses = [each["value"] for each in answer["findings"] if each["quantity"] == "molecular_mass"]

    assert found(answer, "radius_of_gyration", "Guinier")["value"] == pytest.approx(33.6, abs=0.5)
    assert found(answer, "radius_of_gyration", "P(r)")["value"] == pytest.approx(33.6, abs=0.5)
    assert found(answer, "maximum_dimension", "P(r)")["value"] == pytest.approx(101, abs=6)
    assert sum(abs(mass / 173 - 1) < 0.1 for mass in masses) >= 2


def test_the_bm29_frame_integrates_to_the_curve_of_the_beamline(data, tmp_path):
    published = data / "esrf-bm29" / "WT_001_00001.dat"
    answer = reduced(
        tmp_path,
        [data / "esrf-bm29" / "WT_001_00001.edf"],
        images={
            "geometry": {"beam_center_x_px": 888, "beam_center_y_px": 91, "orientation": "as_stored"},
            "integration": bins_of(published),
        },
    )

    assert median_difference(answer["product"], published, 0.03, 0.4, scaled=True) < 0.005


LYSOZYME_KDA = 14.3


def test_the_lysozyme_series_goes_to_zero_concentration(data, tmp_path):
    frames = data / "lysozyme-bioxolver" / "frames"
    buffer = sorted(frames.glob("*buff*"))
    products = []
    for concentration in (1, 2, 4, 8):
        answer = reduced(tmp_path, sorted(frames.glob(f"*lys_{concentration}_*")), buffer=buffer)
        products.append(Path(answer["product"]))
        guinier = found(answer, "radius_of_gyration", "Guinier")
        assert 12.9 - 0.5 < guinier["value"] < 14.8 + 0.5
    # The last is 8 mg/ml: 14.36 +- 0.04 by Guinier, 14.67 +- 0.03 by GNOM were published.
    assert abs(guinier["value"] - 14.36) < 3 * np.hypot(guinier["uncertainty"], 0.04)
    series = CombinationParameters(concentrations_mg_ml=(1.0, 2.0, 4.0, 8.0))
    answer = saxs_series.fn(products, series, results=tmp_path / "out")
    level = found(answer, "forward_intensity", "I(0)/c at zero concentration")

    assert level["value"] == pytest.approx(0.00145, rel=0.08)
    assert found(answer, "radius_of_gyration", "Guinier at zero concentration")["uncertainty"] > 0


def test_sasda96_in_inverse_nanometres_has_its_published_size(data, tmp_path):
    answer = reduced(tmp_path, [data / "lysozyme-sasda96" / "SASDA96.dat"])
    radius = found(answer, "radius_of_gyration", "P(r)")
    dimension = found(answer, "maximum_dimension", "P(r)")

    assert abs(radius["value"] - 15.1) < 3 * np.hypot(radius["uncertainty"], 0.03)
    assert abs(dimension["value"] - 47.9) < 3 * dimension["uncertainty"]


def test_small_and_wide_angles_of_lysozyme_merge(data, tmp_path):
    folder = data / "lysozyme-chess"
    asked = CombinationParameters.model_validate(
        {"combine": "ranges", "shape": {"concentration_mg_ml": 4.27}}
    )
    answer = saxs_series.fn(
        [folder / "lys_saxs.dat", folder / "lys_waxs.dat"],
        asked,
        results=tmp_path / "out",
        recipe="saxs-merge",
    )
    radius = found(answer, "radius_of_gyration", "Guinier")

    assert abs(radius["value"] - 13.91) < 3 * np.hypot(radius["uncertainty"], 0.05)
    assert open_run(answer["product"]).data.q.values[-1] == pytest.approx(0.7936, rel=1e-3)
    for mass in (each for each in answer["findings"] if each["quantity"] == "molecular_mass"):
        assert abs(mass["value"] - LYSOZYME_KDA) < 3 * mass["uncertainty"]


def test_bsa_from_ganesha_images_is_subtracted_and_its_transmission_is_asked_for(data, tmp_path):
    folder = data / "bsa-2d-ganesha"
    arm = [[0, 420, 70, 465], [60, 395, 120, 430], [110, 375, 200, 405]]
    answer = reduced(
        tmp_path,
        [folder / "BSA11mg.tiff"],
        buffer=[folder / "buffer.tiff"],
        images={
            "geometry": {"orientation": "as_stored"},
            "integration": {"q_min": 0.013, "masked_rectangles": arm},
        },
    )

    assert 33 < found(answer, "radius_of_gyration", "Guinier")["value"] < 38
    assert {"transmission_unknown", "exposure_contradicted"} <= codes(answer, "caution")


def test_bsa_elutes_as_a_monomer(data, tmp_path):
    answer = sec_saxs.fn([data / "bsa-sec-bioxolver" / "frames"], SecParameters(), results=tmp_path / "out")
    radius = found(answer, "radius_of_gyration", "Guinier of single frames")

    from adapters.stores.products import read_manifest

    peak = read_manifest(Path(answer["manifest"]).parent).details["peaks"][0][0]
    assert peak == pytest.approx(115, abs=2)
    assert radius["value"] == pytest.approx(28.3, abs=0.7)


def test_apoferritin_is_not_taken_for_a_clean_particle(measured, tmp_path):
    answer = reduced(tmp_path, [measured / "sans" / "1d" / "apoferritin.txt"])

    assert "aggregation_suspected" in codes(answer, "invalid")
    assert not any(each["quantity"] == "molecular_mass" for each in answer["findings"])


def test_a_master_without_its_images_is_refused_not_read_as_zeros(measured, tmp_path):
    from adapters.errors import BrokenRunError

    folder = measured / "mx" / "dls-nxmx-eiger16m"
    master = next(folder.glob("*.nxs"), None) or next(folder.glob("*.h5"))

    with pytest.raises(BrokenRunError, match="missing"):
        open_run(master)

"""Files of PETRA III, MAX IV and others: what is known of their insides, and what reductions find in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.registry import open_run
from flows.powder import PowderParameters, powder
from flows.reflections import CrystalParameters, reflections
from flows.tomo import ScanParameters, tomo
from flows.xas import AbsorptionParameters, xas
from flows.xrf import FluorescenceParameters, xrf

pytestmark = pytest.mark.measured

LAMBDA = "petra3/lambda"
MODULE = f"{LAMBDA}/testasapo1_1009_00002"


def test_lambda_modules_assemble_to_their_offsets(measured: Path) -> None:
    run = open_run(measured / LAMBDA)
    first = run.data["counts"][0].values

    assert run.provenance.adapter == "petra3_lambda"
    assert run.data.sizes == {"frame": 20, "y": 1317 + 516, "x": 1554 + 2}
    # Module 1 stands two pixels right of modules 2 and 3; what its own mask rejects counts here, as stored.
    sums = {"m1": (slice(0, 516), slice(2, 1556)), "m2": (slice(660, 1176), slice(0, 1554))}
    sums["m3"] = (slice(1317, 1833), slice(0, 1554))
    found = {name: int(first[window].sum()) for name, window in sums.items()}
    assert found == {"m1": 6307581, "m2": 190292, "m3": 1166486}
    assert (first[516:660] == -1).all()
    assert run.data["mask"].values[516:660].all()
    assert int(run.data["counts"][10, :516, 2:].values.sum()) == 277157
    assert (run.data["counts"][10, 516:].values == -1).all()
    assert run.metadata.exposure_s == pytest.approx(0.1)
    assert run.metadata.energy_kev == pytest.approx(12.0)
    assert {"module_missing", "frames_missing"} <= {flag.code for flag in run.flags}


@pytest.mark.parametrize(
    ("part", "total"),
    [
        ("m1_part00000", 6307581),
        ("m1_part00001", 277157),
        ("m2_part00000", 190292),
        ("m3_part00000", 1166486),
    ],
)
def test_a_lambda_module_is_read_alone(measured: Path, part: str, total: int) -> None:
    run = open_run(measured / f"{MODULE}_{part}.nxs")

    assert run.data["counts"].shape == (10, 516, 1554)
    assert int(run.data["counts"][0].values.astype("i8").sum()) == total


def test_ptychography_knows_where_the_sample_stood(measured: Path) -> None:
    data = open_run(measured / "petra3/p25-ptycho/PETRAIII_P25_Near_Field_Ptycho.cxi").data

    assert np.ptp(data["position_x"].values) == pytest.approx(20.2e-6, abs=0.1e-6)
    assert np.ptp(data["position_y"].values) == pytest.approx(19.0e-6, abs=0.1e-6)


def test_the_contrast_mesh_has_its_axes(measured: Path) -> None:
    run = open_run(measured / "maxiv/contrast-mesh/000042.h5")
    frames = run.data["counts"][:3].sum(("y", "x")).values.tolist()

    assert frames == [25112, 24947, 25230]
    assert (run.data["sx"].values.min(), run.data["sx"].values.max()) == (-1.0, 1.0)
    assert len(np.unique(run.data["sy"].values)) == 6
    assert run.metadata.raw["snapshot"]["energy"] == 10000.0


def test_the_usaxs_curve_is_the_published_one(measured: Path) -> None:
    def at(name: str) -> list[float]:
        data = open_run(measured / f"usaxs/{name}").data
        return [
            float(np.interp(q, data["q"].values, data["intensity"].values[0])) for q in (1e-3, 1e-2, 1e-1)
        ]

    assert at("S16_GlassyCarbon_M4.h5") == pytest.approx([0.0019495, 0.00017079, 0.00010056], rel=0.02)
    assert at("S10_Blank.h5") == pytest.approx([0.0018447, 2.8491e-5, 8.76e-7], rel=0.05)


def claimed(answer: dict[str, Any], quantity: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in answer["findings"] if each["quantity"] == quantity)
    return found


def peaks(answer: dict[str, Any]) -> np.ndarray[Any, Any]:
    return np.array(json.loads(Path(answer["manifest"]).read_text())["details"]["peaks"])


def holds(found: np.ndarray[Any, Any], wanted: list[float], within: float) -> None:
    assert max(float(np.abs(found - each).min()) for each in wanted) < within


@pytest.mark.parametrize(
    ("name", "wanted", "within"),
    [
        ("azint.h5", [2.0138, 2.3202, 3.2832, 3.8522, 4.0218, 4.6455], 0.003),
        ("azint1d_2th.h5", [7.457, 8.628, 12.200, 14.326], 0.012),
    ],
)
def test_ceria_integrated_at_max_iv(
    measured: Path, tmp_path: Path, name: str, wanted: list[float], within: float
) -> None:
    asked = PowderParameters.model_validate({"lattice": {"standard": "cerium_dioxide"}})
    answer = powder.fn([measured / f"maxiv/nxazint/CeO2_Pilatus1M_{name}"], asked, results=tmp_path)

    holds(peaks(answer), wanted, within)
    assert claimed(answer, "unit_cell_a")["value"] == pytest.approx(5.4115, abs=0.001)


def test_ceria_from_its_image(measured: Path, tmp_path: Path) -> None:
    home = measured / "powder/ceo2-pilatus1m"
    asked = PowderParameters.model_validate(
        {
            "files": {"calibration": home / "CeO2_Pilatus1M_poni2.poni"},
            "geometry": {"orientation": "flip_up_down"},
            "lattice": {"standard": "cerium_dioxide"},
        }
    )
    answer = powder.fn([home / "CeO2_Pilatus1M.tif"], asked, results=tmp_path)
    spacings = np.array([e["value"] for e in answer["findings"] if e["quantity"] == "lattice_spacing"])

    holds(spacings, [3.1226, 2.7036, 1.9120, 1.6317, 1.5615, 1.3533], 0.002)
    assert claimed(answer, "unit_cell_a")["value"] == pytest.approx(5.4115, abs=0.001)


def test_lanthanum_hexaboride(measured: Path, tmp_path: Path) -> None:
    asked = PowderParameters.model_validate(
        {
            "geometry": {"wavelength_angstrom": 1.540593},
            "lattice": {"standard": "lanthanum_hexaboride", "offset": "zero"},
        }
    )
    answer = powder.fn([measured / "powder/LaB6_d500_si_psd.xye.bz2"], asked, results=tmp_path)

    holds(peaks(answer), [21.374, 30.396, 37.453, 43.518, 48.962, 53.994, 63.227], 0.02)
    assert claimed(answer, "unit_cell_a")["value"] == pytest.approx(4.1569, abs=2e-4)


def test_cobaltite_by_neutrons_with_its_zero_off(measured: Path, tmp_path: Path) -> None:
    asked = PowderParameters.model_validate(
        {
            "geometry": {"wavelength_angstrom": 1.494},
            "lattice": {"edge_angstrom": 3.88, "offset": "zero"},
        }
    )
    answer = powder.fn([measured / "powder/neutron-hrpt-lbco/hrpt_lbco.xye"], asked, results=tmp_path)

    holds(peaks(answer), [39.5, 45.8, 66.4, 79.7, 84.0, 101.0, 114.25, 119.0, 140.9], 0.06)
    assert claimed(answer, "unit_cell_a")["value"] == pytest.approx(3.8909, abs=5e-4)


def test_the_tooth_turns_about_its_axis(measured: Path, tmp_path: Path) -> None:
    answer = tomo.fn([measured / "imaging/tomo-tooth/tooth.h5"], ScanParameters(), results=tmp_path)
    axis = claimed(answer, "rotation_axis")
    facts = json.loads(Path(answer["manifest"]).read_text())["details"]

    assert axis["value"] == pytest.approx(295.5, abs=1.0)
    assert 0 < axis["uncertainty"] < 1.0
    assert facts["mean_transmission"] == pytest.approx(0.73416, abs=1e-4)


def test_diamond_tomography_is_reduced_by_the_same_call(measured: Path, tmp_path: Path) -> None:
    run = open_run(measured / "imaging/dls-k11-diad/k11-18014.nxs")
    means = {name: float(run.data[name].mean()) for name in ("counts", "flats", "darks")}
    answer = tomo.fn([measured / "imaging/dls-k11-diad/k11-18014.nxs"], ScanParameters(), results=tmp_path)

    assert means == pytest.approx({"counts": 38313.9, "flats": 45317.3, "darks": 99.22}, rel=1e-4)
    assert 0 < claimed(answer, "rotation_axis")["value"] < 25


def test_cobalt_stands_at_its_channel(measured: Path, tmp_path: Path) -> None:
    asked = FluorescenceParameters.model_validate(
        {"lines": {"first_channel": 200, "last_channel": 3000, "known": {"Co Ka": 1474}}}
    )
    answer = xrf.fn([measured / "xrf-xas/XRFSpectrum.mca"], asked, results=tmp_path)

    assert claimed(answer, "fluorescence_peak")["value"] == pytest.approx(1474, abs=3)
    assert "energy_unknown" in {flag["code"] for flag in answer["flags"]}


def test_steel_has_its_strongest_line(measured: Path, tmp_path: Path) -> None:
    answer = xrf.fn([measured / "xrf-xas/Steel.spe"], FluorescenceParameters(), results=tmp_path)

    assert claimed(answer, "fluorescence_peak")["value"] == pytest.approx(537, abs=1)


def test_copper_has_its_edge(measured: Path, tmp_path: Path) -> None:
    asked = AbsorptionParameters.model_validate(
        {"edge": {"energy": "Column 1", "energy_unit": "eV", "absorption": "Column 2"}}
    )
    answer = xas.fn([measured / "xrf-xas/EXAFS_Cu.dat"], asked, results=tmp_path)
    edge = claimed(answer, "absorption_edge_energy")

    assert edge["value"] == pytest.approx(8981.1, abs=max(0.3, 2 * edge["uncertainty"]))


def test_lysozyme_of_24_id_c_has_its_cell_and_resolution(measured: Path, tmp_path: Path) -> None:
    pytest.importorskip("gemmi")
    path = measured / "mx/lysozyme-24idc/HEWL_SSAD_24IDC.mtz"
    answer = reflections.fn([path], CrystalParameters(), results=tmp_path)
    facts = json.loads(Path(answer["manifest"]).read_text())["details"]
    edges = [claimed(answer, f"unit_cell_{name}")["value"] for name in "abc"]

    assert edges == pytest.approx([79.344, 79.344, 37.810], abs=1e-3)
    assert claimed(answer, "resolution")["value"] == pytest.approx(1.70, abs=0.01)
    assert facts["d_max"] == pytest.approx(56.10, abs=0.01)
    assert facts["mean_intensity"] == pytest.approx(452.894, abs=0.01)
    assert facts["mean_ratio"] == pytest.approx(47.69, abs=0.01)

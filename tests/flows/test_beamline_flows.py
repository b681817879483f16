"""Powder, tomography, fluorescence, absorption and reflections as flows: from files to products that open."""

from pathlib import Path

import numpy as np
import pytest

from adapters.errors import LayoutError
from adapters.registry import open_run
from adapters.testing.beamline_hdf5 import write_exchange
from adapters.testing.scans import write_mca, write_powder, write_spec, write_xds
from flows.powder import PowderParameters, powder
from flows.reflections import CrystalParameters, reflections
from flows.tomo import ScanParameters, tomo
from flows.xas import AbsorptionParameters, xas
from flows.xrf import FluorescenceParameters, xrf
from tasks.common.kernels.profile import profile
from tasks.tomo.kernels.reconstruction import ellipse_integrals


def claimed(answer, quantity):
    return next(each for each in answer["findings"] if each["quantity"] == quantity)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def test_a_pattern_becomes_a_cell(data: Path, tmp_path: Path) -> None:
    x = np.arange(15.0, 80.0, 0.02)
    d = 5.411651 / np.sqrt([3, 4, 8, 11, 12, 16, 19, 20])
    truth = 40 + sum(profile(x, 2 * np.degrees(np.arcsin(0.5 / each)), 0.12, 900.0, 0.3) for each in d)
    y = np.random.default_rng(1).poisson(truth).astype(float)
    path = write_powder(data / "ceo2.xye", x, y, np.sqrt(np.maximum(y, 1)))
    asked = PowderParameters.model_validate(
        {"geometry": {"wavelength_angstrom": 1.0}, "lattice": {"standard": "cerium_dioxide"}}
    )
    answer = powder.fn([path], asked, results=tmp_path / "out")
    cell = claimed(answer, "unit_cell_a")

    assert abs(cell["value"] - 5.411651) < 5 * cell["uncertainty"]
    assert len(answer["plots"]) == 2
    assert open_run(answer["product"]).metadata.technique == "powder"


def test_a_scan_becomes_a_slice(data: Path, tmp_path: Path) -> None:
    angles = np.linspace(0, np.pi, 90, endpoint=False)
    shadow = 0.02 * ellipse_integrals(np.arange(64) - 30.0, angles, centre=(4, 2), axes=(14, 9), tilt=0.4)
    counts = np.repeat(1e4 * np.exp(-shadow)[:, None], 2, axis=1) + 10
    path = write_exchange(
        data / "t.h5",
        counts,
        np.degrees(angles),
        flats=np.full((3, 2, 64), 1e4 + 10),
        darks=np.full((2, 2, 64), 10.0),
    )
    answer = tomo.fn([path], ScanParameters(), results=tmp_path / "out")

    assert claimed(answer, "rotation_axis")["value"] == pytest.approx(30.0, abs=0.05)
    assert open_run(answer["product"]).data["attenuation"].shape == (64, 64)


def test_a_spectrum_becomes_lines(data: Path, tmp_path: Path) -> None:
    channel = np.arange(1024)
    truth = 30 + 900 * np.exp(-0.5 * ((channel - 400.4) / 12) ** 2)
    path = write_mca(data / "s.mca", np.random.default_rng(3).poisson(truth).astype(float))
    answer = xrf.fn([path], FluorescenceParameters(), results=tmp_path / "out")
    line = claimed(answer, "fluorescence_peak")

    assert abs(line["value"] - 400.4) < 4 * line["uncertainty"]
    assert open_run(answer["product"]).metadata.technique == "xrf"


def test_a_scan_over_energy_becomes_an_edge(data: Path, tmp_path: Path) -> None:
    energy = np.arange(8900.0, 9400.0, 0.5)
    path = write_spec(data / "s.dat", [{"E": energy, "mu": np.arctan((energy - 8979.2) / 2)}])
    asked = AbsorptionParameters.model_validate(
        {"edge": {"energy": "E", "energy_unit": "eV", "absorption": "mu"}}
    )
    answer = xas.fn([path], asked, results=tmp_path / "out")

    assert claimed(answer, "absorption_edge_energy")["value"] == pytest.approx(8979.2, abs=0.3)
    assert open_run(answer["product"]).metadata.technique == "xas"


def test_reflections_become_cell_and_resolution(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("gemmi")
    grid = np.stack(np.meshgrid(range(12), range(12), range(6), indexing="ij"), -1).reshape(-1, 3)[1:]
    path = write_xds(data / "XDS_ASCII.HKL", grid, np.full(len(grid), 500.0))
    asked = CrystalParameters.model_validate({"reflections": {"shells": 5}})
    answer = reflections.fn([path], asked, results=tmp_path / "out")

    assert claimed(answer, "unit_cell_c")["value"] == 38.0
    assert claimed(answer, "resolution")["value"] < 5
    assert open_run(answer["product"]).metadata.technique == "mx"


def test_a_run_of_another_kind_is_refused(data: Path, tmp_path: Path) -> None:
    path = write_mca(data / "s.mca", np.ones(100))

    with pytest.raises(LayoutError, match="not a tomography scan"):
        tomo.fn([path], ScanParameters(), results=tmp_path / "out")

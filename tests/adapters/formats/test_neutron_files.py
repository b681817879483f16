"""What lies beside neutron runs: scipp's own files, histograms of spectrometers, descriptions."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from adapters.errors import BrokenRunError, UnknownFormatError
from adapters.formats.scipp_hdf5 import SCIPP_HDF5
from adapters.formats.structure_json import STRUCTURE_JSON, contents
from adapters.formats.tof_histogram import TOF_HISTOGRAM
from adapters.model import State
from adapters.registry import open_run, registry
from adapters.testing import AdapterConformance, Sample

COUNTS = np.arange(12, dtype="i4").reshape(3, 4)


def write_scipp(path: Path, values: np.ndarray, edges: dict[str, np.ndarray]) -> Path:
    """A data array as scipp stores it, its units spelled out as factors and powers."""
    sc = pytest.importorskip("scipp")
    data = sc.array(dims=list(edges), values=values, variances=values, unit="one")
    coords = {name: sc.array(dims=[name], values=each, unit="1/angstrom") for name, each in edges.items()}
    sc.DataArray(data, coords=coords).save_hdf5(path)
    return path


def write_histogram(path: Path) -> Path:
    """Counts of three detectors over four times, with one monitor."""
    with h5py.File(path, "w") as file:
        for name, kind in (
            ("entry", "NXentry"),
            ("entry/instrument", "NXinstrument"),
            ("entry/instrument/detector", "NXdetector"),
            ("entry/monitor1", "NXmonitor"),
            ("entry/data", "NXdata"),
        ):
            file.create_group(name).attrs["NX_class"] = kind
        file["entry/instrument/name"] = "LRMECS"
        for name, values, unit in (
            ("data/data", COUNTS, "counts"),
            ("data/polar_angle", [10.0, 20.0, 30.0], "degrees"),
            ("data/time_of_flight", [1000.0, 1100.0, 1200.0, 1300.0, 1400.0], "microseconds"),
            ("instrument/detector/distance", [2.5, 2.5, 2.6], "m"),
            ("monitor1/data", [5, 7], "counts"),
            ("monitor1/time_of_flight", [1000.0, 1100.0, 1200.0], "microseconds"),
            ("monitor1/distance", -0.5, "m"),
        ):
            file[f"entry/{name}"] = values
            file[f"entry/{name}"].attrs["units"] = unit
    return path


class TestScipp(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> object:
        return SCIPP_HDF5

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = write_scipp(tmp_path / "a.h5", np.arange(1.0, 6.0), {"Q": np.linspace(0.1, 0.6, 6)})
        return Sample(path, {"frame": 1, "q": 5}, {"intensity": 15.0, "q": 1.75}, {"technique": "curve"})


class TestHistogram(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> object:
        return TOF_HISTOGRAM

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = write_histogram(tmp_path / "a.nxs")
        sums = {"counts": 66, "two_theta": np.deg2rad(60), "tof_edges": 6e6, "monitor_monitor1_counts": 12}
        return Sample(path, {"pixel": 3, "tof": 4}, sums, {"technique": "tof", "instrument": "LRMECS"})


def test_a_map_of_scipp_keeps_its_axes_apart(tmp_path: Path) -> None:
    values = np.arange(1.0, 7.0).reshape(2, 3)
    edges = {"Qy": np.linspace(-0.1, 0.1, 3), "Qx": np.linspace(0.0, 0.3, 4)}

    run = open_run(write_scipp(tmp_path / "a.h5", values, edges))

    np.testing.assert_allclose(run.data["qx"], [0.05, 0.15, 0.25])
    np.testing.assert_array_equal(run.data["intensity"], values)
    np.testing.assert_allclose(run.data["intensity_errors"], np.sqrt(values))


@pytest.mark.parametrize("packed", [False, True])
def test_a_description_is_refused_with_what_it_describes(packed: bool, tmp_path: Path) -> None:
    stream = {"module": "ev44", "config": {"source": "a"}}
    detector = {
        "type": "group",
        "name": "bank",
        "children": [stream],
        "attributes": [{"name": "NX_class", "values": "NXdetector"}],
    }
    text = json.dumps({"children": [detector]}).encode()
    path = tmp_path / ("a.json.gz" if packed else "a.json")
    path.write_bytes(gzip.compress(text) if packed else text)

    with pytest.raises(
        BrokenRunError, match=r"1 groups, 0 datasets, 1 detectors and 1 streams \(1 of events\)"
    ):
        open_run(path)
    assert STRUCTURE_JSON.check(path).state is State.BROKEN


def test_other_json_is_nobodys(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"anything": 1}')

    with pytest.raises(UnknownFormatError):
        registry().find(tmp_path / "a.json")


@pytest.mark.measured
def test_reduced_data_of_loki_are_those_that_scipp_stored(measured: Path) -> None:
    curve = open_run(measured / "ess/loki/reference_IofQ_UncertaintyBroadcastMode.drop.hdf5").data
    plane = open_run(measured / "ess/loki/reference_IofQxy_UncertaintyBroadcastMode.drop.hdf5").data

    assert float(curve["intensity"].sum()) == pytest.approx(95.4552, abs=1e-4)
    assert curve.sizes["q"] == 100
    assert float(plane["intensity"].sum()) == pytest.approx(3540.229, abs=1e-3)
    assert (plane.sizes["qy"], plane.sizes["qx"]) == (77, 90)
    assert (float(curve["q"][0]), float(curve["q"][-1])) == pytest.approx((0.01145, 0.29855), rel=1e-4)


@pytest.mark.measured
def test_counts_and_monitors_of_the_chopper_spectrometer_are_all_there(measured: Path) -> None:
    run = open_run(measured / "neutron-tof/chopper.nxs")

    assert run.data["counts"].shape == (148, 750)
    assert int(run.data["counts"].sum()) == 2666912
    assert int(run.data["monitor_monitor1_counts"].sum()) == 146389
    assert int(run.data["monitor_monitor2_counts"].sum()) == 31732
    assert run.metadata.raw["run_number"] == 3701
    assert (run.metadata.instrument, run.metadata.sample_name) == ("LRMECS", "Magnesium Diboride")


@pytest.mark.measured
def test_the_description_of_bifrost_is_counted_and_refused(measured: Path) -> None:
    path = measured / "ess/niess/bifrost_nexus_structure_golden.json.gz"

    counted = contents(path)

    names = ("group", "dataset", "link", "NXdetector", "NXevent_data", "ev44", "NXdisk_chopper")
    assert [counted[name] for name in names] == [893, 2457, 120, 45, 45, 45, 6]
    with pytest.raises(BrokenRunError, match="45 of events"):
        open_run(path)

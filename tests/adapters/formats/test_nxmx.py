"""NXmx: virtual frames are read or refused, never filled with zeros."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adapters.errors import MissingSourceError, TruncatedFileError, UnitError
from adapters.facilities.diamond import NXMX_DIAMOND
from adapters.formats.nxmx import NXMX, NxmxLayout, aware
from adapters.model import State
from adapters.registry import open_run, registry
from adapters.testing import AdapterConformance, Sample
from adapters.testing.hdf5_images import write_nxmx
from adapters.testing.images import Fault, held_open

FRAMES = np.arange(100, dtype="u4").reshape(5, 4, 5)


class TestNxmx(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> NxmxLayout:
        return NXMX

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = write_nxmx(tmp_path, FRAMES)
        stated = {"distance_m": 2.5, "wavelength_angstrom": 1.0, "instrument": "beamline 7", "facility": None}
        return Sample(path, {"frame": 5, "y": 4, "x": 5}, {"counts": FRAMES.sum()}, stated)


def test_a_file_of_diamond_is_read_as_such(tmp_path: Path) -> None:
    run = open_run(write_nxmx(tmp_path, FRAMES, source="Diamond Light Source"))

    assert run.provenance.adapter == NXMX_DIAMOND.name
    assert (run.metadata.facility, run.metadata.technique) == ("diamond", "mx")
    np.testing.assert_array_equal(run.data["counts"].values, FRAMES)


def test_a_young_file_waits_for_its_sources(tmp_path: Path) -> None:
    judged = NXMX.check(write_nxmx(tmp_path, FRAMES, fault=Fault.DROP_FILE, drop=2))

    assert judged.state is State.WAIT
    assert "mx_1_data_000003.h5" in judged.reason


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.DROP_FILE, MissingSourceError),
        (Fault.DANGLING, MissingSourceError),
        (Fault.TRUNCATE, TruncatedFileError),
        (Fault.WRONG_UNIT, UnitError),
    ],
)
def test_what_is_wrong_is_an_error_of_its_own(fault: Fault, error: type[Exception], tmp_path: Path) -> None:
    path = write_nxmx(tmp_path, FRAMES, fault=fault)

    with pytest.raises(error):
        NXMX.open(path)


@pytest.mark.parametrize("fault", [Fault.DANGLING, Fault.TRUNCATE])
def test_sources_that_cannot_be_read_are_broken(fault: Fault, tmp_path: Path) -> None:
    assert NXMX.check(write_nxmx(tmp_path, FRAMES, fault=fault)).state is State.BROKEN


def test_a_source_another_process_writes_is_waited_for(tmp_path: Path) -> None:
    path = write_nxmx(tmp_path, FRAMES)

    with held_open(tmp_path / "mx_1_data_000002.h5"):
        judged = NXMX.check(path)

    assert judged.state is State.WAIT


def test_a_time_without_its_zone_is_no_time() -> None:
    assert aware("2019-02-14T14:25:57") is None
    assert aware("2019-02-14T14:25:57Z") is not None


@pytest.mark.measured
def test_the_diamond_master_names_its_missing_source(measured: Path) -> None:
    path = measured / "mx/dls-nxmx-eiger16m/DLS_i03_i04_NXmx_Therm_6_2.nxs"
    adapter, _ = registry().find(path)

    assert adapter.name == "diamond_nxmx"
    assert adapter.check(path).state is not State.READY
    assert "Therm_6_2_000001.h5" in adapter.check(path).reason
    with pytest.raises(MissingSourceError, match=r"Therm_6_2_000001\.h5"):
        adapter.open(path)

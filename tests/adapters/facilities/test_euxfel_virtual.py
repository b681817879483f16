"""Virtual CXI files of European XFEL: the run again, or refused; what HDF5 fills in is no data."""

from __future__ import annotations

import contextlib
import io
import shutil

import h5py
import numpy as np
import pytest

pytest.importorskip("extra_data")

from adapters.errors import BrokenRunError
from adapters.facilities.euxfel import EUXFEL_RUN
from adapters.facilities.euxfel_virtual import EUXFEL_VIRTUAL_CXI
from adapters.registry import open_run
from adapters.testing import AdapterConformance, Sample
from adapters.testing.euxfel_detectors import LPD, module_frames, write_modules

TRAINS = (10000, 10001)


def overlaid(run, path, **said):
    """The file that EXtra-data writes over the files of a run of an LPD."""
    from extra_data import RunDirectory
    from extra_data.components import LPD1M

    with contextlib.redirect_stdout(io.StringIO()):
        LPD1M(RunDirectory(str(run)), min_modules=4, **said).write_virtual_cxi(str(path))
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A raw and a corrected run that lack module 3."""
    folder = tmp_path_factory.mktemp("runs")
    others = [module for module in range(16) if module != 3]
    return {
        raw: write_modules(folder / f"{'raw' if raw else 'proc'}/r0009", LPD, TRAINS, modules=others, raw=raw)
        for raw in (True, False)
    }


class TestVirtual(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return EUXFEL_VIRTUAL_CXI

    @pytest.fixture
    def sample(self, runs, tmp_path):
        total = sum(int(module_frames(LPD, m, TRAINS, 3).sum()) for m in range(16) if m != 3)
        return Sample(
            overlaid(runs[True], tmp_path / "run.cxi", raw=True),
            {"frame": 6, "module": 16, "y": 256, "x": 256, "train": 2},
            {"counts": total, "present": 6 * 15},
            {"technique": "modules", "facility": "euxfel", "instrument": "fxe"},
            flags=("module_missing", "not_photon_counting"),
        )


@pytest.mark.parametrize("raw", [True, False])
def test_it_is_the_run_that_it_lies_over(runs, tmp_path, raw):
    path = overlaid(runs[raw], tmp_path / "run.cxi", raw=raw)

    virtual, direct = EUXFEL_VIRTUAL_CXI.open(path).data, EUXFEL_RUN.open(runs[raw]).data

    assert set(direct.variables) == set(virtual.variables)
    for name in direct.variables:
        np.testing.assert_array_equal(virtual[name].values, direct[name].values, err_msg=str(name))


def test_a_module_without_a_file_is_missing_not_zero(runs, tmp_path):
    run = open_run(overlaid(runs[True], tmp_path / "run.cxi", raw=True))

    with h5py.File(tmp_path / "run.cxi") as file:
        assert (file["entry_1/instrument_1/detector_1/data"][:, 3] == 0).all()
    assert np.isnan(run.data["counts"][:, 3].values).all()
    assert not run.data["present"][:, 3].any()


def test_a_run_that_moved_is_refused_not_read_as_zeros(runs, tmp_path):
    copy = shutil.copytree(runs[True], tmp_path / "r0009")
    path = overlaid(copy, tmp_path / "run.cxi", raw=True)
    copy.rename(tmp_path / "r0010")

    with pytest.raises(BrokenRunError, match="make the virtual file again"):
        open_run(path)


def test_one_file_that_went_is_refused_too(runs, tmp_path):
    copy = shutil.copytree(runs[True], tmp_path / "r0009")
    path = overlaid(copy, tmp_path / "run.cxi", raw=True)
    next(copy.glob("*LPD07*")).unlink()

    with pytest.raises(BrokenRunError, match="LPD07"):
        open_run(path)


def test_a_copy_of_all_frames_is_refused(runs, tmp_path):
    path = overlaid(runs[True], tmp_path / "run.cxi", raw=True)
    with h5py.File(path) as file:
        frames = file["entry_1/instrument_1/detector_1/data"][()]
    with h5py.File(path, "r+") as file:
        detector = file["entry_1/instrument_1/detector_1"]
        del detector["data"]
        detector["data"] = frames

    with pytest.raises(BrokenRunError, match="cannot be told"):
        open_run(path)


@pytest.mark.measured
def test_the_measured_layout_of_an_agipd(measured, tmp_path):
    from extra_data import RunDirectory
    from extra_data.components import AGIPD1M

    run = measured / "euxfel/spb-mock-r0238/raw/r0238"
    with contextlib.redirect_stdout(io.StringIO()):
        AGIPD1M(RunDirectory(str(run)), raw=True).write_virtual_cxi(str(tmp_path / "run.cxi"))

    found = open_run(tmp_path / "run.cxi").data

    assert found["counts"].shape == (40, 16, 512, 128)
    assert sum(int(found[name].astype("u8").sum()) for name in ("counts", "gain_adc")) == 6146228224

"""European XFEL: what measured runs and the mock of run 238 are known to hold."""

from __future__ import annotations

import os
import shutil
import time

import h5py
import numpy as np
import pytest

pytest.importorskip("extra_data")

from adapters.errors import MissingMetadataError
from adapters.registry import open_run


def codes(run):
    return {flag.code for flag in run.flags}


def aged(folder):
    for file in folder.rglob("*.h5"):
        os.utime(file, (time.time() - 7200,) * 2)
    return folder


@pytest.fixture(scope="session")
def run(measured):
    return open_run(measured / "euxfel/spb-mock-r0238/raw/r0238")


@pytest.mark.measured
class TestRun238:
    def test_sixteen_modules_and_the_filled_frame(self, run):
        data = run.data
        assert dict(data.sizes) | {"frame": 40, "module": 16, "y": 512, "x": 128} == dict(data.sizes)
        where = np.flatnonzero((data["frame_train"].values == 10002) & (data["frame_pulse"].values == 1))
        frame = data["counts"].isel(frame=where[0]).values
        gain = data["gain_adc"].isel(frame=where[0]).values
        module, slow, fast = np.ogrid[:16, :512, :128]
        np.testing.assert_array_equal(frame, 100 * (module + 1) + slow // 64 + fast // 64)
        np.testing.assert_array_equal(gain, np.broadcast_to(5000 + module, gain.shape))

    def test_the_sum_over_everything(self, run):
        both = sum(int(run.data[name].astype("u8").sum()) for name in ("counts", "gain_adc"))
        assert both == 6146228224

    def test_pulse_energies(self, run):
        energy = run.data["SA1_XTD2_XGM/DOOCS/MAIN:output data.intensityTD"].values
        expected = 100 + 10 * np.arange(10)[:, None] + np.arange(4)
        np.testing.assert_array_equal(energy[:, :4], expected)
        assert energy.sum() == 5860

    def test_sources_and_flags(self, run):
        assert run.metadata.instrument == "spb"
        assert run.metadata.raw["detectors"] == ["SPB_DET_AGIPD1M-1", "SPB_IRDA_JF4M"]
        assert "one_of_several_detectors" in codes(run)
        assert run.data["train"].values.tolist() == list(range(10000, 10010))

    def test_the_other_detector(self, measured):
        run = open_run(measured / "euxfel/spb-mock-r0238/raw/r0238", assume={"detector": "JUNGFRAU"})

        assert dict(run.data["counts"].sizes) == {"frame": 160, "module": 2, "y": 512, "x": 1024}
        assert float(run.data["counts"].sum()) == 0

    def test_corrected(self, measured):
        data = open_run(measured / "euxfel/spb-mock-r0238/proc/r0238").data

        counts = data["counts"].astype("f8")
        assert float(counts.sum()) == pytest.approx(4979643.765625, abs=1e-6)
        assert int(np.isnan(counts).sum()) == 16
        assert int(data["mask"].astype("u8").sum()) == 16

    def test_the_proposal_asks_which(self, measured):
        with pytest.raises(MissingMetadataError, match="raw or proc"):
            open_run(measured / "euxfel/spb-mock-r0238")
        run = open_run(measured / "euxfel/spb-mock-r0238", assume={"data": "proc"})
        assert run.metadata.raw["data"] == "proc"

    def test_one_module_removed(self, measured, tmp_path):
        shutil.copytree(measured / "euxfel/spb-mock-r0238/raw/r0238", tmp_path / "r0238")
        folder = aged(tmp_path / "r0238")
        folder.chmod(0o755)
        (folder / "RAW-R0238-AGIPD05-S00000.h5").unlink()

        run = open_run(folder)

        assert "module_missing" in codes(run)
        assert not run.data["present"][:, 5].any()
        per_module = 512 * 128
        steps = sum(s // 64 + f // 64 for s in range(512) for f in range(128))
        expected = sum(100 * (m + 1) * per_module + steps for m in range(16) if m != 5)
        assert float(run.data["counts"].astype("f8").sum()) == expected


@pytest.mark.measured
def test_sxp_run_16(measured):
    run = open_run(measured / "euxfel/sxp-r0016")

    data = run.data
    assert run.metadata.technique == "mpes"
    assert "metadata_cut_off" in codes(run)
    assert int(data["tof"].notnull().sum()) == 2088
    sums = [float(data[name].sum()) for name in ("x", "y", "tof")]
    assert sums == [3631579, 3043232, 3986315116]
    delay = data["SCS_ILH_LAS/MDL/OPTICALDELAY_PP800 actualPosition.value"].values
    assert (np.nanmin(delay), np.nanmax(delay)) == (
        pytest.approx(102.637, abs=5e-4),
        pytest.approx(113.084, abs=5e-4),
    )
    with h5py.File(measured / "euxfel/sxp-r0016/RAW-R0016-DA03-S00000.h5") as file:
        index = set(file["INDEX/trainId"][:].tolist())
        own = set(file["INSTRUMENT/SXP_TR_XPES/DET/MCP_DETECTOR:output/data/trainId"][:].tolist()) - {0}
    assert set(data["train"].values.tolist()) == index | own
    assert (min(index), max(index)) == (1838217184, 1838217233)

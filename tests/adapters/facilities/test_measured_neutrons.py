"""Measured neutron data of ISIS, and layouts of ESS: what their table rows say is what comes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adapters.registry import open_run

pytestmark = pytest.mark.measured
SANS2D = ("sans/sans2d-events/SANS2D_minimal.nxs", "sans/sans2d-events/SANS_test_reduced.hdf5")


@pytest.mark.parametrize("name", SANS2D)
def test_every_event_of_sans2d_is_there(name: str, measured: Path) -> None:
    import h5py

    run = open_run(measured / name)

    with h5py.File(measured / name) as file:
        group = file["raw_data_1/detector_1_events"]
        ids, offsets = group["event_id"][()], group["event_time_offset"][()].astype(float)
    assert (run.data.sizes["event"], run.data.sizes["pulse"]) == (237078, 300)
    assert int(run.data["event_id"].sum()) == int(ids.sum(dtype=np.int64))
    assert (int(run.data["event_id"].min()), int(run.data["event_id"].max())) == (57, 122888)
    found = run.data["time_of_flight"].astype(float)
    assert float(found.sum()) == pytest.approx(1e3 * offsets.sum(), rel=1e-9)
    assert (float(found.min()), float(found.max())) == pytest.approx((24.2e3, 99999.6e3), rel=2e-3)
    assert int(run.data["first_event"][-1]) == 235452
    assert {"unit_assumed", "no_geometry"} == {flag.code for flag in run.flags}


def test_the_whole_run_of_sans2d_tells_its_charge_and_frames(measured: Path) -> None:
    run = open_run(measured / SANS2D[1])

    assert run.metadata.raw["proton_charge"] == pytest.approx(0.33113, abs=1e-5)
    assert run.metadata.raw["good_frames"] == 300
    # It says 2016-04-12T02:58:52 without a time zone.
    assert run.metadata.start_time is None
    assert (run.metadata.facility, run.metadata.instrument) == ("isis", "SANS2D")


def test_pixels_of_the_minimal_example_stand_five_metres_away(measured: Path) -> None:
    run = open_run(measured / "ess/geometry/minimal_example_with_geometry.nxs")

    assert (run.data.sizes["event"], run.data.sizes["pulse"], run.data.sizes["pixel"]) == (7, 3, 4)
    np.testing.assert_allclose(run.data["position"].values[:, 2], 5.0)
    assert run.metadata.instrument == "MINIMAL"
    assert "unit_assumed" in {flag.code for flag in run.flags}

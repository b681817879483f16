"""Event NeXus: every event is there, every pixel stands where it stands, and what is wrong is said."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from adapters.errors import BrokenRunError
from adapters.facilities.ess import LOKI
from adapters.facilities.isis import SANS_EVENTS
from adapters.formats.event_nexus import NEXUS_EVENTS, EventNexus
from adapters.model import Severity, State
from adapters.registry import assuming, open_run
from adapters.testing import AdapterConformance, Sample
from adapters.testing.events import (
    Counted,
    EventFault,
    FlatBank,
    some_events,
    write_ess,
    write_isis,
)
from adapters.testing.images import held_open

BANKS = (
    FlatBank("loki_detector_0", first=1, shape=(4, 5)),
    FlatBank("loki_detector_1", first=101, shape=(3, 6), distance_m=1.3, center_m=(0.2, -0.1)),
)
EDGES = np.linspace(0, 7e7, 8)
MONITOR = (np.arange(7, dtype=np.int32) * 10, EDGES, -1.5)


def counted(**more: object) -> list[Counted]:
    return [some_events(bank, **more) for bank in BANKS]  # type: ignore[arg-type]


def written(path: Path, fault: EventFault | None = None, **more: object) -> Path:
    return write_ess(path / "999999_00000001.hdf", BANKS, counted(), fault=fault, **more)  # type: ignore[arg-type]


class TestLoki(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> EventNexus:
        return LOKI

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = written(tmp_path, monitor_histogram=MONITOR)
        events = counted()
        return Sample(
            path,
            {"event": 40, "pixel": 38, "pulse": 6, "axis": 3},
            {
                "event_id": sum(int(each.ids.sum()) for each in events),
                "time_of_flight": sum(int(each.times_ns.sum()) for each in events),
                "position": sum(float(bank.positions.sum()) for bank in BANKS),
                "monitor_beam_monitor_1_counts": 210,
            },
            {"technique": "sans", "facility": "ess", "instrument": "LOKI", "sample_name": "spheres"},
            flags=("bank_missing",),
        )


class TestIsis(AdapterConformance):
    # Without total_counts nothing would tell; HDF5 itself tells of a file cut in half.
    @pytest.fixture
    def adapter(self) -> EventNexus:
        return SANS_EVENTS

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        events = counted()[0]
        path = write_isis(tmp_path / "SANS2D00000001.nxs", events, monitors=[MONITOR])
        return Sample(
            path,
            {"event": 20, "pulse": 3},
            {"event_id": int(events.ids.sum()), "time_of_flight": float(events.times_ns.sum())},
            {"technique": "sans", "facility": "isis", "instrument": "SANS2D", "start_time": None},
            flags=("unit_assumed", "no_geometry"),
        )


class TestAnyInstrument(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> EventNexus:
        return NEXUS_EVENTS

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = written(tmp_path, instrument="ESTIA")
        return Sample(path, {"event": 40}, {}, {"technique": "tof", "instrument": "ESTIA"})


def test_pixels_stand_where_they_were_put(tmp_path: Path) -> None:
    run = open_run(written(tmp_path, sample_m=0.7))

    np.testing.assert_allclose(run.data["position"], np.concatenate([b.positions for b in BANKS]), atol=1e-12)
    assert float(run.data["source_distance"]) == pytest.approx(23.6)
    np.testing.assert_array_equal(
        run.data["detector_number"], np.concatenate([b.numbers.ravel() for b in BANKS])
    )


def test_solid_angles_are_those_of_a_flat_square(tmp_path: Path) -> None:
    run = open_run(written(tmp_path))

    position = run.data["position"].values
    far = np.linalg.norm(position, axis=1)
    np.testing.assert_allclose(run.data["solid_angle"], 1e-4 * position[:, 2] / far**3, rtol=1e-12)


def test_pulses_name_their_first_events(tmp_path: Path) -> None:
    run = open_run(written(tmp_path))

    np.testing.assert_array_equal(run.data["first_event"], [0, 6, 13, 20, 26, 33])
    assert run.data["pulse_time"].values[0] == pytest.approx(1767268800.0)


def test_as_many_pulses_as_columns_mix_nothing_up(tmp_path: Path) -> None:
    events = [some_events(bank, pulses=5) for bank in BANKS]
    run = open_run(write_ess(tmp_path / "a.hdf", BANKS, events))

    assert dict(run.data.sizes) | {"pulse": 10, "pixel": 38} == dict(run.data.sizes)
    np.testing.assert_array_equal(run.data["event_id"], np.concatenate([each.ids for each in events]))


def test_a_log_that_began_before_the_run_holds_until_its_next_entry(tmp_path: Path) -> None:
    run = open_run(written(tmp_path, EventFault.MOVING))

    # 0 m until half of the ten minutes are over, 10 mm after that.
    expected = BANKS[1].positions + np.array([0.0, 0.1 + 0.005, 0.0])
    np.testing.assert_allclose(run.data["position"].values[20:], expected, atol=1e-12)
    assert "moved_during_run" in {flag.code for flag in run.flags}


def test_positions_are_those_that_scippnexus_finds(tmp_path: Path) -> None:
    snx = pytest.importorskip("scippnexus")
    bank = FlatBank("loki_detector_0", shape=(4, 6), center_m=(0.1, 0.2))
    path = write_ess(tmp_path / "a.hdf", [bank], [some_events(bank)])
    with h5py.File(path, "r+") as file:
        detector = file["entry/instrument/loki_detector_0"]
        chain = detector["transformations"]
        said = {"transformation_type": "rotation", "vector": [0.0, 1.0, 0.0], "units": "deg"}
        chain["tilt"] = 30.0
        chain["tilt"].attrs.update(said)
        chain["center"].attrs.update(offset=[0.1, 0.2, 0.3], offset_units="m")
        chain["tilt"].attrs["depends_on"] = f"{chain.name}/center"
        del detector["depends_on"], detector["y_pixel_offset"]
        detector["depends_on"] = f"{chain.name}/tilt"
        detector["y_pixel_offset"] = bank.offsets[1]
        detector["y_pixel_offset"].attrs["units"] = "m"
        # It adds lengths of one unit only.
        chain["carriage"][()] /= 1000
        chain["carriage"].attrs["units"] = "m"

    run = open_run(path)

    with snx.File(path) as file:
        loaded = snx.compute_positions(file["entry/instrument/loki_detector_0"][()])
    found = loaded["loki_detector_0_events"].coords["position"]
    theirs = found.transpose(["dim_0", "dim_1"]).values.reshape(-1, 3)
    np.testing.assert_allclose(run.data["position"], theirs, atol=1e-12)


def test_a_temperature_is_the_mean_by_time_of_its_log(tmp_path: Path) -> None:
    assert open_run(written(tmp_path)).metadata.temperature_k == pytest.approx(294.0)


def test_choppers_are_told_with_their_logs(tmp_path: Path) -> None:
    run = open_run(written(tmp_path))

    assert run.metadata.raw["choppers"]["bandwidth_chopper"]["rotation_speed"] == [14.0, 14.0, 14.0, "Hz"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (EventFault.WRONG_UNIT, "cannot be expressed in"),
        (EventFault.DANGLING, "depends on /entry/nowhere"),
        (EventFault.CIRCLE, "depend on each other"),
        (EventFault.BAD_INDEX, "points outside"),
        (EventFault.TRUNCATE, "truncated"),
    ],
)
def test_what_cannot_be_used_is_broken_with_the_reason(fault: EventFault, said: str, tmp_path: Path) -> None:
    path = written(tmp_path, fault)

    with pytest.raises(BrokenRunError, match=said):
        open_run(path)


@pytest.mark.parametrize(
    ("fault", "code", "severity"),
    [
        (EventFault.SHORT_IDS, "bank_unusable", Severity.INVALID),
        (EventFault.DROP_BANK, "bank_missing", Severity.CAUTION),
        (EventFault.DEAD_LINK, "dead_links", Severity.CAUTION),
        (EventFault.MOVING, "moved_during_run", Severity.CAUTION),
    ],
)
def test_what_must_be_minded_is_flagged(
    fault: EventFault, code: str, severity: Severity, tmp_path: Path
) -> None:
    run = open_run(written(tmp_path, fault))

    assert (code, severity) in {(flag.code, flag.severity) for flag in run.flags}


def test_a_bank_whose_events_cannot_be_matched_is_masked_and_left_out(tmp_path: Path) -> None:
    run = open_run(written(tmp_path, EventFault.SHORT_IDS))

    assert run.data.sizes["event"] == 20
    np.testing.assert_array_equal(run.data["mask"], [False] * 20 + [True] * 18)


def test_a_pixel_that_nobody_numbered_stays_among_the_events(tmp_path: Path) -> None:
    run = open_run(written(tmp_path, EventFault.UNKNOWN_PIXEL))

    assert int((run.data["event_id"] == 99_999).sum()) == 5
    assert run.data.sizes["event"] == 40


def test_pulses_without_events_leave_gaps_in_time_only(tmp_path: Path) -> None:
    events = [some_events(bank, empty=True) for bank in BANKS]
    run = open_run(write_ess(tmp_path / "a.hdf", BANKS, events))

    assert np.diff(run.data["pulse_time"].values[:3]) == pytest.approx(2 * 0.071428571, rel=1e-5)
    assert run.metadata.raw["pulses_with_events"] == {"loki_detector_0": 3, "loki_detector_1": 3}


def test_a_young_run_without_its_end_is_waited_for_an_old_one_is_flagged(tmp_path: Path) -> None:
    path = written(tmp_path, EventFault.STILL_OPEN)

    judged = LOKI.check(path)
    old = EventNexus(**{**LOKI.__dict__, "late_s": 0.0})

    assert judged.state is State.WAIT and "end_time" in judged.reason
    assert old.check(path).state is State.READY
    assert "end_not_noted" in {flag.code for flag in old.open(path).flags}


def test_a_run_that_is_being_written_is_waited_for(tmp_path: Path) -> None:
    with held_open(written(tmp_path)) as path:
        assert LOKI.check(path).state is State.WAIT


def test_a_total_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = write_isis(tmp_path / "a.nxs", counted()[0], promised=25)

    with pytest.raises(BrokenRunError, match="promises 25 events and holds 20"):
        open_run(path)


def test_times_without_unit_are_refused_unless_someone_says_it(tmp_path: Path) -> None:
    path = write_isis(tmp_path / "a.nxs", counted()[0], instrument="UNHEARD")

    with pytest.raises(BrokenRunError, match="states no unit"):
        open_run(path)
    told = assuming(NEXUS_EVENTS, {"time_unit": "us"}).open(path)
    assert float(told.data["time_of_flight"].sum()) == pytest.approx(float(counted()[0].times_ns.sum()))


def test_a_monitor_of_events_is_read_in_slabs(tmp_path: Path) -> None:
    times = np.arange(10, dtype=np.int32) * 1_000_000
    run = open_run(written(tmp_path, monitor_events=(times, 3.0)))

    found = run.data["monitor_beam_monitor_2_time_of_flight"]
    assert found.chunks is not None
    assert found.attrs["position_m"] == pytest.approx(3.0)
    np.testing.assert_array_equal(found, times)
    assert run.data.sizes["event"] == 40


def test_a_bank_without_its_events_is_masked_not_zero(tmp_path: Path) -> None:
    path = written(tmp_path)
    with h5py.File(path, "r+") as file:
        del file["entry/instrument/loki_detector_1/loki_detector_1_events"]

    run = open_run(path)

    assert "bank_without_events" in {flag.code for flag in run.flags}
    assert int(run.data["mask"].sum()) == 18


def test_a_run_without_any_event_is_invalid(tmp_path: Path) -> None:
    none = Counted.of(np.zeros(0, np.int32), np.zeros(0, np.int32), 0)
    run = open_run(write_ess(tmp_path / "a.hdf", BANKS, [none, none]))

    assert run.data.sizes["event"] == 0
    assert "no_events" in {flag.code for flag in run.flags}


def test_opening_reads_no_event(tmp_path: Path) -> None:
    path = tmp_path / "large.hdf"
    write_ess(path, BANKS, counted())
    with h5py.File(path, "r+") as file:
        group = file["entry/instrument/loki_detector_1/loki_detector_1_events"]
        # Chunks that were never written take no place on disk: a stand-in for a terabyte.
        for name in ("event_id", "event_time_offset"):
            group[name].resize((2 * 10**11,))

    run = LOKI.open(path)

    assert run.data.sizes["event"] == 2 * 10**11 + 20
    assert run.data["event_id"].nbytes > 7e11
    assert run.data["event_id"][:20].values.sum() == counted()[0].ids.sum()

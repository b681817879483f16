"""PETRA III: runs with their beamtime and without its people, scans, masters, images matched by time."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import AdapterError, LayoutError
from adapters.facilities.petra3_beamtime import beamtime_of
from adapters.facilities.petra3_p11 import P11, P11_CBF, P11Eiger
from adapters.facilities.petra3_sardana import SARDANA, SardanaScan
from adapters.facilities.petra3_tomography import HEREON_TOMOGRAPHY, HereonTomography, _nearest
from adapters.model import State
from adapters.registry import open_run, registry
from adapters.testing import AdapterConformance, Sample
from adapters.testing.images import Fault, held_open, write_cbf
from adapters.testing.petra3 import PERSONAL, write_beamtime, write_hereon, write_p11, write_sardana

RANDOM = np.random.default_rng(11)
FRAMES = RANDOM.integers(0, 90, (4, 5, 6)).astype("u4")
COLUMNS = {"exp_dmy01": np.linspace(0, 1, 4), "eh_c01": np.arange(4.0) * 10}
KEYS = (2, 1, 1, 0, 0, 0, 1)
ANGLES = (0.0, 60.0, 120.0)
IMAGES = RANDOM.integers(0, 900, (7, 5, 6)).astype("u2")


def aged(*paths: Path) -> None:
    """Make files look an hour old."""
    then = time.time() - 3600
    for path in paths:
        os.utime(path, (then, then))


class TestP11(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> P11Eiger:
        return P11

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = write_p11(write_beamtime(tmp_path), FRAMES)
        return Sample(
            path,
            {"frame": 4, "y": 5, "x": 6},
            {"counts": FRAMES.sum(), "omega": 0.6},
            {"technique": "mx", "facility": "petra3", "instrument": "p11", "wavelength_angstrom": 1.0},
            flags=("metadata_from_sidecar",),
            halve=path.with_name("lyso_1_data_000002.h5"),
        )


class TestSardana(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> SardanaScan:
        return SARDANA

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = write_sardana(tmp_path, COLUMNS, FRAMES)
        return Sample(
            path,
            {"frame": 4, "y": 5, "x": 6},
            {"counts": FRAMES.sum(), "eh_c01": 60.0},
            {"technique": "image", "facility": "petra3", "wavelength_angstrom": 12.398419843 / 12},
            halve=path.parent / "align_00012/lambda/align_00012_lambda.nxs",
        )


class TestHereonTomography(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> HereonTomography:
        return HEREON_TOMOGRAPHY

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        home = write_hereon(tmp_path, IMAGES, KEYS, ANGLES)
        return Sample(
            home / "scan_001_nexus.h5",
            {"projection": 3, "flat": 3, "dark": 1, "y": 5, "x": 6},
            {"counts": IMAGES[3:6].sum(), "flats": IMAGES[[1, 2, 6]].sum(), "angle": 180.0},
            {
                "technique": "tomo",
                "instrument": "p05",
                "distance_m": 0.05,
                "pixel_size_x_m": 0.92e-6,
                "exposure_s": None,
            },
        )


def everything_said(run) -> str:
    return json.dumps([run.metadata.stated(), run.metadata.raw, list(map(str, run.flags))], default=str)


@pytest.mark.parametrize("old", [False, True])
def test_a_beamtime_is_known_and_nobody_in_it(tmp_path: Path, old: bool) -> None:
    run = open_run(write_p11(write_beamtime(tmp_path, old=old), FRAMES))

    assert run.metadata.raw["beamtime"]["beamtimeId"] == "11017935"
    assert [name for name in PERSONAL if name in everything_said(run)] == []


def test_a_product_of_a_beamtime_names_nobody(tmp_path: Path) -> None:
    from flows.tomo import ScanParameters, tomo

    angles = np.linspace(0, 180, 40)
    image = 1000 * np.exp(-0.5 * np.exp(-0.5 * ((np.arange(32) - 15.5) / 4) ** 2))
    images = np.concatenate(
        [np.full((2, 3, 32), 10.0), np.full((3, 3, 32), 1000.0), np.tile(image, (40, 3, 1))]
    )
    home = write_hereon(write_beamtime(tmp_path, beamline="P05"), images, (2, 2, 1, 1, 1, *[0] * 40), angles)
    answer = tomo.fn([home], ScanParameters(), results=tmp_path / "out")
    written = b"".join(path.read_bytes() for path in Path(answer["manifest"]).parent.iterdir())

    assert [name for name in PERSONAL if name.encode() in written] == []


def test_a_beamtime_without_description_is_known_by_its_folder(tmp_path: Path) -> None:
    raw = write_beamtime(tmp_path, beamline="P03", number="11000001")
    next(raw.parent.glob("*.json")).unlink()
    found = beamtime_of(raw / "scan.nxs")

    assert (found.number, found.beamline) == ("11000001", "p03")


def test_a_description_that_is_no_json_is_told_and_not_used(tmp_path: Path) -> None:
    raw = write_beamtime(tmp_path)
    next(raw.parent.glob("*.json")).write_text('{"beamtimeId": ')
    found = beamtime_of(raw / "scan.nxs")

    assert [flag.code for flag in found.flags] == ["beamtime_unreadable"]
    assert found.beamline == "p11"


def test_two_descriptions_are_none(tmp_path: Path) -> None:
    raw = write_beamtime(tmp_path)
    (raw.parent / "beamtime-metadata-2.json").write_text('{"beamtimeId": "2"}')

    assert [flag.code for flag in beamtime_of(raw / "scan.nxs").flags] == ["beamtime_ambiguous"]


@given(st.binary(max_size=200))
def test_any_description_is_read_or_told(tmp_path_factory: pytest.TempPathFactory, said: bytes) -> None:
    folder = tmp_path_factory.mktemp("beamtime")
    (folder / "beamtime-metadata-1.json").write_bytes(said)

    assert isinstance(beamtime_of(folder / "raw" / "x.nxs").flags, tuple)


def test_a_master_without_notes_is_read(tmp_path: Path) -> None:
    run = P11.open(write_p11(tmp_path, FRAMES, notes=False))

    assert "notes" not in run.metadata.raw


def test_a_master_that_is_amended_is_waited_for(tmp_path: Path) -> None:
    path = write_p11(tmp_path, FRAMES)

    with held_open(path):
        assert P11.check(path).state is State.WAIT


def test_a_master_before_its_data_is_waited_for_then_broken(tmp_path: Path) -> None:
    path = write_p11(tmp_path, FRAMES, fault=Fault.DROP_FILE)
    (tmp_path / "lyso_1_data_000002.h5").unlink()
    fresh = P11.check(path)
    aged(*tmp_path.iterdir())

    assert (fresh.state, P11.check(path).state) == (State.WAIT, State.BROKEN)


def test_an_image_of_the_pilatus_years_is_known_by_its_place(tmp_path: Path) -> None:
    path = write_cbf(write_beamtime(tmp_path) / "lyso_00001.cbf", FRAMES[0].astype("i4"))
    run = open_run(path)

    assert run.provenance.adapter == P11_CBF.name
    assert (run.metadata.facility, run.metadata.instrument, run.metadata.technique) == ("petra3", "p11", "mx")


def test_an_entry_may_have_any_name_and_a_scan_no_detector(tmp_path: Path) -> None:
    run = open_run(write_sardana(tmp_path, COLUMNS, entry="scan_00012"))

    assert run.metadata.technique == "scan"
    assert run.data["eh_c01"].values.tolist() == [0, 10, 20, 30]


def test_an_energy_without_unit_is_not_used(tmp_path: Path) -> None:
    run = open_run(write_sardana(tmp_path, COLUMNS, energy=(12000.0, None)))

    assert run.metadata.wavelength_angstrom is None
    assert "unit_missing" in {flag.code for flag in run.flags}


def test_a_detector_that_is_late_is_waited_for_then_broken(tmp_path: Path) -> None:
    path = write_sardana(tmp_path, COLUMNS, FRAMES, fault=Fault.DROP_FILE)
    fresh = SARDANA.check(path)
    aged(path)

    assert (fresh.state, SARDANA.check(path).state) == (State.WAIT, State.BROKEN)


def test_fewer_frames_than_points_are_waited_for_then_cut(tmp_path: Path) -> None:
    path = write_sardana(tmp_path, COLUMNS, FRAMES[:3])
    fresh = SARDANA.check(path)
    aged(path, path.parent / "align_00012/lambda/align_00012_lambda.nxs")
    run = open_run(path)

    assert fresh.state is State.WAIT
    assert run.data["eh_c01"].values.tolist() == [0, 10, 20]
    assert "positions_and_frames_differ" in {flag.code for flag in run.flags}


def test_a_link_into_nothing_is_broken(tmp_path: Path) -> None:
    assert SARDANA.check(write_sardana(tmp_path, COLUMNS, FRAMES, fault=Fault.DANGLING)).state is State.BROKEN


def test_a_folder_is_a_tomography_run(tmp_path: Path) -> None:
    home = write_hereon(tmp_path, IMAGES, KEYS, ANGLES)

    assert registry().find(home)[0].name == "petra3_tomography"
    np.testing.assert_array_equal(open_run(home).data["counts"].values, IMAGES[3:6])


def test_images_are_joined_to_angles_by_time(tmp_path: Path) -> None:
    run = open_run(write_hereon(tmp_path, IMAGES, KEYS, ANGLES, lose_angle=1))

    assert run.data["angle"].values.tolist() == [0.0, 120.0]
    np.testing.assert_array_equal(run.data["counts"].values, IMAGES[[3, 5]])
    assert "angles_missing" in {flag.code for flag in run.flags}


def test_an_image_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    run = open_run(write_hereon(tmp_path, IMAGES, KEYS, ANGLES, repeat=True))

    assert run.data.sizes["dark"] == 1
    assert "images_repeated" in {flag.code for flag in run.flags}


def test_an_image_that_is_lost_is_waited_for_then_told(tmp_path: Path) -> None:
    home = write_hereon(tmp_path, IMAGES, KEYS, ANGLES, fault=Fault.DROP_FILE, drop=4)
    fresh = HEREON_TOMOGRAPHY.check(home)
    aged(*(path for path in home.rglob("*") if path.is_file()))
    run = open_run(home)

    assert fresh.state is State.WAIT
    assert run.data["angle"].values.tolist() == [0.0, 120.0]
    assert "frames_missing" in {flag.code for flag in run.flags}


def test_a_cut_image_is_told_when_it_is_read(tmp_path: Path) -> None:
    home = write_hereon(tmp_path, IMAGES, KEYS, ANGLES, fault=Fault.TRUNCATE, drop=4)

    with pytest.raises(AdapterError):
        open_run(home).data["counts"].values.sum()


def test_a_name_cannot_lead_out_of_the_run(tmp_path: Path) -> None:
    home = write_hereon(tmp_path, IMAGES, KEYS, ANGLES)
    with h5py.File(home / "scan_001_nexus.h5", "r+") as file:
        names = file["entry/scan/data/image_file/value"][()]
        del file["entry/scan/data/image_file/value"]
        names = [b"../../../etc/passwd", *names[1:]]
        file["entry/scan/data/image_file/value"] = np.array(names, "S")
    aged(*(path for path in home.rglob("*") if path.is_file()))

    assert all(path.is_relative_to(home) for path in open_run(home).provenance.all_files)


def test_images_without_header_are_refused(tmp_path: Path) -> None:
    home = write_hereon(tmp_path, IMAGES, KEYS, ANGLES)
    with h5py.File(home / "scan_001_nexus.h5", "r+") as file:
        names = [name.replace(b".tif", b".raw") for name in file["entry/scan/data/image_file/value"][()]]
        del file["entry/scan/data/image_file/value"]
        file["entry/scan/data/image_file/value"] = np.array(names, "S")
    for path in (home / "tiff0000").iterdir():
        path.rename(path.with_suffix(".raw"))

    with pytest.raises(LayoutError, match="without a header"):
        open_run(home)


@given(
    st.lists(st.integers(0, 60), unique=True, max_size=12),
    st.lists(st.integers(0, 60), unique=True, max_size=12),
)
def test_nearest_in_time_is_that_of_a_slow_loop(logged: list[int], wanted: list[int]) -> None:
    times, asked = np.array(sorted(logged), float), np.array(sorted(wanted), float)
    found = _nearest(times * 10, times, asked, 2.0)
    slow = []
    for each in asked:
        near = [time for time in times if abs(time - each) <= 2.0]
        slow.append(min(near, key=lambda time: (abs(time - each), time)) * 10 if near else np.nan)

    np.testing.assert_array_equal(found, np.array(slow))

"""HDF5 of beamlines: modules by offset and number, frames by kind, generations alike, lateness told apart."""

from __future__ import annotations

import os
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from adapters.errors import AdapterError, LayoutError
from adapters.facilities.aps_usaxs import USAXS_9ID, FlyScan
from adapters.facilities.maxiv_contrast import MAXIV_CONTRAST, ContrastScan
from adapters.formats.companion import COMPANION
from adapters.formats.cxi import CXI_PTYCHOGRAPHY, ScannedCxi
from adapters.formats.exchange import DATA_EXCHANGE, DataExchange
from adapters.formats.nxazint import AZINT, Azint
from adapters.formats.nxtomo import NXTOMO, NxTomo
from adapters.model import State
from adapters.registry import open_run, registry
from adapters.testing import AdapterConformance, Sample
from adapters.testing.beamline_hdf5 import (
    write_azint,
    write_contrast,
    write_cxi,
    write_exchange,
    write_nxtomo,
    write_usaxs,
)
from adapters.testing.images import Fault

RANDOM = np.random.default_rng(7)
FRAMES = RANDOM.integers(0, 50, (6, 4, 5)).astype("u4")
PLACES = np.column_stack([np.arange(6) * 1e-6, np.arange(6) * -2e-6, np.zeros(6)])
KEY = np.array([1, 1, 2, 0, 0, 0])
ANGLES = np.linspace(0, 180, 6)
Q = np.linspace(0.1, 2, 40)
CURVES = 10 + np.sin(Q)[None] * np.ones((2, 1))


def aged(*paths: Path) -> None:
    """Make files look an hour old."""
    then = time.time() - 3600
    for path in paths:
        os.utime(path, (then, then))


class TestCxi(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> ScannedCxi:
        return CXI_PTYCHOGRAPHY

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        mask = np.zeros((4, 5), "u4")
        mask[1, 2] = 1
        path = write_cxi(tmp_path / "scan.cxi", FRAMES.astype("i4"), PLACES, mask=mask)
        return Sample(
            path,
            {"frame": 6, "y": 4, "x": 5},
            {"counts": FRAMES.sum(), "mask": 1, "position_x": 15e-6, "position_y": -30e-6},
            {
                "technique": "ptycho",
                "wavelength_angstrom": 0.979,
                "distance_m": 1.12,
                "pixel_size_x_m": 55e-6,
            },
        )


class TestDataExchange(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> DataExchange:
        return DATA_EXCHANGE

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = write_exchange(tmp_path / "t.h5", FRAMES, ANGLES, flats=FRAMES[:2] + 100, darks=FRAMES[:1])
        return Sample(
            path,
            {"projection": 6, "flat": 2, "dark": 1, "x": 5},
            {"counts": FRAMES.sum(), "flats": (FRAMES[:2] + 100).sum(), "angle": ANGLES.sum()},
            {"technique": "tomo", "sample_name": "phantom"},
        )


class TestNxTomo(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> NxTomo:
        return NXTOMO

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = write_nxtomo(tmp_path / "t.nxs", FRAMES, KEY, ANGLES)
        return Sample(
            path,
            {"projection": 3, "flat": 2, "dark": 1},
            {"counts": FRAMES[3:].sum(), "flats": FRAMES[:2].sum(), "angle": ANGLES[3:].sum()},
            {"technique": "tomo", "distance_m": 0.12},
            halve=path.with_name("t-frames.h5"),
        )


class TestAzint(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> Azint:
        return AZINT

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        return Sample(
            write_azint(tmp_path / "scan-0001_pilatus_integrated.h5", Q, CURVES),
            {"frame": 2, "q": 40},
            {"intensity": CURVES.sum(), "q": Q.sum()},
            {"technique": "curve", "wavelength_angstrom": 0.4066},
        )


class TestContrast(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> ContrastScan:
        return MAXIV_CONTRAST

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = write_contrast(tmp_path, FRAMES, {"sx": np.arange(6.0), "xspress3": np.ones((6, 16))})
        return Sample(
            path,
            {"frame": 6, "y": 4, "x": 5, "channel": 16},
            {"counts": FRAMES.sum(), "sx": 15, "spectra": 96},
            {"technique": "image", "facility": "maxiv", "instrument": "nanomax"},
            flags=("units_unstated",),
            halve=path.with_name("scan_000042_eiger.hdf5"),
        )


class TestUsaxs(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> FlyScan:
        return USAXS_9ID

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        return Sample(
            write_usaxs(tmp_path / "s.h5", Q, 1 / Q),
            {"frame": 1, "q": 40},
            {"intensity": (1 / Q).sum(), "detector": 45},
            {"technique": "saxs", "wavelength_angstrom": 0.6888},
            flags=("slit_smeared", "blank_not_subtracted"),
        )


def test_an_energy_that_contradicts_the_wavelength_is_told(tmp_path: Path) -> None:
    path = write_cxi(tmp_path / "s.cxi", FRAMES, PLACES, energy_j=3e-15)

    assert "wavelength_contradicted" in {flag.code for flag in CXI_PTYCHOGRAPHY.open(path).flags}


def test_a_wavelength_follows_from_the_energy(tmp_path: Path) -> None:
    path = write_cxi(
        tmp_path / "s.cxi", FRAMES, PLACES, wavelength_m=None, energy_j=12.398419843e3 * 1.602176634e-19
    )

    assert CXI_PTYCHOGRAPHY.open(path).metadata.wavelength_angstrom == pytest.approx(1.0)


def test_frames_without_places_are_broken(tmp_path: Path) -> None:
    path = write_cxi(tmp_path / "s.cxi", FRAMES, PLACES[:4])

    assert "6 frames and 4 places" in CXI_PTYCHOGRAPHY.check(path).reason


def test_a_dead_link_that_is_not_needed_does_not_matter(tmp_path: Path) -> None:
    assert NXTOMO.check(write_nxtomo(tmp_path / "t.nxs", FRAMES, KEY, ANGLES)).state is State.READY


def test_frames_that_are_late_are_waited_for_then_lost(tmp_path: Path) -> None:
    path = write_nxtomo(tmp_path / "t.nxs", FRAMES, KEY, ANGLES, fault=Fault.DROP_FILE)
    fresh = NXTOMO.check(path)
    aged(path)

    assert (fresh.state, NXTOMO.check(path).state) == (State.WAIT, State.BROKEN)


def test_an_image_key_without_meaning_is_refused(tmp_path: Path) -> None:
    path = write_nxtomo(tmp_path / "t.nxs", FRAMES, KEY + 4, ANGLES)

    with pytest.raises(LayoutError, match="no meaning"):
        NXTOMO.open(path)


def test_a_scan_without_darks_is_read_and_told(tmp_path: Path) -> None:
    run = DATA_EXCHANGE.open(write_exchange(tmp_path / "t.h5", FRAMES, ANGLES, flats=FRAMES[:2]))

    assert "darks" not in run.data
    assert "flats_or_darks_absent" in {flag.code for flag in run.flags}


@pytest.mark.parametrize("generation", ["A", "B", "C"])
@pytest.mark.parametrize("axis", ["q", "2th"])
def test_three_generations_give_the_same_curves(tmp_path: Path, generation: str, axis: str) -> None:
    path = write_azint(
        tmp_path / "scan-0001_eiger_integrated.h5", Q, CURVES, generation=generation, axis=axis
    )  # type: ignore[arg-type]
    run = open_run(path)

    assert run.provenance.adapter == "maxiv_azint"
    np.testing.assert_allclose(run.data["intensity"].values, CURVES)
    np.testing.assert_allclose(run.data["q" if axis == "q" else "two_theta"].values, Q)


def test_bins_without_pixels_are_missing_not_zero(tmp_path: Path) -> None:
    norm = np.ones(40)
    norm[:3] = 0
    run = AZINT.open(write_azint(tmp_path / "s.h5", Q, CURVES, norm=norm))

    assert np.isnan(run.data["intensity"].values[:, :3]).all()
    assert np.isfinite(run.data["intensity"].values[:, 3:]).all()


def test_a_burst_at_each_position_is_added_up(tmp_path: Path) -> None:
    run = MAXIV_CONTRAST.open(write_contrast(tmp_path, FRAMES, {"sx": np.arange(3.0)}))

    np.testing.assert_array_equal(run.data["counts"].values, FRAMES.reshape(3, 2, 4, 5).sum(1))
    assert "burst_summed" in {flag.code for flag in run.flags}


def test_more_positions_than_frames_are_cut_and_told(tmp_path: Path) -> None:
    path = write_contrast(tmp_path, FRAMES, {"sx": np.arange(8.0), "sy": np.arange(8.0)})
    aged(*path.parent.iterdir())
    run = open_run(path)

    assert run.data["sx"].values.tolist() == [0, 1, 2, 3, 4, 5]
    assert "positions_and_frames_differ" in {flag.code for flag in run.flags}


def test_a_slow_axis_is_repeated_along_the_fast_one(tmp_path: Path) -> None:
    path = write_contrast(
        tmp_path, FRAMES, {"x": np.arange(6.0), "z": np.arange(6.0), "y": np.array([1.0, 2.0])}
    )

    assert MAXIV_CONTRAST.open(path).data["y"].values.tolist() == [1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("snapshot", ["snapshot", "snapshots/pre_scan"])
def test_snapshots_of_every_age_are_found(tmp_path: Path, snapshot: str) -> None:
    path = write_contrast(tmp_path, FRAMES, {"sx": np.arange(6.0)}, snapshot=snapshot)

    assert MAXIV_CONTRAST.open(path).metadata.raw["snapshot"] == {"energy": 10000.0}


def test_a_detector_file_that_is_late_is_waited_for(tmp_path: Path) -> None:
    path = write_contrast(tmp_path, FRAMES, {"sx": np.arange(6.0)}, fault=Fault.DROP_FILE)

    assert MAXIV_CONTRAST.check(path).state is State.WAIT


def test_a_detector_file_alone_says_that_its_master_is_absent(tmp_path: Path) -> None:
    part = write_contrast(tmp_path, FRAMES, {"sx": np.arange(6.0)}).with_name("scan_000042_eiger.hdf5")
    run = open_run(part)

    assert run.data.sizes["frame"] == 6
    assert "master_absent" in {flag.code for flag in run.flags}


def test_spectra_without_frames_are_fluorescence(tmp_path: Path) -> None:
    path = write_contrast(tmp_path, None, {"sx": np.arange(6.0), "xspress3": np.ones((6, 16))})

    assert MAXIV_CONTRAST.open(path).metadata.technique == "xrf"


def test_a_fly_scan_before_its_reduction_is_not_ready(tmp_path: Path) -> None:
    judged = USAXS_9ID.check(write_usaxs(tmp_path / "s.h5", Q, 1 / Q, reduced=False))

    assert "not been reduced" in judged.reason


COMPANIONS = {
    "karabo_data_map.json": '[\n {"filename": "RAW-R0001-DA01-S00000.h5", "size": 1, "train_ids": [1]}]',
    "geometry.poni": "# Nota: C-Order, 1 refers to the Y axis\nDistance: 1\n",
    "cell.cif": "data_x\n _space_group.name 'P m -3 m'\n _cell.length_a 3.88\n",
    "settings.cfg": '{\n    "ATSASDir": "/usr/bin"\n}',
    "info.txt": "run type:            regular\nrun name:            x_master.h5\n",
    "beamtime-metadata-1.json": '{"beamtimeId": "11017935", "beamline": "P11", "proposalId": 1}',
}


@pytest.mark.parametrize("name", COMPANIONS)
def test_what_lies_beside_runs_is_refused_with_what_it_is(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(COMPANIONS[name])

    assert registry().find(path)[0].name == "companion"
    assert "not a run" in COMPANION.check(path).reason
    with pytest.raises(AdapterError, match="not a run"):
        open_run(path)


def test_positions_of_a_scan_are_refused_with_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "positions.h5"
    with h5py.File(path, "w") as file:
        file["entry/gts_theta.value/gts_theta.value"] = np.arange(3.0)

    with pytest.raises(AdapterError, match="PandA"):
        open_run(path)

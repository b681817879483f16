"""Writers of small runs of LPD, DSSC and ePix of European XFEL, through the mock writers of EXtra-data."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Array = np.ndarray[Any, Any]
OLD = 1_700_000_000
EPIX_ROWS, EPIX_COLUMNS = 704, 768
# Raw frames of an ePix have rows at both ends that are there to calibrate it.
CALIBRATION_ROWS = 2


@dataclass(frozen=True)
class Mock:
    """One kind of detector: the name of its run's source, the prefix of its files, and its modules."""

    source: str
    prefix: str
    shape: tuple[int, int]
    modules: int = 16


LPD = Mock("FXE_DET_LPD1M-1", "LPD", (256, 256))
DSSC = Mock("SCS_DET_DSSC1M-1", "DSSC", (128, 512))


def module_frames(kind: Mock, module: int, trains: Sequence[int], pulses: int) -> Array:
    """(frame, y, x): a number of its own in each frame, on a ramp along rows and columns."""
    slow, fast = np.mgrid[: kind.shape[0], : kind.shape[1]]
    number = np.arange(len(trains) * pulses) + 10 * module
    frames: Array = (number[:, None, None] + (slow // 32 + fast // 32)).astype("u2")
    return frames


def write_modules(
    folder: Path,
    kind: Mock,
    trains: Sequence[int] = (10000, 10001),
    *,
    pulses: int = 3,
    modules: Sequence[int] | None = None,
    raw: bool = True,
    parallel_gain: bool = False,
) -> Path:
    """A run in `folder`; with parallel gain, pulse ids of a train are only good in its first third."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from extra_data.tests.mockdata import write_file
        from extra_data.tests.mockdata.detectors import DSSCModule, LPDModule

    folder.mkdir(parents=True, exist_ok=True)
    mock = LPDModule if kind is LPD else DSSCModule
    for module in range(kind.modules) if modules is None else modules:
        path = folder / f"{'RAW' if raw else 'CORR'}-R0009-{kind.prefix}{module:02d}-S00000.h5"
        device = mock(f"{kind.source}/DET/{module}CH0", frames_per_train=pulses, raw=raw)
        write_file(str(path), [device], ntrains=len(trains), chunksize=4, format_version="1.2")
        with h5py.File(path, "r+") as file:
            numbered(file, trains)
            image = file[f"INSTRUMENT/{kind.source}/DET/{module}CH0:xtdf/image"]
            frames = module_frames(kind, module, trains, pulses)
            image["data"][:] = frames[:, None] if raw else frames
            if parallel_gain:
                ids = np.tile(np.arange(pulses) % (pulses // 3), len(trains))
                image["pulseId"][:] = ids.reshape(image["pulseId"].shape)
        os.utime(path, (OLD, OLD))
    return folder


def numbered(file: h5py.File, trains: Sequence[int]) -> None:
    """Give the trains of a file their ids."""
    ids = np.zeros(len(file["INDEX/trainId"]), "u8")
    ids[: len(trains)] = trains
    file["INDEX/trainId"][:] = ids
    file["INDEX/timestamp"][:] = np.where(ids > 0, OLD * 10**9 + ids * 100_000_000, 0)


def epix_frames(trains: Sequence[int]) -> Array:
    """(train, y, x) of the pixels that see light."""
    slow, fast = np.mgrid[:EPIX_ROWS, :EPIX_COLUMNS]
    numbers = np.arange(len(trains))
    frames: Array = (numbers[:, None, None] + slow // 100 + fast // 100).astype("u2")
    return frames


def write_epix(folder: Path, trains: Sequence[int] = (10000, 10001), *, raw: bool = True) -> Path:
    """A run of one ePix100; raw frames with their rows for calibration, which hold 60000."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from extra_data.tests.mockdata import write_file
        from extra_data.tests.mockdata.base import DeviceBase

    rows = EPIX_ROWS + 2 * CALIBRATION_ROWS if raw else EPIX_ROWS

    class Epix100(DeviceBase):  # type: ignore[misc]
        output_channels = ("daqOutput/data",)
        instrument_keys = (("image/pixels", "u2" if raw else "f4", (rows, EPIX_COLUMNS)),)

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{'RAW' if raw else 'CORR'}-R0009-EPIX01-S00000.h5"
    write_file(
        str(path), [Epix100("HED_IA1_EPX100-1/DET/RECEIVER")], len(trains), chunksize=4, format_version="1.2"
    )
    with h5py.File(path, "r+") as file:
        numbered(file, trains)
        pixels = file["INSTRUMENT/HED_IA1_EPX100-1/DET/RECEIVER:daqOutput/data/image/pixels"]
        frames = np.full((len(trains), rows, EPIX_COLUMNS), 60000, pixels.dtype)
        edge = CALIBRATION_ROWS if raw else 0
        frames[:, edge : edge + EPIX_ROWS] = epix_frames(trains)
        pixels[: len(trains)] = frames
    os.utime(path, (OLD, OLD))
    return folder


def write_quadrants(path: Path, *, tiles: int = 16) -> Path:
    """A geometry in HDF5: of an LPD with 16 tiles a module, of a DSSC with 2; lengths in mm."""
    with h5py.File(path, "w") as file:
        for quadrant in range(1, 5):
            for module in range(1, 5):
                place = [130.0 * (module % 2), 128.0 * (module // 3)]
                file[f"Q{quadrant}/M{module}/Position"] = np.array(place)
                for tile in range(1, tiles + 1):
                    # Two columns of eight tiles, or two tiles side by side.
                    column, row = divmod(tile - 1, tiles // 2)
                    place = [66.0 * column, 16.3 * row]
                    file[f"Q{quadrant}/M{module}/T{tile:02d}/Position"] = np.array(place)
    return path


def _two(kind: Mock) -> Callable[[Path], Path]:
    return lambda folder: write_modules(folder / "r0009", kind, modules=(0, 1))


GALLERY: dict[str, Callable[[Path], Path]] = {}
if find_spec("extra_data") is not None:
    GALLERY = {
        "euxfel_lpd": _two(LPD),
        "euxfel_dssc": _two(DSSC),
        "euxfel_geometry": lambda folder: write_quadrants(folder / "lpd.h5"),
        "euxfel_epix": lambda folder: write_epix(folder / "r0009"),
    }

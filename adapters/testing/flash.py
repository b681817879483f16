"""Writers of FLASH user DAQ files: channels of index and value, electrons of a delay-line detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from adapters.testing.images import truncate

Array = np.ndarray[Any, Any]
DLD = "uncategorised/FLASH.EXP/HEXTOF.DAQ/DLD1"
GMD = "FL1/Photon Diagnostic/GMD/Pulse resolved energy/energy tunnel"
DELAY = "zraw/FLASH.SYNC/LASER.LOCK.EXP/F1.PG.OSC/FMC0.MD22.1.ENCODER_POSITION.RD/dGroup"


class FlashFault(StrEnum):
    """What may be wrong with a file of the DAQ."""

    TRUNCATE = "truncate"
    NO_VALUES = "no_values"
    FEWER_VALUES = "fewer_values"
    DANGLING = "dangling"


@dataclass(frozen=True)
class Values:
    """A channel to be written: train ids, and as many values."""

    trains: Array
    values: Array


def flash_name(number: int = 1, run: int = 43878, stream: str = "FLASH1_USER3_stream_2") -> str:
    """A name as the DAQ gives it."""
    return f"{stream}_run{run}_file{number}_20230130T153807.1.h5"


def electrons(counts: Sequence[int], width: int, *, first: int = 0) -> Array:
    """Rows y, x, pulse, time, auxiliary of (train, 5, width), NaN where no electron; numbered through."""
    found = np.full((len(counts), 5, width), np.nan, "f4")
    number = first
    for train, count in enumerate(counts):
        each = np.arange(number, number + count)
        found[train, 0, :count] = 700 + each % 50
        found[train, 1, :count] = 500 + each % 40
        found[train, 2, :count] = 5 + each % 7
        found[train, 3, :count] = 8 * (5000 + each % 300) + each % 8
        found[train, 4, :3] = (31.5, 20.0, 7999.5)
        number += count
    return found


def write_flash(
    path: Path, channels: Mapping[str, Values], *, fault: FlashFault | None = None, victim: str = DLD
) -> Path:
    """One file of the DAQ; the fault strikes the channel `victim`."""
    with h5py.File(path, "w") as file:
        for name, each in channels.items():
            group = file.create_group(name)
            group["index"] = each.trains.astype("u4")
            values = each.values
            if name == victim and fault is FlashFault.NO_VALUES:
                values = values[:0]
            if name == victim and fault is FlashFault.FEWER_VALUES:
                values = values[:-1]
            group["value"] = values
        if fault is FlashFault.DANGLING:
            file["FL1/lost"] = h5py.SoftLink("/FL1/nowhere")
    return truncate(path) if fault is FlashFault.TRUNCATE else path


def hextof(
    first: int = 1648851400, trains: int = 6, *, counts: Sequence[int] = (3, 0, 5, 2, 4, 1)
) -> dict[str, Values]:
    """Electrons of every train, pulse energies one train later, and a slow delay stage every third train."""
    index = np.arange(first, first + trains, dtype="u8")
    energy = np.zeros((trains, 8, 4), "f4")
    energy[:, 0] = 3.5 + 0.01 * np.arange(trains)[:, None]
    energy[:, 7, 2:] = np.nan
    slow = index[2::3]
    return {
        DLD: Values(index, electrons([counts[each % len(counts)] for each in range(trains)], 8)),
        GMD: Values(index + 1, energy),
        DELAY: Values(slow, (1462.5 + 0.25 * np.arange(len(slow))).astype("f4")),
    }

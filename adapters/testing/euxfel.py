"""Writers of small European XFEL runs through the mock writers of EXtra-data; each can go wrong."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from adapters.testing.images import truncate

Array = np.ndarray[Any, Any]
AGIPD = "HED_DET_AGIPD500K2G"
XGM = "HED_XTD6_XGM/DOOCS/MAIN"
# Real modules have 512 x 128 pixels; the layout does not depend on it.
SHAPE = (8, 4)
STAMP = 1_700_000_000_000_000_000


class EuxfelFault(StrEnum):
    """What may be wrong with a run."""

    DROP_MODULE = "drop_module"
    DROP_FRAMES = "drop_frames"
    TRUNCATE = "truncate"
    SUSPECT_TRAIN = "suspect_train"
    ZERO_TRAIN = "zero_train"
    BOGUS_TRAIN = "bogus_train"
    INDEX_TOO_FAR = "index_too_far"
    CUT_METADATA = "cut_metadata"


def frame_value(module: int, train: int, pulse: int) -> int:
    """What stands in the first pixel of a frame; no two frames have the same."""
    return 1000 * module + 10 * (train % 90) + pulse + 1


def agipd_frames(module: int, trains: Sequence[int], pulses: int, *, raw: bool = True) -> Array:
    """Frames of one module as stored: the value of each in its first pixel, beside raw ones a gain plane."""
    shape = (2, *SHAPE) if raw else SHAPE
    frames = np.zeros((len(trains) * pulses, *shape), "u2" if raw else "f4")
    flat = frames.reshape(len(frames), -1)
    values = [frame_value(module, train, pulse) for train in trains for pulse in range(pulses)]
    flat[:, 0] = values
    if raw:
        frames[:, 1] = 5000 + module
    return frames


def write_module(
    folder: Path,
    module: int,
    trains: Sequence[int],
    *,
    pulses: int = 2,
    run: int = 7,
    sequence: int = 0,
    raw: bool = True,
    version: str = "1.2",
    fault: EuxfelFault | None = None,
) -> Path:
    """One file of one AGIPD module with the trains given, in their order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from extra_data.tests.mockdata import write_file
        from extra_data.tests.mockdata.detectors import AGIPDModule

    class Small(AGIPDModule):  # type: ignore[misc]
        image_dims = (2, *SHAPE)

    kind = "RAW" if raw else "CORR"
    path = folder / f"{kind}-R{run:04d}-AGIPD{module:02d}-S{sequence:05d}.h5"
    if raw:
        device = Small(f"{AGIPD}/DET/{module}CH0", frames_per_train=pulses)
    else:
        device = Small(
            f"{AGIPD}/CORR/{module}CH0",
            frames_per_train=pulses,
            raw=False,
            channel_name="output",
            legacy_name=f"{AGIPD}/DET/{module}CH0",
        )
    count = max(len(trains), 1)
    write_file(str(path), [device], ntrains=count, chunksize=4, format_version=version)
    source = f"{AGIPD}/DET/{module}CH0:xtdf" if raw else f"{AGIPD}/CORR/{module}CH0:output"
    with h5py.File(path, "r+") as file:
        _number_trains(file, trains)
        image = file[f"INSTRUMENT/{source}/image"]
        if len(trains):
            image["data"][:] = agipd_frames(module, trains, pulses, raw=raw)
            ids = np.repeat(np.array(trains, "u8"), pulses)
            image["trainId"][:] = ids.reshape(image["trainId"].shape)
        if not raw:
            image["mask"][:, 1, 1] = 1
            image["gain"][:] = module % 3
        _spoil(file, source, fault)
    return truncate(path) if fault is EuxfelFault.TRUNCATE else path


def _number_trains(file: h5py.File, trains: Sequence[int]) -> None:
    index = file["INDEX"]
    ids = np.zeros(len(index["trainId"]), "u8")
    ids[: len(trains)] = trains
    index["trainId"][:] = ids
    if "timestamp" in index:
        index["timestamp"][:] = np.where(ids > 0, STAMP + ids * 100_000_000, 0)
    if "METADATA/creationDate" in file:
        for name in ("creationDate", "updateDate"):
            file[f"METADATA/{name}"][:] = [b"20231114T221320Z"]


def _spoil(file: h5py.File, source: str, fault: EuxfelFault | None) -> None:
    if fault is EuxfelFault.SUSPECT_TRAIN:
        file["INDEX/flag"][1] = 0
    if fault is EuxfelFault.ZERO_TRAIN:
        file["INDEX/trainId"][1] = 0
    if fault is EuxfelFault.BOGUS_TRAIN:
        file["INDEX/trainId"][1] = 2**60
    if fault is EuxfelFault.INDEX_TOO_FAR:
        file[f"INDEX/{source}/image/count"][-1] += 5
    if fault is EuxfelFault.DROP_FRAMES:
        # The module has nothing of the second train, as happens in the first trains of a run.
        file[f"INDEX/{source}/image/count"][1] = 0
    if fault is EuxfelFault.CUT_METADATA:
        del file["METADATA"]


def write_xgm(
    folder: Path,
    trains: Sequence[int],
    *,
    run: int = 7,
    sequence: int = 0,
    version: str = "1.2",
    raw: bool = True,
) -> Path:
    """A file of a gas monitor: pulse j of the train at place i has the energy 100 + 10 i + j, the flux i."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from extra_data.tests.mockdata import write_file
        from extra_data.tests.mockdata.xgm import XGM as Monitor  # noqa: N811 (a class named like an acronym)

    kind = "RAW" if raw else "CORR"
    path = folder / f"{kind}-R{run:04d}-DA01-S{sequence:05d}.h5"
    count = max(len(trains), 1)
    write_file(str(path), [Monitor(XGM)], ntrains=count, chunksize=4, format_version=version)
    with h5py.File(path, "r+") as file:
        _number_trains(file, trains)
        group = file[f"INSTRUMENT/{XGM}:output/data"]
        places = np.arange(len(trains))
        group["intensityTD"][: len(trains), :4] = 100 + 10 * places[:, None] + np.arange(4)
        group["trainId"][: len(trains)] = np.array(trains, "u8")
        flux = file[f"CONTROL/{XGM}/pulseEnergy/photonFlux/value"]
        flux[: len(trains)] = places
        flux.attrs["metricPrefixSymbol"], flux.attrs["unitSymbol"] = "u", "J"
    return path


def write_run(
    folder: Path,
    trains: Sequence[int] = (10000, 10001, 10002),
    *,
    pulses: int = 2,
    modules: Sequence[int] = tuple(range(8)),
    raw: bool = True,
    version: str = "1.2",
    fault: EuxfelFault | None = None,
    victim: int = 3,
) -> Path:
    """A run of an AGIPD of eight modules with a gas monitor; the fault strikes the module `victim`."""
    folder.mkdir(parents=True, exist_ok=True)
    for module in modules:
        if fault is EuxfelFault.DROP_MODULE and module == victim:
            continue
        own = fault if module == victim else None
        write_module(folder, module, trains, pulses=pulses, raw=raw, version=version, fault=own)
    if raw:
        write_xgm(folder, trains, version=version)
    return folder


def write_mcp(path: Path, counts: Sequence[int] = (3, 0, 2), *, width: int = 5) -> Path:
    """A file of the delay-line detector of SXP cut down for sharing: no METADATA, no index of sources."""
    trains = np.arange(20000, 20000 + len(counts), dtype="u8")
    filled = np.arange(width) < np.array(counts)[:, None]
    number = np.where(filled, np.cumsum(filled.ravel()).reshape(filled.shape), 0)
    with h5py.File(path, "w") as file:
        file["INDEX/trainId"], file["INDEX/timestamp"] = trains, STAMP + trains * 100_000_000
        group = file.create_group("INSTRUMENT/SXP_TR_XPES/DET/MCP_DETECTOR:output/data")
        # The last train of the detector lies behind the index.
        group["trainId"] = trains + 1
        group["x"] = (1000 + number).astype("u2") * filled
        group["y"] = (2000 + number).astype("u2") * filled
        group["t"] = (900_000 + number).astype("u8") * filled
        stage = file.create_group("CONTROL/SCS_ILH_LAS/MDL/OPTICALDELAY_PP800/actualPosition")
        stage["value"], stage["timestamp"] = 100.0 + 0.5 * np.arange(len(trains)), trains
    return path

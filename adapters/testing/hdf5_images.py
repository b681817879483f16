"""Writers of HDF5 detector files as Dectris, beamlines and NXmx leave them, for tests; each can go wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from adapters.testing.images import Fault, Image, truncate

DETECTOR = "entry/instrument/detector"


def compressed(group: h5py.Group, name: str, frames: Image) -> h5py.Dataset:
    """`frames` as detectors store them: one frame a chunk, bitshuffle and LZ4."""
    import hdf5plugin

    packing = hdf5plugin.Bitshuffle(nelems=0, cname="lz4")
    shape = frames.shape[1:]
    return group.create_dataset(name, data=frames, chunks=(1, *shape), maxshape=(None, *shape), **packing)


def write_data_file(path: Path, frames: Image, first: int = 1) -> Path:
    """One Dectris data file whose frames are numbered from `first`."""
    with h5py.File(path, "w") as file:
        stored = compressed(file, "entry/data/data", frames)
        stored.attrs["image_nr_low"] = np.int32(first)
        stored.attrs["image_nr_high"] = np.int32(first + len(frames) - 1)
    return path


def _data_files(folder: Path, stem: str, frames: Image, per_file: int) -> list[Path]:
    starts = range(0, len(frames), per_file)
    return [
        write_data_file(folder / f"{stem}_data_{number:06d}.h5", frames[start : start + per_file], start + 1)
        for number, start in enumerate(starts, start=1)
    ]


def _spoilt(files: list[Path], fault: Fault | None, drop: int) -> None:
    if fault is Fault.TRUNCATE:
        truncate(files[-1])
    if fault is Fault.DROP_FILE:
        files[drop].unlink()


def _numbers(
    file: h5py.File,
    *,
    wavelength_angstrom: float | None = 1.0,
    distance_m: float | None = 2.5,
    beam_px: tuple[float, float] = (3.5, 2.5),
    pixel_m: float = 75e-6,
    exposure_s: float = 0.1,
    distance_unit: str = "m",
) -> None:
    detector = file.require_group(DETECTOR)
    stated: dict[str, tuple[Any, str]] = {
        "beam_center_x": (beam_px[0], "pixel"),
        "beam_center_y": (beam_px[1], "pixel"),
        "x_pixel_size": (pixel_m, "m"),
        "y_pixel_size": (pixel_m, "m"),
        "count_time": (exposure_s, "s"),
        "detector_distance": (distance_m, distance_unit),
    }
    for name, (value, unit) in stated.items():
        if value is not None:
            detector[name] = value
            detector[name].attrs["units"] = unit
    if wavelength_angstrom is not None:
        file["entry/instrument/beam/incident_wavelength"] = wavelength_angstrom
        file["entry/instrument/beam/incident_wavelength"].attrs["units"] = "angstrom"


def write_dectris(
    folder: Path,
    frames: Image,
    *,
    stem: str = "series_1",
    per_file: int = 2,
    promised: int | None = None,
    mask: Image | None = None,
    fault: Fault | None = None,
    drop: int = 0,
    **said: Any,
) -> Path:
    """A filewriter-1 master and its data files; DROP_FILE deletes the data file at place `drop`."""
    files = _data_files(folder, stem, frames, per_file)
    said |= {"distance_unit": "s"} if fault is Fault.WRONG_UNIT else {}
    with h5py.File(folder / f"{stem}_master.h5", "w") as file:
        data = file.create_group("entry/data")
        for number, part in enumerate(files, start=1):
            inside = "/entry/nowhere" if fault is Fault.DANGLING else "/entry/data/data"
            data[f"data_{number:06d}"] = h5py.ExternalLink(part.name, inside)
        _numbers(file, **said)
        specific = file.create_group(f"{DETECTOR}/detectorSpecific")
        specific["nimages"], specific["ntrigger"] = promised or len(frames), 1
        specific["data_collection_date"] = "2026-01-01T12:00:00.000+01:00"
        specific["pixel_mask"] = np.zeros(frames.shape[1:], "u4") if mask is None else mask
        file[f"{DETECTOR}/description"] = "Dectris EIGER2 Si 4M"
    _spoilt(files, fault, drop)
    return folder / f"{stem}_master.h5"


def write_filewriter2(folder: Path, frames: Image, *, stem: str = "series_2", **said: Any) -> Path:
    """A filewriter-2 master: one virtual dataset (frame, channel, y, x) over its data file."""
    part = folder / f"{stem}_data_000001.h5"
    with h5py.File(part, "w") as file:
        compressed(file, "entry/data/data", frames[:, None])
    with h5py.File(folder / f"{stem}_master.h5", "w") as file:
        _virtual(file, {part.name: len(frames)}, frames[:, None], "entry/data/data")
        file["entry/data/image_id"] = np.arange(1, len(frames) + 1)
        file["entry/program_name"], file["entry/definition"] = "DECTRIS-DAQ", "NXmx"
        _numbers(file, **said)
    return folder / f"{stem}_master.h5"


def _virtual(file: h5py.File, parts: dict[str, int], frames: Image, inside: str) -> None:
    layout = h5py.VirtualLayout(frames.shape, frames.dtype)
    start = 0
    for name, count in parts.items():
        source = h5py.VirtualSource(name, inside, (count, *frames.shape[1:]), frames.dtype)
        layout[start : start + count] = source
        start += count
    file.create_virtual_dataset("entry/data/data", layout)


def write_nxmx(
    folder: Path,
    frames: Image,
    *,
    stem: str = "mx_1",
    per_file: int = 2,
    source: str = "A Light Source",
    fault: Fault | None = None,
    drop: int = 0,
    **said: Any,
) -> Path:
    """An NXmx file whose frames are a virtual dataset over data files."""
    files = _data_files(folder, stem, frames, per_file)
    counts = [min(per_file, len(frames) - start) for start in range(0, len(frames), per_file)]
    said |= {"distance_unit": "s"} if fault is Fault.WRONG_UNIT else {}
    with h5py.File(folder / f"{stem}.nxs", "w") as file:
        inside = "entry/nowhere" if fault is Fault.DANGLING else "entry/data/data"
        names = [part.name for part in files]
        _virtual(file, dict(zip(names, counts, strict=True)), frames, inside)
        file["entry/definition"] = "NXmx"
        file["entry/instrument/source/name"] = source
        file["entry/instrument/name"] = "beamline 7"
        _numbers(file, **said)
    _spoilt(files, fault, drop)
    return folder / f"{stem}.nxs"


def write_cosaxs(
    folder: Path,
    frames: Image,
    *,
    sequence: Image | None = None,
    asked: int | None = None,
    detector: str = "eiger",
    number: int = 1,
    rotate: int | None = None,
    fault: Fault | None = None,
) -> Path:
    """A MAX IV scan in the folder of a CoSAXS visit below `folder`, with its detector file."""
    home = folder / "data/visitors/cosaxs/20260001/2026010108/raw"
    home.mkdir(parents=True, exist_ok=True)
    part = home / f"scan-{number:04d}_{detector}.h5"
    numbers = np.arange(len(frames), dtype="u4") if sequence is None else sequence
    lost = int(numbers.max()) - int(numbers.min()) + 1 - len(numbers) if len(numbers) else 0
    with h5py.File(part, "w") as file:
        group = file.create_group(f"entry/instrument/{detector}")
        compressed(group, "data", frames)
        group["sequence_number"] = numbers
        group["count_time"] = 0.5
        if rotate is not None:
            group["rotate"] = rotate
        if fault is Fault.WRONG_UNIT:
            group["count_time"].attrs["units"] = "kg"
        group["nimages"], group["ntrigger"] = asked or len(frames) + lost, 1
    with h5py.File(home / f"scan-{number:04d}.h5", "w") as file:
        inside = "/entry/instrument/nothing" if fault is Fault.DANGLING else f"/entry/instrument/{detector}"
        file["entry/title"] = "ascan samx 0 1 2 0.5"
        file["entry/instrument/albaem-01_ch1/data"] = np.linspace(1.0, 1.1, len(frames))
        file[f"entry/instrument/{detector}"] = h5py.ExternalLink(part.name, inside)
    _spoilt([part], fault, 0)
    return home / f"scan-{number:04d}.h5"

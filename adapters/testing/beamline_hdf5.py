"""Writers of HDF5 files of scans, tomography and integrated data, for tests; each can be told to go wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from adapters.testing.hdf5_images import compressed
from adapters.testing.images import Fault, truncate

Numbers = NDArray[Any]


def _stated(file: h5py.Group, name: str, value: Any, unit: str | None) -> None:
    file[name] = value
    if unit is not None:
        file[name].attrs["units"] = unit


def write_cxi(
    path: Path,
    frames: Numbers,
    places_m: Numbers,
    *,
    mask: Numbers | None = None,
    wavelength_m: float | None = 9.79e-11,
    energy_j: float | None = None,
    distance_m: float = 1.12,
) -> Path:
    """A CXI file of a scanned probe: frames (n, y, x) and places (n, 3) of the sample."""
    with h5py.File(path, "w") as file:
        file["cxi_version"] = 160
        detector = file.create_group("entry_1/instrument_1/detector_1")
        detector["data"], detector["distance"] = frames, distance_m
        detector["x_pixel_size"] = detector["y_pixel_size"] = 55e-6
        detector["mask"] = np.zeros(frames.shape[1:], "u4") if mask is None else mask
        source = file.create_group("entry_1/instrument_1/source_1")
        if wavelength_m is not None:
            source["wavelength"] = wavelength_m
        if energy_j is not None:
            source["energy"] = energy_j
        file["entry_1/sample_1/geometry_1/translation"] = places_m
        file["entry_1/data_1/data"] = h5py.SoftLink("/entry_1/instrument_1/detector_1/data")
    return path


def write_exchange(
    path: Path,
    projections: Numbers,
    angles: Numbers,
    *,
    flats: Numbers | None = None,
    darks: Numbers | None = None,
) -> Path:
    """Tomography as Data Exchange: projections (n, y, x) and angles (n,) in degree."""
    with h5py.File(path, "w") as file:
        file["implements"] = "exchange:measurement"
        file["exchange/data"] = projections
        _stated(file, "exchange/theta", angles, "degrees")
        for name, frames in (("data_white", flats), ("data_dark", darks)):
            if frames is not None:
                file[f"exchange/{name}"] = frames
        file["measurement/sample/name"] = "phantom"
    return path


def write_nxtomo(
    path: Path, frames: Numbers, key: Numbers, angles: Numbers, *, fault: Fault | None = None
) -> Path:
    """Tomography as NXtomo with its frames in a file beside it; one dead link does not matter, one does."""
    part = path.with_name(f"{path.stem}-frames.h5")
    with h5py.File(part, "w") as file:
        file["entry/detector/detector"] = frames
    with h5py.File(path, "w") as file:
        file["entry/definition"] = "NXtomo"
        detector = file.create_group("entry/instrument/detector")
        detector["image_key"] = key
        detector["data"] = h5py.ExternalLink(part.name, "/entry/detector/detector")
        _stated(detector, "distance", 120.0, "mm")
        _stated(file, "entry/sample/rotation_angle", angles, "degree")
        file["entry/sample/name"] = "phantom"
        file["entry/instrument/unused"] = h5py.ExternalLink("not-there.h5", "/entry")
    if fault is Fault.DROP_FILE:
        part.unlink()
    if fault is Fault.TRUNCATE:
        truncate(part)
    return path


def write_azint(
    path: Path,
    radial: Numbers,
    intensity: Numbers,
    *,
    generation: Literal["A", "B", "C"] = "C",
    axis: Literal["q", "2th"] = "q",
    norm: Numbers | None = None,
) -> Path:
    """Integrated curves (n, radial) as one of the three generations of MAX IV's pipelines."""
    with h5py.File(path, "w") as file:
        if generation == "A":
            file["I"], file[axis] = intensity, radial
        elif generation == "B":
            group = file.create_group("entry/data1d")
            group["I"], group["I_error"], group[axis] = intensity, np.sqrt(np.abs(intensity)), radial
            file["entry/azint/version"] = "azint 0.9"
        else:
            _third(file, radial, intensity, axis, norm)
    return path


def _third(file: h5py.File, radial: Numbers, intensity: Numbers, axis: str, norm: Numbers | None) -> None:
    file["entry/definition"], file["entry/reduction/program"] = "NXazint1d", "azint-pipeline"
    _stated(file, "entry/instrument/monochromator/wavelength", 0.4066, "angstrom")
    group = file.create_group("entry/data")
    unit = "1/angstrom" if axis == "q" else "degrees"
    _stated(group, "I", intensity, "arbitrary units")
    _stated(group, "I_errors", np.sqrt(np.abs(intensity)), "arbitrary units")
    _stated(group, "radial_axis", radial, unit)
    group["radial_axis"].attrs["long_name"] = "q" if axis == "q" else "2theta"
    group["norm"] = np.ones(len(radial)) if norm is None else norm


def write_lambda(
    folder: Path,
    modules: Sequence[Numbers],
    offsets: Sequence[tuple[int, int]],
    *,
    promised: int | None = None,
    masks: Sequence[Numbers] | None = None,
    numbers: Sequence[Numbers] | None = None,
    fault: Fault | None = None,
    drop: int = 1,
) -> Path:
    """A LAMBDA scan in a new folder: a file a module, frames (n, y, x), offsets (x, y) in pixels."""
    home = folder / "scan_00001"
    home.mkdir()
    for place, (frames, offset) in enumerate(zip(modules, offsets, strict=True)):
        path = home / f"scan_00001_m{place + 1}_part00000.nxs"
        with h5py.File(path, "w") as file:
            detector = file.create_group("entry/instrument/detector")
            stored = detector.create_dataset(
                "data", data=frames, chunks=(1, *frames.shape[1:]), compression="gzip"
            )
            detector["sequence_number"] = np.arange(1, len(stored) + 1) if numbers is None else numbers[place]
            detector["description"], detector["local_name"] = ["Lambda"], ["haspp02lmbd01a"]
            detector["pixel_mask"] = (np.zeros(frames.shape[1:], "u4") if masks is None else masks[place])[
                None
            ]
            exposure = "kg" if fault is Fault.WRONG_UNIT else "millisecond"
            _stated(detector, "count_time", [100.0], exposure)
            _stated(detector, "x_pixel_size", [55.0], "micrometer")
            _stated(detector, "y_pixel_size", [55.0], "micrometer")
            _stated(detector, "collection/beam_energy", [12000.0], "eV")
            detector["collection/frame_numbers"] = [promised or len(frames)]
            _stated(detector, "translation/distance", np.array([*offset, 0], "f4"), "pixel")
    if fault is Fault.DROP_FILE:
        (home / f"scan_00001_m{drop + 1}_part00000.nxs").unlink()
    if fault is Fault.TRUNCATE:
        truncate(home / f"scan_00001_m{drop + 1}_part00000.nxs")
    return home


def write_contrast(
    folder: Path,
    frames: Numbers | None,
    columns: dict[str, Numbers],
    *,
    number: int = 42,
    snapshot: str = "snapshots/pre_scan",
    fault: Fault | None = None,
) -> Path:
    """A NanoMAX scan below `folder` in the place of a visit, with its detector file."""
    home = folder / "data/visitors/nanomax/20260001/2026010108/raw/sample"
    home.mkdir(parents=True, exist_ok=True)
    part = home / f"scan_{number:06d}_eiger.hdf5"
    if frames is not None:
        with h5py.File(part, "w") as file:
            compressed(file.require_group("entry/instrument/Eiger"), "data", frames)
    with h5py.File(home / f"{number:06d}.h5", "w") as file:
        file["entry/description"] = np.array([b"mesh sx -1 1 4 sy -2 2 5 eiger 0.1"], "S100")
        file[f"entry/{snapshot}/energy"] = [10000.0]
        file[f"entry/{snapshot}/gadget"] = np.array([b"None"], "S100")
        if frames is not None:
            inside = "entry/nothing" if fault is Fault.DANGLING else "entry/instrument/Eiger/data"
            file["entry/measurement/eiger/frames"] = h5py.ExternalLink(part.name, inside)
        for name, values in columns.items():
            file[f"entry/measurement/{name}"] = values
    if fault is Fault.DROP_FILE:
        part.unlink()
    if fault is Fault.TRUNCATE:
        truncate(part)
    return home / f"{number:06d}.h5"


def write_usaxs(path: Path, q: Numbers, reflectivity: Numbers, *, reduced: bool = True) -> Path:
    """A fly scan of the USAXS instrument at APS 9-ID."""
    with h5py.File(path, "w") as file:
        file["entry/instrument/name"] = [b"APS USAXS at 9-ID-C"]
        _stated(file, "entry/instrument/monochromator/wavelength", [0.6888], "Angstrom")
        file["entry/sample/name"] = [b"GlassyCarbon"]
        for channel in ("mca1", "mca2", "mca3"):
            _stated(file, f"entry/flyScan/{channel}", np.arange(10), "pulses")
        if reduced:
            _stated(file, "entry/flyScan_reduced_250/Q", q, "1/A")
            _stated(file, "entry/flyScan_reduced_250/R", reflectivity, "none")
            _stated(file, "entry/flyScan_reduced_250/dR", reflectivity / 100, "none")
    return path

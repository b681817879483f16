"""Series of curves, as of a chromatography run, in the HDF5 files of BioXTAS RAW."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from adapters.errors import AdapterError, CorruptFileError, LayoutError
from adapters.formats import bioxtas, hdf5
from adapters.formats.curve import Columns, Read, measurement
from adapters.formats.q_unit import TakesQUnit, settled
from adapters.model import Flag, Measurement, Readiness
from adapters.protocol import Confidence, Probe

KIND = "RAW_Series"


@dataclass(frozen=True)
class RawSeries(TakesQUnit):
    """A reader of RAW's series; frames are joined by their numbers."""

    name: str = "bioxtas_series"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the attribute that names the kind of file."""
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                kind = hdf5.text(file.attrs.get("file_type", ""))
        except AdapterError:
            return Confidence.NO
        return Confidence.CONTENT if kind == KIND else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether there is a profile for every frame number."""
        whole = hdf5.check(path)
        if whole != Readiness.ready():
            return whole
        try:
            with hdf5.opened(path) as file:
                numbers, names = _frames(file)
        except AdapterError as error:
            return Readiness.broken(str(error))
        if len(numbers) != len(names):
            return Readiness.broken(f"{path} holds {len(names)} profiles for {len(numbers)} frames")
        return whole

    def open(self, path: Path) -> Measurement:
        """All profiles on their common axis of q."""
        with hdf5.opened(path) as file:
            numbers, names = _frames(file)
            profiles = file["profiles"]
            q = np.asarray(hdf5.require(file, "profiles/q")[()], np.float64)
            if q.ndim != 1:
                raise LayoutError(path, f"profiles/q has the shape {q.shape}, not one axis")
            stack = np.stack([_profile(path, profiles[name], q.size) for name in names])
            said = _parameters(path, profiles[names[0]])
        fields = bioxtas.said_fields(said)
        unit = settled(path, bioxtas.evidence(q, fields, said), self.q_unit)
        read = Read(
            technique="saxs",
            intensity_unit=bioxtas.intensity_unit(said),
            fields=fields,
            raw={**said, "filename": None},
            flags=_gaps(numbers),
        )
        run = measurement(path, self.name, Columns(q, stack[..., 0], stack[..., 1]), unit, read)
        frame = ("frame", numbers, {"units": "dimensionless"})
        return replace(run, data=run.data.assign_coords(frame=frame))


def _frames(file: h5py.File) -> tuple[np.ndarray[Any, Any], list[str]]:
    numbers = np.asarray(hdf5.require(file, "frame_numbers")[()])
    if numbers.dtype.kind not in "iu" or numbers.ndim != 1:
        raise LayoutError(
            file.filename, f"frame_numbers are {numbers.dtype} {numbers.shape}, not whole numbers"
        )
    names = sorted(name for name in file["profiles"] if name.isdigit())
    if not names:
        raise LayoutError(file.filename, "it holds no profiles")
    return numbers, names


def _profile(path: Path, dataset: h5py.Dataset, points: int) -> np.ndarray[Any, Any]:
    if dataset.shape != (points, 2):
        raise LayoutError(path, f"{dataset.name} is {dataset.shape}, not ({points}, 2)")
    return np.asarray(dataset[()], np.float64)


def _parameters(path: Path, dataset: h5py.Dataset) -> dict[str, Any]:
    try:
        said = json.loads(hdf5.text(dataset.attrs.get("parameters", "{}")))
    except ValueError as error:
        raise CorruptFileError(path, f"the parameters of {dataset.name} are not JSON ({error})") from error
    return said if isinstance(said, dict) else {}


def _gaps(numbers: np.ndarray[Any, Any]) -> tuple[Flag, ...]:
    steps = np.diff(numbers)
    if (steps == 1).all():
        return ()
    said = f"{int((steps != 1).sum())} times the frame number does not go up by one"
    return (Flag.caution("frames_not_consecutive", said),)


RAW_SERIES = RawSeries()

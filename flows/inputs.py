"""Find, open and check what a flow was pointed at, before anything is computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adapters.errors import AdapterError, UnknownFormatError, UnsuitedError
from adapters.formats import poni
from adapters.model import Geometry, Input, Measurement
from adapters.registry import open_run, registry
from flows.order import input_of, inputs_of
from flows.parameters import DetectorFiles, ReadingParameters
from tasks.common.integration import Corrections


class UnreadableInputsError(AdapterError):
    """Several runs cannot be read; each is listed with its reason."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__(reasons)
        self.reasons = tuple(reasons)

    def __str__(self) -> str:
        return f"{len(self.reasons)} runs cannot be read:\n  " + "\n  ".join(self.reasons)


def expanded(paths: Iterable[Path]) -> tuple[Path, ...]:
    """`paths` with each folder that is no run itself replaced by the files in it, by name."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir() and not registry().ranked(path):
            inside = sorted(
                each for each in path.iterdir() if each.is_file() and not each.name.startswith(".")
            )
            if not inside:
                raise UnknownFormatError(path, "a folder without files")
            found.extend(inside)
        else:
            found.append(path)
    return tuple(found)


def opened(paths: Sequence[Path], reading: ReadingParameters) -> list[Measurement]:
    """All runs, opened; if some cannot be read, all failures are told together."""
    runs: list[Measurement] = []
    faults: list[AdapterError] = []
    for path in expanded(paths):
        try:
            runs.append(open_run(path, reading.adapter, reading.assumed()))
        except AdapterError as error:
            faults.append(error)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise UnreadableInputsError(tuple(map(str, faults)))
    return runs


def only(paths: Sequence[Path], reading: ReadingParameters, needed: Sequence[str], what: str) -> Measurement:
    """The one run at `paths`, which must hold one of the `needed` variables; `what` names it to people."""
    runs = opened(paths, reading)
    if len(runs) != 1:
        raise UnsuitedError(paths[0], f"{len(runs)} runs where one is needed: {what}")
    if not any(name in runs[0].data for name in needed):
        raise UnsuitedError(paths[0], f"it is not {what}: there is no {' or '.join(needed)} in it")
    return runs[0]


def ordered_inputs(**roles: Sequence[Measurement]) -> list[Input]:
    """Every file of every role, hashed."""
    return [each for role, runs in roles.items() for each in inputs_of(role, runs)]


def detector_inputs(files: DetectorFiles) -> list[Input]:
    """The detector's own files, hashed."""
    named = {"calibration": files.calibration, "mask": files.mask, "flat": files.flat}
    single = [input_of(role, path) for role, path in named.items() if path is not None]
    return single + [input_of("dark", path) for path in files.dark]


def calibrated(files: DetectorFiles) -> Geometry | None:
    """The geometry of the calibration file, None where there is none."""
    return None if files.calibration is None else poni.read(files.calibration)


def corrections(files: DetectorFiles) -> Corrections:
    """Mask, dark and flat as arrays, each None where there is none."""
    dark = [_image(path) for path in files.dark]
    stack = np.stack(dark).astype(float) if dark else None
    return Corrections(
        mask=None if files.mask is None else _image(files.mask) != 0,
        dark=None if stack is None else stack.mean(axis=0),
        # Counts are their own variance; a mean of n has it n times smaller.
        dark_variance=None if stack is None else stack.mean(axis=0) / len(stack),
        flat=None if files.flat is None else _image(files.flat).astype(float),
    )


def _image(path: Path) -> NDArray[np.generic]:
    if path.suffix == ".npy":
        array: NDArray[np.generic] = np.load(path, allow_pickle=False)
    else:
        counts = open_run(path).data["counts"]
        if counts.sizes["frame"] != 1:
            raise UnsuitedError(path, f"{counts.sizes['frame']} frames where one image is needed")
        array = counts.isel(frame=0).values
    if array.ndim != 2:
        raise UnsuitedError(path, f"{array.ndim} dimensions where an image is needed")
    return array

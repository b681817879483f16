"""Bruker ParaVision reconstructions: 2dseq with what visu_pars says of its frames."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import (
    AdapterError,
    CorruptFileError,
    LayoutError,
    NoSuchRunError,
    PathError,
    TruncatedFileError,
)
from adapters.formats import bruker_parameters as bruker
from adapters.formats import late
from adapters.formats.blob import Blob
from adapters.formats.volumes import LPS_TO_RAS, stacked
from adapters.model import Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

VERSION = "1"
WORDS = {
    "_8BIT_UNSGN_INT": "u1", "_16BIT_SGN_INT": "i2", "_32BIT_SGN_INT": "i4", "_32BIT_FLOAT": "f4",
}  # fmt: skip
ORDERS = {"littleEndian": "<", "bigEndian": ">"}
GROUP = re.compile(r"\(\s*(\d+)\s*,\s*<([^>]*)>")
MILLI = 1e-3
SLICE = "FG_SLICE"
BESIDE = {"acqp", "method"}


@dataclass(frozen=True)
class ParaVision:
    """A reader of one reconstruction; one of several is never guessed."""

    name: str = "bruker_paravision"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT where 2dseq and visu_pars lie together; EXTENSION for other files of a scan."""
        try:
            path = probe.path
            if path.is_dir():
                found = _is_reconstruction(path) or _is_scan(path)
                return Confidence.CONTENT if found else Confidence.NO
            if path.name in ("2dseq", "visu_pars") and _is_reconstruction(path.parent):
                return Confidence.CONTENT
            beside = _is_reconstruction(path.parent) or _is_scan(path.parent)
            return Confidence.EXTENSION if beside else Confidence.NO
        except OSError:
            return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether all frames are there."""
        try:
            self.open(path)
        except TruncatedFileError as error:
            return late.judged(str(error), [Path(error.path)], late_s=late.LATE_S)
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """The frames as volumes, each scaled by its own slope and offset."""
        path = Path(path)
        try:
            folder = _find(path)
            source = folder / "visu_pars"
            said = bruker.read(source)
        except OSError as error:
            raise PathError(path, str(error.strerror or error)) from error
        sides, frames = _sides(said, source)
        blob = Blob(str(folder / "2dseq"), 0, _type(said, source), (frames, *sides[::-1]))
        blob.require()
        slope, offset = (_each(said, f"VisuCoreData{name}", source, frames) for name in ("Slope", "Offs"))
        shape = (frames, *[1] * len(sides))
        scaled = blob.lazy() * slope.reshape(shape) + offset.reshape(shape)
        signal, slices = _volumes(said, source, scaled, len(sides))
        timing = {
            "echo_time": _timing(said, "VisuAcqEchoTime", source, signal.shape[0], MILLI),
            "repetition_time": _timing(said, "VisuAcqRepetitionTime", source, signal.shape[0], MILLI),
            "inversion_time": _timing(said, "VisuAcqInversionTime", source, signal.shape[0], MILLI),
            "flip_angle": _timing(said, "VisuAcqFlipAngle", source, signal.shape[0], 1.0),
        }
        data = stacked(signal, _affine(said, source, sides, slices), timing)
        raw = {
            "sequence": bruker.word(said, "VisuAcqSequenceName"),
            "nucleus": bruker.word(said, "VisuAcqImagedNucleus"),
            "frequency_mhz": bruker.number(said, "VisuAcqImagingFrequency", source),
        }  # fmt: skip
        metadata = Metadata(
            technique="mri",
            instrument=bruker.word(said, "VisuStation"),
            raw={name: value for name, value in raw.items() if value is not None},
        )
        provenance = Provenance(str(path), self.name, VERSION, (str(source), blob.path))
        return Measurement(data, metadata, provenance)


def _is_reconstruction(folder: Path) -> bool:
    return (folder / "visu_pars").is_file() and (folder / "2dseq").is_file()


def _is_scan(folder: Path) -> bool:
    return (folder / "acqp").is_file() and (folder / "method").is_file()


def _find(path: Path) -> Path:
    if not path.exists():
        raise NoSuchRunError(path)
    if not path.is_dir():
        if path.name in ("2dseq", "visu_pars"):
            return path.parent
        said = f"it belongs to the ParaVision scan {path.parent} and is no image; open that folder"
        raise LayoutError(path, said)
    if _is_reconstruction(path):
        return path
    found = sorted(each for each in (path / "pdata").glob("*") if _is_reconstruction(each))
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"pdata/{each.name}" for each in found)
    if listed:
        raise LayoutError(path, f"it holds the reconstructions {listed}; open one of them")
    raise LayoutError(
        path, "it holds no reconstruction with 2dseq and visu_pars; raw k-space is not read here"
    )


def _sides(said: bruker.Parameters, source: Path) -> tuple[list[int], int]:
    sides = [int(side) for side in bruker.numbers(said, "VisuCoreSize", source)]
    words = bruker.values(said, "VisuCoreDimDesc", source)
    frames = bruker.count(said, "VisuCoreFrameCount", source)
    if (
        len(sides) not in (2, 3)
        or min(sides) < 1
        or frames < 1
        or np.prod(sides, dtype=float) * frames > 2**36
    ):
        raise LayoutError(source, f"its frames are {frames} of {sides}; images and volumes are read")
    if any(word != "spatial" for word in words):
        raise LayoutError(source, f"its dimensions are {', '.join(words)}; only images are read here")
    return sides, frames


def _type(said: bruker.Parameters, source: Path) -> str:
    word, order = bruker.word(said, "VisuCoreWordType"), bruker.word(said, "VisuCoreByteOrder")
    if word not in WORDS or order not in ORDERS:
        raise CorruptFileError(source, f"its numbers are {word!r} in the order {order!r}")
    return ORDERS[order] + WORDS[word]


def _each(said: bruker.Parameters, name: str, source: Path, frames: int) -> Any:
    found = np.array(bruker.numbers(said, name, source), float)
    if len(found) not in (1, frames) or not np.isfinite(found).all():
        raise CorruptFileError(source, f"{name} has {len(found)} values for {frames} frames")
    return np.broadcast_to(found, (frames,)).copy()


def _volumes(said: bruker.Parameters, source: Path, frames: Any, dimensions: int) -> tuple[Any, int]:
    """Frames as (volume, z, y, x): slices are put together, all else that frames run over counts volumes."""
    groups = [(int(size), name) for size, name in GROUP.findall(said.get("VisuFGOrderDesc", ""))]
    count = frames.shape[0]
    if groups and np.prod([size for size, _ in groups]) != count:
        raise CorruptFileError(source, f"its groups of frames do not make {count} frames")
    if dimensions == 3:
        return frames, 1
    # The first group runs fastest.
    sizes = [size for size, _ in reversed(groups)] or [count]
    names = [name for _, name in reversed(groups)] or [SLICE]
    slices = sizes[names.index(SLICE)] if SLICE in names else 1
    spread = frames.reshape(*sizes, *frames.shape[1:])
    if SLICE in names:
        import dask.array as da

        spread = da.moveaxis(spread, names.index(SLICE), len(sizes) - 1)
    return spread.reshape(count // slices, slices, *frames.shape[1:]), slices


def _timing(said: bruker.Parameters, name: str, source: Path, count: int, factor: float) -> Any:
    found = np.array(bruker.numbers(said, name, source), float) * factor if name in said else np.empty(0)
    return found if len(found) in (1, count) and len(found) else None


def _affine(said: bruker.Parameters, source: Path, sides: list[int], slices: int) -> Any:
    extent = bruker.numbers(said, "VisuCoreExtent", source)
    place = np.array(bruker.numbers(said, "VisuCorePosition", source), float)
    turned = np.array(bruker.numbers(said, "VisuCoreOrientation", source), float)
    wrong = len(extent) != len(sides) or turned.size % 9 or place.size % 3
    if wrong or not turned.size or not place.size:
        raise CorruptFileError(source, "extent, orientation and position do not fit the frames")
    place = place.reshape(-1, 3)
    axes = turned.reshape(-1, 3, 3)[0]
    sizes = [length / side for length, side in zip(extent, sides, strict=True)]
    affine = np.eye(4)
    for axis, size in enumerate(sizes):
        affine[:3, axis] = axes[axis] * size
    if len(sides) == 2:
        step = place[1] - place[0] if slices > 1 and len(place) > 1 else None
        affine[:3, 2] = axes[2] * _thickness(said, source) if step is None else step
    affine[:3, 3] = place[0] + 0.5 * (affine[:3, 0] + affine[:3, 1])
    return LPS_TO_RAS @ affine


def _thickness(said: bruker.Parameters, source: Path) -> float:
    thick = bruker.numbers(said, "VisuCoreFrameThickness", source)
    if not thick:
        raise CorruptFileError(source, "VisuCoreFrameThickness says nothing, and there is one slice")
    return float(thick[0])


PARAVISION = ParaVision()

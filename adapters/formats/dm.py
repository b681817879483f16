"""Files of DigitalMicrograph (DM3, DM4): images, movies, spectra, spectrum images and 4D-STEM."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adapters.errors import CorruptFileError, LayoutError
from adapters.formats import dm_tags, microscope_axes
from adapters.formats.dm_tags import Placed, Tags
from adapters.formats.stacked import Stacked, plausible
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

if TYPE_CHECKING:
    import dask.array as da
    import xarray as xr

VERSION = "1"
# What DataType means; 23 is a picture in colours, as thumbnails are.
KINDS = {
    1: "i2", 2: "f4", 3: "c8", 6: "u1", 7: "i4", 9: "i1", 10: "u2", 11: "u4", 12: "f8", 13: "c16", 14: "u1",
    39: "i8", 40: "u8",
}  # fmt: skip
# What the tags of the microscope become, with the factor to the unit of the name.
MICROSCOPE = {
    "Voltage": ("voltage_kv", 1e-3),
    "Indicated Magnification": ("magnification", 1.0),
    "STEM Camera Length": ("camera_length_mm", 1.0),
    "Cs(mm)": ("spherical_aberration_mm", 1.0),
}


@dataclass(frozen=True)
class Axis:
    """One axis of a signal, as the file calibrates it: its value is `offset + scale * index`."""

    size: int
    scale: float
    offset: float
    unit: str


@dataclass(frozen=True)
class Signal:
    """One image of the list: its name, its axes with the slowest first, where its values stand."""

    name: str
    axes: tuple[Axis, ...]
    start: int
    dtype: str
    tags: Tags

    def stacked(self, path: Path, frame_dims: int) -> Stacked:
        """Its values as frames of the fastest `frame_dims` axes."""
        shape = tuple(axis.size for axis in self.axes)
        frame = shape[len(shape) - frame_dims :]
        count = int(np.prod(shape[: len(shape) - frame_dims], dtype=np.int64))
        plausible(path, count, frame)
        width = int(np.prod(frame, dtype=np.int64)) * np.dtype(self.dtype).itemsize
        return Stacked(path, self.start + width * np.arange(count, dtype=np.int64), frame, self.dtype)


@dataclass(frozen=True)
class DigitalMicrograph:
    """A reader of DM3 and DM4; the brightness scale of the file is not applied."""

    name: str = "digital_micrograph"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by version, byte order and the first tags."""
        if dm_tags.signature(probe.head) is None:
            return Confidence.NO
        named = any(
            word in probe.head for word in (b"ApplicationBounds", b"DocumentObjectList", b"ImageList")
        )
        return Confidence.CONTENT if named else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether all tags and arrays are within the file."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """The signal with the most axes; plots that stand beside it as variables of their own."""
        signals = _signals(path, dm_tags.read(path))
        main = max(signals, key=lambda each: len(each.axes))
        data, flags = _dataset(path, main)
        others = [each for each in signals if each is not main]
        for number, each in enumerate(others, start=1):
            if len(each.axes) == 1:
                name = f"plot_{number}"
                values = each.stacked(path, 1).lazy()[0]
                data[name] = (f"{name}_point", values, {"units": "arbitrary", "long_name": each.name})
        left = [each.name for each in others if len(each.axes) > 1]
        if left:
            told = f"it holds {len(left)} more signals that are not read: {', '.join(left)[:120]}"
            flags.append(Flag.caution("other_signals_not_read", told))
        raw = _microscope(main.tags)
        technique = "stem" if "image" not in data or _scanned(raw) else "spa"
        metadata = Metadata(
            technique,
            exposure_s=raw.pop("exposure_s", None),
            raw={"signal": main.name, "first_row": "highest", **raw},
        )
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION), tuple(flags))


def _signals(path: Path, tags: Tags) -> list[Signal]:
    listed = _group(tags, "ImageList")
    thumbs = {
        each.get("ImageIndex") for each in _group(tags, "Thumbnails").values() if isinstance(each, dict)
    }
    found = []
    for index, each in enumerate(listed.values()):
        data = _group(each, "ImageData") if isinstance(each, dict) else {}
        if index in thumbs or data.get("DataType") not in KINDS:
            continue
        found.append(_signal(path, each, data))
    if not found:
        raise LayoutError(path, "it holds no image but pictures for display")
    return found


def _signal(path: Path, image: Tags, data: Tags) -> Signal:
    placed = data.get("Data")
    sizes = [int(size) for size in _group(data, "Dimensions").values() if isinstance(size, int)]
    if not isinstance(placed, Placed) or not sizes:
        raise CorruptFileError(path, "an image in it has no values or no dimensions")
    calibrations = list(_group(_group(data, "Calibrations"), "Dimension").values())
    axes = tuple(
        _axis(size, calibrations[place] if place < len(calibrations) else {})
        for place, size in enumerate(sizes)
    )
    kind = np.dtype(KINDS[data["DataType"]])
    width = np.dtype(placed.dtype).itemsize if placed.dtype else kind.itemsize
    if placed.count * width != kind.itemsize * int(np.prod(sizes, dtype=object)):
        raise CorruptFileError(path, f"an image of {sizes} values has {placed.count} stored")
    big = placed.dtype.startswith(">")
    name = image.get("Name")
    return Signal(
        name if isinstance(name, str) and name else "without a name",
        axes[::-1],
        placed.start,
        kind.newbyteorder(">" if big else "<").str,
        _group(image, "ImageTags"),
    )


def _axis(size: int, said: Any) -> Axis:
    said = said if isinstance(said, dict) else {}
    scale, origin, unit = said.get("Scale"), said.get("Origin"), said.get("Units")
    known = isinstance(scale, float) and isinstance(origin, float) and np.isfinite([scale, origin]).all()
    word = unit if isinstance(unit, str) else ""
    return Axis(size, scale, -origin * scale, word) if known else Axis(size, float("nan"), 0.0, "")


def _group(tags: Tags, name: str) -> Tags:
    found = tags.get(name)
    return found if isinstance(found, dict) else {}


def _dataset(path: Path, signal: Signal) -> tuple[xr.Dataset, list[Flag]]:
    axes = signal.axes
    energy = [place for place, axis in enumerate(axes) if microscope_axes.is_energy(axis.unit)]
    if len(energy) == 1 and len(axes) <= 3:
        return _spectra(path, signal, energy[0]), []
    if len(axes) == 4:
        return _patterns(path, signal), []
    if len(axes) == 1:
        raise LayoutError(path, f"its signal is a line over {axes[0].unit or 'nothing that is named'}")
    if len(axes) > 3:
        raise LayoutError(path, f"its signal has {len(axes)} axes, which is not read here")
    array = signal.stacked(path, 2).lazy()
    pixel = tuple(microscope_axes.length(axis.scale, axis.unit) for axis in axes[-2:])
    flags = []
    if None in pixel:
        told = f"the file calibrates its pixels in {axes[-1].unit!r}, which is no length"
        flags.append(Flag.caution("voxel_missing", told))
    return microscope_axes.images(array, (pixel[0], pixel[1])), flags


def _spectra(path: Path, signal: Signal, place: int) -> xr.Dataset:
    axis = signal.axes[place]
    energy = microscope_axes.energies(axis.size, axis.scale, axis.offset, axis.unit)
    rest = [each for number, each in enumerate(signal.axes) if number != place]
    if not rest:
        return microscope_axes.spectra(signal.stacked(path, 1).lazy(), energy, "arbitrary")
    whole = signal.stacked(path, len(signal.axes) - 1).lazy()
    if place != 0:
        if place != len(signal.axes) - 1:
            raise LayoutError(path, "the energy of its spectra is neither its first nor its last axis")
        array: da.Array = signal.stacked(path, 1).lazy()
    else:
        array = whole.reshape(axis.size, -1).T
    rows = rest[0].size if len(rest) == 2 else 1
    steps = tuple(microscope_axes.length(each.scale, each.unit) for each in rest)
    step = None if None in steps else (steps[0] or 0.0, steps[-1] or 0.0)
    return microscope_axes.spectra(array, energy, "arbitrary", (rows, rest[-1].size), step)


def _patterns(path: Path, signal: Signal) -> xr.Dataset:
    """Four axes: those of scattering tell themselves by their unit."""
    slow, fast = signal.axes[:2], signal.axes[2:]
    here = [microscope_axes.scattering(axis.scale, axis.unit) for axis in (*slow, *fast)]
    if all(here[2:]) and not any(here[:2]):
        array, pattern, scan, step = signal.stacked(path, 2).lazy(), fast, slow, here[3]
    elif all(here[:2]) and not any(here[2:]):
        planes = signal.stacked(path, 2).lazy()
        array = planes.reshape(slow[0].size, slow[1].size, -1).transpose(2, 0, 1)
        pattern, scan, step = slow, fast, here[1]
    else:
        units = ", ".join(axis.unit or "none" for axis in signal.axes)
        raise LayoutError(path, f"the units of its axes ({units}) do not tell the scan from the pattern")
    assert pattern[0].size > 0
    lengths = tuple(microscope_axes.length(axis.scale, axis.unit) for axis in scan)
    scan_step = None if None in lengths else (lengths[0] or 0.0, lengths[1] or 0.0)
    return microscope_axes.patterns(
        array, "arbitrary", step=step, shape=(scan[0].size, scan[1].size), scan_step=scan_step
    )


def _microscope(tags: Tags) -> dict[str, Any]:
    said = _group(tags, "Microscope Info")
    raw: dict[str, Any] = {}
    for key, (name, factor) in MICROSCOPE.items():
        value = said.get(key)
        # The program writes zero for what the microscope did not tell it.
        if isinstance(value, (int, float)) and np.isfinite(value) and value > 0:
            raw[name] = float(value) * factor
    for key in ("Illumination Mode", "Operation Mode", "Imaging Mode"):
        if isinstance(said.get(key), str) and said[key]:
            raw[key.lower().replace(" ", "_")] = said[key]
    exposure = _group(_group(_group(tags, "Acquisition"), "Parameters"), "High Level").get("Exposure (s)")
    if isinstance(exposure, float) and np.isfinite(exposure) and exposure > 0:
        raw["exposure_s"] = exposure
    return raw


def _scanned(raw: dict[str, Any]) -> bool:
    return "STEM" in raw.get("illumination_mode", "") or "SCANNING" in raw.get("operation_mode", "")


DM = DigitalMicrograph()

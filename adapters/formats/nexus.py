"""HDF5 and NeXus layouts as tables: where arrays, numbers and texts stand, in which unit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from adapters.errors import AdapterError, LayoutError, StillWritingError
from adapters.formats import hdf5
from adapters.formats.frames import (
    REJECTED_BITS,
    as_frames,
    bad_pixels,
    dectris_sentinels,
    fitting,
    located,
)
from adapters.formats.virtual import require_sources
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness, convert
from adapters.model.metadata import HC_KEV_ANGSTROM
from adapters.protocol import Confidence, Probe

if TYPE_CHECKING:
    import dask.array as da

VERSION = "1"
ASSUMED = "unit_assumed"
UNITS = ("units", "unit")
# A number that is stored once for each frame is still one; an array longer than this is none.
MOST_REPEATS = 100_000_000
Places = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Array:
    """A dataset that becomes a variable with `dims` in `unit`; one that is not `needed` may be absent."""

    path: str
    dims: tuple[str, ...]
    unit: str
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Number:
    """A number at the first of the places that exists, expressed in `to`.

    `unit` is what the place means where the file states none, and raises a flag;
    the file's own statement wins. `unset` are values that stand for "nobody said".
    """

    path: Places
    to: str
    unit: str | None = None
    unset: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """A text at the first of the places that exists; `place@name` is an attribute."""

    path: Places


@dataclass(frozen=True)
class NexusLayout:
    """The reader of one layout, written as a table.

    Parameters
    ----------
    name, technique, facility, instrument
        As they stand in metadata; None where the layout does not tell.
    marker, marker_says
        A place that every file of the layout has (`place@name` for an attribute), and
        what its text begins with.
    arrays
        Variables by name; `counts` may be one image, which becomes a stack of one.
    numbers, texts
        Metadata fields by name; `energy_kev` becomes the wavelength.
    mask
        Places of a NeXus pixel mask, whose low 16 bits reject.
    dectris
        Whether the counts mark pixels without data as Dectris detectors do.
    raw
        Places whose content is kept as it stands; others are not, for they may name people.
    confidence
        What the marker proves.
    """

    name: str
    technique: str
    marker: str
    arrays: Mapping[str, Array]
    facility: str | None = None
    instrument: str | None = None
    marker_says: str | None = None
    numbers: Mapping[str, Number] = field(default_factory=dict)
    texts: Mapping[str, Text] = field(default_factory=dict)
    mask: Places = ()
    dectris: bool = False
    raw: tuple[str, ...] = ()
    confidence: Confidence = Confidence.INSTRUMENT

    def probe(self, probe: Probe) -> Confidence:
        """How sure this reader is, by the marker."""
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                return self.confidence if self.marked(file) else Confidence.NO
        except AdapterError:
            return Confidence.NO

    def marked(self, file: h5py.File) -> bool:
        """Whether the marker is there and says what it must."""
        if first_place(file, self.marker) is None:
            return False
        return self.marker_says is None or (text(file, self.marker) or "").startswith(self.marker_says)

    def check(self, path: Path) -> Readiness:
        """Whether the file opens, its links lead somewhere, and the needed arrays are there."""
        judged = hdf5.check(path)
        if judged != Readiness.ready():
            return judged
        try:
            with hdf5.opened(path) as file:
                for array in self.arrays.values():
                    if not array.needed and not hdf5.has(file, array.path):
                        continue
                    stored = hdf5.require(file, array.path)
                    require_sources(stored)
                    if 0 in stored.shape:
                        return Readiness.broken(f"{path} holds no data in {array.path}")
        except StillWritingError as error:
            return Readiness.wait(str(error))
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """The run as the table describes it."""
        import xarray as xr

        with hdf5.opened(path) as file:
            variables = {name: self._variable(file, path, array) for name, array in self.arrays.items()}
            found = {name: variable for name, variable in variables.items() if variable is not None}
            mask = self._mask(file, path, found)
            metadata, flags = self.described(file, path)
        if mask is not None:
            found["mask"] = (("y", "x"), mask, {"units": "dimensionless"})
        return Measurement(xr.Dataset(found), metadata, Provenance(str(path), self.name, VERSION), flags)

    def described(self, file: h5py.File, path: Path) -> tuple[Metadata, tuple[Flag, ...]]:
        """Metadata and what had to be assumed for them."""
        flags: list[Flag] = []
        values: dict[str, Any] = {
            name: number(file, wanted, path, flags) for name, wanted in self.numbers.items()
        }
        values |= {name: text(file, wanted.path) for name, wanted in self.texts.items()}
        energy = values.pop("energy_kev", None)
        if values.get("wavelength_angstrom") is None and energy:
            values["wavelength_angstrom"] = HC_KEV_ANGSTROM / energy
        said: dict[str, Any] = {"facility": self.facility, "instrument": self.instrument}
        said |= {name: value for name, value in values.items() if value is not None}
        raw = {place: kept(file, place) for place in self.raw if hdf5.has(file, place)}
        return located(Metadata(technique=self.technique, raw=raw, **said)), in_one_flag(flags)

    def _variable(self, file: h5py.File, path: Path, array: Array) -> Any:
        if not array.needed and not hdf5.has(file, array.path):
            return None
        stored = hdf5.require(file, array.path)
        require_sources(stored)
        found = hdf5.lazy(stored, path)
        if array.dims == ("frame", "y", "x"):
            found = as_frames(found, str(path))
        if found.ndim != len(array.dims):
            raise LayoutError(
                path, f"{array.path} has the shape {found.shape}, not {len(array.dims)} dimensions"
            )
        sentinels = dectris_sentinels(found.dtype) if self.dectris and array.unit == "count" else {}
        return (array.dims, found, {"units": units(stored) or array.unit, **sentinels})

    def _mask(self, file: h5py.File, path: Path, found: Mapping[str, Any]) -> da.Array | None:
        if (place := first_place(file, self.mask)) is not None:
            mask = pixel_mask(file, place, path)
            return fitting(mask, found["counts"][1].shape, path) if "counts" in found else mask
        if "counts" not in found:
            return None
        _, counts, attributes = found["counts"]
        return bad_pixels(counts, attributes)


def in_one_flag(flags: list[Flag]) -> tuple[Flag, ...]:
    """The flags, with those of units that were assumed made one."""
    assumed = [flag.message for flag in flags if flag.code == ASSUMED]
    others = tuple(flag for flag in flags if flag.code != ASSUMED)
    if not assumed:
        return others
    return (
        *others,
        Flag.info(ASSUMED, f"no unit is stated for {', '.join(assumed)}: that of the layout is used"),
    )


def first_place(file: h5py.Group, places: Places) -> str | None:
    """The first of the places that is there; a dead link counts, so that it is told."""
    candidates = (places,) if isinstance(places, str) else places
    return next((place for place in candidates if _there(file, place)), None)


def _there(file: h5py.Group, place: str) -> bool:
    name, _, attribute = place.partition("@")
    if not attribute:
        return hdf5.has(file, name)
    item = file.get(name or "/")
    return item is not None and attribute in item.attrs


def units(dataset: h5py.Dataset) -> str | None:
    """The unit that a dataset states."""
    stated = next((dataset.attrs[name] for name in UNITS if name in dataset.attrs), None)
    return hdf5.text(stated) or None if stated is not None else None


def number(file: h5py.Group, wanted: Number, path: Path, flags: list[Flag]) -> float | None:
    """The number in its canonical unit, None where the file does not say; adds to `flags` what it assumed."""
    place = first_place(file, wanted.path)
    if place is None:
        return None
    stored = hdf5.require(file, place)
    value = one_value(stored)
    if value is None or value in wanted.unset:
        return None
    stated = units(stored)
    if stated is None and wanted.unit is None:
        flags.append(Flag.caution("unit_missing", f"{place} is {value:g} of no stated unit, and is not used"))
        return None
    if stated is None:
        flags.append(Flag.info(ASSUMED, f"{place} ({wanted.unit})"))
    return convert(value, stated or str(wanted.unit), wanted.to, f"{path}:{place}")


def one_value(dataset: h5py.Dataset) -> float | None:
    """The one finite value of a scalar or of an array that repeats it, else None."""
    if dataset.dtype.kind not in "iufb" or not dataset.size or dataset.size > MOST_REPEATS:
        return None
    values = np.unique(np.asarray(dataset[()], dtype=float))
    return float(values[0]) if len(values) == 1 and math.isfinite(values[0]) else None


def text(file: h5py.Group, places: Places) -> str | None:
    """The text at the first place that exists, None where it is absent, empty or a number."""
    place = first_place(file, places)
    if place is None:
        return None
    name, _, attribute = place.partition("@")
    if attribute:
        return hdf5.text(file[name or "/"].attrs[attribute]) or None
    stored = hdf5.require(file, place)
    return hdf5.text(stored) or None if stored.dtype.kind in "SOU" else None


def kept(file: h5py.Group, place: str) -> Any:
    """Small content as plain Python, for `raw`; the shape alone of what is large."""
    stored = hdf5.require(file, place)
    if stored.size is None or stored.size > 1000:
        return f"array of shape {stored.shape}"
    if stored.dtype.kind in "SOU":
        return hdf5.text(stored)
    return np.asarray(stored[()]).squeeze().tolist()


def pixel_mask(file: h5py.Group, place: str, path: Path) -> da.Array:
    """A NeXus pixel mask as True where a pixel must not be used."""
    stored = hdf5.lazy(hdf5.require(file, place), path)
    flat = stored[0] if stored.ndim == 3 else stored
    rejected: da.Array = (flat & REJECTED_BITS) != 0
    return rejected

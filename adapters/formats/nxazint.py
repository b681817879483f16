"""Azimuthally integrated data as MAX IV's pipelines leave them, in three generations of layouts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from adapters.errors import AdapterError, LayoutError, StillWritingError
from adapters.formats import hdf5
from adapters.formats.nexus import Number as Place
from adapters.formats.nexus import number, text
from adapters.formats.q_unit import CANONICAL
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness, convert
from adapters.protocol import Confidence, Probe

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1"
DEFINITIONS = ("NXazint1d", "NXazint2d")
PIPELINE = re.compile(r"azint")
INTEGRATED = re.compile(r"_integrated\.(h5|hdf5)$")
WAVELENGTH = Place("entry/instrument/monochromator/wavelength", to="angstrom")
RADIAL = {"q": CANONICAL, "2th": "degree"}


@dataclass(frozen=True)
class Layout:
    """Where one generation keeps its curves, its map, and their axes; `unit` where it states none."""

    intensity: str
    errors: str
    norm: str
    radial: tuple[str, ...]
    azimuth: str


# The first kept everything at the root, the second in groups, the third follows NeXus definitions.
FIRST = Layout("I", "", "", ("q", "2th"), "phi")
SECOND = Layout(
    "entry/data1d/I", "entry/data1d/I_error", "entry/data1d/norm", ("entry/data1d/q", "entry/data1d/2th"), ""
)
SECOND_MAP = Layout(
    "entry/data2d/cake",
    "entry/data2d/cake_error",
    "entry/data2d/norm",
    ("entry/data2d/q", "entry/data2d/2th"),
    "entry/data2d/azi",
)


def _third(group: str, *, flat: bool) -> Layout:
    return Layout(
        f"{group}/I",
        f"{group}/I_errors",
        f"{group}/norm",
        (f"{group}/radial_axis",),
        "" if flat else f"{group}/azimuthal_axis",
    )


@dataclass(frozen=True, slots=True)
class Azint:
    """The reader of all three generations: curves if there are any, else the map; a second one is flagged."""

    name: str = "maxiv_azint"

    def probe(self, probe: Probe) -> Confidence:
        """INSTRUMENT by the definition or the pipeline's name; the oldest by its names and the file's."""
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                return _confidence(file, probe.path)
        except AdapterError:
            return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether it opens, with as many points on the axis as in the curves."""
        judged = hdf5.check(path)
        if judged != Readiness.ready():
            return judged
        try:
            self.open(path)
        except StillWritingError as error:
            return Readiness.wait(str(error))
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Curves over q or over the scattering angle; bins that no pixel fell into are NaN."""
        flags: list[Flag] = []
        with hdf5.opened(path) as file:
            found = _layouts(file)
            if not found:
                raise LayoutError(path, "there are neither integrated curves nor a map")
            data = _read(file, path, found[0], flags)
            metadata = _metadata(file, path, data, flags)
        if len(found) > 1:
            said = (
                f"read {found[0].intensity}; there is also {', '.join(each.intensity for each in found[1:])}"
            )
            flags.append(Flag.caution("further_data_not_opened", said))
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION), tuple(flags))


def _confidence(file: h5py.File, path: Path) -> Confidence:
    if not _layouts(file):
        return Confidence.NO
    says = text(file, "entry/reduction/program") or text(file, "entry/azint1d/reduction/program") or ""
    if _definition(file) or PIPELINE.search(says) or "entry/azint" in file:
        return Confidence.INSTRUMENT
    return Confidence.CONTENT if INTEGRATED.search(path.name) else Confidence.NO


def _definition(file: h5py.File) -> bool:
    places = ("entry/definition", "entry/azint1d/definition", "entry/azint2d/definition")
    return any(text(file, place) in DEFINITIONS for place in places)


def _layouts(file: h5py.File) -> list[Layout]:
    """All curves and maps of a file, curves first."""
    candidates = [FIRST, SECOND, SECOND_MAP]
    if _definition(file):
        flat = text(file, "entry/definition") != "NXazint2d"
        candidates = [
            _third("entry/azint1d/data", flat=True),
            _third("entry/azint2d/data", flat=False),
            *(
                []
                if "entry/azint1d" in file or "entry/azint2d" in file
                else [_third("entry/data", flat=flat)]
            ),
        ]
    return [
        each
        for each in candidates
        if hdf5.has(file, each.intensity) and any(hdf5.has(file, place) for place in each.radial)
    ]


def _read(file: h5py.File, path: Path, layout: Layout, flags: list[Flag]) -> xr.Dataset:
    import xarray as xr

    radial_at = next(place for place in layout.radial if hdf5.has(file, place))
    name, radial, attrs = _radial(hdf5.require(file, radial_at), radial_at, path, flags)
    dims: tuple[str, ...] = ("frame", name)
    coords: dict[str, Any] = {name: (name, radial, attrs)}
    stored = hdf5.require(file, layout.intensity)
    if (
        layout.azimuth
        and hdf5.has(file, layout.azimuth)
        and stored.shape[-2:-1] == file[layout.azimuth].shape
    ):
        azimuth = hdf5.require(file, layout.azimuth)
        dims = ("frame", "azimuth", name)
        coords["azimuth"] = ("azimuth", azimuth[()], {"units": _unit(azimuth, "degree", flags)})
    intensity = np.asarray(stored[()], float)
    intensity = intensity[None] if intensity.ndim == len(dims) - 1 else intensity
    if intensity.ndim != len(dims) or intensity.shape[-1] != len(radial):
        raise LayoutError(
            path, f"{layout.intensity} has the shape {stored.shape}, its axis {len(radial)} points"
        )
    empty = _empty(file, layout, intensity)
    units = {"units": _unit(stored, "arbitrary", flags).replace("arbitrary units", "arbitrary")}
    variables = {"intensity": (dims, np.where(empty, np.nan, intensity), units)}
    if layout.errors and hdf5.has(file, layout.errors):
        errors = np.asarray(hdf5.require(file, layout.errors)[()], float).reshape(intensity.shape)
        variables["intensity_errors"] = (dims, np.where(empty, np.nan, errors), units)
    else:
        flags.append(Flag.caution("no_uncertainties", "the file holds no uncertainties of its intensity"))
    if len(dims) == 3:
        return _with_mean(xr.Dataset(variables, coords=coords))
    return xr.Dataset(variables, coords=coords)


def _with_mean(cake: xr.Dataset) -> xr.Dataset:
    """The map, and as the curve its mean over azimuth, each bin weighing alike."""
    renamed = cake.rename({each: f"cake{str(each).removeprefix('intensity')}" for each in cake.data_vars})
    renamed["intensity"] = renamed["cake"].mean("azimuth", skipna=True, keep_attrs=True)
    if "cake_errors" in renamed:
        squares = (renamed["cake_errors"] ** 2).sum("azimuth", skipna=True) ** 0.5
        number_of = renamed["cake"].notnull().sum("azimuth")
        renamed["intensity_errors"] = squares / number_of.where(number_of > 0)
        renamed["intensity_errors"].attrs.update(cake["intensity"].attrs)
    return renamed


def _empty(file: h5py.File, layout: Layout, intensity: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if not layout.norm or not hdf5.has(file, layout.norm):
        return np.zeros(intensity.shape, bool)
    norm = np.asarray(hdf5.require(file, layout.norm)[()], float)
    return np.broadcast_to(~(norm > 0), intensity.shape)


def _radial(
    stored: h5py.Dataset, place: str, path: Path, flags: list[Flag]
) -> tuple[str, np.ndarray[Any, Any], Mapping[str, str]]:
    """The radial axis as `q` (1/angstrom) or `two_theta` (degree)."""
    says = hdf5.text(stored.attrs.get("long_name", "")) or place.rsplit("/", 1)[-1]
    short = "q" if says.startswith("q") else "2th" if says.startswith("2th") else None
    if short is None:
        raise LayoutError(path, f"its radial axis is {says!r}, neither q nor 2theta")
    unit = _unit(stored, RADIAL[short], flags)
    factor = convert(1.0, unit, RADIAL[short], f"{path}:{place}")
    values = np.asarray(stored[()], float) * factor
    return ("q" if short == "q" else "two_theta"), values, {"units": RADIAL[short]}


def _unit(stored: h5py.Dataset, assumed: str, flags: list[Flag]) -> str:
    stated = stored.attrs.get("units")
    if stated is not None:
        return hdf5.text(stated)
    flags.append(Flag.info("unit_assumed", f"no unit is stated for {stored.name}: {assumed} is used"))
    return assumed


def _metadata(file: h5py.File, path: Path, data: xr.Dataset, flags: list[Flag]) -> Metadata:
    said = {
        place.rsplit("/", 1)[-1]: found
        for group in ("entry", "entry/azint1d")
        for place in (
            f"{group}/reduction/version",
            f"{group}/reduction/program",
            f"{group}/reduction/input/poni",
        )
        if (found := text(file, place))
    }
    return Metadata(
        # A curve in q may come from any beamline; over the angle it is powder diffraction.
        technique="curve" if "q" in data.coords else "powder",
        instrument=text(file, "entry/instrument/name"),
        wavelength_angstrom=number(file, WAVELENGTH, path, flags),
        raw=said,
    )


AZINT = Azint()

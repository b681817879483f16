"""CrystFEL geometry: the panels of a detector, where each stands, and how an image file lays them out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adapters.errors import AdapterError, CorruptFileError, LayoutError
from adapters.formats import text
from adapters.model import Measurement, Metadata, Provenance, Readiness, convert
from adapters.model.metadata import HC_KEV_ANGSTROM
from adapters.protocol import Confidence, Probe

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1"
Floats = NDArray[np.float64]
KNOWN = re.compile(
    r"^\s*(?:rigid_group\w*|[\w-]+/(?:(?:min|max)_[fs]s|fs|ss|corner_[xy]|dim\d))\s*=", re.MULTILINE
)
MOST_PIXELS = 2**28
SPECIAL = ("bad", "rigid_group", "group")
NEEDED = ("min_fs", "max_fs", "min_ss", "max_ss", "fs", "ss", "corner_x", "corner_y", "res")
TERM = re.compile(r"([+-]?\s*[0-9.]*(?:[eE][+-]?[0-9]+)?)\s*([xyz])")
NUMBER = re.compile(r"^[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?$")


@dataclass(frozen=True, slots=True)
class Panel:
    """One flat piece: its span in the stored array (ends included) and its place in the laboratory.

    `fs` and `ss` are the steps of the fast and slow axis in pixels along x, y, z; `corner`
    is that of the first pixel, in pixels from the beam; `resolution` is pixels per metre.
    """

    name: str
    min_fs: int
    max_fs: int
    min_ss: int
    max_ss: int
    fs: tuple[float, float, float]
    ss: tuple[float, float, float]
    corner: tuple[float, float]
    resolution: float
    offset_m: float = 0.0
    module: int | None = None
    bad: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels along the slow and the fast axis."""
        return self.max_ss - self.min_ss + 1, self.max_fs - self.min_fs + 1

    def centres(self) -> Floats:
        """Where the pixel centres are: (slow, fast, 3) in metres from where the beam meets the detector."""
        slow, fast = np.mgrid[: self.shape[0], : self.shape[1]] + 0.5
        steps = slow[..., None] * np.array(self.ss) + fast[..., None] * np.array(self.fs)
        flat: Floats = (steps + np.array([*self.corner, 0.0])) / self.resolution
        flat[..., 2] += self.offset_m
        return flat


@dataclass(frozen=True)
class CrystfelGeometry:
    """All panels, the values of the whole detector, and what else the file says.

    `distance_m` and `wavelength_ev` are None where the file refers to a place in the
    image files instead of a number.
    """

    panels: tuple[Panel, ...]
    distance_m: float | None
    photon_energy_ev: float | None
    said: Mapping[str, str] = field(default_factory=dict)
    bad_regions: tuple[str, ...] = ()

    @property
    def modules(self) -> int:
        """How many modules the panels are on; 1 for a monolithic array."""
        return 1 + max((panel.module or 0 for panel in self.panels), default=0)

    def positions(self, source: str) -> tuple[Floats, NDArray[np.bool_]]:
        """Pixel centres (module, slow, fast, 3) in metres, NaN where no panel is; True where a panel is bad.

        z is measured from the plane at the camera length.
        """
        rows = 1 + max(panel.max_ss for panel in self.panels)
        columns = 1 + max(panel.max_fs for panel in self.panels)
        if self.modules * rows * columns > MOST_PIXELS:
            raise CorruptFileError(source, f"it claims {self.modules} x {rows} x {columns} pixels")
        where = np.full((self.modules, rows, columns, 3), np.nan)
        bad = np.zeros(where.shape[:-1], bool)
        for panel in self.panels:
            place = (
                panel.module or 0,
                slice(panel.min_ss, panel.max_ss + 1),
                slice(panel.min_fs, panel.max_fs + 1),
            )
            where[place] = panel.centres()
            bad[place] = panel.bad
        return where, bad


def read(path: Path) -> CrystfelGeometry:
    """The geometry in a .geom file.

    Raises
    ------
    LayoutError
        It describes no panels, or one of them not whole.
    CorruptFileError
        A number is none.
    """
    return parse(text.text(path).splitlines(), str(path))


def parse(lines: Iterable[str], source: str) -> CrystfelGeometry:
    """The geometry in the lines of a .geom file or of the header of a stream."""
    panels: dict[str, dict[str, str]] = {}
    # What stands before a panel is first named is a default of that panel, as CrystFEL reads it.
    default: dict[str, str] = {}
    whole: dict[str, str] = {}
    bad: dict[str, None] = {}
    for line in lines:
        name, equals, value = line.split(";", 1)[0].partition("=")
        name, value = name.strip(), value.strip()
        if not equals:
            continue
        owner, slash, key = name.rpartition("/")
        if not slash:
            default[name] = whole[name] = value
        elif owner.startswith("bad"):
            bad[owner] = None
        elif not owner.startswith(SPECIAL):
            panels.setdefault(owner, dict(default))[key] = value
    if not panels:
        raise LayoutError(source, "it describes no panels")
    return CrystfelGeometry(
        tuple(_panel(name, said, source) for name, said in panels.items()),
        _quantity(whole, "clen", "m", source),
        _quantity(whole, "photon_energy", "eV", source),
        whole,
        tuple(bad),
    )


def _panel(name: str, said: Mapping[str, str], source: str) -> Panel:
    if missing := [each for each in NEEDED if each not in said]:
        raise LayoutError(source, f"panel {name} lacks {', '.join(missing)}")

    def whole(key: str) -> int:
        value = _float(said[key], f"{name}/{key}", source)
        if value != round(value) or not 0 <= value < MOST_PIXELS:
            raise CorruptFileError(source, f"{name}/{key} is {said[key]!r}, no place in an array")
        return int(value)

    resolution = _float(said["res"], f"{name}/res", source)
    spans = [whole(key) for key in ("min_fs", "max_fs", "min_ss", "max_ss")]
    if resolution <= 0 or spans[1] < spans[0] or spans[3] < spans[2]:
        raise CorruptFileError(source, f"panel {name} has no extent (res {resolution:g}, spans {spans})")
    return Panel(
        name,
        min_fs=spans[0],
        max_fs=spans[1],
        min_ss=spans[2],
        max_ss=spans[3],
        fs=_vector(said["fs"], f"{name}/fs", source),
        ss=_vector(said["ss"], f"{name}/ss", source),
        corner=(
            _float(said["corner_x"], f"{name}/corner_x", source),
            _float(said["corner_y"], f"{name}/corner_y", source),
        ),
        resolution=resolution,
        offset_m=_float(said.get("coffset", "0"), f"{name}/coffset", source),
        module=_module(said),
        bad=said.get("no_index", "0").strip() not in ("0", "false", ""),
    )


def _module(said: Mapping[str, str]) -> int | None:
    """The module that a panel is on: the fixed number among its dimensions, None where there is none."""
    fixed = [said[key] for key in sorted(said) if re.fullmatch(r"dim\d+", key)]
    numbers = [int(value) for value in fixed if re.fullmatch(r"\d{1,4}", value)]
    return numbers[-1] if numbers else None


def _vector(said: str, name: str, source: str) -> tuple[float, float, float]:
    found = {"x": 0.0, "y": 0.0, "z": 0.0}
    terms = TERM.findall(said)
    if not terms or TERM.sub("", said).strip():
        raise CorruptFileError(source, f"{name} is {said!r}, no direction")
    for factor, axis in terms:
        plain = factor.replace(" ", "")
        found[axis] += _float({"": "1", "+": "1", "-": "-1"}.get(plain, plain), name, source)
    return found["x"], found["y"], found["z"]


def _float(said: str, name: str, source: str) -> float:
    value = text.number(said)
    if value is None or not np.isfinite(value):
        raise CorruptFileError(source, f"{name} is {said!r}, no number")
    return value


def _quantity(said: Mapping[str, str], name: str, unit: str, source: str) -> float | None:
    """A number with an optional unit; None where a place in the image file is named, or nothing."""
    words = said.get(name, "").split()
    if not words or not NUMBER.match(words[0]):
        return None
    value = _float(words[0], name, source)
    return value if len(words) == 1 else convert(value, words[1], unit, source)


def summary(geometry: CrystfelGeometry) -> dict[str, Any]:
    """What a person wants to know of it, for the raw metadata of a run."""
    return {
        "panels": len(geometry.panels),
        "modules": geometry.modules,
        "camera_length_m": geometry.distance_m,
        "photon_energy_ev": geometry.photon_energy_ev,
        "bad_regions": list(geometry.bad_regions),
    }


def pixels(positions: Floats, bad: NDArray[np.bool_]) -> xr.Dataset:
    """Pixel centres (module, slow, fast, 3) in metres as labelled data, with the pixels not to be used."""
    import xarray as xr

    dims = ("module", "y", "x")
    named = {
        f"position_{axis}": (dims, positions[..., place], {"units": "m"}) for place, axis in enumerate("xyz")
    }
    mask = (dims, bad | ~np.isfinite(positions[..., 0]), {"units": "dimensionless"})
    return xr.Dataset({**named, "mask": mask})


@dataclass(frozen=True, slots=True)
class CrystfelGeom:
    """The reader of .geom files by themselves: where every pixel is."""

    name: str = "crystfel_geom"

    def probe(self, probe: Probe) -> Confidence:
        """By lines that only such files have."""
        return Confidence.CONTENT if KNOWN.search(probe.text) else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether every panel is whole."""
        try:
            read(path)
        except AdapterError as error:
            return Readiness.broken(str(error))
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Positions of the pixel centres, camera length and wavelength where they are numbers."""
        geometry = read(path)
        energy = geometry.photon_energy_ev
        metadata = Metadata(
            technique="geometry",
            wavelength_angstrom=HC_KEV_ANGSTROM / (energy / 1000) if energy else None,
            distance_m=geometry.distance_m or None,
            raw=summary(geometry),
        )
        data = pixels(*geometry.positions(str(path)))
        flags = text.open_end(text.text(path))
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION), flags)


CRYSTFEL_GEOM = CrystfelGeom()

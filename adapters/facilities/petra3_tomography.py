"""Tomography at P05 and P07 of PETRA III: thousands of images and one log, matched by time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from adapters.errors import AdapterError, CorruptFileError, LayoutError, NoSuchRunError, StillWritingError
from adapters.facilities.petra3_beamtime import beamtime_of
from adapters.formats import hdf5, late, tiff_header
from adapters.formats.by_path import state_of
from adapters.formats.images import ImageSource
from adapters.formats.nexus import one_value
from adapters.formats.projections import DARK, FLAT, PROJECTION, Stack, projections
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness, convert
from adapters.model.metadata import HC_KEV_ANGSTROM
from adapters.protocol import Confidence, Probe

if TYPE_CHECKING:
    import dask.array as da

VERSION = "1"
LOG = "*_nexus.h5"
DATA, SETUP = "entry/scan/data", "entry/scan/setup"
ENERGIES = {"p07_energy": "p07", "pos_p07_energy": "p07", "p05_energy": "p05", "pos_p05_energy": "p05"}
DISTANCES = ("o_ccd_dist", "pos_o_ccd_dist")
CAMERAS = ("entry/hardware/camera", "entry/hardware/camera1")
# Times are in milliseconds; an angle belongs to an image within this share of the time between images.
NEAR = 0.5
HEADERLESS = (".raw", ".img", ".ref", ".dar")
KINDS = {PROJECTION: "projections", FLAT: "flats", DARK: "darks"}


@dataclass(frozen=True)
class Shot:
    """One image: its file, what it shows, when it was taken (ms), and at which angle (degree) if any."""

    file: Path
    key: int
    time: float
    angle: float


@dataclass(frozen=True, slots=True)
class HereonTomography:
    """The reader of a scan's folder, or of the log in it."""

    name: str = "petra3_tomography"
    facility: str = "petra3"
    instrument: str = ""
    late_s: float = late.LATE_S

    def probe(self, probe: Probe) -> Confidence:
        """INSTRUMENT by the log: names of images with the time of each."""
        log = _log(probe.path)
        if log is None:
            return Confidence.NO
        try:
            with hdf5.opened(log) as file:
                return Confidence.INSTRUMENT if hdf5.has(file, f"{DATA}/image_file/value") else Confidence.NO
        except AdapterError:
            return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether the log is closed and every image that it names is there."""
        try:
            log = _required(path)
            shots, _ = _shots(log)
        except StillWritingError as error:
            return Readiness.wait(str(error))
        except AdapterError as error:
            return Readiness.broken(str(error))
        missing = [shot.file for shot in shots if not shot.file.exists()]
        if not missing:
            return Readiness.ready() if shots else Readiness.broken(f"{log} names no images")
        said = f"{len(missing)} of {len(shots)} images are missing, the first is {missing[0].name}"
        if len(missing) == len(shots):
            return late.judged(f"{path}: {said}", [log], late_s=self.late_s)
        witnesses = [log, *(shot.file for shot in shots if shot.file.exists())][-50:]
        if late.younger_than(self.late_s, *witnesses):
            return Readiness.wait(f"{path}: {said}, and the run is fresh", 30.0)
        # Images that were lost long ago do not make the others worthless; a flag counts them.
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Images lazily by what they show, in the order in which they were taken; angles by time."""
        log = _required(path)
        shots, flags = _shots(log)
        there = [shot for shot in shots if shot.file.exists()]
        if lost := len(shots) - len(there):
            flags.append(Flag.caution("frames_missing", f"{lost} of {len(shots)} images are not there"))
        by_kind = {kind: [shot for shot in there if shot.key == kind] for kind in KINDS}
        placed = [shot for shot in by_kind[PROJECTION] if np.isfinite(shot.angle)]
        if astray := len(by_kind[PROJECTION]) - len(placed):
            said = f"{astray} projections have no angle at their time, and are left out"
            flags.append(Flag.caution("angles_missing", said))
        if not placed:
            raise LayoutError(log, "no projection with an angle is there")
        counts = _stack([shot.file for shot in placed])
        flats, darks = (
            _stack([s.file for s in by_kind[kind]]) if by_kind[kind] else None for kind in (FLAT, DARK)
        )
        angles = np.array([shot.angle for shot in placed])
        data, missing = projections(Stack(counts, flats, darks, angles, "degree"), str(path))
        metadata = self._metadata(log, flags)
        files = [str(log), *(str(shot.file) for shot in there)]
        provenance = Provenance(files[0], self.name, VERSION, tuple(files[1:]))
        return Measurement(data, metadata, provenance, (*flags, *missing))

    def _metadata(self, log: Path, flags: list[Flag]) -> Metadata:
        beamtime = beamtime_of(log)
        flags.extend(beamtime.flags)
        with hdf5.opened(log) as file:
            energy, beamline = _energy(file)
            distance = next((d for name in DISTANCES if (d := _value(file, f"{SETUP}/{name}"))), None)
            pixel = _pixel(file)
            exposure = next((v for camera in CAMERAS if (v := _value(file, f"{camera}/exptime"))), None)
        return Metadata(
            technique="tomo",
            facility=self.facility,
            instrument=beamtime.beamline or beamline,
            wavelength_angstrom=None if energy is None else HC_KEV_ANGSTROM / convert(energy, "eV", "keV"),
            distance_m=None if distance is None else convert(distance, "mm", "m"),
            pixel_size_x_m=pixel,
            pixel_size_y_m=pixel,
            # The log does not say the unit of the exposure time.
            raw={**beamtime.said, "exptime": exposure},
        )


def _log(path: Path) -> Path | None:
    if path.is_dir():
        found = sorted(path.glob(LOG))
        return found[0] if len(found) == 1 else None
    return path if path.name.endswith(LOG[1:]) and path.is_file() else None


def _required(path: Path) -> Path:
    log = _log(path)
    if log is not None:
        return log
    if not path.exists():
        raise NoSuchRunError(path)
    raise LayoutError(path, f"there is not one log ({LOG}) in it")


def _series(file: h5py.File, name: str, path: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Values and times (ms) of a log, in the order of time; what stands twice at one time once."""
    values = np.asarray(hdf5.require(file, f"{DATA}/{name}/value")[()]).ravel()
    times = np.asarray(hdf5.require(file, f"{DATA}/{name}/time")[()], float).ravel()
    if len(values) != len(times):
        raise CorruptFileError(path, f"{name} has {len(values)} values and {len(times)} times")
    order = np.argsort(times, kind="stable")
    return values[order], times[order]


def _shots(log: Path) -> tuple[list[Shot], list[Flag]]:
    flags: list[Flag] = []
    with hdf5.opened(log) as file:
        names, times = _series(file, "image_file", log)
        keys, key_times = _series(file, "image_key", log)
        angles, angle_times = _series(file, "s_rot", log)
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    nearest_key = _nearest(keys.astype(float), key_times, times, NEAR * step)
    nearest_angle = _nearest(angles.astype(float), angle_times, times, NEAR * step)
    shots: dict[str, Shot] = {}
    unknown = 0
    for name, time, key, angle in zip(names, times, nearest_key, nearest_angle, strict=True):
        said = hdf5.text(name)
        if not np.isfinite(key):
            unknown += 1
            continue
        # The log may name an image twice; the first mention is when it was taken.
        shots.setdefault(said, Shot(_inside(log, said), int(key), float(time), float(angle)))
    if unknown:
        said = f"{unknown} images have no key at their time, and are left out"
        flags.append(Flag.caution("frames_invalid", said))
    if repeated := len(names) - unknown - len(shots):
        flags.append(
            Flag.info("images_repeated", f"the log names {repeated} images twice; each is read once")
        )
    return list(shots.values()), flags


def _inside(log: Path, name: str) -> Path:
    """The place of an image, which the log gives relative to its folder and must not leave."""
    parts = [part for part in re.split(r"[\\/]+", name) if part not in ("", ".", "..")]
    return log.parent.joinpath(*parts)


def _nearest(
    values: np.ndarray[Any, Any], times: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any], within: float
) -> np.ndarray[Any, Any]:
    """The value whose time is nearest to each wanted one; NaN where none is near."""
    if not len(times):
        return np.full(len(wanted), np.nan)
    place = np.clip(np.searchsorted(times, wanted), 1, max(len(times) - 1, 1))
    left = np.clip(place - 1, 0, len(times) - 1)
    right = np.clip(place, 0, len(times) - 1)
    chosen = np.where(np.abs(times[left] - wanted) <= np.abs(times[right] - wanted), left, right)
    return np.where(np.abs(times[chosen] - wanted) <= within, values[chosen], np.nan)


def _stack(files: Sequence[Path]) -> da.Array:
    """Images of equal size as one array, one task an image; the headers are looked at when read."""
    import dask.array as da

    if files[0].suffix.lower() in HEADERLESS:
        raise LayoutError(files[0], "an image without a header, whose size the log does not state")
    first = tiff_header.promise(files[0])
    source = Images(tuple(map(str, files)), (first.rows, first.columns), first.dtype)
    chunks = (1, first.rows, first.columns)
    array: da.Array = da.from_array(
        source,
        chunks=chunks,
        name=False,
        asarray=True,
        inline_array=True,
        meta=np.empty((0, 0, 0), first.dtype),
    )
    return array


class Images:
    """Single images by their paths; slicing opens and decodes those that are asked for."""

    ndim = 3

    def __init__(self, files: tuple[str, ...], shape: tuple[int, int], dtype: np.dtype[Any]) -> None:
        self.files, self.dtype = files, dtype
        self.shape = (len(files), *shape)

    def __getitem__(self, key: Any) -> np.ndarray[Any, Any]:
        first, *rest = key if isinstance(key, tuple) else (key,)
        wanted = np.arange(len(self.files))[first]
        single = (1, *self.shape[1:])
        frames = [ImageSource(self.files[place], single, self.dtype)[0] for place in np.atleast_1d(wanted)]
        stack = np.stack(frames) if frames else np.empty((0, *self.shape[1:]), self.dtype)
        if not np.ndim(wanted):
            chosen: np.ndarray[Any, Any] = stack[0][tuple(rest)]
            return chosen
        chosen = stack[(slice(None), *rest)]
        return chosen

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return tuple(map(state_of, self.files))


def _value(file: h5py.File, place: str) -> float | None:
    """A number at a place, or in `value` of the group that stands there."""
    for name in (place, f"{place}/value"):
        item = file.get(name)
        if isinstance(item, h5py.Dataset):
            return one_value(item)
    return None


def _energy(file: h5py.File) -> tuple[float | None, str | None]:
    for name, beamline in ENERGIES.items():
        value = _value(file, f"{SETUP}/{name}")
        if value:
            return value, beamline
    return None, None


def _pixel(file: h5py.File) -> float | None:
    """The effective pixel (m): that of the camera (mm) over the magnification."""
    for camera in CAMERAS:
        pixel, magnification = _value(file, f"{camera}/pixelsize"), _value(file, f"{camera}/magnification")
        if pixel and magnification:
            return convert(pixel, "mm", "m") / magnification
    return None


HEREON_TOMOGRAPHY = HereonTomography()

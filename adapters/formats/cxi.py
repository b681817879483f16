"""CXI files of a scanned probe: diffraction frames, the place of the sample at each, and the mask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from adapters.errors import AdapterError, LayoutError, StillWritingError
from adapters.formats import hdf5
from adapters.formats.frames import SIGNED_SENTINELS, dataset, fitting
from adapters.formats.nexus import one_value
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness, convert
from adapters.protocol import Confidence, Probe

VERSION = "1"
MARK = "cxi_version"
DETECTOR = "entry_1/instrument_1/detector_1"
SOURCE = "entry_1/instrument_1/source_1"
FRAMES = ("entry_1/data_1/data", f"{DETECTOR}/data")
PLACES = (
    "entry_1/sample_1/geometry_1/translation",
    "entry_1/data_1/translation",
    f"{DETECTOR}/translation",
)
MASKS = (f"{DETECTOR}/mask", "entry_1/data_1/mask")
# Planck's constant times the speed of light (J m), exact since 2019.
HC_J_M = 6.62607015e-34 * 299792458.0
# An energy and a wavelength written in single precision agree at least this well.
AGREEMENT = 1e-3


@dataclass(frozen=True, slots=True)
class ScannedCxi:
    """The reader of CXI files that say where the sample stood; numbers are in SI units by the format."""

    name: str = "cxi_ptychography"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the version of the format and the places of the sample."""
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                known = MARK in file and _first(file, FRAMES) and _first(file, PLACES)
                return Confidence.CONTENT if known else Confidence.NO
        except AdapterError:
            return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether there is a place for every frame, and every frame can be reached."""
        judged = hdf5.check(path)
        if judged != Readiness.ready():
            return judged
        try:
            with hdf5.opened(path) as file:
                frames, places = _frames(file, path).shape[0], _places(file, path).shape[0]
        except StillWritingError as error:
            return Readiness.wait(str(error))
        except AdapterError as error:
            return Readiness.broken(str(error))
        if not frames:
            return Readiness.broken(f"{path} has no frames")
        if frames != places:
            return Readiness.broken(f"{path} has {frames} frames and {places} places of the sample")
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Frames lazily; places, mask and numbers now."""
        flags: list[Flag] = []
        with hdf5.opened(path) as file:
            stored = _frames(file, path)
            counts, places = hdf5.lazy(stored, path), _places(file, path)
            mask_at = _first(file, MASKS)
            mask = None if mask_at is None else hdf5.lazy(hdf5.require(file, mask_at), path) != 0
            metadata = _metadata(file, flags)
        if len(places) != stored.shape[0]:
            raise LayoutError(path, f"{stored.shape[0]} frames but {len(places)} places of the sample")
        sentinels = SIGNED_SENTINELS if stored.dtype.kind == "i" else {}
        data = dataset(counts, sentinels=sentinels, mask=fitting(mask, stored.shape, path)).assign(
            position_x=("frame", places[:, 0], {"units": "m"}),
            position_y=("frame", places[:, 1], {"units": "m"}),
        )
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION), tuple(flags))


def _first(file: h5py.File, places: tuple[str, ...]) -> str | None:
    return next((place for place in places if hdf5.has(file, place)), None)


def _frames(file: h5py.File, path: Path) -> h5py.Dataset:
    stored = hdf5.require(file, _first(file, FRAMES) or FRAMES[0])
    if stored.ndim != 3:
        raise LayoutError(path, f"its frames have the shape {stored.shape}, not (frame, y, x)")
    return stored


def _places(file: h5py.File, path: Path) -> np.ndarray[Any, Any]:
    stored = hdf5.require(file, _first(file, PLACES) or PLACES[0])
    if stored.ndim != 2 or stored.shape[1] < 2:
        raise LayoutError(path, f"the places of the sample have the shape {stored.shape}, not (frame, 3)")
    return np.asarray(stored[()], float)


def _number(file: h5py.File, place: str) -> float | None:
    value = one_value(hdf5.require(file, place)) if hdf5.has(file, place) else None
    return value or None


def _metadata(file: h5py.File, flags: list[Flag]) -> Metadata:
    return Metadata(
        technique="ptycho",
        wavelength_angstrom=_wavelength(file, flags),
        distance_m=_number(file, f"{DETECTOR}/distance"),
        pixel_size_x_m=_number(file, f"{DETECTOR}/x_pixel_size"),
        pixel_size_y_m=_number(file, f"{DETECTOR}/y_pixel_size"),
        raw={MARK: int(hdf5.require(file, MARK)[()])},
    )


def _wavelength(file: h5py.File, flags: list[Flag]) -> float | None:
    stated, energy = _number(file, f"{SOURCE}/wavelength"), _number(file, f"{SOURCE}/energy")
    by_energy = HC_J_M / energy if energy else None
    if stated and by_energy and abs(stated / by_energy - 1) > AGREEMENT:
        said = f"the file states a wavelength of {stated:.6g} m and an energy that means {by_energy:.6g} m"
        flags.append(Flag.caution("wavelength_contradicted", said))
    metres = stated or by_energy
    return None if metres is None else convert(metres, "m", "angstrom")


CXI_PTYCHOGRAPHY = ScannedCxi()

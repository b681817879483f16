"""Velox files of Thermo Fisher microscopes (.emd): images and spectra, each with what the microscope said."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from adapters.errors import AdapterError, CorruptFileError, LayoutError
from adapters.formats import hdf5, microscope_axes, text
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

if TYPE_CHECKING:
    import xarray as xr

VERSION = "1"
IMAGES, SPECTRA = "Data/Image", "Data/Spectrum"
DISPLAYS, SERIES = "Displays/ImageDisplay", "SharedProperties/ImageSeriesDataReference"
MOST_WORDS = 2**24
# Where the JSON of an image says what, the name it gets, and what brings it to its unit.
SAID = {
    ("Optics", "AccelerationVoltage"): ("voltage_kv", 1e-3),
    ("Optics", "CameraLength"): ("camera_length_mm", 1e3),
    ("Optics", "BeamConvergence"): ("convergence_mrad", 1e3),
    ("Scan", "DwellTime"): ("dwell_time_s", 1.0),
}


@dataclass(frozen=True)
class Velox:
    """A reader of Velox files; streams of single photons are counted in their spectra, and not read."""

    name: str = "velox_emd"

    def probe(self, probe: Probe) -> Confidence:
        """INSTRUMENT by the format that the file names."""
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                known = "Version" in file and '"Velox"' in hdf5.text(file["Version"])
                return Confidence.INSTRUMENT if known and "Data" in file else Confidence.NO
        except AdapterError:
            return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether it opens, with all links."""
        found = hdf5.check(path)
        if found.reason:
            return found
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """Images of the commonest shape by name, and spectra beside them."""
        with hdf5.opened(path) as file:
            pictures = _pictures(file, path)
            spectra = _spectra(file)
            flags = _left(file)
            if not pictures and spectra is None:
                raise LayoutError(path, "it holds neither images nor spectra")
            said = pictures[0].said if pictures else {}
        if pictures:
            data, more = _images(pictures)
            flags += more
            if spectra is not None:
                # Spectra are of detectors, not of places: a dimension of their own.
                data = data.merge(spectra.rename(frame="detector"))
        else:
            assert spectra is not None
            data = spectra
        metadata = Metadata("stem", raw=_raw(said))
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION), tuple(flags))


@dataclass(frozen=True)
class Picture:
    """One dataset of images: frames (y, x) with a name, and what the microscope said of them."""

    name: str
    array: Any
    said: dict[str, Any]


def _pictures(file: h5py.File, path: Path) -> list[Picture]:
    names = _names(file)
    found = []
    for key, group in _groups(file, IMAGES):
        stored = hdf5.require(group, "Data")
        if stored.ndim != 3 or stored.dtype.kind not in "iuf" or 0 in stored.shape:
            raise CorruptFileError(path, f"image {key} has the shape {stored.shape}, not y, x, frames")
        said = _json(group, path)
        detector = said.get("BinaryResult", {}).get("Detector")
        array = hdf5.lazy(stored, path).transpose(2, 0, 1)
        found.append(Picture(names.get(key) or str(detector or key[:8]), array, said))
    return sorted(found, key=lambda each: each.name)


def _groups(file: h5py.File, name: str) -> list[tuple[str, h5py.Group]]:
    parent = file.get(name)
    if not isinstance(parent, h5py.Group):
        return []
    return [(key, each) for key, each in parent.items() if isinstance(each, h5py.Group)]


def _names(file: h5py.File) -> dict[str, str]:
    """Titles of displays by the image they show, which is where maps of elements have their names."""
    shown: dict[str, str] = {}
    displays = file.get(DISPLAYS)
    for each in displays.values() if isinstance(displays, h5py.Group) else ():
        said = _parsed(hdf5.text(each)) if isinstance(each, h5py.Dataset) else {}
        reference = said.get("data")
        if not isinstance(reference, str) or reference not in file or not isinstance(said.get("title"), str):
            continue
        target = file[reference]
        place = _parsed(hdf5.text(target)).get("dataPath", "") if isinstance(target, h5py.Dataset) else ""
        shown[str(place).rsplit("/", 1)[-1]] = said["title"]
    return shown


def _json(group: h5py.Group, path: Path) -> dict[str, Any]:
    """What the microscope said of the first frame: a column of bytes that holds JSON."""
    stored = group.get("Metadata")
    if not isinstance(stored, h5py.Dataset) or stored.ndim != 2 or not 0 < stored.shape[0] <= MOST_WORDS:
        raise CorruptFileError(path, f"{group.name} has no metadata as Velox writes them")
    column = np.asarray(stored[:, 0], "u1").tobytes().split(b"\0")[0]
    found = _parsed(column.decode("utf-8", "replace"))
    if not found:
        raise CorruptFileError(path, f"the metadata of {group.name} are no JSON")
    return found


def _parsed(said: str) -> dict[str, Any]:
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _images(pictures: list[Picture]) -> tuple[xr.Dataset, list[Flag]]:
    import dask.array as da

    shapes = [each.array.shape[1:] for each in pictures]
    common = max(dict.fromkeys(shapes), key=shapes.count)
    used = [each for each in pictures if each.array.shape[1:] == common]
    flags = []
    if len(used) < len(pictures):
        left = ", ".join(each.name for each in pictures if each not in used)
        told = f"images of another shape than {common} are not read: {left}"
        flags.append(Flag.caution("other_signals_not_read", told))
    pixels = {_pixel(each.said) for each in used}
    pixel = pixels.pop() if len(pixels) == 1 else None
    if pixel is None:
        told = "its images do not agree on the size of a pixel, or do not say it"
        flags.append(Flag.caution("voxel_missing", told))
    data = microscope_axes.images(da.concatenate([each.array for each in used]), pixel or (None, None))
    names = [each.name for each in used for _ in range(each.array.shape[0])]
    data["image_name"] = ("frame", np.array(names), {"units": "dimensionless"})
    return data, flags


def _pixel(said: dict[str, Any]) -> tuple[float, float] | None:
    """Edges (y, x; angstrom) of a pixel."""
    result = said.get("BinaryResult")
    sizes = result.get("PixelSize") if isinstance(result, dict) else None
    if not isinstance(result, dict) or not isinstance(sizes, dict):
        return None
    found = [
        microscope_axes.length(text.number(str(sizes.get(edge, ""))), str(result.get(unit, "")))
        for edge, unit in (("height", "PixelUnitY"), ("width", "PixelUnitX"))
    ]
    return None if None in found else (round(found[0] or 0, 9), round(found[1] or 0, 9))


def _spectra(file: h5py.File) -> xr.Dataset | None:
    rows, energies, names = [], [], []
    for _, group in _groups(file, SPECTRA):
        values = np.asarray(hdf5.require(group, "Data")[()])
        said = _json(group, Path(file.filename))
        detector = _detector(said)
        scale, offset = (text.number(str(detector.get(key, ""))) for key in ("Dispersion", "OffsetEnergy"))
        if values.ndim != 2 or values.shape[0] < 2 or not microscope_axes.sensible(scale) or offset is None:
            raise CorruptFileError(file.filename, f"the spectrum {group.name} has no axis of energy")
        rows.append(values[:, 0])
        energies.append(microscope_axes.energies(len(values), float(scale or 0), offset, "eV"))
        names.append(str(detector.get("DetectorName", "")))
    if not rows:
        return None
    if any(len(each) != len(energies[0]) or (each != energies[0]).any() for each in energies):
        raise LayoutError(file.filename, "its spectra differ in their axes of energy")
    order = np.argsort(names, kind="stable")
    found = microscope_axes.spectra(np.stack(rows)[order], energies[0], "count")
    found["detector_name"] = ("frame", np.array(names)[order], {"units": "dimensionless"})
    return found


def _detector(said: dict[str, Any]) -> dict[str, Any]:
    """The entry of the detector that a spectrum is from."""
    result, detectors = said.get("BinaryResult"), said.get("Detectors")
    if not isinstance(result, dict) or not isinstance(detectors, dict):
        return {}
    named = [each for each in detectors.values() if isinstance(each, dict)]
    return next((each for each in named if each.get("DetectorName") == result.get("Detector")), {})


def _left(file: h5py.File) -> list[Flag]:
    streams = [name for name in ("SpectrumStream", "SpectrumImage") if f"Data/{name}" in file]
    if not streams:
        return []
    told = f"photons by place ({', '.join(streams)}) are not read: only maps and sums of them"
    return [Flag.info("spectrum_stream_not_read", told)]


def _raw(said: dict[str, Any]) -> dict[str, Any]:
    raw: dict[str, Any] = {"first_row": "highest"}
    for (group, key), (name, factor) in SAID.items():
        inside = said.get(group)
        value = text.number(str(inside.get(key, ""))) if isinstance(inside, dict) else None
        if value is not None and np.isfinite(value) and value > 0:
            raw[name] = value * factor
    instrument = said.get("Instrument")
    if isinstance(instrument, dict) and isinstance(instrument.get("InstrumentModel"), str):
        raw["microscope"] = instrument["InstrumentModel"]
    return raw


VELOX = Velox()

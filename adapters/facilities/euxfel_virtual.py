"""European XFEL: virtual CXI files that EXtra-data lays over the files of a run, missing modules told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from adapters.errors import AdapterError, LayoutError, StillWritingError
from adapters.facilities import euxfel_detectors as detectors
from adapters.facilities.euxfel import BAD_MODULE, INSTRUMENTS
from adapters.formats import hdf5
from adapters.formats.virtual import require_sources
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe

if TYPE_CHECKING:
    import dask.array as da

VERSION = "1"
ENTRY = "entry_1"
DETECTOR = f"{ENTRY}/instrument_1/detector_1"
DATA, MODULES = f"{DETECTOR}/data", f"{DETECTOR}/module_identifier"
TRAINS, PULSES, CELLS = (f"{ENTRY}/{name}" for name in ("trainId", "pulseId", "cellId"))
DIMS = ("frame", "module", "y", "x")


@dataclass(frozen=True, slots=True)
class VirtualCxi:
    """The reader of these files.

    Where a module has no frame, HDF5 fills in zeros (NaN in corrected data) in silence. Which
    frames a file draws on says what is there; the rest stands as missing.
    """

    name: str = "euxfel_virtual_cxi"

    def probe(self, probe: Probe) -> Confidence:
        """By trains, pulses and modules beside the data of a CXI file."""
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                ours = "cxi_version" in file and all(hdf5.has(file, each) for each in (TRAINS, MODULES, DATA))
        except AdapterError:
            return Confidence.NO
        return Confidence.INSTRUMENT if ours else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether every file that the data are drawn from is where it was; a run that moved is not."""
        try:
            with hdf5.opened(path) as file:
                _covered(_shapes(file, path)[0], path)
                for name in (DATA, f"{DETECTOR}/gain", f"{DETECTOR}/mask", CELLS):
                    if hdf5.has(file, name):
                        require_sources(hdf5.require(file, name))
        except StillWritingError as error:
            return Readiness.wait(str(error))
        except AdapterError as error:
            return Readiness.broken(f"{error} (make the virtual file again, or open the folder of the run)")
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        """Frames with train and pulse of each, as the reader of the run's own files gives them."""
        import xarray as xr

        with hdf5.opened(path) as file:
            stored, frames, modules = _shapes(file, path)
            present = _covered(stored, path)
            variables: dict[str, Any] = {"present": (DIMS[:2], present, {"units": "dimensionless"})}
            variables |= _planes(stored, path, present)
            for name, fill in (("gain", np.nan), ("mask", BAD_MODULE)):
                if hdf5.has(file, f"{DETECTOR}/{name}"):
                    values = hdf5.lazy(hdf5.require(file, f"{DETECTOR}/{name}"), path)
                    variables[name] = (DIMS, _filled(values, present, fill), {"units": "dimensionless"})
            if hdf5.has(file, CELLS):
                cells = hdf5.lazy(hdf5.require(file, CELLS), path)
                variables["cell"] = (DIMS[:2], _filled(cells, present, np.nan), {"units": "dimensionless"})
            metadata = _metadata(file)
            files = tuple(dict.fromkeys(_sources(stored)))
        trains, pulses = frames
        coords = {
            "train": ("train", np.unique(trains), {"units": "dimensionless"}),
            "frame_train": ("frame", trains, {"units": "dimensionless"}),
            "frame_pulse": ("frame", pulses, {"units": "dimensionless"}),
            "module": ("module", modules, {"units": "dimensionless"}),
        }
        flags = _flags(present, modules)
        provenance = Provenance(str(path), self.name, VERSION, (str(path), *files))
        return Measurement(xr.Dataset(variables, coords), metadata, provenance, flags)


def _shapes(
    file: h5py.File, path: Path
) -> tuple[h5py.Dataset, tuple[NDArray[Any], NDArray[Any]], NDArray[Any]]:
    """The data, train and pulse of each frame, and the numbers of the modules, if they fit together."""
    stored = hdf5.require(file, DATA)
    numbers = [hdf5.require(file, name) for name in (TRAINS, PULSES, MODULES)]
    if any(each.ndim != 1 or each.dtype.kind not in "iu" for each in numbers):
        raise LayoutError(path, f"{TRAINS}, {PULSES} and {MODULES} are not all rows of whole numbers")
    trains, pulses, modules = (each[:] for each in numbers)
    if stored.ndim not in (4, 5) or stored.shape[:2] != (len(trains), len(modules)):
        said = f"its data are {stored.shape} for {len(trains)} frames of {len(modules)} modules"
        raise LayoutError(path, said)
    if len(pulses) != len(trains):
        raise LayoutError(path, f"it has {len(trains)} trains and {len(pulses)} pulses of frames")
    return stored, (trains.astype(np.uint64), pulses.astype(np.int64)), modules.astype(np.int64)


def _sources(stored: h5py.Dataset) -> list[str]:
    return [source.file_name for source in stored.virtual_sources()] if stored.is_virtual else []


def _covered(stored: h5py.Dataset, path: Path) -> NDArray[np.bool_]:
    """(frame, module): whether some file is drawn on there."""
    if not stored.is_virtual:
        # Copied whole: what was filled in can no longer be told from what was measured.
        raise LayoutError(path, f"{DATA} is a copy, not virtual, so frames that are missing cannot be told")
    present = np.zeros(stored.shape[:2], bool)
    for source in stored.virtual_sources():
        low, high = source.vspace.get_select_bounds()
        present[low[0] : high[0] + 1, low[1] : high[1] + 1] = True
    return present


def _planes(stored: h5py.Dataset, path: Path, present: NDArray[np.bool_]) -> dict[str, Any]:
    """Counts, and beside those of an AGIPD the plane of its gain."""
    values = hdf5.lazy(stored, path)
    planes = [values] if stored.ndim == 4 else [values[:, :, place] for place in range(stored.shape[2])]
    names = ("counts", "gain_adc")
    if len(planes) > len(names):
        raise LayoutError(path, f"its frames have {len(planes)} planes, which is not known")
    return {
        name: (DIMS, _filled(plane, present, np.nan), {"units": "arbitrary"})
        for name, plane in zip(names, planes, strict=False)
    }


def _filled(values: da.Array, present: NDArray[np.bool_], fill: float) -> da.Array:
    """The values with `fill` where nothing is drawn on; integers become floats for NaN only then."""
    import dask.array as da

    if present.all():
        return values
    there = da.from_array(present, chunks=(values.chunks[0], present.shape[1]))
    there = there.reshape(*present.shape, *(1,) * (values.ndim - 2))
    if np.isnan(fill) and values.dtype.kind in "iu":
        values = values.astype(np.float32)
    chosen: da.Array = da.where(there, values, np.asarray(fill, values.dtype))
    return chosen


def _flags(present: NDArray[np.bool_], modules: NDArray[Any]) -> tuple[Flag, ...]:
    said = "these detectors give digital units or corrected energies, not photons counted one by one"
    flags = [Flag.caution("not_photon_counting", said)]
    there = present.any(axis=0)
    if not there.all():
        absent = ", ".join(map(str, modules[~there]))
        flags.append(Flag.caution("module_missing", f"no file holds modules {absent}; they stand as missing"))
    some = present[:, there]
    if some.size and not some.all():
        lacking = int((~some.all(axis=1)).sum())
        said = f"{lacking} of {len(some)} frames lack some module"
        flags.append(Flag.caution("frames_incomplete", said))
    return tuple(flags)


def _metadata(file: h5py.File) -> Metadata:
    name = hdf5.text(file[DETECTOR].attrs.get("name", ""))
    kind = next((each for each in detectors.KINDS if each.name in name), None)
    instrument = name.partition("_")[0]
    pixel = None if kind is None else kind.pixel_m
    said = {
        word: int(file[ENTRY].attrs[key])
        for word, key in (("proposal", "euxfelProposalNumber"), ("run", "euxfelRunNumber"))
        if key in file[ENTRY].attrs
    }
    return Metadata(
        technique="modules",
        facility="euxfel",
        instrument=instrument.lower() if instrument in INSTRUMENTS else None,
        pixel_size_x_m=pixel,
        pixel_size_y_m=pixel,
        raw={**said, "detectors": [name] if name else []},
    )


EUXFEL_VIRTUAL_CXI = VirtualCxi()

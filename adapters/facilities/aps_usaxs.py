"""USAXS of APS 9-ID: fly scans with the beamline's own reduction to curves in the same file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from adapters.errors import AdapterError, LayoutError
from adapters.formats import hdf5
from adapters.formats.nexus import Number, number, text
from adapters.formats.q_unit import CANONICAL
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness, convert
from adapters.protocol import Confidence, Probe, ready_if

VERSION = "1"
RAW = "entry/flyScan"
REDUCED = "entry/flyScan_reduced_250"
CHANNELS = {"mca1": "clock", "mca2": "monitor", "mca3": "detector"}
WAVELENGTH = Number("entry/instrument/monochromator/wavelength", to="angstrom")
SLIT = "a Bonse-Hart instrument without collimation across: the curve is smeared by its slit"


@dataclass(frozen=True, slots=True)
class FlyScan:
    """The reader of a fly scan: the reduced curve, with the raw pulses beside it."""

    name: str = "aps_usaxs"
    facility: str = "aps"
    instrument: str = "9-ID"

    def probe(self, probe: Probe) -> Confidence:
        """INSTRUMENT by the scan and the name of the instrument."""
        if not probe.head.startswith(hdf5.MAGIC):
            return Confidence.NO
        try:
            with hdf5.opened(probe.path) as file:
                named = "USAXS" in (text(file, "entry/instrument/name") or "")
                return Confidence.INSTRUMENT if RAW in file and named else Confidence.NO
        except AdapterError:
            return Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether it opens and has been reduced."""
        judged = hdf5.check(path)
        if judged != Readiness.ready():
            return judged
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """Reflectivity over q, as the beamline reduced it."""
        import xarray as xr

        flags = [Flag.caution("slit_smeared", SLIT)]
        with hdf5.opened(path) as file:
            if REDUCED not in file:
                raise LayoutError(path, "the fly scan has not been reduced at the beamline yet")
            q = _values(file, "Q") * convert(1.0, "1/A", CANONICAL)
            curve, errors = _values(file, "R"), _values(file, "dR")
            if not q.shape == curve.shape == errors.shape:
                raise LayoutError(
                    path, f"Q, R and dR have the shapes {q.shape}, {curve.shape}, {errors.shape}"
                )
            pulses = {name: _pulses(file, place) for place, name in CHANNELS.items()}
            if len({len(each) for each in pulses.values()}) > 1:
                said = ", ".join(f"{name} {len(each)}" for name, each in pulses.items())
                raise LayoutError(path, f"its channels have different numbers of pulses: {said}")
            metadata = Metadata(
                technique="saxs",
                facility=self.facility,
                instrument=self.instrument,
                sample_name=text(file, "entry/sample/name"),
                wavelength_angstrom=number(file, WAVELENGTH, path, flags),
            )
        said = "neither the blank nor the thickness is taken out: the scale is that of reflectivity"
        flags.append(Flag.caution("blank_not_subtracted", said))
        good, scale = np.isfinite(q) & np.isfinite(curve), {"units": "dimensionless"}
        if lost := int((~good).sum()):
            flags.append(Flag.caution("q_not_finite", f"{lost} of {len(q)} points have no q or no value"))
        data = xr.Dataset(
            {
                "intensity": (("frame", "q"), curve[None, good], scale),
                "intensity_errors": (("frame", "q"), errors[None, good], scale),
                **{name: ("pulse", values, {"units": "count"}) for name, values in pulses.items()},
            },
            coords={"q": ("q", q[good], {"units": CANONICAL})},
        )
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION), tuple(flags))


def _values(file: h5py.File, name: str) -> np.ndarray[Any, Any]:
    return _row(hdf5.require(file, f"{REDUCED}/{name}")).astype(float)


def _pulses(file: h5py.File, name: str) -> np.ndarray[Any, Any]:
    return _row(hdf5.require(file, f"{RAW}/{name}"))


def _row(stored: h5py.Dataset) -> np.ndarray[Any, Any]:
    if stored.ndim != 1 or stored.dtype.kind not in "iuf":
        said = f"{stored.name} is {stored.dtype} of the shape {stored.shape}, not a row of numbers"
        raise LayoutError(stored.file.filename, said)
    return np.asarray(stored[()])


USAXS_9ID = FlyScan()

"""Decays to spectra in one dimension, in a series, and in two dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.errors import MissingMetadataError
from adapters.model import Flag, Measurement, merged
from tasks.common.kernels import decay
from tasks.common.kernels.resonances import baseline, line_noise, noise_level
from tasks.nmr.parameters import ProcessingParameters

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
PPM = {"units": "ppm"}
PAIRED = ("states", "states_tppi", "echo_antiecho")
# A quarter turn explains so much more than the phases as recorded that their convention must differ.
MUCH_BETTER = 0.02


class ResonanceError(Exception):
    """Magnetic resonance data do not give what a step needs; it says what is wrong and what to do."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}" if self.remedy else self.what


@dataclass(frozen=True)
class Spectrum:
    """Real intensity over "row" and "shift", or over "shift_1" and "shift_2", its noise, and remarks."""

    data: xr.Dataset
    noise: float
    flags: tuple[Flag, ...]

    @property
    def is_plane(self) -> bool:
        """Whether there are two dimensions of shift."""
        return "shift_1" in self.data.dims


def spectrum(run: Measurement, parameters: ProcessingParameters) -> Spectrum:
    """The spectrum of a run: processed here from its decays, or as somebody else processed it."""
    if "fid" in run.data:
        data, flags = _transformed(run, parameters)
    elif "intensity" in run.data:
        data, flags = run.data.compute(), ()
    else:
        raise ResonanceError(f"{run.provenance.path} holds neither decays nor a spectrum")
    direct = "shift_2" if "shift_2" in data.dims else "shift"
    data = data.assign_coords({direct: (direct, data[direct].values + parameters.reference_shift_ppm, PPM)})
    told = noise_level if direct == "shift_2" else line_noise
    noise = told(data["intensity"].values)
    if not noise > 0:
        raise ResonanceError(f"{run.provenance.path} has no noise: it holds no measured spectrum")
    units = {"units": data["intensity"].attrs["units"]}
    data["intensity_errors"] = (data["intensity"].dims, np.full(data["intensity"].shape, noise), units)
    return Spectrum(data, noise, merged(run.flags, flags))


def _transformed(run: Measurement, parameters: ProcessingParameters) -> tuple[xr.Dataset, tuple[Flag, ...]]:
    fid = run.data["fid"].values
    acquired = np.abs(fid).max(axis=1) > 0
    flags: tuple[Flag, ...] = ()
    if not acquired.any():
        raise ResonanceError(f"{run.provenance.path} holds only zeros: nothing was acquired")
    if not acquired.all() and "delay" in run.data:
        said = f"{(~acquired).sum()} of {len(acquired)} rows hold only zeros and are left out"
        flags = (Flag.caution("rows_not_acquired", said),)
    elif not acquired.all():
        said = f"the last {(~acquired).sum()} of {len(acquired)} rows hold only zeros: it was stopped early"
        flags = (Flag.caution("rows_not_acquired", said),)
    if "indirect_width" in run.data:
        return _plane(run, parameters, flags)
    rows = run.data.isel(row=acquired)
    width = _width(run)
    window = decay.exponential_window(
        fid.shape[1], parameters.line_broadening_hz, width, _scalar(run, "group_delay", 0.0)
    )
    values = _direct(run, fid[acquired] * window, parameters)
    strongest = int(np.abs(values).max(axis=1).argmax())
    # In a series the strongest row may be an inverted one.
    single = "delay" not in run.data
    (zero, first), said_of = _phases(run, parameters, values[strongest], checked=single)
    real = decay.phased(values, zero, first).real
    if parameters.baseline_order is not None:
        real = np.stack([row - baseline(row, parameters.baseline_order) for row in real])
    data = xr.Dataset({"intensity": (("row", "shift"), real, {"units": "arbitrary"})})
    data = data.assign_coords(shift=("shift", _axis(run, values.shape[1], width), PPM))
    if "delay" in rows:
        data["delay"] = rows["delay"]
    return data, (*flags, *said_of)


def _direct(run: Measurement, fid: NDArray[Any], parameters: ProcessingParameters) -> Complexes:
    late = _scalar(run, "group_delay", 0.0)
    size = decay.filled_size(fid.shape[1], parameters.zero_fill)
    # A digital filter builds the signal up; without one, the first point counts half.
    return decay.spectrum(fid, size, late, first=1.0 if late else 0.5)


def _width(run: Measurement) -> float:
    time = run.data["time"].values
    return float((len(time) - 1) / (time[-1] - time[0]))


def _axis(run: Measurement, size: int, width: float, prefix: str = "") -> Floats:
    frequency, carrier = (float(run.data[f"{prefix}{name}"]) for name in ("frequency", "carrier"))
    return carrier + decay.offsets(size) * width / frequency


def _scalar(run: Measurement, name: str, otherwise: float | None = None) -> float:
    if name in run.data:
        return float(run.data[name])
    if otherwise is None:
        raise MissingMetadataError(name, run.metadata.source)
    return otherwise


def _phases(
    run: Measurement, parameters: ProcessingParameters, strongest: Complexes, *, checked: bool = True
) -> tuple[tuple[float, float], tuple[Flag, ...]]:
    if parameters.phase == "given":
        return (parameters.phase_0, parameters.phase_1), ()
    if parameters.phase == "recorded" and "phase_0" in run.data:
        zero, first = -float(run.data["phase_0"]), -float(run.data["phase_1"])
        turn = decay.quarter_turns(decay.phased(strongest, zero, first), MUCH_BETTER) if checked else 0
        if not turn:
            return (zero, first), ()
        said = f"recorded phases leave the spectrum {turn} degrees off; it is turned by that"
        return (zero + turn, first), (Flag.caution("phase_convention_differs", said),)
    zero, first = decay.automatic_phase(strongest)
    said = f"phases were found by the shape of the spectrum: {zero:.1f} and {first:.1f} degrees"
    asked = parameters.phase == "automatic"
    return (zero, first), ((Flag.info if asked else Flag.caution)("phase_automatic", said),)


def _plane(
    run: Measurement, parameters: ProcessingParameters, flags: tuple[Flag, ...]
) -> tuple[xr.Dataset, tuple[Flag, ...]]:
    fid = run.data["fid"].values
    mode = parameters.indirect_mode or run.metadata.raw.get("indirect")
    if mode is None:
        raise MissingMetadataError("indirect_mode", run.metadata.source)
    if mode not in PAIRED:
        raise ResonanceError(
            f"the indirect dimension was acquired as {mode}, which is not processed here",
            "Open the spectrum that the spectrometer processed",
        )
    pairs = len(fid) // 2
    values = _direct(run, fid[: 2 * pairs] * decay.sine_window(fid.shape[1], 2), parameters)
    strongest = values[int(np.abs(values).max(axis=1).argmax())]
    # The pairs of this mode are turned by a quarter when they are combined.
    like = 1j * strongest if mode == "echo_antiecho" else strongest
    (zero, first), said = _phases(run, parameters, like, checked=False)
    one, two = decay.even_pairs(decay.phased(values, zero, first), mode)
    indirect = (one.real + 1j * two.real).T * decay.sine_window(pairs, 2)
    size = decay.filled_size(pairs, 2 * parameters.zero_fill)
    found = decay.spectrum(indirect, size, first=0.5)
    zero, first = _indirect_phases(run, parameters)
    plane = decay.phased(found, zero, first).real.T
    data = xr.Dataset({"intensity": (("shift_1", "shift_2"), plane, {"units": "arbitrary"})})
    width = _scalar(run, "indirect_width")
    axes = {
        "shift_1": _axis(run, size, width, "indirect_"),
        "shift_2": _axis(run, plane.shape[1], _width(run)),
    }
    return data.assign_coords({name: (name, axis, PPM) for name, axis in axes.items()}), (*flags, *said)


def _indirect_phases(run: Measurement, parameters: ProcessingParameters) -> tuple[float, float]:
    if parameters.phase == "recorded" and "indirect_phase_0" in run.data:
        return -float(run.data["indirect_phase_0"]), -float(run.data["indirect_phase_1"])
    return parameters.indirect_phase_0, parameters.indirect_phase_1

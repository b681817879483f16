"""The spectrum of one voxel: averaged, transformed, phased, and its peaks by the metabolites they are of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.signal import peak_prominences

from adapters.errors import MissingMetadataError
from adapters.model import Finding, Flag, Measurement, merged
from tasks.common.kernels import decay
from tasks.common.kernels.resonances import line_peaks, noise_level
from tasks.mri.errors import VolumeError
from tasks.mri.kernels.water import without_carrier
from tasks.mri.parameters import SpectroscopyParameters

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
PPM = {"units": "ppm"}
UNITLESS = {"units": "dimensionless"}
# Singlets of 1H in the brain, ppm: V. Govindaraju et al., NMR Biomed. 13 (2000) 129.
LINES = {
    "NAA": 2.008, "creatine": 3.027, "choline": 3.208, "creatine CH2": 3.913, "myo-inositol": 3.522,
    "lactate": 1.313, "water": 4.65,
}  # fmt: skip
MOST_SHARE_OF_POINT = 0.1
QUIET_PPM = 1.5
# Lines of metabolites overlap: a peak need rise above the saddle to its neighbour by this much alone.
SHOULDER = 2.0
# In a range of hundreds of points, and on the foot of strong lines, noise stands out by up to this.
SURE = 5.0


@dataclass(frozen=True)
class VoxelSpectrum:
    """The spectrum over "shift", its peaks over "peak", findings and remarks."""

    spectrum: xr.Dataset
    peaks: xr.Dataset
    findings: tuple[Finding, ...]
    flags: tuple[Flag, ...]


def voxel_spectrum(run: Measurement, parameters: SpectroscopyParameters) -> VoxelSpectrum:
    """Peaks of the mean of all rows of a voxel's decays."""
    if "fid" not in run.data:
        raise VolumeError(f"{run.provenance.path} holds no decays of a voxel")
    if parameters.carrier_ppm is None:
        raise MissingMetadataError("carrier_ppm", run.metadata.source, "spectrum.carrier_ppm")
    fid = np.asarray(run.data["fid"].values).mean(axis=0)
    time = run.data["time"].values
    width = float((len(time) - 1) / (time[-1] - time[0]))
    if parameters.water_band_hz:
        fid = without_carrier(fid, 1 / width, parameters.water_band_hz)
    size = decay.filled_size(len(fid), parameters.zero_fill)
    window = decay.exponential_window(len(fid), parameters.line_broadening_hz, width)
    values = decay.spectrum(fid * window, size, first=0.5)
    shift = parameters.carrier_ppm + decay.offsets(size) * width / float(run.data["frequency"])
    inside = (shift >= parameters.shift_min_ppm) & (shift <= parameters.shift_max_ppm)
    if inside.sum() < 10:
        raise VolumeError(
            "the range of shifts lies outside the spectrum", "Widen shift_min_ppm and shift_max_ppm"
        )
    (zero, first), flags = _phases(values[inside], parameters)
    real = decay.phased(values, zero, first).real
    # Beyond the metabolites, on the far side of water or below them, there is no signal.
    quiet = (shift > parameters.carrier_ppm + QUIET_PPM) | (shift < min(0.0, parameters.shift_min_ppm))
    noise = noise_level(real[quiet] if quiet.sum() > size // 20 else real)
    spectrum = xr.Dataset({"intensity": (("row", "shift"), real[None], {"units": "arbitrary"})})
    spectrum["intensity_errors"] = (("row", "shift"), np.full((1, size), noise), {"units": "arbitrary"})
    spectrum = spectrum.assign_coords(shift=("shift", shift, PPM))
    peaks = _peaks(shift, real, noise, parameters)
    flags = (*flags, *_doubts(peaks))
    said = Flag.info(
        "carrier_assumed",
        f"the carrier is taken to lie at {parameters.carrier_ppm:g} ppm, which the file does not say",
    )
    if not peaks.sizes["peak"]:
        flags = (
            *flags,
            Flag.invalid(
                "no_peaks", f"no peak stands out by {parameters.threshold:g} deviations of the noise"
            ),
        )
    return VoxelSpectrum(spectrum, peaks, _findings(peaks), merged(run.flags, flags, (said,)))


def _phases(
    some: Complexes, parameters: SpectroscopyParameters
) -> tuple[tuple[float, float], tuple[Flag, ...]]:
    if parameters.phase == "none":
        return (0.0, 0.0), ()
    if parameters.phase == "given":
        return (parameters.phase_0, 0.0), ()
    # Over the range of metabolites a phase of first order would follow the baseline, not the spectrometer.
    trials = np.arange(-180.0, 180.0, 2.0)
    worth = [float(np.minimum(decay.phased(some, each, 0.0).real, 0.0).sum()) for each in trials]
    zero = float(trials[int(np.argmax(worth))])
    said = f"a phase of {zero:.0f} degrees leaves least negative signal"
    return (zero, 0.0), (Flag.info("phase_automatic", said),)


def _peaks(shift: Floats, real: Floats, noise: float, parameters: SpectroscopyParameters) -> xr.Dataset:
    found = line_peaks(real, noise, parameters.threshold, both_signs=False, prominence=SHOULDER)
    at = np.interp(found.place[:, 0], np.arange(len(shift)), shift)
    step = abs(float(shift[1] - shift[0]))
    kept = (at >= parameters.shift_min_ppm) & (at <= parameters.shift_max_ppm)
    order = np.flatnonzero(kept)[np.argsort(-found.height[kept], kind="stable")]
    names = [_named(float(each), parameters.tolerance_ppm) for each in at[order]]
    errors = step * np.hypot(found.place_error[order, 0], MOST_SHARE_OF_POINT)
    unit = {"units": "arbitrary"}
    return xr.Dataset(
        {
            "position": (("peak", "axis"), at[order][:, None], PPM),
            "position_errors": (("peak", "axis"), errors[:, None], PPM),
            "height": (("row", "peak"), found.height[None, order], unit),
            "height_errors": (("row", "peak"), np.full((1, len(order)), noise), unit),
            "signal_to_noise": ("peak", found.height[order] / noise, UNITLESS),
            "rise_to_noise": ("peak", _rises(real, found.place[order, 0]) / noise, UNITLESS),
            "width": ("peak", found.width[order] * step, PPM),
            "assignment": ("peak", np.array(names, dtype=str), UNITLESS),
        }
    )


def _rises(real: Floats, places: Floats) -> Floats:
    """How far each peak rises above its surroundings."""
    near = np.clip(np.round(places).astype(int)[:, None] + np.arange(-1, 2), 0, len(real) - 1)
    tops = np.take_along_axis(near, real[near].argmax(axis=1)[:, None], axis=1)[:, 0]
    return np.asarray(peak_prominences(real, tops)[0], float)


def _doubts(peaks: xr.Dataset) -> tuple[Flag, ...]:
    sure = np.minimum(peaks["signal_to_noise"].values, peaks["rise_to_noise"].values)
    doubted = [
        f"{name} at {position:.3f} ppm ({stands:.1f})"
        for name, position, stands in zip(
            peaks["assignment"].values, peaks["position"].values[:, 0], sure, strict=True
        )
        if name and stands < SURE
    ]
    if not doubted:
        return ()
    said = f"less than {SURE:g} deviations of the noise above 0 or above its surroundings, it may be noise"
    return (Flag.caution("peak_doubtful", f"{', '.join(doubted)}: {said}"),)


def _named(position: float, tolerance: float) -> str:
    """The metabolite whose line is nearest, if it is within `tolerance` (ppm); else nothing."""
    name = min(LINES, key=lambda each: abs(LINES[each] - position))
    return name if abs(LINES[name] - position) <= tolerance else ""


def _findings(peaks: xr.Dataset) -> tuple[Finding, ...]:
    """The shift of every named peak; of two with one name, the stronger."""
    found = {}
    for number in range(peaks.sizes["peak"]):
        name = str(peaks["assignment"].values[number])
        if not name or name in found:
            continue
        at, error = (float(peaks[each].values[number, 0]) for each in ("position", "position_errors"))
        ratio = float(peaks["signal_to_noise"].values[number])
        rise = float(peaks["rise_to_noise"].values[number])
        told = (
            f"signal to noise {ratio:.0f}, rise above its surroundings {rise:.0f}",
            "named by its place alone; the carrier's place is assumed",
        )
        found[name] = Finding("chemical_shift", at, error, "ppm", f"1H of {name}", told)
    return tuple(found.values())

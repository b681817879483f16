"""Peaks and integrals of a spectrum, as tables and as findings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.model import Finding, Flag, Measurement
from tasks.common.kernels.resonances import Peaks, integral, line_peaks, plane_peaks, regions
from tasks.nmr.parameters import PeakParameters
from tasks.nmr.spectrum import PPM, ResonanceError, Spectrum

Floats = NDArray[np.float64]
UNITLESS = {"units": "dimensionless"}
# Neighbours of a peak in a plane closer than this share a line in either dimension.
APART = (2, 3)
# Stretches of signal begin and end here, in deviations of the noise or as a share of the highest peak.
LOUD, SHARE = 5.0, 0.003
# Lines are narrower than this part of a spectrum.
NARROW = 40
# Indirect dimensions are cut short, and leave larger lobes.
PLANE = 3.0
# A parabola through three points of a line misses its top by up to this share of a point.
PARABOLA = 0.1


@dataclass(frozen=True)
class PeakList:
    """Peaks over "peak" and "axis", integrals over "region", findings and remarks."""

    peaks: xr.Dataset
    regions: xr.Dataset
    findings: tuple[Finding, ...]
    flags: tuple[Flag, ...]


def peak_list(run: Measurement, found: Spectrum, parameters: PeakParameters) -> PeakList:
    """Peaks of a spectrum with one row, or of a plane, the strongest first."""
    if not found.is_plane and found.data.sizes["row"] != 1:
        raise ResonanceError(
            f"{run.provenance.path} is a series of {found.data.sizes['row']} spectra",
            "Reduce it with the recipe nmr-relaxation",
        )
    return _of_plane(run, found, parameters) if found.is_plane else _of_line(run, found, parameters)


def _of_line(run: Measurement, found: Spectrum, parameters: PeakParameters) -> PeakList:
    shift, values = found.data["shift"].values, found.data["intensity"].values[0]
    peaks = line_peaks(values, found.noise, parameters.threshold, parameters.negative, skirt=parameters.skirt)
    table = _within(_table(peaks, (shift,), found), parameters)
    parts = _regions(shift, values, found, parameters)
    nucleus = run.metadata.raw.get("nucleus", "1-D")
    return PeakList(table, parts, _findings(table, (nucleus,), parameters), _remarks(table, parameters))


def lines_of(shift: Floats, values: Floats, noise: float, parameters: PeakParameters) -> Peaks:
    """Peaks of one spectrum (n,) on its axis (n,) in ppm, in order of place."""
    if parameters.widest_ppm is None:
        window = len(shift) // NARROW
    else:
        window = round(parameters.widest_ppm / abs(float(shift[1] - shift[0])))
    return line_peaks(
        values,
        noise,
        parameters.threshold,
        parameters.negative,
        skirt=parameters.skirt,
        window=max(3, window),
    )


def _of_plane(run: Measurement, found: Spectrum, parameters: PeakParameters) -> PeakList:
    axes = found.data["shift_1"].values, found.data["shift_2"].values
    values = found.data["intensity"].values
    peaks = plane_peaks(
        values, found.noise, parameters.threshold, APART, parameters.negative, skirt=PLANE * parameters.skirt
    )
    table = _within(_table(peaks, axes, found), parameters)
    said = run.metadata.raw
    nuclei = said.get("indirect_nucleus", "F1"), said.get("nucleus", "F2")
    empty = xr.Dataset({"integral": ("region", np.empty(0), {"units": "arbitrary"})})
    return PeakList(table, empty, _findings(table, nuclei, parameters), _remarks(table, parameters))


def _table(peaks: Peaks, axes: tuple[Floats, ...], found: Spectrum) -> xr.Dataset:
    order = np.argsort(-np.abs(peaks.height), kind="stable")
    columns = [_on(axis, peaks.place[order, number]) for number, axis in enumerate(axes)]
    errors = [
        abs(axis[1] - axis[0]) * np.hypot(peaks.place_error[order, number], PARABOLA)
        for number, axis in enumerate(axes)
    ]
    step = abs(axes[-1][1] - axes[-1][0])
    unit = {"units": found.data["intensity"].attrs["units"]}
    return xr.Dataset(
        {
            "position": (("peak", "axis"), np.stack(columns, axis=1), PPM),
            "position_errors": (("peak", "axis"), np.stack(errors, axis=1), PPM),
            "height": (("row", "peak"), peaks.height[None, order], unit),
            "height_errors": (("row", "peak"), np.full((1, len(peaks)), found.noise), unit),
            "signal_to_noise": ("peak", np.abs(peaks.height[order]) / found.noise, UNITLESS),
            "width": ("peak", peaks.width[order] * step, PPM),
        }
    )


def _on(axis: Floats, place: Floats) -> Floats:
    return np.interp(place, np.arange(len(axis)), axis)


def _within(table: xr.Dataset, parameters: PeakParameters) -> xr.Dataset:
    direct = table["position"].values[:, -1]
    low = -np.inf if parameters.shift_min_ppm is None else parameters.shift_min_ppm
    high = np.inf if parameters.shift_max_ppm is None else parameters.shift_max_ppm
    return table.isel(peak=(direct >= low) & (direct <= high))


def _regions(shift: Floats, values: Floats, found: Spectrum, parameters: PeakParameters) -> xr.Dataset:
    step = abs(float(shift[1] - shift[0]))
    if parameters.regions:
        inside = [(shift >= min(each)) & (shift <= max(each)) for each in parameters.regions]
        for each, part in zip(parameters.regions, inside, strict=True):
            if not part.any():
                raise ResonanceError(f"the region {each} ppm lies outside the spectrum")
        bounds = [(int(np.flatnonzero(part)[0]), int(np.flatnonzero(part)[-1]) + 1) for part in inside]
    else:
        level = max(LOUD * found.noise, SHARE * float(np.abs(values).max()))
        bounds = regions(values, level, 1.0, margin=max(2, round(0.01 / step)))
        loud = parameters.threshold * found.noise
        bounds = [each for each in bounds if np.abs(values[slice(*each)]).max() > loud]
    sums = [integral(values[start:stop], step, found.noise) for start, stop in bounds]
    unit = {"units": "arbitrary"}
    ends = np.array([(shift[stop - 1], shift[start]) for start, stop in bounds]).reshape(-1, 2)
    both = np.array(sums).reshape(-1, 2)
    return xr.Dataset(
        {
            "region_low": ("region", ends[:, 0], PPM),
            "region_high": ("region", ends[:, 1], PPM),
            "integral": ("region", both[:, 0], unit),
            "integral_errors": ("region", both[:, 1], unit),
        }
    )


def _findings(table: xr.Dataset, nuclei: tuple[str, ...], parameters: PeakParameters) -> tuple[Finding, ...]:
    """Positions of the strongest peaks on every axis; the other axes tell in the method which peak it is."""
    found = []
    for number in range(min(parameters.claims, table.sizes["peak"])):
        at, error = (table[name].values[number] for name in ("position", "position_errors"))
        ratio = float(table["signal_to_noise"][number])
        place = ", ".join(f"{nucleus} {value:.3f}" for nucleus, value in zip(nuclei, at, strict=True))
        told = (f"signal to noise {ratio:.0f}", "position of the maximum; the scale of ppm is taken as exact")
        found += [
            Finding(
                "chemical_shift",
                float(at[axis]),
                float(error[axis]),
                "ppm",
                f"{nucleus} of peak at {place}",
                told,
            )
            for axis, nucleus in enumerate(nuclei)
        ]
    return tuple(found)


def _remarks(table: xr.Dataset, parameters: PeakParameters) -> tuple[Flag, ...]:
    if table.sizes["peak"]:
        return ()
    said = f"no peak stands out by {parameters.threshold:g} deviations of the noise"
    return (Flag.invalid("no_peaks", said),)

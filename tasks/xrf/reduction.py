"""A fluorescence spectrum to its peaks, and to an energy calibration where lines of it are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.model import Finding, Flag, Measurement, merged
from tasks.common.kernels.profile import Peak, background, candidates, fitted
from tasks.xrf.kernels.lines import K_LINES, line_energy, straight_line
from tasks.xrf.parameters import LineParameters

Floats = NDArray[np.float64]


class LinesError(Exception):
    """A spectrum does not give what a step needs; it says what is wrong and what to do."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}" if self.remedy else self.what


@dataclass(frozen=True)
class Calibration:
    """Energy in keV as ``offset + gain channel``, with covariance and where it is from."""

    offset: float
    gain: float
    covariance: Floats
    source: str

    def energy(self, channel: Floats) -> Floats:
        """Energy (keV) of channels."""
        return self.offset + self.gain * channel

    def error(self, channel: Floats, channel_error: Floats) -> Floats:
        """Uncertainty (keV) of the energy of channels known to `channel_error`."""
        model = np.column_stack([np.ones_like(channel), channel])
        of_line = np.einsum("ni,ij,nj->n", model, self.covariance, model)
        sigma: Floats = np.sqrt(of_line + (self.gain * channel_error) ** 2)
        return sigma


@dataclass(frozen=True)
class Spectrum:
    """Findings, flags, the summed spectrum with its background, and the peaks over "peak"."""

    findings: tuple[Finding, ...]
    flags: tuple[Flag, ...]
    spectrum: xr.Dataset
    peaks: xr.Dataset


def lines(run: Measurement, parameters: LineParameters) -> Spectrum:
    """Peaks of the sum of all spectra of a run.

    Raises
    ------
    LinesError
        No peak in the range, or a line that is known to be there is not.
    """
    channel = run.data["channel"].values.astype(float)
    counts = run.data["spectra"].transpose("frame", "channel").sum("frame").values.astype(float)
    flags = run.flags
    if run.data.sizes["frame"] > 1:
        said = f"{run.data.sizes['frame']} spectra are added up"
        flags = merged(flags, (Flag.info("scans_summed", said),))
    peaks = _peaks(channel, counts, parameters)
    named = {name: _near(name, at, peaks, parameters) for name, at in parameters.known.items()}
    calibration, more = _calibration(run, named)
    table = _table(peaks, named, calibration, parameters)
    findings = _findings(peaks, named, calibration)
    if calibration is None:
        said = "no energy calibration is stated, and fewer than two lines are known: peaks stand at channels"
        more = (*more, Flag.info("energy_unknown", said))
    return Spectrum(findings, merged(flags, more), _summed(channel, counts, calibration, parameters), table)


def _peaks(channel: Floats, counts: Floats, parameters: LineParameters) -> list[Peak]:
    low = -np.inf if parameters.first_channel is None else parameters.first_channel
    high = np.inf if parameters.last_channel is None else parameters.last_channel
    inside = (channel >= low) & (channel <= high)
    x, y = channel[inside], counts[inside]
    if len(x) < 4 * parameters.apart:
        raise LinesError(f"only {len(x)} channels lie in the range", "Widen first_channel and last_channel")
    # Counts are their own variance; an empty channel has the error of one count.
    errors = np.sqrt(np.maximum(y, 1.0))
    places, widths = candidates(
        y,
        errors,
        half_width=parameters.background_channels,
        least_snr=parameters.least_snr,
        apart=parameters.apart,
    )
    found = fitted(x, y, errors, places, widths, gauss=True, reach=1.0)
    if not found:
        said = f"no peak stands {parameters.least_snr:g} standard deviations above the background"
        raise LinesError(said, "Lower least_snr, or widen the range")
    return sorted(found, key=lambda peak: peak.position)


def _near(name: str, at: float, peaks: list[Peak], parameters: LineParameters) -> Peak:
    here = [peak for peak in peaks if abs(peak.position - at) <= parameters.near]
    if not here:
        raise LinesError(
            f"no peak lies within {parameters.near:g} channels of {at:g}, where {name} is said to be",
            "Look at the spectrum, and correct known or near",
        )
    return min(here, key=lambda peak: abs(peak.position - at))


def _calibration(run: Measurement, named: dict[str, Peak]) -> tuple[Calibration | None, tuple[Flag, ...]]:
    table = {name: energy for name in named if (energy := line_energy(name)) is not None}
    unknown = sorted(set(named) - set(table))
    flags: tuple[Flag, ...] = ()
    if unknown:
        said = f"{', '.join(unknown)} is not in the table of K lines, and calibrates nothing"
        flags = (Flag.caution("line_unknown", said),)
    if len(table) >= 2:
        order = sorted(table, key=lambda name: named[name].position)
        position = np.array([named[name].position for name in order])
        error = np.array([named[name].position_error for name in order])
        known = np.array([table[name] for name in order]) / 1000
        offset, gain, covariance, _ = straight_line(position, error, known)
        return Calibration(offset, gain, covariance, f"lines {', '.join(order)}"), flags
    if "energy" in run.data.coords:
        stated = run.data["energy"].values.astype(float)
        gain, offset = np.polyfit(run.data["channel"].values.astype(float), stated, 1)
        return Calibration(float(offset), float(gain), np.zeros((2, 2)), "stated in the file"), flags
    return None, flags


def _table(
    peaks: list[Peak], named: dict[str, Peak], calibration: Calibration | None, parameters: LineParameters
) -> xr.Dataset:
    position = np.array([peak.position for peak in peaks])
    error = np.array([peak.position_error for peak in peaks])
    names = {id(peak): name for name, peak in named.items()}
    columns = {
        "position": (position, "dimensionless"),
        "position_errors": (error, "dimensionless"),
        "width": (np.array([peak.width for peak in peaks]), "dimensionless"),
        "height": (np.array([peak.height for peak in peaks]), "count"),
        "area": (np.array([peak.area for peak in peaks]), "count"),
        "fit_chi2": (np.array([peak.chi2 for peak in peaks]), "dimensionless"),
    }
    said = [names.get(id(peak), "") for peak in peaks]
    if calibration is not None:
        energy = calibration.energy(position)
        columns["peak_energy"] = (energy, "keV")
        columns["peak_energy_errors"] = (calibration.error(position, error), "keV")
        said = [name or _nearest_line(each, parameters) for name, each in zip(said, energy, strict=True)]
    table = xr.Dataset({name: ("peak", values, {"units": unit}) for name, (values, unit) in columns.items()})
    return table.assign(line=("peak", np.array(said, dtype=object)))


def _nearest_line(energy: float, parameters: LineParameters) -> str:
    """The K line nearest to an energy (keV), in brackets for it is a guess; nothing if none is near."""
    names = [f"{element} {kind}" for element in K_LINES for kind in ("Ka", "Kb")]
    table = {name: line_energy(name) or 0.0 for name in names}
    name = min(table, key=lambda each: abs(table[each] / 1000 - energy))
    return f"({name})" if abs(table[name] / 1000 - energy) <= parameters.assign_within_kev else ""


def _findings(
    peaks: list[Peak], named: dict[str, Peak], calibration: Calibration | None
) -> tuple[Finding, ...]:
    trust = ("a Gaussian on a straight background",)
    shown = named or {"strongest peak": max(peaks, key=lambda peak: peak.area)}
    found = [
        Finding("fluorescence_peak", peak.position, peak.position_error, "dimensionless", name, trust)
        for name, peak in shown.items()
    ]
    if calibration is not None:
        told = (f"a straight line, {calibration.source}",)
        sigma = float(np.sqrt(calibration.covariance[1, 1])) * 1000
        stated = calibration.covariance.any()
        found.append(
            Finding(
                "energy_per_channel",
                calibration.gain * 1000,
                sigma if stated else None,
                "eV",
                "energy calibration",
                told if stated else (*told, "the file states no uncertainty"),
            )
        )
    return tuple(found)


def _summed(
    channel: Floats, counts: Floats, calibration: Calibration | None, parameters: LineParameters
) -> xr.Dataset:
    below = background(counts, parameters.background_channels)
    scale = {"units": "count"}
    dims = ("frame", "channel")
    data = xr.Dataset(
        {
            "spectra": (dims, counts[None], scale),
            "spectra_errors": (dims, np.sqrt(np.maximum(counts, 1.0))[None], scale),
            "background": (dims, below[None], scale),
        },
        coords={"channel": ("channel", channel, {"units": "dimensionless"})},
    )
    if calibration is not None:
        data = data.assign_coords(energy=("channel", calibration.energy(channel), {"units": "keV"}))
    return data

"""Relaxation times from a series of spectra or of peak heights, each with its uncertainty or refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import chi2

from adapters.errors import MissingMetadataError
from adapters.model import Finding, Flag, Measurement, merged
from tasks.common.kernels import exponential
from tasks.nmr.parameters import PeakParameters, RelaxationParameters
from tasks.nmr.peaks import lines_of
from tasks.nmr.spectrum import PPM, ResonanceError, Spectrum

Floats = NDArray[np.float64]
SECONDS = {"units": "s"}
RATE = {"units": "1/s"}
UNITLESS = {"units": "dimensionless"}
TIMES = {"t1": "relaxation_time_t1", "t2": "relaxation_time_t2", "t1rho": "relaxation_time_t1rho"}
RATES = {"t1": "relaxation_rate_r1", "t2": "relaxation_rate_r2"}
# Delays that differ by less than this share are the same delay measured again.
SAME = 1e-6


@dataclass(frozen=True)
class Heights:
    """Heights (row, peak) of named peaks at delays (row,), and what a height's noise is."""

    names: tuple[str, ...]
    delay: Floats
    height: Floats
    noise: float | None
    unit: str
    position: Floats | None = None


@dataclass(frozen=True)
class Relaxation:
    """The fitted table over "peak" with the heights behind it, findings and remarks."""

    table: xr.Dataset
    findings: tuple[Finding, ...]
    flags: tuple[Flag, ...]


def heights_of_spectra(found: Spectrum, peaks: PeakParameters, parameters: RelaxationParameters) -> Heights:
    """Heights at the peaks of the strongest row, in every row of a series."""
    if "delay" not in found.data and not parameters.delays_s:
        raise MissingMetadataError("delay", "this series", "relaxation.delays_s")
    delay = _delays(found.data, parameters)
    shift, values = found.data["shift"].values, found.data["intensity"].values
    if parameters.positions_ppm:
        outside = [each for each in parameters.positions_ppm if not shift.min() <= each <= shift.max()]
        if outside:
            raise ResonanceError(f"the positions {outside} ppm lie outside the spectrum")
        places = np.array([_nearest_top(shift, values, each) for each in parameters.positions_ppm])
    else:
        strongest = values[int(np.abs(values).sum(axis=1).argmax())]
        listed = lines_of(shift, strongest, found.noise, peaks)
        places = np.rint(listed.place[:, 0]).astype(int)
        low = -np.inf if peaks.shift_min_ppm is None else peaks.shift_min_ppm
        high = np.inf if peaks.shift_max_ppm is None else peaks.shift_max_ppm
        places = places[(shift[places] >= low) & (shift[places] <= high)]
    names = tuple(f"{shift[place]:.3f} ppm" for place in places)
    unit = str(found.data["intensity"].attrs["units"])
    reach = round(parameters.half_window_ppm / abs(float(shift[1] - shift[0])))
    near = np.clip(places[:, None] + np.arange(-reach, reach + 1), 0, len(shift) - 1)
    noise = found.noise / np.sqrt(2 * reach + 1)
    return Heights(names, delay, values[:, near].mean(axis=-1), noise, unit, shift[places])


def _nearest_top(shift: Floats, values: Floats, position: float, reach_ppm: float = 0.01) -> int:
    """The point of largest intensity over all rows within reach of a position."""
    near = np.flatnonzero(np.abs(shift - position) <= reach_ppm)
    if not len(near):
        return int(np.abs(shift - position).argmin())
    return int(near[np.abs(values[:, near]).sum(axis=0).argmax()])


def heights_of_lists(run: Measurement, parameters: RelaxationParameters) -> Heights:
    """Heights of a run that lists peaks, in each of its rows."""
    data = run.data.compute()
    names = tuple(map(str, data["assignment"].values)) if "assignment" in data else ()
    names = names or tuple(f"peak {number}" for number in range(data.sizes["peak"]))
    position = data["position"].values[:, -1] if "position" in data else None
    if "delay" not in data and not parameters.delays_s:
        raise MissingMetadataError("delay", run.metadata.source, "relaxation.delays_s")
    noise = None
    if "height_errors" in data and np.isfinite(data["height_errors"].values).any():
        noise = float(np.nanmedian(data["height_errors"].values))
    unit = str(data["height"].attrs["units"])
    return Heights(
        names, _delays(data, parameters), data["height"].values.astype(float), noise, unit, position
    )


def quantity_of(run: Measurement, parameters: RelaxationParameters) -> str:
    """What the series measures: as asked for, else as the file says; never guessed."""
    said = parameters.quantity or run.metadata.raw.get("quantity")
    if said is None:
        raise MissingMetadataError("quantity", run.metadata.source, "relaxation.quantity")
    return str(said)


def _delays(data: xr.Dataset, parameters: RelaxationParameters) -> Floats:
    given = np.array(parameters.delays_s, float)
    if len(given) and len(given) != data.sizes["row"]:
        raise ResonanceError(f"{len(given)} delays are given for {data.sizes['row']} rows")
    return given if len(given) else data["delay"].values.astype(float)


def relaxation(
    heights: Heights, quantity: str, parameters: RelaxationParameters, flags: tuple[Flag, ...], claims: int
) -> Relaxation:
    """Times and rates of every peak, with those refused that the data do not determine."""
    noise = parameters.noise or heights.noise or repeated_noise(heights.delay, heights.height)
    whole = np.asarray(np.isfinite(heights.height).all(axis=0))
    model = parameters.model or ("recovery" if _recovers(heights, quantity) else "decay")
    count = exponential.RECOVERY if model == "recovery" else exponential.DECAY
    different = len(np.unique(heights.delay))
    if different < count:
        raise ResonanceError(f"{different} different delays cannot determine {count} parameters")
    rows = len(heights.delay)
    if noise is None and rows <= count:
        raise ResonanceError(f"{rows} delays leave nothing to tell the noise by", "Give relaxation.noise")
    fitted = exponential.fit(heights.delay, heights.height.T, parameters=count, noise=noise)
    table = _table(heights, fitted, noise, count)
    reasons = _refusals(table, whole, parameters)
    table["refused"] = ("peak", np.array(reasons, dtype=str), UNITLESS)
    findings = _findings(table, quantity, model, noise, claims)
    return Relaxation(table, findings, merged(flags, _remarks(table, parameters, noise)))


def _recovers(heights: Heights, quantity: str) -> bool:
    """Whether heights at the longest delay are of other sign or larger, as after inversion; T1 only."""
    if quantity != "t1":
        return False
    early, late = (heights.height[pick(heights.delay)] for pick in (np.argmin, np.argmax))
    inverted = np.sign(early) != np.sign(late)
    return bool(np.median(inverted | (np.abs(late) > np.abs(early))) > 0.5)


def repeated_noise(delay: Floats, height: Floats) -> float | None:
    """Noise of a height (row, peak) from delays that were measured more than once; None without any."""
    squares, freedom = 0.0, 0
    for each in np.unique(delay):
        same = height[np.abs(delay - each) <= SAME * max(each, 1e-12)]
        if len(same) > 1:
            good = np.isfinite(same).all(axis=0)
            squares += float(((same - same.mean(axis=0)) ** 2)[:, good].sum())
            freedom += (len(same) - 1) * int(good.sum())
    return float(np.sqrt(squares / freedom)) if freedom and squares > 0 else None


def _table(heights: Heights, fitted: exponential.Exponentials, noise: float | None, count: int) -> xr.Dataset:
    freedom = max(len(heights.delay) - count, 0)
    time = 1 / fitted.rate
    unit = {"units": heights.unit}
    chance = np.full(len(time), np.nan)
    larger = np.ones(len(time))
    if noise is not None and freedom:
        chance = chi2.sf(fitted.residual / noise**2, freedom)
        # Where points scatter more than their noise, the fit is worth as much less.
        larger = np.maximum(1.0, np.sqrt(fitted.residual / freedom) / noise)
    spread = noise if noise is not None else np.sqrt(fitted.residual / max(freedom, 1))
    top = np.abs(heights.height).max(axis=0)
    table = xr.Dataset(
        {
            "height": (("row", "peak"), heights.height, unit),
            "height_errors": (("row", "peak"), np.broadcast_to(spread, heights.height.shape).copy(), unit),
            "delay": ("row", heights.delay, SECONDS),
            "assignment": ("peak", np.array(heights.names, dtype=str), UNITLESS),
            "time": ("peak", time, SECONDS),
            "time_errors": ("peak", larger * fitted.rate_error * time**2, SECONDS),
            "rate": ("peak", fitted.rate, RATE),
            "rate_errors": ("peak", larger * fitted.rate_error, RATE),
            "amplitude": ("peak", fitted.amplitude, unit),
            "amplitude_errors": ("peak", larger * fitted.amplitude_error, unit),
            "offset": ("peak", fitted.offset, unit),
            "probability": ("peak", chance, UNITLESS),
            "signal_to_noise": ("peak", top / spread, UNITLESS),
            "determined": ("peak", fitted.found, UNITLESS),
        }
    )
    if heights.position is not None:
        table["position"] = (("peak", "axis"), heights.position[:, None], PPM)
    return table


def _refusals(table: xr.Dataset, whole: NDArray[np.bool_], parameters: RelaxationParameters) -> list[str]:
    """Why a peak gives no number, empty where it gives one."""
    reasons = []
    for number in range(table.sizes["peak"]):
        one = table.isel(peak=number)
        ratio, relative = float(one["signal_to_noise"]), float(one["time_errors"] / one["time"])
        if not whole[number]:
            reasons.append("not seen at every delay")
        elif not ratio >= parameters.least_signal_to_noise:
            reasons.append(f"signal to noise {ratio:.1f}")
        elif not bool(one["determined"]):
            reasons.append("the delays do not determine it")
        elif not relative <= parameters.most_relative_error:
            reasons.append(f"uncertain by {100 * relative:.0f} %")
        else:
            reasons.append("")
    return reasons


def _findings(
    table: xr.Dataset, quantity: str, model: str, noise: float | None, claims: int
) -> tuple[Finding, ...]:
    good = np.flatnonzero(table["refused"].values == "")
    order = good[np.argsort(-table["signal_to_noise"].values[good], kind="stable")][:claims]
    source = (
        "noise, or the scatter about the fit where larger" if noise is not None else "scatter about the fit"
    )
    found = []
    for number in sorted(order):
        one = table.isel(peak=number)
        name = f"{model} of {one['assignment'].item()}"
        told = (f"one exponential, {table.sizes['row']} delays", f"uncertainty from the {source}")
        found.append(Finding(TIMES[quantity], float(one["time"]), float(one["time_errors"]), "s", name, told))
        if quantity in RATES:
            found.append(
                Finding(RATES[quantity], float(one["rate"]), float(one["rate_errors"]), "1/s", name, told)
            )
    return tuple(found)


def _remarks(table: xr.Dataset, parameters: RelaxationParameters, noise: float | None) -> tuple[Flag, ...]:
    refused = table["refused"].values
    flags = []
    if (refused != "").any():
        names = table["assignment"].values
        listed = [f"{names[number]} ({refused[number]})" for number in np.flatnonzero(refused != "")]
        more = f" and {len(listed) - 8} more" if len(listed) > 8 else ""
        said = f"{len(listed)} of {len(refused)} peaks give no time: {', '.join(listed[:8])}{more}"
        flags.append(Flag.caution("peaks_refused", said))
    if (refused != "").all():
        flags.append(Flag.invalid("no_relaxation", "no peak gives a relaxation time"))
    poor = (table["probability"].values < parameters.least_probability) & (refused == "")
    if noise is not None and poor.any():
        said = f"{poor.sum()} of {(refused == '').sum()} decays are no single exponential within the noise"
        flags.append(Flag.caution("not_single_exponential", said))
    return tuple(flags)

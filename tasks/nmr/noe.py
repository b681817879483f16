"""Heteronuclear NOE: heights with saturation of the other nucleus over those without, with uncertainties."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.model import Finding, Flag, Measurement, merged
from tasks.common.reduced import Reduced
from tasks.nmr.parameters_dynamics import NoeParameters
from tasks.nmr.relaxation import repeated_noise
from tasks.nmr.selection import NOE, one_series
from tasks.nmr.series import joined
from tasks.nmr.spectrum import PPM, ResonanceError

Floats = NDArray[np.float64]
UNITLESS = {"units": "dimensionless"}
WITH, WITHOUT = 1.0, 0.0


def saturated_pair(saturated: Measurement, reference: Measurement) -> Measurement:
    """Two peak lists as one series: heights with saturation, and without."""
    both = joined([saturated, reference])
    data = both.data.drop_vars("delay", errors="ignore")
    data = data.assign(saturation=("row", np.array([WITH, WITHOUT]), UNITLESS))
    return Measurement(data, both.metadata, both.provenance, both.flags)


def ratio(saturated: Floats, reference: Floats, noise: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """NOE (n,) and its standard uncertainty, for heights (n,) and the noise of either.

    The uncertainty is finite where the saturated height is 0, unlike that of relative errors.
    """
    value = saturated / reference
    return value, np.hypot(noise[0], value * noise[1]) / np.abs(reference)


def noe(run: Measurement, parameters: NoeParameters) -> Reduced:
    """The NOE of every peak that both kinds of spectra show."""
    run = one_series(run, NOE, parameters.series, "noe.series")
    if "saturation" not in run.data:
        raise ResonanceError(
            f"{run.provenance.path} does not say which spectrum was saturated",
            "Give the peak list with saturation as the sample, and the one without as reference",
        )
    data = run.data.compute()
    state, heights = data["saturation"].values, data["height"].values
    groups = [heights[state == each] for each in (WITH, WITHOUT)]
    if not all(len(group) for group in groups):
        raise ResonanceError(f"{run.provenance.path} lacks a spectrum with saturation, or one without")
    noise = _noise(data, parameters)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = [group.mean(axis=0) for group in groups]
        spread = [
            np.full(len(means[0]), np.nan if noise is None else noise / np.sqrt(len(group)))
            for group in groups
        ]
        value, error = ratio(means[0], means[1], (spread[0], spread[1]))
    table = _table(data, means, value, error)
    table["refused"] = ("peak", np.array(_refusals(table, spread[1], parameters), dtype=str), UNITLESS)
    return Reduced(_findings(table, parameters), merged(run.flags, _remarks(table, noise)), {"noe": table})


def _noise(data: xr.Dataset, parameters: NoeParameters) -> float | None:
    if parameters.noise is not None:
        return parameters.noise
    if "height_errors" in data and np.isfinite(data["height_errors"].values).any():
        return float(np.nanmedian(data["height_errors"].values))
    return repeated_noise(data["saturation"].values, data["height"].values)


def _table(data: xr.Dataset, means: list[Floats], value: Floats, error: Floats) -> xr.Dataset:
    unit = {"units": data["height"].attrs["units"]}
    table = xr.Dataset(
        {
            "height": (("row", "peak"), np.stack(means), unit),
            "saturation": ("row", np.array([WITH, WITHOUT]), UNITLESS),
            "assignment": ("peak", data["assignment"].values, UNITLESS),
            "noe": ("peak", value, UNITLESS),
            "noe_errors": ("peak", error, UNITLESS),
        }
    )
    if "position" in data:
        table["position"] = (("peak", "axis"), data["position"].values, PPM)
    return table


def _refusals(table: xr.Dataset, spread: Floats, parameters: NoeParameters) -> list[str]:
    reasons = []
    for number in range(table.sizes["peak"]):
        reference = float(table["height"].values[1, number])
        weak = abs(reference) < parameters.least_signal_to_noise * spread[number]
        if not np.isfinite(table["height"].values[:, number]).all():
            reasons.append("not in both lists")
        elif weak or reference == 0:
            reasons.append("too weak without saturation")
        else:
            reasons.append("")
    return reasons


def _findings(table: xr.Dataset, parameters: NoeParameters) -> tuple[Finding, ...]:
    found = []
    for number in np.flatnonzero(table["refused"].values == "")[: parameters.claims]:
        one = table.isel(peak=number)
        error = float(one["noe_errors"])
        known = np.isfinite(error)
        why = "noise of the heights" if known else "no uncertainty: neither lists nor repeats tell the noise"
        found.append(
            Finding(
                "heteronuclear_noe",
                float(one["noe"]),
                error if known else None,
                "dimensionless",
                f"NOE of {one['assignment'].item()}",
                ("heights with saturation over heights without", why),
            )
        )
    return tuple(found)


def _remarks(table: xr.Dataset, noise: float | None) -> tuple[Flag, ...]:
    flags = []
    refused = table["refused"].values
    if (bad := refused != "").any():
        listed = ", ".join(
            f"{name} ({why})" for name, why in zip(table["assignment"].values[bad], refused[bad], strict=True)
        )
        said = f"{bad.sum()} of {len(refused)} peaks give no NOE: {listed[:300]}"
        flags.append(Flag.caution("peaks_refused", said))
    if (refused != "").all():
        flags.append(Flag.invalid("no_noe", "no peak gives a NOE"))
    if noise is None:
        said = "neither the lists nor repeats tell the noise, so the NOEs have no uncertainty; give noe.noise"
        flags.append(Flag.caution("noise_unknown", said))
    return tuple(flags)

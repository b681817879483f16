"""A table of reflections to its cell, and to the resolution that its intensities support."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.errors import MissingMetadataError
from adapters.model import Finding, Flag, Measurement, merged
from tasks.mx.kernels.shells import Shells, limit, shells
from tasks.mx.parameters import ReflectionParameters

Floats = NDArray[np.float64]

# Names of mean intensities and their uncertainties that programs use, the usual first.
COLUMNS = (
    ("IMEAN", "SIGIMEAN"),
    ("Imean", "SIGImean"),
    ("I", "SIGI"),
    ("I-obs", "SIGI-obs"),
    ("IOBS", "SIGMA"),
    ("IOBS", "SIGMA(IOBS)"),
)
HALVES = (("I(+)", "SIGI(+)", "I(-)", "SIGI(-)"), ("I-obs(+)", "SIGI-obs(+)", "I-obs(-)", "SIGI-obs(-)"))


class ReflectionError(Exception):
    """A table of reflections does not give what a step needs; it says what is wrong and what to do."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}" if self.remedy else self.what


@dataclass(frozen=True)
class Crystal:
    """Findings, flags, and the shells of resolution over "shell"."""

    findings: tuple[Finding, ...]
    flags: tuple[Flag, ...]
    shells: xr.Dataset
    facts: dict[str, float]


def summarise(run: Measurement, parameters: ReflectionParameters) -> Crystal:
    """Cell and resolution of a table of reflections.

    Raises
    ------
    MissingMetadataError
        It is not clear which column holds the intensities.
    ReflectionError
        No reflection has an intensity with an uncertainty, or all are weak.
    """
    spacing = run.data["d_spacing"].values.astype(float)
    intensity, sigma, how = _intensities(run, parameters)
    good = np.isfinite(intensity) & np.isfinite(sigma) & (sigma > 0)
    if good.sum() < parameters.shells:
        raise ReflectionError(
            f"{int(good.sum())} reflections have an intensity with an uncertainty", "Use fewer shells"
        )
    found = shells(spacing, intensity, sigma, parameters.shells)
    reached = limit(found, parameters.least_ratio)
    if reached is None:
        said = f"the mean of I / sigma is below {parameters.least_ratio:g} at the longest spacings already"
        raise ReflectionError(said, "Lower least_ratio")
    flags = list(_remarks(found, parameters))
    findings = (*_cell(run, parameters), _resolution(found, reached, parameters, how))
    facts = {
        "reflections": int(good.sum()),
        "d_min": float(spacing[good].min()),
        "d_max": float(spacing[good].max()),
        "mean_intensity": float(intensity[good].mean()),
        "mean_ratio": float((intensity[good] / sigma[good]).mean()),
    }
    return Crystal(findings, merged(run.flags, flags), _table(found), facts)


def _intensities(run: Measurement, parameters: ReflectionParameters) -> tuple[Floats, Floats, str]:
    data = run.data
    if parameters.intensity is not None:
        sigma = parameters.sigma or f"SIG{parameters.intensity}"
        for name in (parameters.intensity, sigma):
            if name not in data:
                there = ", ".join(map(str, data.data_vars))
                raise ReflectionError(f"there is no column {name!r}", f"There are: {there}")
        return data[parameters.intensity].values, data[sigma].values, f"column {parameters.intensity}"
    for name, sigma in COLUMNS:
        if name in data and sigma in data:
            return data[name].values, data[sigma].values, f"column {name}"
    for names in HALVES:
        if all(name in data for name in names):
            return _mean_of_halves(*(data[name].values for name in names))
    raise MissingMetadataError("which column is the intensity", run.metadata.source, "reflections.intensity")


def _mean_of_halves(
    plus: Floats, sigma_plus: Floats, minus: Floats, sigma_minus: Floats
) -> tuple[Floats, Floats, str]:
    """Weighted mean of Friedel mates; one alone stands for both."""
    weights = np.stack([1.0 / sigma_plus**2, 1.0 / sigma_minus**2])
    values = np.stack([plus, minus])
    there = np.isfinite(values) & np.isfinite(weights)
    weights, values = np.where(there, weights, 0.0), np.where(there, values, 0.0)
    total = weights.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (weights * values).sum(axis=0) / total, 1.0 / np.sqrt(total), "weighted mean of Friedel mates"


def _cell(run: Measurement, parameters: ReflectionParameters) -> tuple[Finding, ...]:
    relative = parameters.cell_relative_error
    group = run.metadata.raw.get("space_group") or run.metadata.raw.get("space_group_number")
    told = (f"space group {group}",) if group else ()
    why = ("as refined by the program that wrote the file, which states no uncertainty",)
    values = run.data["cell"].values
    return tuple(
        Finding(
            f"unit_cell_{name}",
            float(value),
            None if relative is None else relative * float(value),
            "angstrom",
            "indexing, as stated with the reflections",
            told if relative is not None and told else (*told, *why),
        )
        for name, value in zip("abc", values[:3], strict=True)
    )


def _resolution(found: Shells, reached: float, parameters: ReflectionParameters, how: str) -> Finding:
    # How far apart the middles of neighbouring shells are, where the limit lies.
    shell = int(np.abs(found.shortest - reached).argmin())
    width = float(found.longest[shell] - found.shortest[shell]) / np.sqrt(12)
    told = (f"mean I / sigma of at least {parameters.least_ratio:g} in {parameters.shells} shells", how)
    return Finding("resolution", reached, width, "angstrom", "mean of I / sigma", told)


def _remarks(found: Shells, parameters: ReflectionParameters) -> tuple[Flag, ...]:
    last = found.mean_ratio[found.count > 0][-1]
    if last < parameters.least_ratio:
        return ()
    said = f"the last shell still has a mean I / sigma of {last:.1f}: the data end, not the signal"
    return (Flag.info("resolution_at_edge", said),)


def _table(found: Shells) -> xr.Dataset:
    columns = {
        "d_max": (found.longest, "angstrom"),
        "d_min": (found.shortest, "angstrom"),
        "reflections": (found.count, "dimensionless"),
        "mean_i_over_sigma": (found.mean_ratio, "dimensionless"),
        "mean_intensity": (found.mean_intensity, "arbitrary"),
    }
    return xr.Dataset({name: ("shell", values, {"units": unit}) for name, (values, unit) in columns.items()})

"""A spectrum of whole molecules to masses, each by its ladder of charges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.model import Finding, Flag, Measurement, merged
from tasks.ms.errors import SpectrumError
from tasks.ms.kernels.charges import Ladder, ladders
from tasks.ms.kernels.peaks import even_profile, pick
from tasks.ms.parameters import MassParameters

Floats = NDArray[np.float64]
MZ = "Da/elementary_charge"
PROFILE_STEPS = 3.0
CENTROID_SPREAD = 0.2
# Standard deviation of the isotopes of a protein of mass M is this times the root of M (both in Da).
ISOTOPE_SPREAD = 0.026
FWHM = 2.3548
# Peaks wider than isotopes by this factor hold more than the bare molecule.
WIDE = 1.5


@dataclass(frozen=True)
class Masses:
    """Findings, flags, the profile over "mz", and the rungs of every ladder over "rung"."""

    findings: tuple[Finding, ...]
    flags: tuple[Flag, ...]
    profile: xr.Dataset
    rungs: xr.Dataset


def masses(run: Measurement, parameters: MassParameters) -> Masses:
    """The masses in the only spectrum of a run, or in the sum of its survey scans."""
    if "mz" not in run.data:
        raise SpectrumError(f"{run.provenance.path} holds no spectrum", "Give one text or mzML file")
    mz, intensity, centroid, flags = _spectrum(run, parameters)
    sigma = parameters.smoothing_mz or _spread(mz, intensity, centroid=centroid)
    carrier = -parameters.carrier_da if parameters.negative else parameters.carrier_da
    grid, profile = even_profile(mz, intensity, sigma)
    found = _ladders(grid, profile, parameters, carrier)
    if not found:
        said = "no peaks stand as a ladder of consecutive charges; no mass is given"
        flags = (*flags, Flag.invalid("no_charge_ladder", said))
    coarse = _ladders(*even_profile(mz, intensity, 2 * sigma), parameters, carrier)
    findings = tuple(_finding(each, coarse, parameters, number) for number, each in enumerate(found, 1))
    remarks = [flag for ladder in found[:1] for flag in _remarks(ladder, sigma)]
    if len(found) > 1:
        others = ", ".join(f"{ladder.mass:.1f} Da ({100 * ladder.share:.0f} %)" for ladder in found[1:])
        remarks.append(Flag.info("several_masses", f"beside the strongest mass there are {others}"))
    unexplained = 1 - sum(ladder.share for ladder in found)
    if found and unexplained > 0.2:
        said = f"{100 * unexplained:.0f} % of the peak heights belong to no ladder"
        remarks.append(Flag.caution("peaks_unexplained", said))
    return Masses(findings, merged(flags, remarks), _profile(grid, profile), _rungs(found))


def _spectrum(run: Measurement, parameters: MassParameters) -> tuple[Floats, Floats, bool, tuple[Flag, ...]]:
    data = run.data
    flags = run.flags
    scans = np.arange(data.sizes["scan"])
    if "ms_level" in data and (data["ms_level"].values == 1).any():
        scans = scans[data["ms_level"].values == 1]
    _same_polarity(data, scans, negative=parameters.negative)
    if len(scans) > 1:
        said = f"{len(scans)} survey scans are added up to one spectrum"
        flags = (*flags, Flag.info("scans_summed", said))
    first, points = data["first_point"].values, data["points"].values
    chosen = np.concatenate([np.arange(first[each], first[each] + points[each]) for each in scans])
    both = data[["mz", "intensity"]].isel(point=chosen).compute()
    mz, intensity = both["mz"].values.astype(float), both["intensity"].values.astype(float)
    order = np.argsort(mz, kind="stable")
    mz, intensity = mz[order], intensity[order]
    low, high = parameters.mz_min or -np.inf, parameters.mz_max or np.inf
    inside = (mz >= low) & (mz <= high) & np.isfinite(intensity)
    if inside.sum() < 10 or not intensity[inside].max() > 0:
        raise SpectrumError("the spectrum has no signal in the range of m/z", "Widen mz_min and mz_max")
    centroid = "profile" in data and not bool(data["profile"].values[scans].all())
    return mz[inside], intensity[inside], centroid, flags


def _same_polarity(data: xr.Dataset, scans: NDArray[np.int_], *, negative: bool) -> None:
    """SpectrumError where scans state the other polarity: each charge would be off by two carriers."""
    if "polarity" not in data:
        return
    other = data["polarity"].values[scans] == (1 if negative else -1)
    if other.any():
        word, remedy = ("positive", "false") if negative else ("negative", "true")
        raise SpectrumError(
            f"{int(other.sum())} of {len(scans)} spectra state {word} ions", f"Set masses.negative={remedy}"
        )


def _spread(mz: Floats, intensity: Floats, *, centroid: bool) -> float:
    if centroid:
        return CENTROID_SPREAD
    top = int(intensity.argmax())
    near = np.diff(mz[max(0, top - 20) : top + 20])
    return PROFILE_STEPS * float(np.median(near[near > 0]))


def _ladders(grid: Floats, profile: Floats, parameters: MassParameters, carrier: float) -> list[Ladder]:
    return ladders(
        pick(grid, profile, parameters.least_height),
        highest_charge=parameters.highest_charge,
        least_rungs=parameters.least_rungs,
        least_share=parameters.least_share,
        species=parameters.species,
        carrier=carrier,
    )


def _finding(ladder: Ladder, coarse: list[Ladder], parameters: MassParameters, number: int) -> Finding:
    nearest = min((abs(other.mass - ladder.mass) for other in coarse), default=np.inf)
    # Farther than a rung: the other smoothing found another species, which tells nothing of this one.
    picking = nearest if nearest < ladder.mass / ladder.charges.max() / 10 else 0.0
    calibration = parameters.mz_relative_error * ladder.mass
    error = float(np.sqrt(ladder.error**2 + picking**2 + calibration**2))
    known = f"{parameters.mz_relative_error:g} relative" if calibration else "taken as exact"
    told = (
        f"charges {ladder.charges.min()} to {ladder.charges.max()}, scatter {ladder.error:.2g} Da, "
        f"choice of smoothing {picking:.2g} Da",
        f"{'negative' if parameters.negative else 'positive'} charge carrier {parameters.carrier_da:g} Da; "
        "adducts are part of the mass",
        f"calibration of m/z {known}",
        f"{100 * ladder.share:.0f} % of the peak heights",
    )
    method = "charge ladder" if number == 1 else f"charge ladder, species {number}"
    return Finding("molecular_mass", ladder.mass / 1000, error / 1000, "kDa", method, told)


def _remarks(ladder: Ladder, sigma: float) -> list[Flag]:
    smoothing = FWHM * sigma * ladder.charges
    width = float(np.median(np.sqrt(np.maximum(ladder.widths**2 - smoothing**2, 0))))
    isotopes = FWHM * ISOTOPE_SPREAD * np.sqrt(ladder.mass)
    flags = []
    if width > WIDE * isotopes:
        said = (
            f"peaks are {width:.0f} Da wide where isotopes explain {isotopes:.0f}: adducts, solvent or "
            f"several forms; the mass may exceed that of the sequence by about as much"
        )
        flags.append(Flag.info("adducts_in_mass", said))
    return flags


def _profile(grid: Floats, profile: Floats) -> xr.Dataset:
    return xr.Dataset(
        {"intensity": ("mz", profile, {"units": "arbitrary"})}, coords={"mz": ("mz", grid, {"units": MZ})}
    )


def _rungs(found: list[Ladder]) -> xr.Dataset:
    empty = np.empty(0)
    units = {
        "charge": "dimensionless",
        "mz": MZ,
        "height": "arbitrary",
        "mass": "Da",
        "species": "dimensionless",
    }
    columns = {
        "species": [np.full(len(each.charges), index) for index, each in enumerate(found)],
        "charge": [each.charges for each in found],
        "mz": [each.mz for each in found],
        "height": [each.heights for each in found],
        "mass": [each.masses for each in found],
    }
    return xr.Dataset(
        {
            f"rung_{name}": ("rung", np.concatenate([empty, *column]), {"units": units[name]})
            for name, column in columns.items()
        }
    )

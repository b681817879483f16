"""Charge detection: ions with m/z and signal to masses, the charge of the signal found on ladders of m/z."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.model import Finding, Flag, Measurement
from tasks.common.reduced import Reduced, together
from tasks.ms.errors import SpectrumError
from tasks.ms.kernels.charges import Ladder, ladders
from tasks.ms.kernels.ions import Mode, Response, histogram, masses_of_ions, modes, response
from tasks.ms.kernels.peaks import even_profile, pick
from tasks.ms.parameters import DetectionParameters

Floats = NDArray[np.float64]
NONE = {"units": "dimensionless"}
MZ = "Da/elementary_charge"
# Rounds of telling species apart, the share of ions that makes one, its width relative to its mass.
ROUNDS, LEAST_HEAP, HEAP, LEAST_OWN = 2, 0.1, 0.12, 200


def charge_detection(run: Measurement, parameters: DetectionParameters) -> Reduced:
    """Masses of single ions as a histogram with its modes; a histogram that is there gives its modes."""
    if "ion_mz" not in run.data:
        if "mass" not in run.data.coords:
            raise SpectrumError(f"{run.provenance.path} holds neither ions nor a histogram of masses")
        mass, counts = run.data["mass"].values.astype(float), run.data["intensity"].values.astype(float)
        table = _table(mass, counts, errors=False)
        found = modes(mass, counts, parameters.least_height, parameters.smoothing_bins)
        return together([Reduced(_plain(found), _none(found), {"masses": table})], run.flags)
    mz, signal = _ions(run, parameters)
    ladder = _species(mz, signal, parameters)
    calibrated, flags = _response(mz, signal, ladder, parameters)
    ion_mass, charge = masses_of_ions(mz, signal, calibrated.per_charge, parameters.carrier_da)
    top = parameters.highest_mass_kda * 1000
    mass, counts = histogram(ion_mass, parameters.bin_da, top)
    found = modes(mass, counts, parameters.least_height, parameters.smoothing_bins)
    tables = {"masses": _table(mass, counts, errors=True), "plane": _plane(charge, ion_mass, top)}
    if len(calibrated.charges):
        tables["response"] = xr.Dataset(
            {
                "rung_signal": ("rung", calibrated.signals, {"units": "arbitrary"}),
                "rung_ions": ("rung", calibrated.ions, {"units": "count"}),
                "rung_charge": ("rung", calibrated.charges, NONE),
            }
        )
    facts = {"ions": len(mz), "signal_per_charge": calibrated.per_charge}
    reduced = Reduced(_modes(found, calibrated), (*flags, *_none(found)), tables, facts)
    return together([reduced], run.flags)


def _ions(run: Measurement, parameters: DetectionParameters) -> tuple[Floats, Floats]:
    mz, signal = (run.data[name].values.astype(float) for name in ("ion_mz", "ion_signal"))
    good = np.isfinite(mz) & np.isfinite(signal) & (signal > 0)
    good &= (mz >= (parameters.mz_min or -np.inf)) & (mz <= (parameters.mz_max or np.inf))
    if good.sum() < 100:
        raise SpectrumError(f"{int(good.sum())} ions are too few for a histogram", "Widen mz_min and mz_max")
    return mz[good], signal[good]


def _ladders(mz: Floats, parameters: DetectionParameters) -> list[Ladder]:
    ordered = np.sort(mz)
    peaks = pick(
        *even_profile(ordered, np.ones(len(ordered)), parameters.smoothing_mz), parameters.least_height
    )
    return ladders(
        peaks,
        highest_charge=parameters.highest_charge,
        least_rungs=parameters.least_rungs,
        least_share=0.05,
        carrier=parameters.carrier_da,
    )


def _species(mz: Floats, signal: Floats, parameters: DetectionParameters) -> list[Ladder]:
    """Ladders of each species from its own ions, told apart by the mass that the first ladders give them.

    In m/z alone rungs of two species can lie upon each other and pull a ladder off its charges.
    """
    found = _ladders(mz, parameters)
    for _ in range(ROUNDS):
        measured = response(mz, signal, found)
        if measured is None:
            return found
        masses, _ = masses_of_ions(mz, signal, measured.per_charge, parameters.carrier_da)
        heaps = modes(*histogram(masses, parameters.bin_da, parameters.highest_mass_kda * 1000), LEAST_HEAP)
        parted = []
        for heap in heaps:
            own = mz[np.abs(masses / heap.mass - 1) < HEAP]
            if heap.share >= LEAST_HEAP and len(own) >= LEAST_OWN:
                parted += _ladders(own, parameters)[:1]
        if not parted:
            return found
        found = parted
    return found


def _response(
    mz: Floats, signal: Floats, found: list[Ladder], parameters: DetectionParameters
) -> tuple[Response, tuple[Flag, ...]]:
    empty = np.empty(0)
    measured = response(mz, signal, found)
    if parameters.signal_per_charge is not None:
        given = parameters.signal_per_charge
        error = parameters.signal_per_charge_error or 0.0
        if measured is None:
            return Response(given, error, empty, empty, empty.astype(int)), ()
        away = measured.per_charge / given - 1
        chosen = replace(measured, per_charge=given, error=error)
        if abs(away) < 0.05:
            return chosen, ()
        told = f"ladders of m/z say a signal per charge {100 * away:+.0f} % away from the one given"
        return chosen, (Flag.caution("charge_calibration_contradicted", told),)
    if measured is None:
        raise SpectrumError(
            "the signal of a charge is not known: no ladder of charges stands out in m/z to find it from",
            "Give signal_per_charge from a calibration",
        )
    told = (
        f"signal per charge {measured.per_charge:.4g} ± {measured.error:.2g} "
        f"from {len(measured.charges)} rungs "
        f"of {len(found)} ladders in m/z; no calibration was given"
    )
    return measured, (Flag.info("charge_calibrated_on_ladder", told),)


def _modes(found: list[Mode], calibrated: Response) -> tuple[Finding, ...]:
    # The mass of one species is as good as the proportion of signal to charge is at its charges.
    relative = float(np.hypot(calibrated.error / calibrated.per_charge, calibrated.departure))
    findings = []
    for number, mode in enumerate(found, start=1):
        error = float(np.hypot(mode.error, relative * mode.mass))
        told = (
            f"{100 * mode.share:.0f} % of the ions in the upper half, {mode.width / 1000:.3g} kDa wide",
            f"signal per charge known to {100 * relative:.2g} %",
            "adducts are part of the mass",
        )
        method = "charge detection" if number == 1 else f"charge detection, species {number}"
        findings.append(Finding("molecular_mass", mode.mass / 1000, error / 1000, "kDa", method, told))
    return tuple(findings)


def _plain(found: list[Mode]) -> tuple[Finding, ...]:
    told = ("mode of a histogram as it was given; its calibration of charge is not known",)
    return tuple(
        Finding(
            "molecular_mass",
            mode.mass / 1000,
            max(mode.error, mode.width / 4) / 1000,
            "kDa",
            "mass histogram" if number == 1 else f"mass histogram, species {number}",
            told,
        )
        for number, mode in enumerate(found, start=1)
    )


def _none(found: list[Mode]) -> tuple[Flag, ...]:
    if found:
        return ()
    return (Flag.invalid("no_mass_mode", "no peak stands out in the histogram of masses"),)


def _table(mass: Floats, counts: Floats, *, errors: bool) -> xr.Dataset:
    unit = {"units": "count" if errors else "arbitrary"}
    table = xr.Dataset(
        {"intensity": ("mass", counts, unit)}, coords={"mass": ("mass", mass, {"units": "Da"})}
    )
    if errors:
        table["intensity_errors"] = ("mass", np.sqrt(counts), unit)
    return table


def _plane(charge: Floats, mass: Floats, top: float) -> xr.Dataset:
    highest = float(np.percentile(charge, 99.9)) + 1
    counts, charges, masses = np.histogram2d(charge, mass, bins=[120, 150], range=[[0, highest], [0, top]])
    return xr.Dataset(
        {"ions": (("ion_charge", "ion_mass"), counts, {"units": "count"})},
        coords={
            "ion_charge": ("ion_charge", (charges[1:] + charges[:-1]) / 2, NONE),
            "ion_mass": ("ion_mass", (masses[1:] + masses[:-1]) / 2, {"units": "Da"}),
        },
    )

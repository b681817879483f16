"""A scan over energy to the position of its absorption edge and a normalised spectrum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.errors import MissingMetadataError
from adapters.model import Finding, Flag, Measurement, convert, merged
from tasks.xas.kernels.edge import edge_position, normalised
from tasks.xas.parameters import EdgeParameters

Floats = NDArray[np.float64]

UNSTATED = "unstated"
LEAST_POINTS = 10
# The steepest point must stand out of the slopes elsewhere by this factor.
STANDS_OUT = 5.0


class EdgeError(Exception):
    """A scan does not give what a step needs; it says what is wrong and what to do."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}" if self.remedy else self.what


@dataclass(frozen=True)
class Absorption:
    """Findings, flags, and the spectrum over "energy" (eV) with its slopes."""

    findings: tuple[Finding, ...]
    flags: tuple[Flag, ...]
    spectrum: xr.Dataset


def edge(run: Measurement, parameters: EdgeParameters) -> Absorption:
    """The edge of an absorption spectrum.

    Raises
    ------
    MissingMetadataError
        It is not said which columns are energy and absorption, or in which unit the energy is.
    EdgeError
        The spectrum has too few points, or no edge.
    """
    energy, absorption, how = _columns(run, parameters)
    energy, absorption, flags = _ordered(energy, absorption, parameters, run.metadata.source)
    found = edge_position(energy, absorption, parameters.slope_points)
    typical = float(np.median(np.abs(found.slopes)))
    if not found.slopes.max() > STANDS_OUT * typical:
        raise EdgeError("no edge stands out of the spectrum", "Choose the range with low_ev and high_ev")
    flags = merged(run.flags, flags)
    spectrum = _spectrum(energy, absorption, found.slopes)
    try:
        values, step = normalised(
            energy, absorption, found.position, parameters.before_ev, parameters.after_ev
        )
        spectrum["normalised"] = ("energy", values, {"units": "dimensionless", "edge_step": step})
    except ValueError as error:
        said = f"not normalised: {error}; choose before_ev and after_ev"
        flags = merged(flags, (Flag.caution("not_normalised", said),))
    trust = (how, f"slopes over {parameters.slope_points} points", "the energy of the monochromator is exact")
    finding = Finding(
        "absorption_edge_energy", found.position, found.error, "eV", "steepest point of the spectrum", trust
    )
    return Absorption((finding,), flags, spectrum)


def _columns(run: Measurement, parameters: EdgeParameters) -> tuple[Floats, Floats, str]:
    if run.metadata.technique == "xas":
        return run.data["energy"].values, run.data["absorption"].values, "absorption as stored"
    axis = _column(run, parameters.energy, "energy")
    stated = str(axis.attrs.get("units", UNSTATED))
    unit = parameters.energy_unit if stated == UNSTATED else stated
    if unit is None:
        raise MissingMetadataError("the unit of the energy", run.metadata.source, "edge.energy_unit")
    energy = axis.values.astype(float) * convert(1.0, unit, "eV", run.provenance.path)
    absorption, how = _absorption(run, parameters)
    return energy, absorption, how


def _absorption(run: Measurement, parameters: EdgeParameters) -> tuple[Floats, str]:
    if parameters.absorption is not None:
        name = parameters.absorption
        return _column(run, name, "absorption").values.astype(float), f"absorption is the column {name}"
    if parameters.incident is None or (parameters.transmitted is None and parameters.fluorescence is None):
        raise MissingMetadataError("which column is the absorption", run.metadata.source, "edge.absorption")
    before = _column(run, parameters.incident, "incident").values.astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        if parameters.transmitted is not None:
            behind = _column(run, parameters.transmitted, "transmitted").values.astype(float)
            return np.log(before / behind), "absorption is ln(incident / transmitted)"
        glow = _column(run, parameters.fluorescence, "fluorescence").values.astype(float)
        return glow / before, "absorption is fluorescence / incident"


def _column(run: Measurement, name: str | None, role: str) -> xr.DataArray:
    if name is None:
        raise MissingMetadataError(f"which column is the {role}", run.metadata.source, f"edge.{role}")
    if name not in run.data:
        there = ", ".join(map(str, run.data.data_vars))
        raise EdgeError(f"there is no column {name!r}", f"There are: {there}")
    return run.data[name]


def _ordered(
    energy: Floats, absorption: Floats, parameters: EdgeParameters, source: str
) -> tuple[Floats, Floats, tuple[Flag, ...]]:
    good = np.isfinite(energy) & np.isfinite(absorption)
    low = -np.inf if parameters.low_ev is None else parameters.low_ev
    high = np.inf if parameters.high_ev is None else parameters.high_ev
    good &= (energy >= low) & (energy <= high)
    kept, first = np.unique(energy[good], return_index=True)
    flags = []
    if len(kept) < int(good.sum()):
        said = f"{int(good.sum()) - len(kept)} energies were measured twice; the first measurement stands"
        flags.append(Flag.caution("energies_repeated", said))
    if len(kept) < LEAST_POINTS:
        raise EdgeError(f"{source} has {len(kept)} usable points", "Widen low_ev and high_ev")
    return kept, absorption[good][first], tuple(flags)


def _spectrum(energy: Floats, absorption: Floats, steep: Floats) -> xr.Dataset:
    why = "a single scan states no uncertainty of its absorption"
    return xr.Dataset(
        {
            "absorption": ("energy", absorption, {"units": "dimensionless", "uncertainty": why}),
            "slope": ("energy", steep, {"units": "1/eV"}),
        },
        coords={"energy": ("energy", energy, {"units": "eV"})},
    )

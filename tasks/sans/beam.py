"""What the beam brought: monitors over wavelength, transmission of the sample, response of the detector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from adapters.errors import LayoutError, MissingMetadataError
from adapters.model import Flag, Measurement
from tasks.sans.kernels.intensity import Floats, mean_transmission, product, ratio, rebinned, spectrum
from tasks.sans.parameters import BeamParameters

Spectrum = tuple[Floats, Floats]


@dataclass(frozen=True)
class Beam:
    """What a unit of solid angle saw of the beam by wavelength, with its variance, and what to mind."""

    spectrum: Spectrum
    flags: tuple[Flag, ...]


def monitor_names(run: Measurement, *, behind: bool) -> list[str]:
    """Monitors before or behind the sample by where they stand; those that say nothing are left out."""
    found: dict[str, float] = {}
    for variable in run.data.data_vars.values():
        if "monitor" in variable.attrs and "position_m" in variable.attrs:
            found[str(variable.attrs["monitor"])] = float(variable.attrs["position_m"])
    return [name for name, place in found.items() if (place > 0) == behind]


def chosen_monitor(run: Measurement, named: str | None, *, behind: bool) -> str:
    """The monitor that is named, or the only one on that side of the sample.

    Raises
    ------
    MissingMetadataError
        None is there, or several and none is named.
    """
    side = "transmission" if behind else "incident"
    if named is not None:
        return named
    there = monitor_names(run, behind=behind)
    if len(there) != 1:
        what = f"one {side} monitor" + (f" (there are {', '.join(there)})" if there else "")
        raise MissingMetadataError(what, run.metadata.source, f"beam.{side}_monitor")
    return there[0]


def monitor_spectrum(run: Measurement, name: str, edges: Floats, flight_m: float) -> Spectrum:
    """Counts of a monitor over wavelength `edges` (angstrom); `flight_m` from the source to the sample."""
    data = run.data
    histogram, events = f"monitor_{name}_counts", f"monitor_{name}_time_of_flight"
    variable = data.get(histogram, data.get(events))
    if variable is None:
        raise LayoutError(run.provenance.path, f"no monitor is called {name!r}")
    if "position_m" not in variable.attrs:
        raise MissingMetadataError(f"the position of monitor {name}", run.metadata.source)
    way = flight_m + float(variable.attrs["position_m"])
    if way <= 0:
        raise LayoutError(run.provenance.path, f"monitor {name} stands {-way:g} m before the source")
    if histogram in data:
        return rebinned(np.asarray(variable.values, float), data[f"monitor_{name}_edges"].values, way, edges)
    return _of_events(variable, way, edges)


def _of_events(variable: xr.DataArray, way: float, edges: Floats) -> Spectrum:
    counts = np.zeros(len(edges) - 1)
    array = variable.data
    for index in range(array.numblocks[0]):
        counts += spectrum(array.blocks[index].compute(scheduler="threads"), way, edges)
    return counts, counts.copy()


def transmission(
    sample: Measurement, empty: Measurement, edges: Floats, flight_m: float, beam: BeamParameters
) -> Spectrum:
    """Transmission by wavelength: transmitted over incident, with the sample over without it."""
    shares = [
        ratio(
            monitor_spectrum(
                run, chosen_monitor(run, beam.transmission_monitor, behind=True), edges, flight_m
            ),
            monitor_spectrum(run, chosen_monitor(run, beam.incident_monitor, behind=False), edges, flight_m),
        )
        for run in (sample, empty)
    ]
    return ratio(*shares)


def beam_of(
    run: Measurement,
    edges: Floats,
    flight_m: float,
    beam: BeamParameters,
    through: Spectrum | None,
    response: Floats | None,
) -> Beam:
    """Incident beam times transmission times response, by wavelength.

    Raises
    ------
    MissingMetadataError
        The monitor or charge to divide by is not there.
    """
    flags: list[Flag] = []
    bins = len(edges) - 1
    if beam.by == "monitor":
        name = chosen_monitor(run, beam.incident_monitor, behind=False)
        found = monitor_spectrum(run, name, edges, flight_m)
    else:
        charge = run.metadata.raw.get("proton_charge") if beam.by == "proton_charge" else 1.0
        if not charge:
            raise MissingMetadataError("proton_charge", run.metadata.source, "beam.by")
        found = np.full(bins, float(charge) / bins), np.zeros(bins)
        said = f"the curve is divided by {beam.by.replace('_', ' ')}: wavelengths are weighted alike"
        flags.append(Flag.caution("spectrum_unknown", f"{said}, which the beam is not"))
    if through is None and beam.transmission is not None:
        variance = np.full(bins, beam.transmission_uncertainty**2)
        through = (np.full(bins, beam.transmission), variance)
    if through is not None:
        found = product(found, through)
    elif beam.absolute_scale is not None:
        raise MissingMetadataError("transmission", run.metadata.source, "beam.transmission")
    else:
        said = f"nothing says the transmission of {run.metadata.sample_name or 'the sample'}"
        flags.append(Flag.caution("transmission_unknown", f"{said}, so absorption is not corrected"))
    if response is not None:
        found = found[0] * response, found[1] * response**2
    else:
        said = "no direct beam is given: detector and monitor are taken to respond alike at all wavelengths"
        flags.append(Flag.caution("response_unknown", said))
    return Beam(found, tuple(flags))


def transmission_flags(through: Spectrum) -> tuple[float, float, tuple[Flag, ...]]:
    """Mean transmission with its uncertainty, and whether it can be one."""
    mean, error = mean_transmission(*through)
    if not np.isfinite(mean):
        said = "the monitors share no wavelength, so no transmission follows"
        return mean, error, (Flag.invalid("transmission_unusable", said),)
    if mean > 1 + 3 * error or mean <= 0:
        said = f"the transmission is {mean:.3f} ± {error:.3f}: were the runs exchanged?"
        return mean, error, (Flag.caution("transmission_impossible", said),)
    return mean, error, ()

"""Liquid chromatography: total and extracted ion currents, and whether identifications are in the run."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.model import Finding, Flag, Measurement
from tasks.common.kernels.composition import peptide_mz
from tasks.common.kernels.extraction import current_near, totals
from tasks.common.reduced import Reduced, together
from tasks.ms.errors import SpectrumError
from tasks.ms.parameters import ChromatogramParameters

Floats = NDArray[np.float64]
NONE, SECONDS, MZ = {"units": "dimensionless"}, {"units": "s"}, {"units": "Da/elementary_charge"}
SURVEY = 1


def chromatogram(
    run: Measurement, parameters: ChromatogramParameters, identified: Measurement | None = None
) -> Reduced:
    """Currents of survey scans over time, and a check of identifications where they are given."""
    data = run.data
    if "scan_time" not in data or not np.isfinite(data["scan_time"].values).any():
        raise SpectrumError(f"{run.provenance.path} states no scan times", "A chromatogram needs them")
    parts = [_currents(data, parameters)]
    if identified is not None:
        parts.append(_checked(data, identified.data, parameters))
    return together(parts, run.flags, identified.flags if identified is not None else ())


def _currents(data: xr.Dataset, parameters: ChromatogramParameters) -> Reduced:
    levels = data["ms_level"].values
    chosen = np.flatnonzero(levels == SURVEY)
    if not len(chosen):
        raise SpectrumError("the run has no survey scans")
    mz, intensity = (data[name].values for name in ("mz", "intensity"))
    first, points = data["first_point"].values[chosen], data["points"].values[chosen]
    table = xr.Dataset(
        {"intensity": ("time", totals(intensity, first, points), {"units": "arbitrary"})},
        coords={"time": ("time", data["scan_time"].values[chosen], SECONDS)},
    )
    tables = {"chromatogram": table}
    if parameters.mz:
        near = [
            current_near(mz, intensity, first, points, each, parameters.tolerance_mz)
            for each in parameters.mz
        ]
        tables["extracted"] = xr.Dataset(
            {"current": (("ion", "time"), np.stack(near), {"units": "arbitrary"})},
            coords={"ion": ("ion", np.array(parameters.mz), MZ), "time": table["time"]},
        )
    facts = {"survey_scans": len(chosen), "fragment_scans": int((levels > SURVEY).sum())}
    return Reduced((), (), tables, facts)


def _checked(data: xr.Dataset, identified: xr.Dataset, parameters: ChromatogramParameters) -> Reduced:
    if "precursor_mz" not in data:
        raise SpectrumError("the run states no precursors, so identifications cannot be found in it")
    scans = np.flatnonzero(data["ms_level"].values > SURVEY)
    precursors, times = data["precursor_mz"].values[scans], data["scan_time"].values[scans]
    wanted_mz, wanted_time = identified["precursor_mz"].values, identified["scan_time"].values
    close = np.abs(precursors[None] - wanted_mz[:, None]) <= parameters.tolerance_mz
    close &= np.abs(times[None] - wanted_time[:, None]) <= parameters.tolerance_s
    found = close.any(axis=1)
    charges = identified["charge"].values
    expected = np.array(
        [
            peptide_mz(str(peptide), int(charge))
            for peptide, charge in zip(identified["peptide"].values, charges, strict=True)
        ],
        float,
    )
    away = (wanted_mz - expected) / expected * 1e6
    table = xr.Dataset(
        {
            "identified_mz": ("identification", wanted_mz, MZ),
            "expected_mz": ("identification", expected, MZ),
            "difference": ("identification", away, {"units": "ppm"}),
            "identified_time": ("identification", wanted_time, SECONDS),
            "in_run": ("identification", found, NONE),
            "identified_peptide": ("identification", identified["peptide"].values, NONE),
        }
    )
    known = np.isfinite(away)
    share = float(found.mean())
    error = float(np.sqrt((share * (1 - share) + 0.25 / len(found)) / len(found)))
    told = (
        f"{int(found.sum())} of {len(found)} have a precursor within {parameters.tolerance_mz:g} in m/z and "
        f"{parameters.tolerance_s:g} s",
        f"median difference of precursors from their sequences {np.median(away[known]):.1f} ppm"
        if known.any()
        else "no sequence has a known mass to compare precursors with",
    )
    finding = Finding(
        "identification_support", 100 * share, 100 * error, "percent", "precursors of the run", told
    )
    flags = []
    if not known.all():
        said = f"{int((~known).sum())} sequences hold residues or modifications of unknown mass"
        flags.append(Flag.caution("sequence_mass_unknown", said))
    facts = {"identifications": len(found), "in_run": int(found.sum())}
    return Reduced((finding,), tuple(flags), {"identifications": table}, facts)

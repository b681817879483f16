"""Bring curves of counts to one scale: per second or per monitor count, transmission, thickness, 1/cm."""

from __future__ import annotations

import numpy as np
import xarray as xr

from adapters.errors import MissingMetadataError
from adapters.model import Flag, Metadata
from tasks.common.parameters import NormalizationParameters


def normalize(
    curves: xr.Dataset, metadata: Metadata, parameters: NormalizationParameters
) -> tuple[xr.Dataset, tuple[Flag, ...]]:
    """`curves` divided by what `parameters` ask for, lazily; errors scale along.

    Returns
    -------
    Dataset, flags
        Intensities, in 1/cm where the absolute scale is known, else arbitrary; and what was
        not corrected for.

    Raises
    ------
    MissingMetadataError
        If a number that is needed is neither in the file nor given.
    """
    divisor = _reference(metadata, parameters)
    through, flags = _transmission(metadata, parameters)
    divisor *= through
    # Counts of pixels seen head on are an intensity on a scale of the instrument's own.
    factor, unit = 1.0, "arbitrary"
    if parameters.absolute_scale is not None:
        factor, unit = parameters.absolute_scale, "1/cm"
        if parameters.thickness_m or metadata.thickness_m:
            divisor *= (parameters.thickness_m or metadata.require("thickness_m")) * 100.0
    flags += _scale_flags(parameters)
    scaled = curves.copy()
    for name in ("intensity", "intensity_errors"):
        scaled[name] = curves[name] * (factor / divisor)
        scaled[name].attrs = {**curves[name].attrs, "units": unit}
    return scaled, flags


def _reference(metadata: Metadata, parameters: NormalizationParameters) -> float:
    if parameters.by == "exposure":
        return float(parameters.exposure_s or metadata.require("exposure_s"))
    if parameters.by == "monitor":
        return float(parameters.monitor_counts or metadata.require("monitor_counts"))
    return 1.0


def _transmission(metadata: Metadata, parameters: NormalizationParameters) -> tuple[float, tuple[Flag, ...]]:
    if parameters.monitor_behind_sample and parameters.by == "monitor":
        # What the monitor saw already went through the sample.
        return 1.0, ()
    known = parameters.transmission or metadata.transmission
    if known is not None:
        return float(known), ()
    if parameters.absolute_scale is not None:
        raise MissingMetadataError("transmission", metadata.source)
    said = f"{metadata.source} recorded no transmission, so the curve is not corrected for absorption"
    return 1.0, (Flag.caution("transmission_unknown", said),)


def _scale_flags(parameters: NormalizationParameters) -> tuple[Flag, ...]:
    if parameters.absolute_scale is None or parameters.absolute_scale_uncertainty is not None:
        return ()
    said = "the absolute scale came without an uncertainty; errors of I(q) hold counting statistics alone"
    return (Flag.info("absolute_scale_without_uncertainty", said),)


# Forward scattering of water, 1/cm at 1 bar, from its isothermal compressibility:
# Orthaber, Bergmann and Glatter, J. Appl. Cryst. 33, 218 (2000), 0.01632 at 293 K.
WATER_1_CM = {293.15: 0.01632}


def absolute_scale_from_water(
    water: xr.Dataset, q_range: tuple[float, float], temperature_k: float
) -> tuple[float, float]:
    """Factor to 1/cm and its standard uncertainty from the plateau of a water curve (empty cell removed).

    Parameters
    ----------
    water : Dataset
        A curve (q) of water less its empty cell, normalised as the samples will be.
    q_range : (float, float), 1/angstrom
        Where the curve is flat.
    temperature_k : float, K
        Within 2 K of the tabulated 293.15 K.

    Raises
    ------
    ValueError
        If the temperature is not tabulated, the range is empty, or the plateau is not flat within its errors.
    """
    known = [value for kelvin, value in WATER_1_CM.items() if abs(kelvin - temperature_k) <= 2.0]
    if not known:
        raise ValueError(f"water is tabulated at 293.15 K, not at {temperature_k:g} K")
    level, sigma = _plateau(water, q_range)
    return known[0] / level, known[0] / level * sigma / level


def absolute_scale_from_standard(measured: xr.Dataset, certified: xr.Dataset) -> tuple[float, float]:
    """Factor to 1/cm and its standard uncertainty from a standard such as glassy carbon.

    Parameters
    ----------
    measured : Dataset
        The standard's curve (q), normalised as the samples will be.
    certified : Dataset
        The certificate's curve (q) in 1/cm.

    Raises
    ------
    ValueError
        If the certificate is not in 1/cm or the two share no q range.
    """
    if certified["intensity"].attrs.get("units") != "1/cm":
        raise ValueError("the certified curve must be in 1/cm")
    q = certified["q"].values
    inside = (q >= measured["q"].values.min()) & (q <= measured["q"].values.max())
    if inside.sum() < 3:
        raise ValueError("the standard was measured outside the certified q range")
    q = q[inside]
    ours = np.interp(q, measured["q"].values, measured["intensity"].values)
    ours_errors = np.interp(q, measured["q"].values, measured["intensity_errors"].values)
    theirs = certified["intensity"].values[inside]
    theirs_errors = certified["intensity_errors"].values[inside]
    ratios = theirs / ours
    variances = ratios**2 * ((ours_errors / ours) ** 2 + (theirs_errors / theirs) ** 2)
    weights = 1.0 / variances
    factor = float(np.sum(weights * ratios) / np.sum(weights))
    # The scatter of the ratios tells more than the errors alone when shapes differ.
    spread = float(np.sqrt(np.sum(weights * (ratios - factor) ** 2) / np.sum(weights) / (len(q) - 1)))
    return factor, max(spread, float(np.sqrt(1.0 / np.sum(weights))))


def _plateau(curve: xr.Dataset, q_range: tuple[float, float]) -> tuple[float, float]:
    part = curve.sel(q=slice(*q_range))
    if part.sizes["q"] < 5:
        raise ValueError(f"fewer than 5 points between q {q_range[0]:g} and {q_range[1]:g} 1/angstrom")
    values, sigma = part["intensity"].values, part["intensity_errors"].values
    weights = 1.0 / sigma**2
    level = float(np.sum(weights * values) / np.sum(weights))
    chi2 = float(np.sum(((values - level) / sigma) ** 2) / (len(values) - 1))
    if chi2 > 3.0:
        raise ValueError(f"the water curve is not flat there: reduced chi2 {chi2:.1f}")
    return level, float(np.sqrt(max(chi2, 1.0) / np.sum(weights)))

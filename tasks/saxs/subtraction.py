"""The sample without its buffer, and whether too much was taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from adapters.model import Flag
from tasks.saxs.curve import CurveError, checked, labelled, same_axis, unit_of
from tasks.saxs.kernels.scaling import Scale, scale_between
from tasks.saxs.parameters import SubtractionParameters


@dataclass(frozen=True)
class Subtracted:
    """Sample minus scaled buffer, the factor and its error (0 where given), and what to mind."""

    curve: xr.Dataset
    scale: float
    scale_error: float
    flags: tuple[Flag, ...]


def subtract(sample: xr.Dataset, buffer: xr.Dataset, parameters: SubtractionParameters) -> Subtracted:
    """`sample` minus the scaled `buffer`, both over "q" on the same points and unit."""
    checked(sample)
    checked(buffer)
    same_axis(sample, buffer)
    factor, error, flags = _factor(sample, buffer, parameters)
    intensity = sample["intensity"].values - factor * buffer["intensity"].values
    # The error of a fitted factor is common to all points; at each it counts in full.
    errors = np.sqrt(
        sample["intensity_errors"].values ** 2
        + (factor * buffer["intensity_errors"].values) ** 2
        + (error * buffer["intensity"].values) ** 2
    )
    curve = labelled(sample["q"].values, intensity, errors, unit_of(sample), buffer_scale=factor)
    return Subtracted(curve, factor, error, flags + _over_subtracted(curve, parameters))


def _factor(
    sample: xr.Dataset, buffer: xr.Dataset, parameters: SubtractionParameters
) -> tuple[float, float, tuple[Flag, ...]]:
    if parameters.fit_q_min is None:
        return parameters.scale or 1.0, 0.0, ()
    fitted = _fitted(sample, buffer, parameters)
    end = f"{parameters.fit_q_max:g}" if parameters.fit_q_max else "the end"
    scaled = f"the buffer was scaled by {fitted.factor:.4f} ± {fitted.error:.4f}"
    said = f"{scaled}, fitted from q {parameters.fit_q_min:g} to {end}"
    flags = [Flag.info("buffer_scale_fitted", said)]
    if abs(fitted.factor - 1) > max(0.05, 3 * fitted.error):
        flags.append(
            Flag.caution("buffer_scale_unusual", f"{said}; a buffer that matches needs a factor near 1")
        )
    return fitted.factor, fitted.error, tuple(flags)


def _fitted(sample: xr.Dataset, buffer: xr.Dataset, parameters: SubtractionParameters) -> Scale:
    q = sample["q"].values
    columns = [data[name].values for data in (sample, buffer) for name in ("intensity", "intensity_errors")]
    window = (q >= parameters.fit_q_min) & (q <= (parameters.fit_q_max or np.inf))
    window &= np.isfinite(columns).all(axis=0) & (columns[1] > 0) & (columns[3] > 0)
    if window.sum() < 5:
        raise CurveError(
            f"{window.sum()} points lie in the window for the buffer's scale, 5 are needed",
            f"The curve ends at q {q[-1]:.4g} 1/angstrom; choose fit_q_min and fit_q_max within it",
        )
    return scale_between(*(each[window] for each in columns))


def _over_subtracted(curve: xr.Dataset, parameters: SubtractionParameters) -> tuple[Flag, ...]:
    q, intensity, errors = (curve[name].values for name in ("q", "intensity", "intensity_errors"))
    start = q[-1] - parameters.high_q_share * (q[-1] - q[0])
    part = (q >= start) & np.isfinite(intensity) & (errors > 0)
    if part.sum() < 5:
        return ()
    weights = errors[part] ** -2.0
    significance = float(weights @ intensity[part] / np.sqrt(weights.sum()))
    if significance > -parameters.significance:
        return ()
    said = (
        f"above q {start:.3g} 1/angstrom the curve is negative by {-significance:.1f} standard errors: "
        "too much buffer was subtracted, or the buffer is not the sample's"
    )
    return (Flag.caution("oversubtracted", said),)

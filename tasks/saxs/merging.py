"""Two ranges of q of one sample on one scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from adapters.model import Flag
from tasks.saxs.curve import CurveError, Floats, checked, labelled, points, unit_of
from tasks.saxs.kernels.scaling import Scale, interpolated, joined, scale_between
from tasks.saxs.parameters import MergingParameters


@dataclass(frozen=True)
class Merged:
    """The joined curve in the unit of the low one, the factor on the high one, and how they agree."""

    curve: xr.Dataset
    scale: float
    scale_error: float
    overlap: tuple[float, float]
    overlap_chi2: float
    flags: tuple[Flag, ...]


def merge(low: xr.Dataset, high: xr.Dataset, parameters: MergingParameters) -> Merged:
    """`low` and `high` over "q" joined; points are kept as measured, equal q are averaged.

    Only to find the factor is the high curve interpolated between its neighbouring points.
    """
    first, second = points(checked(low)), points(checked(high))
    span = _overlap(first[0], second[0], parameters)
    here = (first[0] >= span[0]) & (first[0] <= span[1])
    if here.sum() < 5:
        raise CurveError(
            f"{here.sum()} points of the low curve lie in the overlap "
            f"{span[0]:.4g} to {span[1]:.4g} 1/angstrom, 5 are needed",
            "Choose overlap_q_min and overlap_q_max, or give the scale and merge by hand",
        )
    other, other_errors = interpolated(first[0][here], *second)
    fitted = scale_between(first[1][here], first[2][here], other, other_errors)
    factor = parameters.scale if parameters.scale is not None else fitted.factor
    q, intensity, errors = joined(first, second, factor)
    curve = labelled(q, intensity, errors, unit_of(low), high_q_scale=factor)
    error = fitted.error if parameters.scale is None else 0.0
    return Merged(curve, factor, error, span, fitted.chi2, _flags(fitted, factor, span, parameters))


def _overlap(low: Floats, high: Floats, parameters: MergingParameters) -> tuple[float, float]:
    start = max(high[0], parameters.overlap_q_min or 0.0)
    end = min(low[-1], high[-1], parameters.overlap_q_max or np.inf)
    if not start < end:
        raise CurveError(
            f"the curves do not overlap: one ends at q {low[-1]:.4g}, "
            f"the other starts at {high[0]:.4g} 1/angstrom",
            "Give the low-q curve first",
        )
    return float(start), float(end)


def _flags(
    fitted: Scale, factor: float, span: tuple[float, float], parameters: MergingParameters
) -> tuple[Flag, ...]:
    where = f"from q {span[0]:.3g} to {span[1]:.3g} 1/angstrom"
    said = f"the high-q curve was multiplied by {factor:.5g}; {where} reduced chi-square is {fitted.chi2:.2f}"
    flags = [Flag.info("merged", f"{said} over {fitted.points} points")]
    if fitted.probability < parameters.significance:
        said = f"the two curves disagree {where} beyond one factor: reduced chi-square {fitted.chi2:.2f}"
        flags.append(Flag.caution("overlap_disagrees", said))
    if parameters.scale is not None and abs(factor - fitted.factor) > 3 * fitted.error:
        asked = f"{fitted.factor:.5g} ± {fitted.error:.2g}"
        said = f"the given factor {factor:.5g} is not the {asked} that the overlap asks for"
        flags.append(Flag.caution("scale_contradicts_overlap", said))
    return tuple(flags)

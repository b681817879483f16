"""The correlation time of a molecule from R1 and R2 of those of its amide nitrogens that can tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.errors import MissingMetadataError
from adapters.model import Finding, Flag, Measurement, merged
from tasks.common.reduced import Reduced
from tasks.nmr.kernels import tumbling as kernel
from tasks.nmr.noe import noe
from tasks.nmr.parameters import RelaxationParameters
from tasks.nmr.parameters_dynamics import NoeParameters, TumblingParameters
from tasks.nmr.relaxation import RATE, UNITLESS, heights_of_lists, relaxation
from tasks.nmr.selection import NOE, kinds, one_series, proton_mhz, residue_of
from tasks.nmr.spectrum import ResonanceError

Floats = NDArray[np.float64]
NANOSECONDS = {"units": "ns"}
# With fewer residues nothing tells which of them stand out.
LEAST_TO_JUDGE = 8
SERIES = {"t1": "tumbling.series_r1", "t2": "tumbling.series_r2"}


@dataclass(frozen=True)
class Fitted:
    """Rates of one kind by peak, the remarks made on the way, and the proton frequency where it is known."""

    table: xr.Dataset
    flags: tuple[Flag, ...]
    proton_mhz: float | None


def tumbling(
    runs: list[Measurement],
    parameters: TumblingParameters,
    relaxing: RelaxationParameters,
    saturating: NoeParameters,
) -> Reduced:
    """R1, R2, the correlation time of every residue, and that of the molecule."""
    fitted = {kind: _fitted(runs, kind, parameters, relaxing) for kind in ("t1", "t2")}
    steady = _steady(runs, saturating)
    table = _joined(fitted, steady)
    proton = _proton(parameters, fitted, runs)
    _solve(table, proton, parameters)
    reasons = _reasons(table, parameters)
    table["left_out"] = ("peak", np.array(reasons, dtype=str), UNITLESS)
    kept = table["left_out"].values == ""
    findings, flags = _claimed(table, kept, proton, parameters)
    tables = {"tumbling": table, "r1": fitted["t1"].table, "r2": fitted["t2"].table, **steady}
    facts = {"proton_mhz": proton}
    said = merged(*(run.flags for run in runs), fitted["t1"].flags, fitted["t2"].flags, flags)
    return Reduced(findings, said, tables, facts)


def _fitted(
    runs: list[Measurement], kind: str, parameters: TumblingParameters, relaxing: RelaxationParameters
) -> Fitted:
    """Rates as a product has them, or fitted here to the series that measures them."""
    made = [run for run in runs if run.data.attrs.get("quantity") == kind and "rate" in run.data]
    if len(made) == 1:
        data = made[0].data.compute()
        return Fitted(data, (), _number(data.attrs.get("proton_mhz")))
    named = parameters.series_r1 if kind == "t1" else parameters.series_r2
    holding = [run for run in runs if named in kinds(run) or kind in kinds(run).values()]
    if len(made) + len(holding) != 1:
        said = f"{len(made) + len(holding)} of the {len(runs)} files hold {kind.upper()} of peaks"
        raise ResonanceError(said, "Give one file with both series, or a product of nmr-relaxation for each")
    run = one_series(holding[0], kind, named, SERIES[kind])
    found = relaxation(heights_of_lists(run, relaxing), kind, relaxing, (), 1)
    return Fitted(found.table, found.flags, proton_mhz(run))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and value > 0 else None


def _steady(runs: list[Measurement], parameters: NoeParameters) -> dict[str, xr.Dataset]:
    found = [run for run in runs if NOE in kinds(run).values()]
    return {"noe": noe(found[0], parameters).tables["noe"]} if len(found) == 1 else {}


def _joined(fitted: dict[str, Fitted], steady: dict[str, xr.Dataset]) -> xr.Dataset:
    """R1 and R2, and the NOE where there is one, of the peaks that both kinds of rates accepted."""
    by_name = {
        kind: {
            str(name): number
            for number, name in enumerate(each.table["assignment"].values)
            if each.table["refused"].values[number] == ""
        }
        for kind, each in fitted.items()
    }
    names = [name for name in by_name["t1"] if name in by_name["t2"]]
    if not names:
        raise ResonanceError("no peak has both an R1 and an R2", "Look at which peaks were refused, and why")
    columns = {}
    for kind, label in (("t1", "r1"), ("t2", "r2")):
        places = [by_name[kind][name] for name in names]
        table = fitted[kind].table
        columns[label] = ("peak", table["rate"].values[places], RATE)
        columns[f"{label}_errors"] = ("peak", table["rate_errors"].values[places], RATE)
    residue = [residue_of(name) for name in names]
    found = xr.Dataset(
        {
            "assignment": ("peak", np.array(names, dtype=str), UNITLESS),
            "residue": ("peak", np.array([np.nan if n is None else n for n in residue], float), UNITLESS),
            **columns,
        }
    )
    if "noe" in steady:
        table = steady["noe"].isel(peak=steady["noe"]["refused"].values == "")
        listed = dict(zip(table["assignment"].values.tolist(), table["noe"].values.tolist(), strict=True))
        found["noe"] = ("peak", np.array([listed.get(name, np.nan) for name in names]), UNITLESS)
    return found


def _proton(parameters: TumblingParameters, fitted: dict[str, Fitted], runs: list[Measurement]) -> float:
    said = sorted(each.proton_mhz for each in fitted.values() if each.proton_mhz is not None)
    if parameters.proton_mhz is not None:
        return parameters.proton_mhz
    if said and said[-1] - said[0] > 1e-3 * said[-1]:
        raise ResonanceError(f"R1 and R2 were measured at {said} MHz, which is no one field")
    if not said:
        raise MissingMetadataError("proton_mhz", runs[0].metadata.source, "tumbling.proton_mhz")
    return said[-1]


def _solve(table: xr.Dataset, proton: float, parameters: TumblingParameters) -> None:
    vector = kernel.Vector(parameters.bond_length_angstrom, parameters.anisotropy_ppm)
    slow, fast = table["r1"].values, table["r2"].values
    ratio = fast / slow
    spread = ratio * np.hypot(table["r1_errors"].values / slow, table["r2_errors"].values / fast)
    pairs = [kernel.correlation_time(float(each), proton, vector) for each in ratio]
    time, slope = np.array(pairs).reshape(-1, 2).T
    table["ratio"] = ("peak", ratio, UNITLESS)
    table["ratio_errors"] = ("peak", spread, UNITLESS)
    table["correlation_time"] = ("peak", 1e9 * time, NANOSECONDS)
    table["correlation_time_errors"] = ("peak", 1e9 * slope * spread, NANOSECONDS)


def _reasons(table: xr.Dataset, parameters: TumblingParameters) -> list[str]:
    """Why a residue does not count, empty where it does."""
    reasons = ["" if np.isfinite(each) else "R2/R1 of no rigid vector" for each in table["correlation_time"]]
    if "noe" in table:
        for number, value in enumerate(table["noe"].values):
            if not reasons[number] and value < parameters.least_noe:
                reasons[number] = f"NOE {value:.2f}"
    kept = np.array([not each for each in reasons])
    if kept.sum() >= LEAST_TO_JUDGE:
        for place in np.flatnonzero(_exchanging(table, kept, parameters.most_deviations)):
            reasons[place] = reasons[place] or "R2 stands out: exchange"
    return reasons


def _exchanging(table: xr.Dataset, kept: NDArray[np.bool_], most: float) -> NDArray[np.bool_]:
    """Residues whose T2 is shorter by more than their T1 is longer, of those `kept`.

    N. Tjandra et al., *J. Am. Chem. Soc.* 117 (1995) 12562: relative deviations of T2 and
    T1 from their means differ by more than `most` standard deviations.
    """
    times = [1 / table[name].values for name in ("r1", "r2")]
    away = [(each - each[kept].mean()) / each[kept].mean() for each in times]
    step = away[0] - away[1]
    found: NDArray[np.bool_] = kept & (step > most * step[kept].std(ddof=1))
    return found


def _claimed(
    table: xr.Dataset, kept: NDArray[np.bool_], proton: float, parameters: TumblingParameters
) -> tuple[tuple[Finding, ...], tuple[Flag, ...]]:
    flags = []
    if (~kept).any():
        pairs = zip(table["assignment"].values[~kept], table["left_out"].values[~kept], strict=True)
        listed = ", ".join(f"{name} ({why})" for name, why in pairs)
        said = f"{(~kept).sum()} of {len(kept)} residues do not count: {listed[:300]}"
        flags.append(Flag.info("residues_left_out", said))
    if "noe" not in table:
        said = "without a NOE, residues that move by themselves are not told from the others"
        flags.append(Flag.caution("flexibility_unknown", said))
    if not kept.any():
        return (), (*flags, Flag.invalid("no_correlation_time", "no residue gives a correlation time"))
    values, errors = (table[name].values[kept] for name in ("correlation_time", "correlation_time_errors"))
    mean, error, chi = kernel.mean_of(values, errors)
    if chi > 4:
        said = f"residues scatter {chi**0.5:.1f} times as much as their errors: no rigid sphere"
        flags.append(Flag.caution("tumbling_not_isotropic", said))
    told = (
        "rigid and tumbling alike about all axes",
        f"N-H {parameters.bond_length_angstrom:g} angstrom, anisotropy {parameters.anisotropy_ppm:g} ppm, "
        f"protons at {proton:g} MHz",
        f"weighted mean of {len(values)} residues, error grown by their scatter where that is larger",
    )
    finding = Finding("rotational_correlation_time", mean, error, "ns", "R2/R1 of amide nitrogens", told)
    return (finding,), tuple(flags)

"""A stream to one lattice, and the share of frames that were hits and that were indexed."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.model import Finding, Flag, Measurement, convert, merged
from tasks.sfx.kernels.cells import agreeing, mean_and_error
from tasks.sfx.kernels.peaks import hit_fraction
from tasks.sfx.parameters import CellParameters

Floats = NDArray[np.float64]
EDGES = ("cell_a", "cell_b", "cell_c")
ANGLES = ("cell_alpha", "cell_beta", "cell_gamma")
TARGET = re.compile(r"([\d.]+)\s*(\S+)")


class StreamError(Exception):
    """A stream does not give what a step needs; it says what is wrong and what to do."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}" if self.remedy else self.what


@dataclass(frozen=True)
class Cells:
    """Findings, flags, and the table of lattices over "crystal" with those that were used."""

    findings: tuple[Finding, ...]
    flags: tuple[Flag, ...]
    table: xr.Dataset


def cells(run: Measurement, parameters: CellParameters) -> Cells:
    """The mean lattice of a stream with its uncertainty from the scatter of the crystals."""
    data = run.data
    if data.sizes.get("crystal", 0) == 0:
        raise StreamError("the stream holds no lattice", "Index its hits, with another cell or method")
    whole = np.stack([data[name].values for name in (*EDGES, *ANGLES)], axis=1).astype(float)
    flags: list[Flag] = []
    used = _near_target(whole, run, parameters, flags) & np.isfinite(whole).all(axis=1)
    if not used.any():
        raise StreamError("no lattice is near the target cell", "Widen within, or leave it empty")
    kept = np.flatnonzero(used)[agreeing(whole[used], parameters.clip)]
    left_out = len(whole) - len(kept)
    if left_out:
        said = f"{left_out} of {len(whole)} lattices are left out: too far from the others or the target"
        flags.append(Flag.info("lattices_left_out", said))
    if len(kept) < 10:
        said = f"{len(kept)} lattices; the uncertainty of their mean is itself known to {_doubt(len(kept))}"
        flags.append(Flag.caution("few_lattices", said))
    findings = [_edge(name, whole[kept, place], run) for place, name in enumerate(EDGES)]
    share = _hits(data, run.flags, flags)
    table = data[[*EDGES, *ANGLES, "crystal_frame", "reflections", "resolution_limit"]].compute()
    table["used"] = ("crystal", np.isin(np.arange(len(whole)), kept), {"units": "dimensionless"})
    return Cells((*findings, *share), merged(run.flags, flags), table)


def _doubt(number: int) -> str:
    return "nothing at all" if number < 2 else f"about {100 / np.sqrt(2 * (number - 1)):.0f} %"


def _edge(name: str, values: Floats, run: Measurement) -> Finding:
    mean, error = mean_and_error(values)
    told = [f"{len(values)} lattices, as the indexing program set their edges"]
    if error is None:
        told.append("a single lattice has no scatter to take an uncertainty from")
    if target := run.metadata.raw.get("target_cell"):
        kind = target.get("lattice_type", "a lattice")
        told.append(f"indexed against a target of {kind}, which draws lattices towards it")
    told.append("camera length and wavelength taken as exact; an error of one scales all edges")
    return Finding(f"unit_{name}", mean, error, "angstrom", "mean of indexed crystals", tuple(told))


def _near_target(
    whole: Floats, run: Measurement, parameters: CellParameters, flags: list[Flag]
) -> NDArray[np.bool_]:
    every = np.ones(len(whole), bool)
    if parameters.within is None:
        return every
    target = _target(run)
    if target is None:
        flags.append(Flag.caution("no_target_cell", "the stream names no target cell, so none is asked for"))
        return every
    return np.asarray((np.abs(whole[:, :3] / target - 1) <= parameters.within).all(axis=1))


def _target(run: Measurement) -> Floats | None:
    said = run.metadata.raw.get("target_cell") or {}
    found = [TARGET.match(str(said.get(edge, ""))) for edge in "abc"]
    if any(match is None for match in found):
        return None
    units = {"A": "angstrom"}
    return np.array(
        [convert(float(m[1]), units.get(m[2], m[2]), "angstrom", "target cell") for m in found if m]
    )


def _hits(data: xr.Dataset, said: tuple[Flag, ...], flags: list[Flag]) -> list[Finding]:
    hit = data["hit"].values
    codes = {flag.code for flag in said}
    if codes & {"hits_unstated", "non_hits_left_out"}:
        return []
    hits, frames = int((hit > 0).sum()), len(hit)
    if hits == frames:
        said_all = "every frame of the stream is a hit: it may hold hits alone, so no hit fraction is given"
        flags.append(Flag.caution("only_hits_in_stream", said_all))
        return []
    share, error = hit_fraction(hits, frames)
    told = (f"{hits} of {frames} frames", "binomial, with the prior of Jeffreys for the uncertainty")
    return [Finding("hit_fraction", share, error, "dimensionless", "hits of the indexing program", told)]

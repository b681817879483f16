"""Electrons of a delay-line detector to a binned volume, with what was left out counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.model import Flag, Measurement, merged
from tasks.mpes.kernels.volume import carried_forward, counted, poisson_errors
from tasks.mpes.parameters import Axis, ElectronParameters

Floats = NDArray[np.float64]
# Trains that are held in memory at once.
BLOCK_TRAINS = 2000
SEED = 20230130


class ElectronError(Exception):
    """Electrons cannot be binned as asked; it says what is wrong and what to do."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}" if self.remedy else self.what


@dataclass(frozen=True)
class Volume:
    """The counts with their errors over the axes, flags, and plain facts about the electrons."""

    data: xr.Dataset
    flags: tuple[Flag, ...]
    facts: dict[str, int]


@dataclass(frozen=True)
class Electrons:
    """Electrons of some trains as flat columns: by axis, and how many were dark."""

    columns: dict[str, Floats]
    dark: int


def volume(run: Measurement, parameters: ElectronParameters) -> Volume:
    """Bin all electrons of a run, a block of trains at a time."""
    data = run.data
    flags: list[Flag] = []
    slow = _slow(run, parameters, flags)
    edges = _edges(run, parameters, slow)
    shape = tuple(len(each) - 1 for each in edges)
    total = np.zeros(shape, np.int64)
    facts = {"electrons": 0, "outside": 0, "dark": 0, "trains": data.sizes["train"]}
    for start in range(0, data.sizes["train"], BLOCK_TRAINS):
        block = _electrons(data, slow, slice(start, start + BLOCK_TRAINS), parameters)
        columns = [block.columns[axis.channel] for axis in parameters.axes]
        counts, outside = counted(columns, edges)
        total += counts
        facts["electrons"] += len(columns[0])
        facts["outside"] += outside
        facts["dark"] += block.dark
    _told(facts, parameters, flags)
    return Volume(_labelled(run, total, edges, parameters), merged(run.flags, flags), facts)


def _slow(run: Measurement, parameters: ElectronParameters, flags: list[Flag]) -> dict[str, Floats]:
    """Channels with a value a train that are wanted as axes, gaps filled as chosen."""
    found: dict[str, Floats] = {}
    for axis in parameters.axes:
        name = axis.channel
        if name not in run.data:
            known = ", ".join(str(each) for each in run.data.data_vars if run.data[each].ndim <= 2)
            raise ElectronError(f"there is no channel {name!r}", f"There are {known}")
        dims = run.data[name].dims
        if dims == ("train", "hit"):
            continue
        if dims != ("train",):
            raise ElectronError(f"{name} has the dims {dims}", "Choose one value of it by a channel map")
        values = np.asarray(run.data[name].values, np.float64)
        if parameters.slow == "carry_forward":
            values, filled = carried_forward(values)
            if filled:
                said = f"{name} has no value of its own in {filled} trains; the last one before stands there"
                flags.append(Flag.info("carried_forward", said))
        found[name] = values
    return found


def _electrons(
    data: xr.Dataset, slow: dict[str, Floats], span: slice, parameters: ElectronParameters
) -> Electrons:
    part = data.isel(train=span)
    names = {axis.channel for axis in parameters.axes if axis.channel not in slow} | {"tof"}
    if "pulse" in data and parameters.pulse_offset:
        names.add("pulse")
    lists = {name: np.asarray(part[name].values, np.float64) for name in sorted(names)}
    there = np.isfinite(lists["tof"])
    owner = np.nonzero(there)[0]
    flat = {name: values[there] for name, values in lists.items()}
    flat |= {name: values[span][owner] for name, values in slow.items()}
    keep = np.ones(len(owner), bool)
    if "pulse" in flat and parameters.pulse_offset:
        flat["pulse"] = flat["pulse"] - parameters.pulse_offset
        keep = ~(flat["pulse"] < 0)
    if parameters.jitter:
        # One seed a block: the same electrons are spread alike whenever they are binned again.
        spread = np.random.default_rng((SEED, span.start or 0))
        for name in sorted(names & {"x", "y"}):
            flat[name] = flat[name] + spread.uniform(-0.5, 0.5, len(owner))
    flat["tof"] = _time(flat["tof"], parameters)
    return Electrons({name: values[keep] for name, values in flat.items()}, int((~keep).sum()))


def _time(steps: Floats, parameters: ElectronParameters) -> Floats:
    whole = np.floor(steps / 2**parameters.sector_bits) if parameters.sector_bits else steps
    return whole if parameters.tof_step_ns is None else whole * parameters.tof_step_ns


def _edges(run: Measurement, parameters: ElectronParameters, slow: dict[str, Floats]) -> list[Floats]:
    cells = int(np.prod([axis.bins for axis in parameters.axes]))
    if cells > parameters.most_cells:
        raise ElectronError(
            f"a volume of {cells} cells is more than {parameters.most_cells}",
            "Use fewer bins or axes, or raise most_cells",
        )
    open_axes = [axis for axis in parameters.axes if axis.low is None or axis.high is None]
    spans = _spans(run.data, parameters, slow) if open_axes else {}
    found = []
    for axis in parameters.axes:
        low, high = _bounds(axis, spans)
        found.append(np.linspace(low, high, axis.bins + 1))
    return found


def _spans(
    data: xr.Dataset, parameters: ElectronParameters, slow: dict[str, Floats]
) -> dict[str, tuple[float, float]]:
    """Lowest and highest value of every axis over all electrons; needs a pass over them."""
    spans: dict[str, tuple[float, float]] = {}
    for start in range(0, data.sizes["train"], BLOCK_TRAINS):
        block = _electrons(data, slow, slice(start, start + BLOCK_TRAINS), parameters)
        for axis in parameters.axes:
            values = block.columns[axis.channel]
            values = values[np.isfinite(values)]
            if values.size:
                low, high = spans.get(axis.channel, (np.inf, -np.inf))
                spans[axis.channel] = (min(low, float(values.min())), max(high, float(values.max())))
    return spans


def _bounds(axis: Axis, spans: dict[str, tuple[float, float]]) -> tuple[float, float]:
    low, high = axis.low, axis.high
    if low is None or high is None:
        if axis.channel not in spans:
            raise ElectronError(f"there is no electron with a value of {axis.channel}", "Give low and high")
        least, most = spans[axis.channel]
        low = least if low is None else low
        high = most if high is None else high
    # A channel that never changes still has one cell.
    return (low, high) if low < high else (low - 0.5, low + 0.5)


def _told(facts: dict[str, int], parameters: ElectronParameters, flags: list[Flag]) -> None:
    if facts["electrons"] == 0:
        flags.append(Flag.invalid("no_electrons", "there is no electron to bin"))
    if facts["dark"]:
        said = f"{facts['dark']} electrons before pulse 0 are dark counts and left out"
        flags.append(Flag.info("dark_electrons", said))
    if facts["outside"]:
        said = f"{facts['outside']} of {facts['electrons']} electrons fall outside the axes"
        flags.append(Flag.info("electrons_outside", said))
    if any(axis.channel == "tof" for axis in parameters.axes) and parameters.tof_step_ns is None:
        said = "time of flight is in steps of the detector; give tof_step_ns for ns"
        flags.append(Flag.info("tof_in_steps", said))


def _labelled(
    run: Measurement, total: NDArray[np.int64], edges: list[Floats], parameters: ElectronParameters
) -> xr.Dataset:
    names = [axis.channel for axis in parameters.axes]
    coords: dict[str, Any] = {}
    for name, bounds in zip(names, edges, strict=True):
        unit = str(run.data[name].attrs.get("units", "dimensionless"))
        if name == "tof" and parameters.tof_step_ns is not None:
            unit = "ns"
        coords[name] = (name, (bounds[1:] + bounds[:-1]) / 2, {"units": unit})
    about = {"units": "count"}
    return xr.Dataset(
        {"intensity": (names, total, about), "intensity_errors": (names, poisson_errors(total), about)},
        coords=coords,
    )

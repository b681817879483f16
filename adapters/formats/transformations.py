"""Where a component stands: its chain of NeXus transformations, as one matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from adapters.errors import DanglingLinkError, LayoutError
from adapters.formats import hdf5
from adapters.formats.nexus import units
from adapters.formats.nexus_groups import child
from adapters.formats.nxlog import held
from adapters.model import convert

Matrix = np.ndarray[Any, np.dtype[np.float64]]
# No component of an instrument stands on more axes than this.
LONGEST_CHAIN = 50


@dataclass(frozen=True)
class Placement:
    """From the component's own frame to the laboratory's (4, 4), in m; names of axes that moved meanwhile."""

    matrix: Matrix
    moved: tuple[str, ...] = ()
    stated: bool = True

    @property
    def origin(self) -> Matrix:
        """Where the component's own origin stands, (3,) in m."""
        return self.matrix[:3, 3]


UNSTATED = Placement(np.eye(4), stated=False)


def placement(component: h5py.Group, start_ns: float | None = None, end_ns: float | None = None) -> Placement:
    """The whole chain of a component that may have moved; `UNSTATED` where it names none.

    Raises
    ------
    DanglingLinkError
        A transformation that the chain depends on is not there.
    LayoutError
        The chain runs in a circle, or a transformation does not say what it does.
    """
    begin = child(component, "depends_on")
    if begin is None:
        return UNSTATED
    matrix, moved, seen = np.eye(4), list[str](), set[str]()
    place, home = hdf5.text(begin), component
    while place not in ("", "."):
        item = _followed(home, place)
        if item.name in seen or len(seen) >= LONGEST_CHAIN:
            raise LayoutError(component.file.filename, f"the axes of {component.name} depend on each other")
        seen.add(item.name)
        one, still = _single(item, start_ns, end_ns)
        matrix = one @ matrix
        moved += [] if still else [str(item.name)]
        place, home = hdf5.text(item.attrs.get("depends_on", ".")), item.parent
    return Placement(matrix, tuple(moved))


def _followed(home: h5py.Group, place: str) -> h5py.HLObject:
    item = home.get(place)
    if item is None:
        raise DanglingLinkError(home.file.filename, f"{home.name} depends on {place}")
    return item


def _single(item: h5py.HLObject, start_ns: float | None, end_ns: float | None) -> tuple[Matrix, bool]:
    value, unit, still = _value(item, start_ns, end_ns)
    attrs, source = item.attrs, f"{item.file.filename}:{item.name}"
    kind = hdf5.text(attrs.get("transformation_type", ""))
    vector = _vector(item, "vector")
    matrix = np.eye(4)
    if kind == "translation":
        matrix[:3, 3] = vector * convert(value, unit or _lacks_unit(item), "m", source)
    elif kind == "rotation":
        matrix[:3, :3] = _turn(item, vector, convert(value, unit or _lacks_unit(item), "rad", source))
    else:
        raise LayoutError(item.file.filename, f"{item.name} is neither translation nor rotation ({kind!r})")
    if "offset" in attrs:
        # In the 4 x 4 matrix of the NeXus manual the offset is the last column: it moves what was turned.
        own = unit if kind == "translation" else None
        stated = hdf5.text(attrs.get("offset_units", own or "m"))
        matrix[:3, 3] += _vector(item, "offset") * convert(1.0, stated, "m", source)
    return matrix, still


def _lacks_unit(item: h5py.HLObject) -> str:
    raise LayoutError(item.file.filename, f"{item.name} moves something by a number without a unit")


def _value(
    item: h5py.HLObject, start_ns: float | None, end_ns: float | None
) -> tuple[float, str | None, bool]:
    if isinstance(item, h5py.Group):
        found = held(item, start_ns, end_ns)
        if found is None:
            raise LayoutError(item.file.filename, f"the log {item.name} moves something but holds no numbers")
        stated = item.attrs.get("units")
        return found.mean, found.unit or (hdf5.text(stated) if stated is not None else None), found.steady
    if item.dtype.kind not in "iuf" or not 0 < item.size <= 10_000_000:
        raise LayoutError(item.file.filename, f"{item.name} is no number")
    values = np.asarray(item[()], float).ravel()
    if not np.isfinite(values).all():
        raise LayoutError(item.file.filename, f"{item.name} is not finite")
    return float(values.mean()), units(item), bool(np.ptp(values) <= 1e-9 * max(abs(values[0]), 1e-30))


def _vector(item: h5py.HLObject, name: str) -> Matrix:
    stated = np.asarray(item.attrs.get(name, ()))
    if stated.dtype.kind not in "iuf" or stated.size != 3 or not np.isfinite(stated).all():
        raise LayoutError(item.file.filename, f"{item.name} states no {name} of three numbers")
    return np.asarray(stated, float).ravel()


def _turn(item: h5py.HLObject, axis: Matrix, angle: float) -> Matrix:
    # Rodrigues' formula for a turn about an axis through the origin.
    length = float(np.linalg.norm(axis))
    if length == 0:
        raise LayoutError(item.file.filename, f"{item.name} turns about no axis")
    x, y, z = axis / length
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turned: Matrix = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return turned

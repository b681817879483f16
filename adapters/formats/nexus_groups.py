"""NeXus groups found by their class, wherever a template has put them."""

from __future__ import annotations

from collections.abc import Iterable

import h5py

from adapters.formats import hdf5


def nexus_class(item: h5py.HLObject) -> str:
    """The NX_class of a group, empty where it states none."""
    stated = item.attrs.get("NX_class")
    return "" if stated is None else hdf5.text(stated)


def by_class(file: h5py.Group, *wanted: str) -> dict[str, list[h5py.Group]]:
    """All groups of the `wanted` classes, each once and in the order of their names.

    Links are not followed: what they lead to has a place of its own, and a loop has no end.
    """
    found: dict[str, list[h5py.Group]] = {name: [] for name in wanted}

    def look(_: str, item: h5py.HLObject) -> None:
        if isinstance(item, h5py.Group) and (name := nexus_class(item)) in found:
            found[name].append(item)

    file.visititems(look)
    return found


def child(group: h5py.Group, *names: str) -> h5py.Dataset | None:
    """The first of the datasets `names` that is there; a dead link is an error."""
    for name in names:
        if hdf5.has(group, name):
            return hdf5.require(group, name)
    return None


def owner(item: h5py.Group, classes: Iterable[str]) -> h5py.Group | None:
    """The nearest group above `item` of one of the classes."""
    allowed, parent = set(classes), item
    while parent.name != "/":
        parent = parent.parent
        if nexus_class(parent) in allowed:
            return parent
    return None


def last_name(item: h5py.HLObject) -> str:
    """The name of a group or dataset without the way to it."""
    return str(item.name).rpartition("/")[2]

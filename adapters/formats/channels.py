"""Channels of an acquisition by the names that a beamtime gives them, told to a reader as an assumption."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from adapters.errors import LayoutError

# Files of free-electron lasers mostly state no units; a number whose unit nobody knows stands in this one.
UNKNOWN_UNIT = "arbitrary"


@dataclass(frozen=True, slots=True)
class Channel:
    """Where a quantity lies: a dataset of the file, a place on each axis behind the trains, and its unit.

    `hits` names the axis that counts single particles, so that all of them share it.
    """

    dataset: str
    at: tuple[int, ...] = ()
    unit: str = UNKNOWN_UNIT
    hits: bool = False


def parsed(said: str) -> dict[str, Channel]:
    """A channel map as JSON: name to a dataset, or to dataset, at, unit and hits.

    Raises
    ------
    LayoutError
        The map is no JSON, or holds what is no channel.
    """
    try:
        found = json.loads(said)
        if not isinstance(found, Mapping):
            raise TypeError(f"{found!r} is no mapping of names to channels")
        return {str(name): _channel(each) for name, each in found.items()}
    except (ValueError, TypeError, KeyError) as error:
        raise LayoutError("the channel map", f"not names with their channels as JSON: {error}") from error


def _channel(said: object) -> Channel:
    if isinstance(said, str):
        return Channel(said)
    if not isinstance(said, Mapping):
        raise TypeError(f"{said!r} is neither a dataset nor a channel")
    if unknown := set(said) - {"dataset", "at", "unit", "hits"}:
        raise TypeError(f"a channel has no {', '.join(map(str, sorted(unknown)))}")
    at = said.get("at", ())
    places = (int(at),) if isinstance(at, int) else tuple(int(each) for each in at)
    return Channel(
        str(said["dataset"]), places, str(said.get("unit", UNKNOWN_UNIT)), bool(said.get("hits", False))
    )

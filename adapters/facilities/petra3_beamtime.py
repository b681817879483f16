"""Which beamtime at PETRA III a run belongs to, by its folder; what names people is never taken over."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.model import Flag

# /asap3/petra3/gpfs/<beamline>/<year>/data/<beamtime>/raw, and the same for commissioning.
HOME = re.compile(r"/gpfs/(?P<beamline>p\d\d\w?)/(?P<year>\d{4})/(?:data|commissioning)/(?P<id>[^/]+)(?:/|$)")
PATTERN = "beamtime-metadata-*.json"
# The description also holds names, accounts, addresses and paths of keys: only these are read.
ALLOWED = ("beamtimeId", "beamline", "facility", "eventStart", "eventEnd")
# Older descriptions call the beamtime just so.
OLD_ID = "id"
MOST_LEVELS = 12
MOST_BYTES = 2**20


@dataclass(frozen=True)
class Beamtime:
    """What is known of a beamtime: its number, its beamline in small letters, and the allowed entries."""

    number: str | None = None
    beamline: str | None = None
    said: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()


def beamtime_of(path: Path) -> Beamtime:
    """The beamtime of a run by the description above it, else by its path, else nothing."""
    found, flags = _description(path.absolute())
    home = HOME.search(str(path.absolute()))
    number = found.get("beamtimeId") or (home["id"] if home else None)
    beamline = found.get("beamline") or (home["beamline"] if home else None)
    return Beamtime(
        number=None if number is None else str(number),
        beamline=None if beamline is None else str(beamline).lower(),
        said={"beamtime": {name: found[name] for name in ALLOWED if name in found}} if found else {},
        flags=flags,
    )


def _description(path: Path) -> tuple[dict[str, Any], tuple[Flag, ...]]:
    for folder in list(path.parents)[:MOST_LEVELS]:
        files = sorted(folder.glob(PATTERN))
        if len(files) > 1:
            said = f"{len(files)} descriptions of a beamtime lie in {folder.name}: none is used"
            return {}, (Flag.caution("beamtime_ambiguous", said),)
        if files:
            return _read(files[0])
    return {}, ()


def _read(path: Path) -> tuple[dict[str, Any], tuple[Flag, ...]]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError("too large")
        said = json.loads(path.read_text(encoding="utf-8", errors="replace"))
        if not isinstance(said, dict):
            raise ValueError("not a set of entries")
    except (OSError, ValueError) as error:
        why = type(error).__name__
        return {}, (
            Flag.caution("beamtime_unreadable", f"{path.name} cannot be read ({why}) and is not used"),
        )
    kept = {name: said[name] for name in ALLOWED if isinstance(said.get(name), (str, int))}
    if "beamtimeId" not in kept and isinstance(said.get(OLD_ID), (str, int)):
        kept["beamtimeId"] = said[OLD_ID]
    return kept, ()

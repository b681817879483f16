"""Notes of what is to leave a site: one small file each, in the folder of its stage, moved on by renames.

A process may be killed at any moment: what was noted stays noted, and stands in one stage.
"""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

# A file that was begun and never named is of a process that was killed.
LEFT_BEHIND_S = 600.0


class Stage(StrEnum):
    """How far a product has come on its way."""

    WAITING = "waiting"
    SENT = "sent"
    RECEIVED = "received"
    REFUSED = "refused"


@dataclass(frozen=True)
class Note:
    """A product that is to leave: where it lies, how often it was tried, and why it is still here.

    Of the `bytes` of the product `sent` went at the last sending, and `kept` had arrived before it.
    """

    product: str
    sha256: str
    stage: Stage = Stage.WAITING
    reason: str = ""
    name: str = ""
    tries: int = 0
    sendings: int = 0
    due: float = 0.0
    bytes: int = 0
    sent: int = 0
    kept: int = 0

    @property
    def file(self) -> str:
        """Of the note: the same product, whoever puts it in again, has the same."""
        return f"{Path(self.product).name}-{self.sha256[:12]}.json"

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "stage": self.stage.value}


class Notes:
    """All notes below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for stage in Stage:
            (folder / stage.value).mkdir(parents=True, exist_ok=True)

    def add(self, note: Note) -> None:
        """Keep a new note, unless there is one of its product, in whatever stage."""
        # In the order in which notes move on, so that one that moves now is not overlooked.
        if not any((self.folder / stage.value / note.file).exists() for stage in Stage):
            durably(self.folder / note.stage.value / note.file, note.to_json())

    def of(self, *stages: Stage) -> list[Note]:
        """The notes in these stages, in all if none is named."""
        found = (path for stage in stages or Stage for path in (self.folder / stage.value).glob("*.json"))
        return [_read(path) for path in sorted(found, key=lambda path: path.name)]

    def move(self, note: Note, stage: Stage, **more: Any) -> Note:
        """The note in its new stage; its reason is gone unless one is given."""
        said = replace(note, **{"reason": "", **more, "stage": stage})
        durably(self.folder / stage.value / note.file, said.to_json())
        if stage is not note.stage:
            (self.folder / note.stage.value / note.file).unlink(missing_ok=True)
        return said

    def mend(self) -> None:
        """Set right what a killed process left: of a note in two stages, the one that is further counts."""
        furthest: dict[str, Note] = {}
        for note in self.of():
            other = furthest.setdefault(note.file, note)
            older, newer = sorted((note, other), key=_progress)
            if older != newer:
                (self.folder / older.stage.value / older.file).unlink()
                furthest[note.file] = newer
        for path in self.folder.glob("*/.*"):
            if time.time() - path.stat().st_mtime > LEFT_BEHIND_S:
                path.unlink(missing_ok=True)


def _progress(note: Note) -> tuple[int, int]:
    return note.tries, list(Stage).index(note.stage)


def _read(path: Path) -> Note:
    said = json.loads(path.read_text())
    return Note(**{**said, "stage": Stage(said["stage"])})


def durably(path: Path, said: Any) -> None:
    """Write JSON so that after a crash the old content is there, or the new."""
    # Two processes may write the same; each writes a file of its own first.
    fresh = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    with fresh.open("w") as file:
        json.dump(said, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

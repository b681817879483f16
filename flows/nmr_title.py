"""What an NMR experiment is called on its plots: spectrometers number them within a data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flows import results


def titled(paths: Sequence[Path]) -> str:
    """The name of the only path, with that of its data set where it is a mere number."""
    if len(paths) != 1 or not Path(paths[0]).name.isdigit():
        return results.titled(paths)
    parts = [part for part in Path(paths[0]).resolve().parts if part != "pdata"]
    start = next((at for at in range(len(parts) - 1, 0, -1) if not parts[at].isdigit()), 0)
    return " ".join(parts[start:])

"""Whether missing parts of a run may still arrive."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from adapters.model import Readiness

# A detector or a copy may be this far behind the file that announces its parts.
LATE_S = 600.0


def younger_than(seconds: float, *paths: Path) -> bool:
    """Whether any of the files changed within the last `seconds`."""
    now = time.time()
    return any(path.exists() and now - path.stat().st_mtime < seconds for path in paths)


def judged(missing: str, witnesses: Sequence[Path], *, may_come: bool = True, late_s: float) -> Readiness:
    """WAIT while the files at hand are fresh and the missing part `may_come`, BROKEN after that."""
    if may_come and younger_than(late_s, *witnesses):
        return Readiness.wait(
            f"{missing}; the run is younger than {late_s:g} s, so it may still arrive", 30.0
        )
    return Readiness.broken(missing)

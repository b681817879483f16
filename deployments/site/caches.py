"""Where libraries keep what they may make again: in the site's own folder, for a service may have no home."""

from __future__ import annotations

from pathlib import Path


def caches(folder: Path) -> dict[str, str]:
    """What to set in the environment of a process that reduces."""
    return {"NUMBA_CACHE_DIR": str(folder / "numba"), "MPLCONFIGDIR": str(folder / "mpl")}

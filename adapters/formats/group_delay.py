"""How late the digital filters of older Bruker receivers let a signal through."""

from __future__ import annotations

from adapters.errors import MissingExtraError


def group_delay(version: int, decimation: float) -> float | None:
    """Points by which the decay begins late, by version of the signal processor; None where unknown."""
    try:
        from nmrglue.fileio.bruker import bruker_dsp_table
    except ImportError as error:
        raise MissingExtraError("nmrglue", "nmr") from error
    found = bruker_dsp_table.get(version, {}).get(int(decimation))
    return None if found is None else float(found)

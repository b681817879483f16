"""One series of a measurement that holds several, by its name or by what it measures; never by guess."""

from __future__ import annotations

import numpy as np

from adapters.errors import MissingMetadataError
from adapters.model import Measurement, Metadata
from tasks.nmr.spectrum import ResonanceError

NOE = "noe"
PROTON = ("1H", "H1", "H")
# Words of what a series measures, the more telling ones first.
KINDS = (
    ("noe", NOE),
    ("r1rho", "t1rho"),
    ("t1rho", "t1rho"),
    ("r1", "t1"),
    ("t1", "t1"),
    ("r2", "t2"),
    ("t2", "t2"),
)


def kind_of(said: str) -> str | None:
    """What a series measures by its description: t1, t2, t1rho or noe; None where it does not say."""
    return next((kind for word, kind in KINDS if word in said.lower()), None)


def kinds(run: Measurement) -> dict[str, str | None]:
    """What each series of the run measures, by its name."""
    if "series" not in run.data:
        return {}
    pairs = zip(run.data["series"].values, run.data["series_kind"].values, strict=True)
    return {str(name): kind_of(str(said)) for name, said in pairs if name}


def one_series(run: Measurement, wanted: str | None, named: str, parameter: str) -> Measurement:
    """The rows of one series, with what it measures; a run without series is given back as it is."""
    found = kinds(run)
    if not found:
        return run
    if named:
        if named not in found:
            raise ResonanceError(f"{run.provenance.path} has no series {named!r}, only {', '.join(found)}")
        chosen = [named]
    else:
        chosen = [name for name, kind in found.items() if wanted is None or kind == wanted]
    if len(chosen) != 1:
        listed = ", ".join(f"{name} ({kind or 'unsaid'})" for name, kind in found.items())
        of = f" that measures {wanted}" if wanted else ""
        raise ResonanceError(
            f"{run.provenance.path} has {len(chosen)} series{of}; it holds {listed}",
            f"Name one as {parameter}",
        )
    return _rows(run, chosen[0], found[chosen[0]])


def _rows(run: Measurement, name: str, kind: str | None) -> Measurement:
    data = run.data.compute()
    data = data.isel(row=data["series"].values == name)
    # Peaks that no spectrum of this series lists are none of it.
    data = data.isel(peak=np.isfinite(data["height"].values).any(axis=0))
    delay = data["delay"].values
    if np.isnan(delay).all():
        data = data.drop_vars("delay")
    elif np.isnan(delay).any():
        raise MissingMetadataError("delay", f"the series {name}", "relaxation.delays_s")
    said = {**run.metadata.raw, **({"quantity": kind} if kind in ("t1", "t2", "t1rho") else {})}
    return Measurement(data, Metadata("nmr", raw=said), run.provenance, run.flags)


def proton_mhz(run: Measurement) -> float | None:
    """The frequency (MHz) of protons at the field of the run, where it says so of a proton dimension."""
    said = run.metadata.raw
    field = said.get("field_mhz")
    if said.get("nucleus") not in PROTON or not isinstance(field, (int, float)) or not field > 0:
        return None
    return float(field)


def residue_of(assignment: str) -> int | None:
    """The number of the residue in the name of a peak, as 18 in K18N-H or LYS18N-H; None without one."""
    digits = ""
    for letter in assignment.rsplit(".", maxsplit=1)[-1]:
        if letter.isdigit():
            digits += letter
        elif digits:
            break
    return int(digits) if digits else None

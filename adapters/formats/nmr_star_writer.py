"""Relaxation rates as NMR-STAR, in the form in which BMRB takes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

DICTIONARY = "3.2"
# Names of peaks as LYS18N-H or K18N-HN: residue, its number, and the relaxing nucleus first.
NAMED = re.compile(r"^(?:(\w+)\.)?([A-Za-z]+)(\d+)([CN][A-Z0-9]*)-")
LETTERS = {
    "A": "ALA", "R": "ARG", "N": "ASN", "D": "ASP", "C": "CYS", "Q": "GLN", "E": "GLU", "G": "GLY",
    "H": "HIS", "I": "ILE", "L": "LEU", "K": "LYS", "M": "MET", "F": "PHE", "P": "PRO", "S": "SER",
    "T": "THR", "W": "TRP", "Y": "TYR", "V": "VAL",
}  # fmt: skip
ISOTOPES = {"N": 15, "C": 13}


@dataclass(frozen=True)
class Kind:
    """How the dictionary names a list of rates: its category, frame and loop."""

    category: str
    frame: str
    loop: str


KINDS = {
    "t1": Kind("heteronucl_T1_relaxation", "Heteronucl_T1_list", "T1"),
    "t2": Kind("heteronucl_T2_relaxation", "Heteronucl_T2_list", "T2"),
}


def write_rates(path: Path, table: xr.Dataset, quantity: str, proton_mhz: float | None) -> Path | None:
    """Write the accepted rates of assigned 15N or 13C; None, and no file, where there are none of T1 or T2.

    Rates are in 1/s. Sample, sequence, experiments and the coherence that relaxes are left to
    whoever deposits.
    """
    kind = KINDS.get(quantity)
    rows = _rows(table) if kind else []
    if kind is None or not rows:
        return None
    said: dict[str, Any] = {
        "Sf_category": kind.category,
        "Sf_framecode": f"{kind.category}_1",
        "ID": 1,
        "Spectrometer_frequency_1H": proton_mhz,
        f"{kind.loop}_val_units": "s-1",
    }
    tags = "".join(f"   _{kind.frame}.{tag}  {_word(value)}\n" for tag, value in said.items())
    loop = "".join(f"      _{kind.loop}.{tag}\n" for tag in rows[0])
    lines = "".join(f"     {' '.join(map(_word, row.values()))}\n" for row in rows)
    path.write_text(
        "data_halos\n\nsave_entry_information\n   _Entry.Sf_category  entry_information\n"
        "   _Entry.Sf_framecode  entry_information\n   _Entry.ID  .\n"
        f"   _Entry.NMR_STAR_version  {DICTIONARY}\n"
        f"save_\n\nsave_{kind.category}_1\n{tags}\n   loop_\n{loop}\n{lines}\n   stop_\nsave_\n"
    )
    return path


def _rows(table: xr.Dataset) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number in np.flatnonzero(table["refused"].values == ""):
        found = NAMED.match(str(table["assignment"].values[number]))
        if found is None:
            continue
        chain, letters, place, atom = found.groups()
        residue = LETTERS.get(letters.upper(), letters.upper())
        # Spin systems that nobody has assigned to a residue are named alike.
        if residue not in LETTERS.values():
            continue
        rows.append(
            {
                "ID": len(rows) + 1,
                "Comp_index_ID": int(place),
                "Comp_ID": residue,
                "Atom_ID": atom,
                "Atom_type": atom[0],
                "Atom_isotope_number": ISOTOPES[atom[0]],
                "Val": float(table["rate"].values[number]),
                "Val_err": float(table["rate_errors"].values[number]),
                "Auth_asym_ID": chain,
            }
        )
    return rows


def _word(value: Any) -> str:
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return "."
    return f"{value:.6g}" if isinstance(value, float) else str(value)

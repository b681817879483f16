"""Writers of text files with scans, spectra and patterns, for tests; each can be told to go wrong."""

from __future__ import annotations

import bz2
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]


def write_powder(
    path: Path, two_theta: Floats, intensity: Floats, errors: Floats | None = None, *, labelled: bool = True
) -> Path:
    """A pattern over 2theta in degree; a name that ends in .bz2 is packed."""
    columns = [two_theta, intensity] + ([] if errors is None else [errors])
    head = "# 2th_deg  I  sigma\n" if labelled else ""
    body = "".join("  ".join(f"{value:.6f}" for value in row) + "\n" for row in np.column_stack(columns))
    packed = bz2.compress if path.suffix == ".bz2" else bytes
    path.write_bytes(packed((head + body).encode()))
    return path


def write_spec(
    path: Path, scans: Sequence[Mapping[str, Floats]], *, aborted: int | None = None, torn: bool = False
) -> Path:
    """A SPEC file; the scan at place `aborted` says so, `torn` leaves its last row unfinished."""
    lines = [
        f"#F {path.name}",
        "#E 1383072022",
        "#D Tue Oct 29 13:40:22 2013",
        "#C test  User = somebody",
        "",
    ]
    for number, columns in enumerate(scans, start=1):
        lines += [f"#S {number} ascan energy 8000 9000 {len(columns)} 1", "#T 1 (Seconds)"]
        lines += [f"#N {len(columns)}", "#L " + "  ".join(columns)]
        rows = np.column_stack(list(columns.values())) if columns else np.empty((0, 0))
        lines += [" ".join(f"{value:.6f}" for value in row) for row in rows]
        if aborted == number - 1:
            lines.append(f"#C Tue Oct 29 14:05:53 2013. Scan aborted after {len(rows)} points.")
        lines.append("")
    content = "\n".join(lines)
    path.write_text(content.rstrip("\n")[:-5] if torn else content)
    return path


def write_fio(
    path: Path,
    columns: Mapping[str, tuple[str, Sequence[Any]]],
    *,
    parameters: Mapping[str, Any] | None = None,
    odd_line: str = "",
    ended: bool = True,
    torn: bool = False,
) -> Path:
    """A FIO file; `odd_line` stands among the parameters, `torn` cuts the last row after its first value."""
    lines = ["!", "! Comments", "!", "%c", "ascan exp_dmy01 0 1 3 0.1"]
    lines += ["user somebody Acquisition started at Fri Oct  9 15:25:32 2020", "!", "! Parameter", "!", "%p"]
    said = [f"{name} = {value}" for name, value in (parameters or {}).items()]
    lines += said[:1] + ([odd_line] if odd_line else []) + said[1:]
    lines += ["!", "! Data", "!", "%d"]
    lines += [
        f" Col {place} {name} {kind}" for place, (name, (kind, _)) in enumerate(columns.items(), start=1)
    ]
    rows = [
        " " + " ".join(map(str, row)) for row in zip(*(values for _, values in columns.values()), strict=True)
    ]
    if torn:
        rows[-1] = " " + rows[-1].split()[0]
    lines += rows + (["! Acquisition ended at Fri Oct  9 15:26:00 2020"] if ended else [])
    path.write_text("\n".join(lines) + "\n")
    return path


def write_mca(path: Path, counts: Floats) -> Path:
    """A spectrum as one column under a comment."""
    path.write_text("# a spectrum\n#\n" + "".join(f"{count:.8E}\n" for count in counts))
    return path


def write_spe(
    path: Path,
    counts: Floats,
    *,
    first: int = 0,
    calibration: tuple[float, float] | None = None,
    unit: str = "keV",
) -> Path:
    """A spectrum in blocks, with an energy calibration (offset, gain) if one is given."""
    blocks = ["$SPEC_ID:\n", "$MEAS_TIM:\n100 120\n"]
    rows = [counts[start : start + 8] for start in range(0, len(counts), 8)]
    body = "".join("".join(f"{count:10.0f}" for count in row) + "\n" for row in rows)
    blocks.append(f"$DATA:\n{first:8d}{first + len(counts) - 1:12d}\n{body}")
    if calibration is not None:
        blocks.insert(2, f"$MCA_CAL:\n2\n{calibration[0]:.6E} {calibration[1]:.6E} {unit}\n")
    path.write_text("\n".join(blocks))
    return path


def write_xds(
    path: Path, indices: Floats, intensity: Floats, *, cell: Sequence[float] = (79.0, 79.0, 38.0, 90, 90, 90)
) -> Path:
    """An XDS_ASCII file of reflections (n, 3) with their intensities (n,)."""
    head = [
        "!FORMAT=XDS_ASCII    MERGE=FALSE    FRIEDEL'S_LAW=TRUE",
        "!SPACE_GROUP_NUMBER=   96",
        "!UNIT_CELL_CONSTANTS=" + "".join(f"{value:10.3f}" for value in cell),
        "!X-RAY_WAVELENGTH=  0.979380",
        "!INCIDENT_BEAM_DIRECTION=  0.000000  0.000000  1.000000",
        "!NX=  2463  NY=  2527    QX=  0.172000  QY=  0.172000",
        "!ORGX=   1242.81  ORGY=   1250.20  DETECTOR_DISTANCE=   300.000",
        "!NUMBER_OF_ITEMS_IN_EACH_DATA_RECORD=5",
        *(
            f"!ITEM_{name}={place}"
            for place, name in enumerate(("H", "K", "L", "IOBS", "SIGMA(IOBS)"), start=1)
        ),
        "!END_OF_HEADER",
    ]
    rows = [
        f" {' '.join(map(str, index))} {value:.3E} {abs(value) / 10 + 1:.3E}"
        for index, value in zip(indices, intensity, strict=True)
    ]
    path.write_text("\n".join([*head, *rows, "!END_OF_DATA"]) + "\n")
    return path

"""Peak lists as NEF, the exchange format of NMR, so that programs of the field take up where this stops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

FORMAT = "1.1"
PEAK_OF_AXIS = (
    "position",
    "position_uncertainty",
    "chain_code",
    "sequence_code",
    "residue_name",
    "atom_name",
)


@dataclass(frozen=True)
class Dimension:
    """An axis: nucleus and frequency (MHz) where they are known, width and first point (ppm)."""

    nucleus: str | None
    frequency_mhz: float | None
    width_ppm: float
    first_ppm: float


def write_peaks(path: Path, table: xr.Dataset, dimensions: Sequence[Dimension], name: str, key: str) -> Path:
    """Write the peaks of one spectrum; `dimensions` in the order of the table, the direct one last.

    NEF counts the direct dimension first. Nothing is assigned: there is no molecule and no list
    of shifts, so the file is one to be joined to a project, not a deposition.
    """
    count = len(dimensions)
    content = [f"data_{_word(name)}\n", _about(key), _spectrum(table, dimensions[::-1], count, name)]
    path.write_text("\n".join(content))
    return path


def _about(key: str) -> str:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    said = {
        "format_name": "nmr_exchange_format",
        "format_version": FORMAT,
        "program_name": "HALOS",
        "program_version": version("halos"),
        "creation_date": now.replace("+00:00", ""),
        "uuid": f"HALOS-{key}",
    }
    return _frame("nef_nmr_meta_data", "nef_nmr_meta_data", said, "")


def _spectrum(table: xr.Dataset, axes: Sequence[Dimension], count: int, name: str) -> str:
    said = {
        "num_dimensions": count,
        "chemical_shift_list": None,
        "experiment_classification": None,
        "experiment_type": None,
    }
    rows = [
        {
            "dimension_id": number,
            "axis_unit": "ppm",
            "axis_code": axis.nucleus,
            "spectrometer_frequency": axis.frequency_mhz,
            "spectral_width": axis.width_ppm,
            "value_first_point": axis.first_ppm,
            "folding": None,
            "absolute_peak_positions": "true",
            "is_acquisition": "true" if number == 1 else "false",
        }
        for number, axis in enumerate(axes, start=1)
    ]
    loops = _loop("nef_spectrum_dimension", rows) + _loop("nef_peak", _peaks(table, count))
    return _frame("nef_nmr_spectrum", f"nef_nmr_spectrum_{name}", said, loops)


def _peaks(table: xr.Dataset, count: int) -> list[dict[str, Any]]:
    position, spread = table["position"].values[:, ::-1], table["position_errors"].values[:, ::-1]
    height, error = table["height"].values[0], table["height_errors"].values[0]
    rows = []
    for number in range(table.sizes["peak"]):
        row: dict[str, Any] = {
            "index": number + 1,
            "peak_id": number + 1,
            "volume": None,
            "volume_uncertainty": None,
            "height": height[number],
            "height_uncertainty": error[number],
        }
        for axis in range(count):
            told = (position[number, axis], spread[number, axis], None, None, None, None)
            row |= {f"{tag}_{axis + 1}": value for tag, value in zip(PEAK_OF_AXIS, told, strict=True)}
        rows.append(row)
    return rows


def _frame(category: str, name: str, said: Mapping[str, Any], loops: str) -> str:
    label = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
    tags = {"sf_category": category, "sf_framecode": label, **said}
    body = "".join(f"   _{category}.{tag}  {_word(value)}\n" for tag, value in tags.items())
    return f"save_{label}\n{body}{loops}\nsave_\n"


def _loop(category: str, rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    tags = "".join(f"      _{category}.{tag}\n" for tag in rows[0])
    lines = "".join(f"     {'  '.join(_word(value) for value in row.values())}\n" for row in rows)
    return f"\n   loop_\n{tags}\n{lines}\n   stop_\n"


def _word(value: Any) -> str:
    """A value as STAR writes it; nothing is a dot."""
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return "."
    if isinstance(value, (float, np.floating)):
        return f"{float(value):.9g}"
    plain = "".join(letter if letter.isalnum() or letter in "-_.:+" else "_" for letter in str(value))
    return plain or "."

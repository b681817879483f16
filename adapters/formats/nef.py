"""NEF, the exchange format of NMR: chemical shifts, and peak lists with the series that they are of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import CorruptFileError, LayoutError
from adapters.formats import resonance
from adapters.formats.nmr_star import NOTHING, entry, numbers, shifts
from adapters.formats.resonance import SECONDS, UNITLESS
from adapters.model import Flag, Measurement, Metadata, Provenance, Readiness
from adapters.protocol import Confidence, Probe, ready_if

VERSION = "1"
MARK = "nef_nmr_meta_data"
TIMES = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
Rows = list[dict[str, str]]


@dataclass
class Spectrum:
    """A peak list: its frame, nuclei and which axis is direct, heights and positions by name of the peak."""

    name: str
    nuclei: tuple[str, ...]
    order: tuple[int, ...]
    frequency: float
    heights: dict[str, float] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    positions: dict[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Nef:
    """A reader of NEF; paths of people's spectra stay in the file."""

    name: str = "nef"

    def probe(self, probe: Probe) -> Confidence:
        """CONTENT by the frame that every such file has."""
        return Confidence.CONTENT if MARK in probe.text else Confidence.NO

    def check(self, path: Path) -> Readiness:
        """Whether every loop is whole and every frame ends."""
        return ready_if(lambda: self.open(path))

    def open(self, path: Path) -> Measurement:
        """Shifts over "atom"; heights over "row" and "peak", each row a spectrum, in a series or in none."""
        import xarray as xr

        path = Path(path)
        frames = entry(path).frame_list
        spectra = [_spectrum(path, frame) for frame in frames if frame.category == "nef_nmr_spectrum"]
        spectra = [each for each in spectra if each.heights]
        data, raw = xr.Dataset(), {}
        flags: tuple[Flag, ...] = ()
        if table := _shifts(path, frames):
            data = data.merge(table[0])
        kinds = {each.nuclei for each in spectra}
        if len(kinds) == 1:
            data = data.merge(_peaks(spectra)).assign(_series(path, frames, spectra))
            raw = _nuclei(spectra[0])
        elif kinds:
            said = f"{len(spectra)} peak lists of {len(kinds)} kinds of spectrum are not read as one series"
            flags = (Flag.caution("peak_lists_left_out", said),)
        if not data:
            raise LayoutError(path, "it holds neither chemical shifts nor peak lists of one kind of spectrum")
        metadata = Metadata("nmr", raw=raw)
        return Measurement(data, metadata, Provenance(str(path), self.name, VERSION), flags)


def _rows(frame: Any, category: str) -> Rows:
    return [
        dict(zip(loop.tags, map(str, row), strict=True))
        for loop in frame.loops
        if loop.category == f"_{category}"
        for row in loop.data
    ]


def _cells(path: Path, rows: Rows, tag: str) -> list[str]:
    if any(tag not in row for row in rows):
        raise LayoutError(path, f"a loop lacks {tag}")
    return [row[tag] for row in rows]


def _shifts(path: Path, frames: Sequence[Any]) -> tuple[Any] | None:
    found = [
        (number, row)
        for number, frame in enumerate(
            (each for each in frames if each.category == "nef_chemical_shift_list"), start=1
        )
        for row in _rows(frame, "nef_chemical_shift")
    ]
    if not found:
        return None
    rows = [row for _, row in found]
    data = shifts(
        path,
        _cells(path, rows, "value"),
        [row.get("value_uncertainty", ".") for row in rows],
        atom_name=_cells(path, rows, "atom_name"),
        residue_number=_cells(path, rows, "sequence_code"),
        residue_name=_cells(path, rows, "residue_name"),
        chain=_cells(path, rows, "chain_code"),
    )
    data["shift_list"] = ("atom", np.array([number for number, _ in found]), UNITLESS)
    return (data,)


def _spectrum(path: Path, frame: Any) -> Spectrum:
    axes = _rows(frame, "nef_spectrum_dimension")
    numbered = numbers(path, _cells(path, axes, "dimension_id"), "a dimension")
    if sorted(numbered) != list(range(1, len(axes) + 1)):
        raise CorruptFileError(path, f"{frame.name} has the dimensions {numbered.tolist()}")
    codes = _cells(path, axes, "axis_code")
    direct = [row.get("is_acquisition", "").lower() == "true" for row in axes]
    # The directly measured axis is the last.
    order = tuple(sorted(range(len(axes)), key=lambda axis: (direct[axis], -axis)))
    words = [row.get("spectrometer_frequency", ".") for row in axes]
    frequency = numbers(path, words, "a frequency", may_lack=True)
    found = Spectrum(
        name=str(frame.name).removeprefix("nef_nmr_spectrum_"),
        nuclei=tuple(codes[axis] for axis in order),
        order=tuple(int(numbered[axis]) for axis in order),
        frequency=float(frequency[order[-1]]) if axes else float("nan"),
    )
    rows = _rows(frame, "nef_peak")
    if not axes:
        return found
    for row in rows:
        _add(path, found, row)
    return found


def _add(path: Path, found: Spectrum, row: dict[str, str]) -> None:
    height = row.get("height", ".")
    name = _named(found, row)
    if name in found.heights:
        name = f"{name} #{row.get('peak_id', row.get('index', '?'))}"
    found.heights[name], found.errors[name] = numbers(
        path, [height, row.get("height_uncertainty", ".")], "a height", may_lack=True
    )
    places = [row.get(f"position_{axis}", ".") for axis in found.order]
    found.positions[name] = tuple(numbers(path, places, "a position", may_lack=True))


def _named(found: Spectrum, row: dict[str, str]) -> str:
    """Residue and atoms in the order of the axes, as LYS18N-H; its number where it is not assigned."""
    parts, last = [], ""
    for axis in found.order:
        words = [
            row.get(f"{tag}_{axis}", ".")
            for tag in ("chain_code", "residue_name", "sequence_code", "atom_name")
        ]
        if words[3] in NOTHING or words[2] in NOTHING:
            return f"peak {row.get('peak_id', '?')} of {found.name}"
        chain = "" if words[0] in (*NOTHING, "A") else f"{words[0]}."
        residue = f"{chain}{'' if words[1] in NOTHING else words[1]}{words[2]}"
        parts.append(words[3] if residue == last else residue + words[3])
        last = residue
    return "-".join(parts)


def _peaks(spectra: Sequence[Spectrum]) -> Any:
    names = list(dict.fromkeys(name for each in spectra for name in each.heights))
    heights = np.array([[each.heights.get(name, np.nan) for name in names] for each in spectra])
    errors = np.array([[each.errors.get(name, np.nan) for name in names] for each in spectra])
    position = np.array(
        [
            np.mean([each.positions[name] for each in spectra if name in each.positions], axis=0)
            for name in names
        ]
    )
    data = resonance.peaks(heights, position, names, errors if np.isfinite(errors).any() else None)
    return data.assign(spectrum=("row", np.array([each.name for each in spectra], dtype=str), UNITLESS))


def _series(path: Path, frames: Sequence[Any], spectra: Sequence[Spectrum]) -> dict[str, Any]:
    """Which series each spectrum is of, what that measures, and its delay (s) or saturation (0 or 1)."""
    names = {each.name: number for number, each in enumerate(spectra)}
    series, kind = [""] * len(names), [""] * len(names)
    delay, saturation = np.full(len(names), np.nan), np.full(len(names), np.nan)
    for frame in frames:
        if frame.category != "nefpls_series_list":
            continue
        said = {
            tag: str((frame.get_tag(tag) or ["."])[0])
            for tag in ("experiment_type", "series_variable_type", "series_variable_unit")
        }
        rows = _rows(frame, "nefpls_series_experiment")
        values = numbers(path, _cells(path, rows, "series_variable"), "a point of a series")
        for row, value in zip(rows, values, strict=True):
            number = names.get(row.get("nmr_spectrum_id", "").removeprefix("nef_nmr_spectrum_"))
            if number is None:
                continue
            if series[number]:
                raise LayoutError(path, f"the spectrum {spectra[number].name} is in two series")
            series[number] = str(frame.name).removeprefix("nefpls_series_list_")
            kind[number] = said["experiment_type"]
            if said["series_variable_type"] == "time":
                if said["series_variable_unit"] not in TIMES:
                    raise LayoutError(path, f"a series is in {said['series_variable_unit']}, not s, ms or us")
                delay[number] = value * TIMES[said["series_variable_unit"]]
            elif said["series_variable_type"] == "saturation":
                saturation[number] = value
    if not any(series):
        return {}
    return {
        "series": ("row", np.array(series, dtype=str), UNITLESS),
        "series_kind": ("row", np.array(kind, dtype=str), UNITLESS),
        "delay": ("row", delay, SECONDS),
        "saturation": ("row", saturation, UNITLESS),
    }


def _nuclei(spectrum: Spectrum) -> dict[str, Any]:
    raw: dict[str, Any] = {"nucleus": spectrum.nuclei[-1]}
    if len(spectrum.nuclei) == 2:
        raw["indirect_nucleus"] = spectrum.nuclei[0]
    if np.isfinite(spectrum.frequency):
        raw["field_mhz"] = spectrum.frequency
    return raw


NEF = Nef()

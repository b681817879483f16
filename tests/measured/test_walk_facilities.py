"""Every measured file and folder of the facilities: read as its row says, or refused with its reason."""

from __future__ import annotations

import re
import time
import traceback
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from adapters.errors import AdapterError
from adapters.model import Measurement
from adapters.registry import open_run, registry

pytestmark = pytest.mark.measured

FOLDERS = [
    "euxfel",
    "flash",
    "maxiv",
    "petra3",
    "ess",
    "mx",
    "sans",
    "usaxs",
    "neutron-tof",
    "imaging",
    "powder",
    "xrf-xas",
    "formats",
    "biosaxs",
]
TABLE = Path(__file__).with_name("facilities.yaml")
# Processor time, which other programs on the machine do not stretch.
MOST_SECONDS = 2.0
# Larger arrays are summed part by part elsewhere.
MOST_BYTES = 2**29


@dataclass(frozen=True)
class Row:
    """What is known of the files whose path fits; see the head of the table."""

    path: str
    refused: str | None = None
    reader: str | None = None
    assume: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    sums: dict[str, float] = field(default_factory=dict)
    means: dict[str, float] = field(default_factory=dict)
    valid: dict[str, list[int]] = field(default_factory=dict)
    ends: dict[str, list[float]] = field(default_factory=dict)
    largest: dict[str, float] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [Row(**each) for each in yaml.safe_load(TABLE.read_text())]


@dataclass
class Visit:
    """What came of one path."""

    name: str
    reader: str = ""
    said: str = ""
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def visits(measured: Path, rows: list[Row]) -> list[Visit]:
    """All paths, each opened once; what libraries import at their first use is start-up, not reading."""
    for module in ("gemmi", "extra_geom", "zstandard"):
        pytest.importorskip(module)
    paths = [path for folder in FOLDERS for path in sorted((measured / folder).rglob("*"))]
    visited = [_visited(path, measured, rows) for path in paths]
    for each in visited:
        print(f"{each.name:72s} {each.reader:22s} {each.seconds:5.2f} s  {each.said[:100]}")  # noqa: T201
    return visited


def test_everything_is_read_as_its_row_says_or_refused_with_its_reason(visits: list[Visit]) -> None:
    wrong = [f"{each.name}: {said}" for each in visits for said in each.wrong]

    assert not wrong, "\n".join(wrong)


def test_no_row_is_about_nothing(visits: list[Visit], rows: list[Row]) -> None:
    idle = [row.path for row in rows if not any(fnmatchcase(each.name, row.path) for each in visits)]

    assert idle == []


def test_looking_at_a_run_takes_no_time(visits: list[Visit]) -> None:
    slow = {each.name: round(each.seconds, 2) for each in visits if each.seconds > MOST_SECONDS}

    assert slow == {}


def _visited(path: Path, root: Path, rows: list[Row]) -> Visit:
    visit = Visit(str(path.relative_to(root)))
    row = next((row for row in rows if fnmatchcase(visit.name, row.path)), None)
    if row is None and path.is_dir():
        row = Row(visit.name, refused="it holds")
    if row is None:
        visit.wrong.append("no row is about it")
        return visit
    try:
        _judged(path, row, visit)
    except Exception:
        visit.wrong.append(f"a foreign error:\n{traceback.format_exc()}")
    return visit


def _judged(path: Path, row: Row, visit: Visit) -> None:
    found = registry().ranked(path)
    visit.reader = found[0][1].name if found else ""
    started = time.process_time()
    try:
        run = open_run(path)
    except AdapterError as error:
        visit.seconds = time.process_time() - started
        visit.said = f"refused: {error}"
        if row.refused is None or not re.search(row.refused, str(error), re.DOTALL):
            visit.wrong.append(f"refused ({error}), where {row.refused!r} was expected")
            return
        run = open_run(path, assume=row.assume) if row.assume else None
    else:
        visit.seconds = time.process_time() - started
        if row.refused is not None:
            visit.wrong.append(f"read by {run.provenance.adapter}, though {row.refused!r} was expected")
    if run is not None:
        visit.said = visit.said or f"{run.metadata.technique} {dict(run.data.sizes)}"
        visit.wrong += _differences(run, row)


def _differences(run: Measurement, row: Row) -> list[str]:
    """What of the row is not so."""
    reader = run.provenance.adapter
    told = [] if row.reader and re.fullmatch(row.reader, reader) else [f"read by {reader}, not {row.reader}"]
    found: dict[str, Any] = {f"size of {dim}": run.data.sizes.get(dim) for dim in row.sizes}
    known: dict[str, Any] = {f"size of {dim}": size for dim, size in row.sizes.items()}
    for what, wanted, of in (
        ("sum", row.sums, _sum),
        ("mean", row.means, _mean),
        ("largest", row.largest, lambda values: float(np.nanmax(values))),
        ("ends", row.ends, lambda values: [float(np.nanmin(values)), float(np.nanmax(values))]),
    ):
        for name, value in wanted.items():
            known[f"{what} of {name}"] = value
            found[f"{what} of {name}"] = of(_values(run, name))
    for name, pair in row.valid.items():
        known[f"valid {name}"], found[f"valid {name}"] = pair, _valid(run, name)
    for name, unit in row.units.items():
        known[f"unit of {name}"], found[f"unit of {name}"] = unit, run.data[name].attrs.get("units")
    for name, value in row.metadata.items():
        known[name], found[name] = value, _stated(run, name)
    codes = {flag.code for flag in run.flags}
    known["flags"], found["flags"] = [], [code for code in row.flags if code not in codes]
    return told + [
        f"{what} is {found[what]!r}, not {value!r}"
        for what, value in known.items()
        if not _alike(found[what], value)
    ]


def _values(run: Measurement, name: str) -> Any:
    assert run.data[name].nbytes < MOST_BYTES, f"{name} is too large for this walk"
    return run.data[name].values


def _sum(values: Any) -> float | int:
    if values.dtype.kind in "iub":
        return int(values.sum(dtype=np.int64))
    return float(np.nansum(values, dtype=np.float64))


def _mean(values: Any) -> float:
    return float(np.nanmean(values, dtype=np.float64))


def _valid(run: Measurement, name: str) -> list[int]:
    """The sum of the first frame where its detector counted, and the number of pixels where it did not."""
    counts, attributes = run.data[name][0].values, run.data[name].attrs
    good = np.ones(counts.shape, bool)
    if "invalid_below" in attributes:
        good &= counts >= attributes["invalid_below"]
    if "invalid_from" in attributes:
        good &= counts < attributes["invalid_from"]
    return [int(counts[good].sum(dtype=np.int64)), int((~good).sum())]


def _stated(run: Measurement, name: str) -> Any:
    if name.startswith("raw."):
        return run.metadata.raw.get(name.removeprefix("raw."))
    return getattr(run.metadata, name)


def _alike(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, int | str) or wanted is None or not wanted:
        return bool(found == wanted)
    # As many digits as the descriptions give.
    return bool(found == pytest.approx(wanted, rel=3e-3 if isinstance(wanted, list) else 3e-4, abs=1e-9))

"""What every reader must do, as tests that a reader's own tests inherit."""

from __future__ import annotations

import atexit
import json
import pickle
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import AdapterError
from adapters.model import Measurement, State
from adapters.protocol import Adapter, Confidence, Probe
from adapters.registry import Registry, registry
from adapters.testing.checking import halved, listing, open_below, without_units, write_strangers

# Reads runs, each behind its length, and answers each with a line: sums by name, or what went wrong.
SUM_THERE = """
import json, pickle, sys, traceback
while head := sys.stdin.buffer.read(8):
    try:
        run, names = pickle.loads(sys.stdin.buffer.read(int.from_bytes(head, "big")))
        said = {"sums": {name: float(run.data[name].sum().compute()) for name in names}}
    except Exception:
        said = {"error": traceback.format_exc()}
    print(json.dumps(said), flush=True)
"""


@dataclass(frozen=True)
class Sample:
    """A run that a test wrote, and what must be found in it.

    `sums` are over finite values. `halve` is the file to cut for the test of
    truncation, `path` itself unless said; it matters where `path` is a folder or
    the bulk of the data lies in a linked file.
    """

    path: Path
    sizes: Mapping[str, int]
    sums: Mapping[str, float]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    halve: Path | None = None


class AdapterConformance:
    """Inherit, give the fixtures `adapter` and `sample`, and the reader is judged.

    `tells_truncation` may be set False for a layout that states nowhere how long it
    is; say why in the subclass.
    """

    tells_truncation = True

    @pytest.fixture
    def adapter(self) -> Adapter:
        raise NotImplementedError("give the reader as a fixture named adapter")

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        raise NotImplementedError("give a Sample as a fixture named sample")

    def test_it_is_an_adapter_with_a_stable_name(self, adapter: Adapter) -> None:
        assert isinstance(adapter, Adapter)
        assert adapter.name == adapter.name.strip().lower() == pickle.loads(pickle.dumps(adapter)).name

    def test_probing_anything_never_raises(self, adapter: Adapter, tmp_path: Path) -> None:
        strangers = write_strangers(tmp_path / "strangers")

        claims = {path.name: adapter.probe(Probe(path)) for path in strangers}

        assert all(isinstance(sure, Confidence) for sure in claims.values())
        assert {name for name, sure in claims.items() if sure >= Confidence.CONTENT} == set()

    def test_it_claims_its_own_sample(self, adapter: Adapter, sample: Sample) -> None:
        assert adapter.probe(Probe(sample.path)) >= Confidence.CONTENT

    def test_no_other_reader_is_as_sure(self, adapter: Adapter, sample: Sample) -> None:
        others = tuple(other for other in registry().adapters if other.name != adapter.name)

        found, _ = Registry((adapter, *others)).find(sample.path)

        assert found.name == adapter.name

    def test_the_sample_is_ready(self, adapter: Adapter, sample: Sample) -> None:
        assert adapter.check(sample.path).state is State.READY

    def test_half_a_file_is_not_ready(self, adapter: Adapter, sample: Sample, tmp_path: Path) -> None:
        if not self.tells_truncation:
            pytest.skip("this layout states nowhere how long it is")
        half = halved(adapter.open(sample.path), sample.path, sample.halve or sample.path, tmp_path / "half")

        judged = adapter.check(half)

        assert judged.state is not State.READY
        assert judged.reason

    def test_what_is_absent_is_not_ready(self, adapter: Adapter, sample: Sample) -> None:
        absent = sample.path.with_name("not-there" + sample.path.suffix)

        with pytest.raises(AdapterError):
            adapter.open(absent)
        assert adapter.check(absent).state is State.BROKEN

    def test_sizes_are_those_written(self, adapter: Adapter, sample: Sample) -> None:
        found = dict(adapter.open(sample.path).data.sizes)

        assert {dim: found.get(dim) for dim in sample.sizes} == dict(sample.sizes)

    def test_sums_are_those_written(self, adapter: Adapter, sample: Sample) -> None:
        data = adapter.open(sample.path).data

        for name, expected in sample.sums.items():
            assert float(data[name].sum()) == pytest.approx(float(expected)), name

    def test_metadata_are_those_written(self, adapter: Adapter, sample: Sample) -> None:
        metadata = adapter.open(sample.path).metadata

        for name, expected in sample.metadata.items():
            found = getattr(metadata, name)
            if isinstance(expected, float):
                assert found == pytest.approx(expected), name
            else:
                assert found == expected, name

    def test_flags_are_raised(self, adapter: Adapter, sample: Sample) -> None:
        raised = {flag.code for flag in adapter.open(sample.path).flags}

        assert set(sample.flags) <= raised

    def test_every_variable_has_a_unit(self, adapter: Adapter, sample: Sample) -> None:
        assert without_units(adapter.open(sample.path)) == []

    def test_provenance_names_reader_and_file(self, adapter: Adapter, sample: Sample) -> None:
        provenance = adapter.open(sample.path).provenance

        assert provenance.adapter == adapter.name
        assert provenance.adapter_version
        assert sample.path in provenance.all_files

    def test_it_travels_to_another_process(self, adapter: Adapter, sample: Sample) -> None:
        run = adapter.open(sample.path)
        travelled: Measurement = pickle.loads(pickle.dumps(run))

        assert travelled.metadata == run.metadata
        assert travelled.data.sizes == run.data.sizes
        lazy = [name for name in sample.sums if run.data[name].chunks is not None]
        if lazy:
            there = _sums_in_another_process(run, lazy)
            assert there == pytest.approx({name: float(sample.sums[name]) for name in lazy})

    def test_nothing_is_written_beside_the_data(self, adapter: Adapter, sample: Sample) -> None:
        before = listing(sample.path)

        adapter.probe(Probe(sample.path))
        adapter.check(sample.path)
        adapter.open(sample.path).data.load()

        assert listing(sample.path) == before

    def test_no_file_stays_open(self, adapter: Adapter, sample: Sample) -> None:
        adapter.probe(Probe(sample.path))
        adapter.check(sample.path)
        run = adapter.open(sample.path)

        assert open_below(sample.path) == []
        assert run.data.sizes


def _sums_in_another_process(run: Measurement, names: list[str]) -> dict[str, float]:
    process = _another_process()
    assert process.stdin is not None  # pipes were asked for
    assert process.stdout is not None
    parcel = pickle.dumps((run, names))
    process.stdin.write(len(parcel).to_bytes(8, "big") + parcel)
    process.stdin.flush()
    said = json.loads(process.stdout.readline() or '{"error": "the process died"}')
    assert "error" not in said, said["error"]
    found: dict[str, float] = said["sums"]
    return found


@cache
def _another_process() -> subprocess.Popen[bytes]:
    """One for all runs, for it takes seconds to load the libraries; it ends with us."""
    process = subprocess.Popen(
        [sys.executable, "-c", SUM_THERE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    atexit.register(_ended, process)
    return process


def _ended(process: subprocess.Popen[bytes]) -> None:
    # Leaving the block closes its pipes and waits for it.
    with process:
        process.kill()

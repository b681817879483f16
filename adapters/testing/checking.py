"""A reader judged on a file at hand: what the conformance kit asks, as far as the truth need not be known."""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np

from adapters.errors import AdapterError
from adapters.model import Measurement, Severity, State
from adapters.protocol import Adapter, Confidence, Probe
from adapters.registry import Registry, registry

Verdict = tuple[str, bool, str]
Check = Callable[[Adapter, Path], str]

# A larger run is not copied just to be cut.
MOST_BYTES_TO_COPY = 2**28


class CheckError(AssertionError):
    """A check that found something wrong; the message says what."""


def judge(adapter: Adapter, path: Path) -> list[Verdict]:
    """Every check by name, whether it passed, and what was found; in the order in which to mend."""
    Probe(path)
    return [_verdict(name, check, adapter, path) for name, check in CHECKS]


def _verdict(name: str, check: Check, adapter: Adapter, path: Path) -> Verdict:
    # The reader under judgement may be anybody's and raise anything.
    try:
        return (name, True, check(adapter, path))
    except CheckError as failure:
        return (name, False, str(failure))
    except AdapterError as error:
        return (name, False, f"{type(error).__name__}: {error}")
    except Exception as error:
        return (name, False, f"raised {type(error).__name__}, which is no AdapterError: {error}")


def _is_adapter(adapter: Adapter, _: Path) -> str:
    if not isinstance(adapter, Adapter):
        raise CheckError("it needs name, probe, check and open")
    if adapter.name != adapter.name.strip().lower():
        raise CheckError(f"its name {adapter.name!r} is not plain small letters")
    if pickle.loads(pickle.dumps(adapter)).name != adapter.name:
        raise CheckError("it does not survive pickling")
    return adapter.name


def _leaves_strangers_alone(adapter: Adapter, _: Path) -> str:
    with tempfile.TemporaryDirectory() as folder:
        strangers = write_strangers(Path(folder) / "strangers")
        claims = [path.name for path in strangers if adapter.probe(Probe(path)) >= Confidence.CONTENT]
    if claims:
        raise CheckError(f"it claims what is nobody's: {', '.join(claims)}")
    return ""


def _claims_it(adapter: Adapter, path: Path) -> str:
    sure = adapter.probe(Probe(path))
    if sure < Confidence.CONTENT:
        raise CheckError(f"it is only {sure.name} sure of this file; look into it for what only yours has")
    return sure.name


def _nobody_is_as_sure(adapter: Adapter, path: Path) -> str:
    others = tuple(other for other in registry().adapters if other.name != adapter.name)
    found, _ = Registry((adapter, *others)).find(path)
    if found.name != adapter.name:
        raise CheckError(f"{found.name} is surer")
    return ""


def _is_ready(adapter: Adapter, path: Path) -> str:
    judged = adapter.check(path)
    if judged.state is not State.READY:
        raise CheckError(f"{judged.state}: {judged.reason}")
    return ""


def _opens(adapter: Adapter, path: Path) -> str:
    run = adapter.open(path)
    sizes = ", ".join(f"{name} {size}" for name, size in run.data.sizes.items())
    return f"{run.metadata.technique}: {sizes}"


def _has_units(adapter: Adapter, path: Path) -> str:
    if lacking := without_units(adapter.open(path)):
        raise CheckError(f"no unit on {', '.join(lacking)}")
    return ""


def _names_itself(adapter: Adapter, path: Path) -> str:
    provenance = adapter.open(path).provenance
    if provenance.adapter != adapter.name or not provenance.adapter_version:
        raise CheckError(f"provenance names {provenance.adapter!r} {provenance.adapter_version!r}")
    if path not in provenance.all_files:
        raise CheckError("provenance does not name the file")
    return f"{len(provenance.all_files)} files"


def _travels(adapter: Adapter, path: Path) -> str:
    run = adapter.open(path)
    there = pickle.loads(pickle.dumps(run))
    if there.metadata != run.metadata or there.data.sizes != run.data.sizes:
        raise CheckError("it is not the same after pickling")
    return ""


def _reads_a_block(adapter: Adapter, path: Path) -> str:
    read = []
    for name, variable in adapter.open(path).data.data_vars.items():
        first = variable.isel({dim: slice(0, 1) for dim in variable.dims[:1]}).values
        read.append(f"{name} {first.dtype}")
    return ", ".join(read)


def _writes_nothing(adapter: Adapter, path: Path) -> str:
    before = listing(path)
    adapter.probe(Probe(path))
    adapter.check(path)
    adapter.open(path)
    if listing(path) != before:
        raise CheckError(f"{path.parent} is not what it was")
    return ""


def _closes_its_files(adapter: Adapter, path: Path) -> str:
    run = adapter.open(path)
    if still := open_below(path):
        raise CheckError(f"still open with {len(run.data.data_vars)} variables: {', '.join(still)}")
    return ""


def _refuses_what_is_absent(adapter: Adapter, path: Path) -> str:
    absent = path.with_name("not-there" + path.suffix)
    if adapter.check(absent).state is not State.BROKEN:
        raise CheckError("check does not call an absent file broken")
    try:
        adapter.open(absent)
    except AdapterError as error:
        return type(error).__name__
    raise CheckError("open takes an absent file")


def _notices_truncation(adapter: Adapter, path: Path) -> str:
    if path.is_dir() or path.stat().st_size > MOST_BYTES_TO_COPY:
        return "not tried: a folder, or too large to copy"
    with tempfile.TemporaryDirectory() as folder:
        judged = adapter.check(halved(adapter.open(path), path, path, Path(folder)))
    if judged.state is State.READY:
        return "taken for ready; right only if the layout states nowhere how long it is"
    return judged.reason[:120]


def _flags_are_told(adapter: Adapter, path: Path) -> str:
    flags = adapter.open(path).flags
    grave = [flag.code for flag in flags if flag.severity >= Severity.INVALID]
    if grave:
        raise CheckError(f"invalid: {', '.join(grave)}")
    return ", ".join(flag.code for flag in flags)


CHECKS: tuple[tuple[str, Check], ...] = (
    ("is an adapter with a stable name", _is_adapter),
    ("leaves alone what is nobody's", _leaves_strangers_alone),
    ("claims the file", _claims_it),
    ("no other reader is as sure", _nobody_is_as_sure),
    ("the run is ready", _is_ready),
    ("the run opens and fits its technique", _opens),
    ("every variable has a unit", _has_units),
    ("the first block can be read", _reads_a_block),
    ("nothing is flagged as invalid", _flags_are_told),
    ("provenance names reader and file", _names_itself),
    ("the run travels to a worker", _travels),
    ("nothing is written beside the data", _writes_nothing),
    ("no file stays open", _closes_its_files),
    ("an absent file is refused", _refuses_what_is_absent),
    ("half a file is not ready", _notices_truncation),
)


def write_strangers(folder: Path) -> list[Path]:
    """Things that lie about in data folders and are no reader's own: a folder, noise, prose, foreign HDF5."""
    folder.mkdir(parents=True)
    (folder / "folder").mkdir()
    (folder / "empty.dat").write_bytes(b"")
    (folder / "noise.bin").write_bytes(np.random.default_rng(0).bytes(5000))
    (folder / "prose.txt").write_text("Beam came back at noon.\nWe measured 3 samples.\n" * 40)
    with h5py.File(folder / "foreign.h5", "w") as file:
        file["somebody/else"] = np.arange(3)
    return sorted(folder.iterdir())


def without_units(run: Measurement) -> list[str]:
    """Numeric variables that state no unit."""
    numeric = {name: each for name, each in run.data.data_vars.items() if each.dtype.kind in "iufc"}
    return [str(name) for name, variable in numeric.items() if "units" not in variable.attrs]


def halved(run: Measurement, path: Path, cut: Path, folder: Path) -> Path:
    """A copy in `folder` of the run at `path` with all its files; `cut` has lost its second half."""
    home = path.parent
    if path.is_dir():
        shutil.copytree(path, folder / path.name)
    for file in run.provenance.all_files:
        if file.is_file() and file.is_relative_to(home):
            target = folder / file.relative_to(home)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    victim = folder / cut.relative_to(home)
    os.truncate(victim, victim.stat().st_size // 2)
    return folder / path.relative_to(home)


def listing(path: Path) -> dict[str, tuple[int, int]]:
    """Everything beside and below `path` with its time and size."""
    states = {str(each): each.stat() for each in path.parent.rglob("*")}
    return {name: (state.st_mtime_ns, state.st_size) for name, state in states.items()}


def open_below(path: Path) -> list[str]:
    """Files beside and below `path` that this process has open; none where the system does not tell."""
    return [target for target in _open_files() if target.startswith(str(path.parent.resolve()))]


def _open_files() -> Iterator[str]:
    handles = Path("/proc/self/fd")
    if handles.is_dir():
        # A handle may close between listing and reading it; that one is not ours.
        yield from (os.path.realpath(each) for each in handles.iterdir())

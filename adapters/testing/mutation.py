"""Files spoilt in every way that disks, copies and programs spoil them, and what readers make of them.

`python -m adapters.testing.mutation` reads cases from standard input, one JSON a line, and
answers each; it runs apart, so that what takes all memory or never ends harms nobody else.
"""

from __future__ import annotations

import json
import logging
import resource
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from adapters.errors import AdapterError

Random = np.random.Generator
# Larger arrays are not loaded whole; a slice shows whether they can be read.
MOST_BYTES_LOADED = 64 * 2**20
MAGIC = b"\x89HDF\r\n\x1a\n"


def cut(path: Path, random: Random) -> None:
    """The end is missing."""
    with path.open("r+b") as file:
        file.truncate(int(random.integers(0, max(1, path.stat().st_size))))


def flip_head(path: Path, random: Random) -> None:
    """A few bits of the first kilobytes are wrong."""
    _flip(path, random, 4096)


def flip_anywhere(path: Path, random: Random) -> None:
    """A few bits are wrong."""
    _flip(path, random, path.stat().st_size)


def _flip(path: Path, random: Random, within: int) -> None:
    content = bytearray(path.read_bytes())
    for place in random.integers(0, max(1, min(within, len(content))), 6):
        if content:
            content[int(place)] ^= 1 << int(random.integers(0, 8))
    path.write_bytes(bytes(content))


def hole(path: Path, random: Random) -> None:
    """A block was never written, and reads as zeros."""
    content = bytearray(path.read_bytes())
    size = max(1, len(content) // 4)
    start = int(random.integers(0, max(1, len(content) - size)))
    content[start : start + size] = bytes(min(size, len(content) - start))
    path.write_bytes(bytes(content))


def _datasets(file: h5py.File) -> list[str]:
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    return found


def _chosen(file: h5py.File, random: Random) -> str:
    names = _datasets(file)
    return names[int(random.integers(0, len(names)))] if names else ""


def _rewritten(file: h5py.File, name: str, **stored: Any) -> None:
    attrs = dict(file[name].attrs)
    del file[name]
    file.create_dataset(name, **stored)
    for key, value in attrs.items():
        try:
            file[name].attrs[key] = value
        except (TypeError, OSError, ValueError):
            continue


def reshape(file: h5py.File, random: Random) -> None:
    """A dataset has another shape."""
    name = _chosen(file, random)
    values = np.asarray(file[name][()])
    shapes: list[Any] = [values[None], values.ravel()[:0], values.ravel()[: values.size // 2 + 1], values.T]
    _rewritten(file, name, data=shapes[int(random.integers(0, len(shapes)))])


def retype(file: h5py.File, random: Random) -> None:
    """A dataset is of another kind."""
    name = _chosen(file, random)
    shape = file[name].shape or ()
    kinds: list[Any] = ["f8", "S8", "u1", bool, "c16", h5py.string_dtype()]
    kind = kinds[int(random.integers(0, len(kinds)))]
    _rewritten(file, name, shape=shape, dtype=kind)


def swell(file: h5py.File, random: Random) -> None:
    """A dataset claims to be larger than any disk."""
    name = _chosen(file, random)
    dtype, rank = file[name].dtype, max(1, len(file[name].shape or ()))
    shape = (10**13 // 10 ** (3 * (rank - 1)) if rank < 4 else 10**4,) + (10**3,) * (rank - 1)
    _rewritten(file, name, shape=shape, dtype=dtype, chunks=(1,) * rank)


def loop(file: h5py.File, random: Random) -> None:
    """A group holds itself, or a link leads back to where it began."""
    name = _chosen(file, random)
    parent = file[name].parent
    ways: list[Callable[[], None]] = [
        lambda: parent.__setitem__("leads again", parent),
        lambda: parent.__setitem__("leads to root", file["/"]),
        lambda: (file.__delitem__(name), file.__setitem__(name, h5py.SoftLink(f"/{name}")))[0],
        lambda: parent.__setitem__("leads to self", h5py.ExternalLink(Path(file.filename).name, "/")),
    ]
    ways[int(random.integers(0, len(ways)))]()


def astray(file: h5py.File, random: Random) -> None:
    """A dataset is a link that leads nowhere."""
    name = _chosen(file, random)
    del file[name]
    links = (h5py.SoftLink("/no/where"), h5py.ExternalLink("absent.h5", "/data"))
    file[name] = links[int(random.integers(0, 2))]


def lose(file: h5py.File, random: Random) -> None:
    """A dataset is not there."""
    del file[_chosen(file, random)]


def misname(file: h5py.File, random: Random) -> None:
    """The attributes of a dataset are nonsense."""
    item = file[_chosen(file, random)]
    values: list[Any] = ["furlong", b"\xff\xfe", np.array([1, 2, 3]), 7, "kg", ""]
    for name in (*item.attrs, "units"):
        item.attrs[name] = values[int(random.integers(0, len(values)))]


def scatter(file: h5py.File, random: Random) -> None:
    """Values of a number are infinite, negative or huge."""
    name = _chosen(file, random)
    stored = file[name]
    if stored.dtype.kind not in "iuf" or not stored.size or stored.size > 10**6:
        return
    values = np.asarray(stored[()])
    extreme: list[Any] = [np.inf, np.nan, -1.0, 1e300, 0.0]
    chosen = extreme[int(random.integers(0, len(extreme)))]
    with np.errstate(all="ignore"):
        filled = np.full(values.shape, chosen).astype(stored.dtype)
    stored[...] = filled


BYTES: dict[str, Callable[[Path, Random], None]] = {
    each.__name__: each for each in (cut, flip_head, flip_anywhere, hole)
}
STRUCTURE: dict[str, Callable[[h5py.File, Random], None]] = {
    each.__name__: each for each in (reshape, retype, swell, loop, astray, lose, misname, scatter)
}
# After these the file itself shows that something is amiss, so other data need a flag or an error.
KNOWABLE = {"cut", "astray", "lose"}


def mutated(run: Path, seed: int) -> str:
    """Spoil one file of the run (a file or a folder) by `seed`; what was done to which file."""
    random = np.random.default_rng(seed)
    files = sorted(path for path in ([run] if run.is_file() else run.rglob("*")) if path.is_file())
    victim = files[int(random.integers(0, len(files)))]
    ways = [*BYTES]
    if victim.read_bytes()[:8] == MAGIC:
        ways += [*STRUCTURE] * 2
    way = ways[int(random.integers(0, len(ways)))]
    if way in BYTES:
        BYTES[way](victim, random)
    else:
        with h5py.File(victim, "r+") as file:
            if _datasets(file):
                STRUCTURE[way](file, random)
    return f"{way} {victim.name}"


def copied(run: Path, folder: Path) -> Path:
    """A copy of everything in the folder that `run` was written into, and the run in it."""
    shutil.copytree(run.parent, folder)
    return folder / run.name


def answered(path: Path) -> dict[str, Any]:
    """What the house makes of a run: data with their sums and flags, or one of our errors, or a fault."""
    from adapters.registry import open_run

    heard = _Heard()
    logging.getLogger("adapters.registry").addHandler(heard)
    try:
        found = _read(open_run(path))
    except AdapterError as error:
        found = {"error": type(error).__name__, "said": str(error)[:300]}
    except Exception as error:
        import traceback

        found = {"fault": f"{type(error).__name__}: {error}"[:500], "trace": traceback.format_exc()[-1500:]}
    finally:
        logging.getLogger("adapters.registry").removeHandler(heard)
    if heard.said and "fault" not in found:
        found = {"fault": f"a probe raised: {heard.said[0]}", "trace": heard.trace}
    return found


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self.trace = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())
        if record.exc_info:
            self.trace = logging.Formatter().formatException(record.exc_info)[-1500:]


def _read(run: Any) -> dict[str, Any]:
    sums: dict[str, Any] = {}
    for name, variable in run.data.variables.items():
        whole = variable.nbytes <= MOST_BYTES_LOADED
        part = variable if whole else variable[tuple(slice(0, 1) for _ in variable.dims)]
        values = np.asarray(part.values)
        if values.dtype.kind in "iufb":
            with np.errstate(all="ignore"):
                sums[str(name)] = repr(float(np.nansum(values.astype(float)))) if whole else "large"
    said = {"sums": sums, "flags": sorted({flag.code for flag in run.flags})}
    return {**said, "technique": run.metadata.technique, "adapter": run.provenance.adapter}


def changed_in_silence(before: dict[str, Any], after: dict[str, Any], way: str) -> str:
    """Which variable differs though nothing says so; nothing where all is well or cannot be known."""
    if way.split(maxsplit=1)[0] not in KNOWABLE or "sums" not in before or "sums" not in after:
        return ""
    if before["adapter"] != after["adapter"] or set(after["flags"]) - set(before["flags"]):
        return ""
    shared = before["sums"].keys() & after["sums"].keys()
    other = [name for name in sorted(shared) if before["sums"][name] != after["sums"][name]]
    return ", ".join(other)


def limited(extra_bytes: int) -> None:
    """Allow the process that much more memory than it has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + extra_bytes
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _lines() -> Iterator[dict[str, Any]]:
    for line in sys.stdin:
        yield json.loads(line)


def main() -> None:
    """Answer the cases on standard input."""
    from adapters.registry import registry

    logging.lastResort = None
    assert registry().adapters
    limited(int(sys.argv[1]) if len(sys.argv) > 1 else 2**30)
    for case in _lines():
        sys.stdout.write(json.dumps(answered(Path(case["path"]))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

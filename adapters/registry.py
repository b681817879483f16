"""Which readers there are, and the one for a path."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from adapters.errors import (
    AmbiguousAdapterError,
    BrokenRunError,
    EmptyFileError,
    NotReadyError,
    UnknownAssumptionError,
    UnknownFormatError,
)
from adapters.model import Flag, Measurement, State
from adapters.protocol import Adapter, Assuming, Confidence, Probe

GROUP = "halos.adapters"
# So many entries of a folder that is no run are named.
NAMED = 3
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Registry:
    """The readers at hand, and those that were announced but cannot be used, with the reason."""

    adapters: tuple[Adapter, ...]
    broken: tuple[tuple[str, str], ...] = ()

    def ranked(self, path: Path) -> list[tuple[Confidence, Adapter]]:
        """Every reader that may read `path` with its confidence, the surest first."""
        probe = Probe(path)
        found = [(_asked(adapter, probe), adapter) for adapter in self.adapters]
        return sorted(
            ((sure, adapter) for sure, adapter in found if sure > Confidence.NO),
            key=lambda pair: (-pair[0], pair[1].name),
        )

    def find(self, path: Path) -> tuple[Adapter, Confidence]:
        """The surest reader of `path`; none, or two equally sure, are errors."""
        ranked = self.ranked(path)
        if not ranked:
            if path.is_file() and path.stat().st_size == 0:
                raise EmptyFileError(path)
            raise UnknownFormatError(path, _unknown(path, len(self.adapters)))
        best = ranked[0][0]
        tied = tuple(adapter.name for sure, adapter in ranked if sure == best)
        if len(tied) > 1:
            raise AmbiguousAdapterError(path, tied)
        return ranked[0][1], best

    def named(self, name: str) -> Adapter:
        """The reader called `name`."""
        for adapter in self.adapters:
            if adapter.name == name:
                return adapter
        raise KeyError(f"no adapter is called {name!r}")


def _unknown(path: Path, readers: int) -> str:
    """What nobody knows; of a folder, what lies in it, which may be runs by themselves."""
    if not path.is_dir():
        return f"a file that none of {readers} readers knows"
    try:
        inside = sorted(path.iterdir())
    except OSError as error:
        return f"a folder that cannot be listed ({error.strerror})"
    if not inside:
        return "an empty folder"
    named = [f"the folder {each.name}" if each.is_dir() else each.name for each in inside[:NAMED]]
    more = f" and {len(inside) - NAMED} more" if len(inside) > NAMED else ""
    return f"a folder that none of {readers} readers takes for one run; it holds {', '.join(named)}{more}"


def _asked(adapter: Adapter, probe: Probe) -> Confidence:
    # `probe` must not raise; one that does is a fault of that reader alone and
    # must not keep the others from reading, so it counts as a no, and is told.
    try:
        return adapter.probe(probe)
    except Exception:
        log.warning("adapter %s failed to probe %s", adapter.name, probe.path, exc_info=True)
        return Confidence.NO


def from_entry_points(announced: Iterable[EntryPoint]) -> Registry:
    """Load announced readers; one that fails to load is reported in `broken`, never fatal."""
    adapters: dict[str, Adapter] = {}
    broken: list[tuple[str, str]] = []
    for point in sorted(announced, key=lambda point: (point.name, point.value)):
        # A plugin runs arbitrary code on import, so anything may come out of it.
        try:
            loaded = point.load()
            adapter = loaded() if isinstance(loaded, type) else loaded
        except Exception as error:
            broken.append((point.name, f"{point.value}: {type(error).__name__}: {error}"))
            continue
        if not isinstance(adapter, Adapter):
            broken.append((point.name, f"{point.value} has no name, probe, check and open"))
        elif adapter.name in adapters:
            broken.append((point.name, f"{point.value} takes the name {adapter.name!r} a second time"))
        else:
            adapters[adapter.name] = adapter
    return Registry(tuple(adapters.values()), tuple(broken))


@cache
def registry() -> Registry:
    """All readers announced by installed packages."""
    return from_entry_points(entry_points(group=GROUP))


def assuming(adapter: Adapter, assumed: Mapping[str, str]) -> Adapter:
    """`adapter` told what its files may leave out; a name it does not take is an error."""
    known = adapter.assumptions if isinstance(adapter, Assuming) else ()
    for name in assumed:
        if name not in known:
            raise UnknownAssumptionError(name, adapter.name, known)
    return adapter.assuming(assumed) if isinstance(adapter, Assuming) and assumed else adapter


def open_run(
    path: str | Path, adapter: str | None = None, assume: Mapping[str, str] | None = None
) -> Measurement:
    """Open what lies at `path` with the surest reader, or the one named.

    `assume` supplies what the file may leave out, such as `{"q_unit": "1/nm"}`; a
    quantity that was used from there is flagged on the measurement.
    Raises NotReadyError or BrokenRunError where the run is not complete, with the reason.
    """
    path = Path(path)
    known = registry()
    if adapter is None:
        chosen, sure = known.find(path)
    else:
        chosen, sure = known.named(adapter), Confidence.INSTRUMENT
        Probe(path)
    readiness = chosen.check(path)
    if readiness.state is State.WAIT:
        raise NotReadyError(path, readiness.reason, readiness.look_again_s or 10.0)
    if readiness.state is State.BROKEN:
        raise BrokenRunError(path, readiness.reason)
    return opened(path, chosen, sure, assume)


def opened(
    path: Path, adapter: Adapter, sure: Confidence, assume: Mapping[str, str] | None = None
) -> Measurement:
    """Open what `adapter` was found for with that confidence, and was found ready."""
    run = assuming(adapter, assume or {}).open(path)
    if sure is Confidence.EXTENSION:
        weak = Flag.caution(
            "recognised_by_name_only", f"{path.name} was taken for {adapter.name} by its name"
        )
        return replace(run, flags=(*run.flags, weak))
    return run

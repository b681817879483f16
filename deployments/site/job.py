"""One reduction for the hub, in a process of its own, without the hub's login and without the network.

`python -I -m deployments.site.job SITE RUN` does what the worker wrote down in the run's
folder, and leaves its answer there. All that it does is decided by the site and by installed code.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ORDER, ANSWER, PROGRESS, LOCK = "order.json", "answer.json", "progress.json", "lock"
DONE, WAITING, QUARANTINED, REFUSED = "done", "waiting", "quarantined", "refused"
# What an earlier worker began dies within moments of it.
SECONDS_FOR_THE_LAST = 60.0
SECONDS_BETWEEN_TOLD = 0.5
OWN_CLUSTER = "threads"


def main(site: Path, run: str) -> int:
    """Answer the order in the run's folder, once."""
    work = site / "jobs" / run
    with _alone(work / LOCK):
        if not (work / ANSWER).exists():
            durably(work / ANSWER, answered(site, work, json.loads((work / ORDER).read_text())))
    return 0


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        until = time.monotonic() + SECONDS_FOR_THE_LAST
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
        yield


def answered(folder: Path, work: Path, order: Mapping[str, Any]) -> dict[str, Any]:
    """What came of an order; whatever happens is an answer."""
    from deployments.site.judge import data_for
    from deployments.site.site import site_at

    try:
        site = site_at(folder)
        data = data_for(site, order["request"]["recipe"], order["key"])
        fenced = _fenced_in(site, work, data)
    except Exception as error:
        return {"state": REFUSED, "reason": _with_kind(error)}
    return {**_reduced(site, data, work, order), "fenced": fenced}


def _fenced_in(site: Any, work: Path, data: tuple[str, ...]) -> bool:
    from deployments.site.fence import put_up
    from deployments.site.roots import contained

    site.results.mkdir(parents=True, exist_ok=True)
    site.cache.mkdir(exist_ok=True)
    own = [site.folder / "site.yaml", site.policy, site.trusted]
    # A folder for caches that the site chose itself is its own.
    chosen = [Path(os.environ[name]) for name in ("NUMBA_CACHE_DIR", "MPLCONFIGDIR") if name in os.environ]
    alone = site.cluster in (None, OWN_CLUSTER)
    ledger, called = _ledger(os.environ.get("HALOS_LEDGER", ""))
    fenced = put_up(
        [*(contained(site.roots, each) for each in data), *own, *([] if alone else _of_cluster(site))],
        [site.results, site.cache, work, *chosen, *ledger],
        network=called or not alone,
    )
    if site.fence_required and not fenced:
        raise PermissionError("this system cannot fence in a reduction, and site.yaml requires it")
    return fenced


def _ledger(url: str) -> tuple[list[Path], bool]:
    """The folder of a ledger that the site keeps in a place of its own, and whether it must be called."""
    kind, _, file = url.partition(":///")
    return ([Path(file).parent] if kind == "sqlite" and file else []), bool(url) and kind != "sqlite"


def _of_cluster(site: Any) -> list[Path]:
    """What is read to submit work to a cluster."""
    named = site.cluster.endswith((".yaml", ".yml"))
    # The configuration of Slurm lies with that of the system, or where the site's environment says.
    slurm = [Path(os.environ["SLURM_CONF"]).parent] if "SLURM_CONF" in os.environ else []
    return [*map(Path, ("/etc", "/run", "/var/run")), *slurm, *([Path(site.cluster)] if named else [])]


def _reduced(site: Any, data: tuple[str, ...], work: Path, order: Mapping[str, Any]) -> dict[str, Any]:
    from deployments.site.judge import placed
    from flows.site_request import read

    # Where paths lead is found out again, right before they are read.
    try:
        asked = placed(site, data, read(order["request"]))
    except Exception as error:
        return {"state": REFUSED, "reason": _with_kind(error)}
    try:
        if stray := _stray(site, data, asked):
            return {"state": REFUSED, "reason": f"the run draws on {stray}, outside what the asker may use"}
        return _done(site, work, asked)
    except Exception as error:
        return _failed(site, error)


def _stray(site: Any, data: tuple[str, ...], asked: Any) -> Path | None:
    """The first file that the run is made of, by its links too, that the asker may not use."""
    from deployments.site.roots import holds

    if asked.reduction.ask is None:
        files = _files(asked)
    else:
        files = list(asked.reduction.ask(list(asked.paths), asked.parameters, asked.recipe).input_paths)
    return next((path for path in files if not holds(site.roots, data, path)), None)


def _files(asked: Any) -> list[Path]:
    from flows.inputs import opened
    from flows.parameters import ReadingParameters

    runs = opened(asked.paths, getattr(asked.parameters, "reading", ReadingParameters()))
    return [path for run in runs for path in run.provenance.all_files]


def _done(site: Any, work: Path, asked: Any) -> dict[str, Any]:
    from flows.progress import heard_by

    flow = asked.reduction.flow
    with heard_by(_Teller(work / PROGRESS)):
        said = getattr(flow, "fn", flow)(
            list(asked.paths),
            parameters=asked.parameters,
            results=site.results,
            cluster=site.cluster or OWN_CLUSTER,
            recipe=asked.recipe,
        )
    folder = str(Path(said["manifest"]).parent)
    told = ("key", "recipe", "technique", "cached", "seconds")
    return {"state": DONE, "folder": folder, **{name: said[name] for name in told}}


def _failed(site: Any, error: Exception) -> dict[str, Any]:
    import traceback

    from adapters.errors import NotReadyError
    from flows import states
    from flows.ledger.errors import LedgerAwayError
    from flows.telling import ROOMS

    ours = type(error).__module__.partition(".")[0] in ROOMS
    if not ours:
        traceback.print_exception(error)
    reason = without_places(site, str(error) if ours else _with_kind(error))
    if states.state_of(error) == states.WAITING or isinstance(error, LedgerAwayError):
        again = error.look_again_s if isinstance(error, NotReadyError) else 10.0
        return {"state": WAITING, "reason": reason, "again_s": again}
    return {"state": QUARANTINED, "reason": reason, "kind": states.kind_of(error)}


def _with_kind(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def without_places(site: Any, text: str) -> str:
    """`text` with the names of roots instead of where they lie, which is nobody's business outside."""
    places = {str(path): name for name, path in site.roots.items()}
    places |= {str(path.resolve()): name for name, path in site.roots.items()}
    places |= {str(site.results): "results", str(site.folder): "site"}
    for place in sorted(places, key=len, reverse=True):
        text = text.replace(place, places[place])
    return text


class _Teller:
    """Writes down how far the reduction has come, now and then."""

    def __init__(self, path: Path) -> None:
        self._path, self._last = path, 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done >= total or now - self._last >= SECONDS_BETWEEN_TOLD:
            self._last = now
            fresh = self._path.with_suffix(".part")
            fresh.write_text(json.dumps({"what": what, "done": done, "total": total}))
            fresh.replace(self._path)


def durably(path: Path, said: Mapping[str, Any]) -> None:
    """Write JSON so that it is there whole, and stays there."""
    fresh = path.with_suffix(".part")
    with fresh.open("w") as file:
        json.dump(said, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))

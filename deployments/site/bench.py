"""The process that opens and reduces runs for the watcher, so that a crash in a reader is not the watcher's.

One JSON line a request on standard input, one JSON line an answer on standard output.
When the input ends, as it does when the watcher is killed, it cleans up and ends too.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# To leave a reduction in good order takes moments; what hangs is ended.
SECONDS_TO_LEAVE = 5.0
# A full disk or a lost mount gets well again without the run being touched.
AGAIN_S = 10.0
ENDED = threading.Event()


def main() -> int:
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    # What libraries print must not stand among the answers.
    os.dup2(2, 1)
    requests: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    try:
        while True:
            said = answer(json.loads(requests.get()))
            answers.write(json.dumps(said) + "\n")
            answers.flush()
    except (KeyboardInterrupt, BrokenPipeError):
        return 0
    finally:
        ENDED.set()


def _listen(requests: queue.Queue[str]) -> None:
    for line in sys.stdin:
        requests.put(line)
    os.kill(os.getpid(), signal.SIGINT)
    if not ENDED.wait(SECONDS_TO_LEAVE):
        os._exit(1)


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """What came of a request; a run that cannot be read is an answer, not an end."""
    doing = {"judge": judge, "reduce": reduce, "check": check}[request["do"]]
    try:
        return doing(request)
    except Exception as error:
        return failure(error)


def failure(error: Exception) -> dict[str, Any]:
    """An error as the watcher wants it: the state it leads to, why, and when to look again."""
    from adapters.errors import NotReadyError
    from flows.states import kind_of, reason_of, state_of
    from flows.telling import ROOMS

    ours = type(error).__module__.partition(".")[0] in ROOMS or isinstance(error, OSError)
    said = {"state": state_of(error), "kind": kind_of(error), "again_s": AGAIN_S}
    if isinstance(error, NotReadyError):
        return {**said, "reason": error.reason, "again_s": error.look_again_s}
    return {**said, "reason": reason_of(error) if ours else f"{type(error).__name__}: {error}"}


def check(request: Mapping[str, Any]) -> dict[str, Any]:
    """Whether a rule names a recipe that is there, with parameters that it takes."""
    _chosen(request)
    return {"ready": True}


def judge(request: Mapping[str, Any]) -> dict[str, Any]:
    """Whether all runs of a request are ready, and every file they are made of."""
    from adapters.registry import open_run
    from flows.inputs import expanded
    from flows.parameters import ReadingParameters

    _, parameters = _chosen(request)
    reading = getattr(parameters, "reading", ReadingParameters())
    files: set[str] = set()
    for path in expanded([Path(each) for each in (*request["sample"], *request["buffer"])]):
        run = open_run(path, reading.adapter, reading.assumed())
        files.update(str(each) for each in run.provenance.all_files)
    return {"ready": True, "files": sorted(files)}


def reduce(request: Mapping[str, Any]) -> dict[str, Any]:
    """Reduce the runs of a request; the same request again finds the first product."""
    from flows.ledger.record import on_behalf_of

    reduction, parameters = _chosen(request)
    flow: Any = reduction.flow
    with on_behalf_of(request["request"]):
        said = flow.fn(
            [Path(each) for each in request["sample"]],
            parameters=parameters,
            results=Path(request["results"]),
            cluster=request["cluster"],
            recipe=Path(request["recipe"]).stem,
        )
    kept = ("key", "product", "cached", "seconds")
    return {"ready": True, **{name: said[name] for name in kept}, "flags": len(said["flags"])}


def _chosen(request: Mapping[str, Any]) -> tuple[Any, Any]:
    from configs.load import checked
    from deployments.site.rules import absolute
    from flows.recipe import recipe_called

    folder = Path(request["folder"])
    name = request["recipe"]
    recipe, reduction = recipe_called(folder / name if name.endswith((".yaml", ".yml")) else name)
    where = f"parameters for {name}"
    values = checked(
        _over(recipe.parameters, request["parameters"]), reduction.parameters, where
    ).model_dump()
    if request["buffer"]:
        values["buffer"] = request["buffer"]
    return reduction, checked(absolute(values, folder), reduction.parameters, where)


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(below)
    for name, value in above.items():
        deeper = isinstance(value, Mapping) and isinstance(both.get(name), Mapping)
        both[name] = _over(both[name], value) if deeper else value
    return both


if __name__ == "__main__":
    sys.exit(main())

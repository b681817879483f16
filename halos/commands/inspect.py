"""`halos inspect`: what lies at a path, whether it is complete, and what it says of itself."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from halos.commands.output import Output, plain, table
from halos.commands.settings import assumptions
from halos.commands.status import BROKEN, DONE, NOT_READY

if TYPE_CHECKING:
    from adapters.model import Measurement, Readiness

NAME = "inspect"
HELP = "show what a run is: adapter, technique, readiness, metadata, variables, flags"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this subcommand's arguments."""
    parser.add_argument("path", type=Path, help="a file or folder")
    parser.add_argument("--adapter", help="use this adapter instead of the surest")
    parser.add_argument(
        "--assume", action="append", default=[], metavar="NAME=VALUE", help="what the file leaves out"
    )


def run(args: argparse.Namespace, output: Output) -> int:
    """Judge readiness first; open only what is complete."""
    from adapters.model import State
    from adapters.protocol import Confidence
    from adapters.registry import opened, registry

    if args.adapter:
        adapter, confidence = registry().named(args.adapter), Confidence.INSTRUMENT
    else:
        adapter, confidence = registry().find(args.path)
    readiness = adapter.check(args.path)
    document: dict[str, Any] = {
        "path": str(args.path),
        "adapter": adapter.name,
        "confidence": confidence.name.lower(),
        "readiness": readiness.to_json(),
    }
    if readiness.state is not State.READY:
        output.result(document, _not_ready(document, readiness))
        return NOT_READY if readiness.state is State.WAIT else BROKEN
    run_ = opened(args.path, adapter, confidence, assumptions(args.assume))
    document |= described(run_)
    output.result(document, _lines(document))
    return DONE


def described(run: Measurement) -> dict[str, Any]:
    """A measurement as plain values."""
    from adapters.model import TECHNIQUES

    metadata = run.metadata
    return {
        "technique": metadata.technique,
        "technique_iri": TECHNIQUES[metadata.technique].iri,
        "facility": metadata.facility,
        "instrument": metadata.instrument,
        "metadata": plain(metadata.stated() | {"raw": dict(metadata.raw)}),
        "variables": {
            str(name): {
                "dims": list(map(str, variable.dims)),
                "shape": list(variable.shape),
                "dtype": str(variable.dtype),
                "unit": variable.attrs.get("units"),
            }
            for name, variable in run.data.variables.items()
        },
        "flags": [flag.to_json() for flag in run.flags],
    }


def _not_ready(document: dict[str, Any], readiness: Readiness) -> list[str]:
    return [
        f"{document['path']}",
        f"  adapter    {document['adapter']} ({document['confidence']})",
        f"  {readiness.state.value}: {readiness.reason}",
    ]


def _lines(document: dict[str, Any]) -> list[str]:
    lines = [
        document["path"],
        f"  adapter    {document['adapter']} ({document['confidence']})",
        f"  technique  {document['technique']}",
        f"  facility   {document['facility'] or 'not said'}",
        f"  instrument {document['instrument'] or 'not said'}",
        f"  readiness  {document['readiness']['state']}",
        "variables",
    ]
    rows = [
        (f"  {name}", "×".join(map(str, each["shape"])) or "scalar", each["dtype"], each["unit"] or "no unit")
        for name, each in document["variables"].items()
    ]
    lines += table(rows)
    stated = {name: value for name, value in document["metadata"].items() if name not in ("raw", "technique")}
    lines += ["metadata", *table([(f"  {name}", _short(value)) for name, value in stated.items()])]
    if document["metadata"]["raw"]:
        lines.append(f"  and {len(document['metadata']['raw'])} entries of the file (see --json)")
    if document["flags"]:
        lines.append("flags")
        lines += [f"  {flag['severity']}: {flag['message']}" for flag in document["flags"]]
    return lines


def _short(value: Any) -> str:
    text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
    return text if len(text) < 100 else text[:97] + "..."

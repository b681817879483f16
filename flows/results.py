"""The end of every reduction: pictures, the product with its manifest, what the browser shows."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect.artifacts import create_markdown_artifact

from adapters.model import Finding, Flag, Manifest, rounded
from adapters.stores.products import ProductStore, refuse_among_raw
from flows.bench import worked_beside
from flows.engine import in_flow_run, logger
from flows.ledger.errors import StaleLeaseError
from flows.ledger.held import built_under, holder_of
from flows.ledger.leases import Lease
from flows.ledger.ledger import ledger_of
from flows.ledger.record import Record, looks, recorded
from flows.order import Order

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# A browser takes a picture of this width well, and an artifact of its size.
DOTS_PER_INCH = 110


@dataclass(frozen=True)
class Outcome:
    """What a reduction gives back: the committed manifest, where it lies, and whether it was there before."""

    manifest: Manifest
    folder: Path
    cached: bool

    def to_json(self) -> dict[str, Any]:
        """The answer of `halos reduce --json` and of the flow."""
        said = self.manifest
        return {
            "key": said.key,
            "product": str(self.folder / said.product),
            "manifest": str(self.folder / "manifest.json"),
            "technique": said.technique,
            "recipe": said.recipe,
            "findings": [each.to_json() for each in said.findings],
            "flags": [each.to_json() for each in said.flags],
            "plots": [str(self.folder / name) for name in said.plots],
            "cached": self.cached,
            "seconds": said.seconds,
        }


def once(store: ProductStore, order: Order, make: Callable[[Path, float], Outcome]) -> Outcome:
    """The product of `order`: found if it is there, else made by `make(bench, started)`.

    Of those who ask at the same time one makes it, the others wait and find it. If he dies,
    the next one takes over. Raises BesideRawDataError before anything is computed if it
    would lie among its inputs.
    """
    refuse_among_raw(store.root, order.input_paths)
    record = recorded(ledger_of(store.root), store.root, order)
    for wait in looks():
        if (found := _found(store, order, record)) is not None:
            return found
        turn = record.turn()
        # Whoever had the turn before us may have committed since we looked.
        if (found := _found(store, order, record)) is not None:
            return found
        if isinstance(turn, Lease):
            if (made := _made(store, order, record, turn, make)) is not None:
                return made
        elif turn.product:
            record.lost()
        else:
            wait(turn)
    raise AssertionError  # looks never end


def _found(store: ProductStore, order: Order, record: Record) -> Outcome | None:
    manifest = store.find(order.recipe, order.key)
    if manifest is None:
        return None
    folder = store.folder(order.recipe, order.key)
    record.found(folder.resolve())
    return Outcome(manifest, folder, cached=True)


def _made(
    store: ProductStore, order: Order, record: Record, lease: Lease, make: Callable[[Path, float], Outcome]
) -> Outcome | None:
    """The outcome of our turn, None if it was too slow and somebody else took over."""
    try:
        with (
            record.working(lease) as holds,
            store.staging(order.recipe, order.key) as bench,
            worked_beside(bench),
            built_under(holds, bench),
        ):
            return make(bench, time.time())
    except StaleLeaseError as error:
        logger().warning("%s", error)
        return None


def drawn(bench: Path, figures: Mapping[str, Figure]) -> tuple[str, ...]:
    """Each figure as a PNG in the bench, numbered in the order given; their names."""
    names = []
    for number, (name, figure) in enumerate(figures.items(), start=1):
        file = f"{number:02d}-{name}.png"
        # No date inside: the same picture must have the same bytes.
        figure.savefig(bench / file, dpi=DOTS_PER_INCH, metadata={"Software": None})
        names.append(file)
    return tuple(names)


def committed(
    store: ProductStore,
    bench: Path,
    order: Order,
    *,
    product: str,
    findings: tuple[Finding, ...],
    flags: tuple[Flag, ...],
    plots: tuple[str, ...],
    started: float,
    details: Mapping[str, Any] | None = None,
) -> Outcome:
    """Commit what lies in `bench` as the product of `order`."""
    manifest = Manifest(
        key=order.key,
        technique=order.technique,
        recipe=order.recipe,
        inputs=order.inputs,
        parameters=order.parameters,
        files={},
        product=product,
        versions=order.versions,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        findings=findings,
        flags=flags,
        plots=plots,
        seconds=round(time.time() - started, 3),
        details={"asked": dict(order.asked), **(details or {})},
    )
    lies = store.folder(order.recipe, order.key).resolve()
    folder = store.commit(bench, manifest, fence=holder_of(bench).committing(lies))
    found = store.find(order.recipe, order.key)
    assert found is not None  # committed and verified a moment ago
    return Outcome(found, folder, cached=False)


def shown(outcome: Outcome, title: str) -> None:
    """Findings, flags and pictures on one page of the run in the browser; outside a run, nothing."""
    if not in_flow_run():
        return
    pictures = [_picture(outcome.folder / name) for name in outcome.manifest.plots]
    page = "\n\n".join([answer_page(outcome, title), *pictures])
    create_markdown_artifact(key="answer", markdown=page, description=title)


def _picture(path: Path) -> str:
    """A picture inside the page itself, so that the browser needs no access to the folder."""
    return f"![{path.name}](data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()})"


def answer_page(outcome: Outcome, title: str) -> str:
    """What a person wants to read first, as Markdown."""
    said = outcome.manifest
    lines = [f"# {title}", ""]
    if outcome.cached:
        lines += [f"*Computed before, on {said.created}; the same inputs give the same product.*", ""]
    if said.findings:
        lines += ["| quantity | value | unit | method |", "|---|---|---|---|"]
        lines += [
            f"| {each.quantity.replace('_', ' ')} | {_number(each)} | {each.unit} | {each.method} |"
            for each in said.findings
        ]
    lines += ["", "## To mind", ""] if said.flags else ["", "No remarks."]
    lines += [f"- **{flag.severity.word}**: {flag.message}" for flag in said.flags]
    lines += ["", f"Product: `{outcome.folder / said.product}`", "", f"Key: `{said.key}`"]
    return "\n".join(lines)


def _number(finding: Finding) -> str:
    return rounded(finding.value, finding.uncertainty)


def titled(paths: Sequence[Path]) -> str:
    """What was reduced, in few words."""
    first = Path(paths[0]).name if paths else "nothing"
    return first if len(paths) == 1 else f"{first} and {len(paths) - 1} more"


def default_results() -> Path:
    """Where results go if nobody says: HALOS_RESULTS, else a folder here."""
    return Path(os.environ.get("HALOS_RESULTS", "halos-results"))

"""The steps of every flow whose answer is tables: reduce, draw, commit, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.stores.products import ProductStore
from flows.bench import Leaf, leave, take
from flows.engine import step
from flows.order import Order
from flows.results import Outcome, default_results, drawn, once, shown, titled
from flows.table_product import publish_tables
from tasks.common.reduced import Reduced

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

ANSWER, TABLES = "answer", "tables"


@dataclass(frozen=True)
class Work:
    """What is particular to a flow: reduction, plots, the file of its product, and what of it is plotted."""

    reduce: Callable[[], Reduced]
    draw: Callable[[Reduced, str], Mapping[str, Figure]]
    product: str
    signal: str = "intensity"
    # Tables that leave as files of their own, in a format of the community: file and who writes it.
    files: Mapping[str, tuple[str, Callable[[Path, xr.Dataset], None]]] = field(default_factory=dict)


def performed(order: Order, sample: Sequence[Path], results: Path | None, work: Work) -> dict[str, Any]:
    """The product of `order`, found or made; what `halos reduce` prints."""
    store = ProductStore(results or default_results())
    names = [path.name for path in sample]

    def make(bench: Path, started: float) -> Outcome:
        reduce(bench, work, names)
        plots = draw(bench, work, titled(sample))
        return publish(store, bench, order, work, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"{order.recipe} of {titled(sample)}")
    return outcome.to_json()


@step("reduce")
def reduce(bench: Path, work: Work, names: list[str]) -> str:
    """Compute all tables and findings, and leave them in the bench."""
    found = work.reduce()
    first = next(iter(found.tables))
    for name, table in found.tables.items():
        leave(bench, name, Leaf(table))
    facts = {"files": names, TABLES: list(found.tables), **found.facts}
    return leave(bench, ANSWER, Leaf(found.tables[first], found.findings, found.flags, facts))


@step("draw")
def draw(bench: Path, work: Work, title: str) -> tuple[str, ...]:
    """The plots of what was found."""
    return drawn(bench, work.draw(_taken(bench), title))


@step("commit the product", retries=1)
def publish(
    store: ProductStore, bench: Path, order: Order, work: Work, plots: tuple[str, ...], started: float
) -> Outcome:
    """All tables in one file, committed whole."""
    leaf = take(bench, ANSWER)
    tables = _taken(bench).tables
    for name in work.files.keys() & tables.keys():
        file, write = work.files[name]
        write(bench / file, tables.pop(name))
    facts = {name: value for name, value in (leaf.facts or {}).items() if name != TABLES}
    said = replace(leaf, facts=facts)
    return publish_tables(
        store,
        bench,
        order,
        said,
        product=work.product,
        tables=tables,
        plots=plots,
        started=started,
        signal=work.signal,
    )


def _taken(bench: Path) -> Reduced:
    leaf = take(bench, ANSWER)
    tables = {name: take(bench, name).data for name in leaf.fact(TABLES)}
    return Reduced(leaf.findings, leaf.flags, tables, leaf.facts or {})

"""Write labelled tables as NeXus and commit them: the end of flows whose product is no scattering curve."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import xarray as xr

from adapters.formats.product import Product, write
from adapters.stores.products import ProductStore
from flows.bench import Leaf
from flows.order import Order
from flows.results import Outcome, committed


def publish_tables(
    store: ProductStore,
    bench: Path,
    order: Order,
    leaf: Leaf,
    *,
    product: str,
    tables: Mapping[str, xr.Dataset],
    plots: tuple[str, ...],
    started: float,
    signal: str = "intensity",
) -> Outcome:
    """Commit `tables` in the file `product`; the first is the default one, its `signal` the one to plot."""
    title = f"{order.recipe} of {', '.join(leaf.fact('files'))}"
    default = next(iter(tables))
    said = Product(title, order.technique, order.key, dict(tables), default, signal, dict(order.parameters))
    # A step done again finds what it wrote before it was stopped.
    (bench / product).unlink(missing_ok=True)
    write(bench / product, said)
    return committed(
        store,
        bench,
        order,
        product=product,
        findings=leaf.findings,
        flags=leaf.flags,
        plots=plots,
        started=started,
        details=leaf.facts,
    )

"""Write a curve with its tables as NXcanSAS and commit it: the end of every SAXS flow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from adapters.formats.nxcansas_writer import NxCanSas, write
from adapters.stores.products import ProductStore
from flows.bench import Leaf
from flows.curves import metadata_of
from flows.order import Order
from flows.results import Outcome, committed

PRODUCT = "curve.nxs"


def publish_curve(
    store: ProductStore,
    bench: Path,
    order: Order,
    leaf: Leaf,
    *,
    tables: Mapping[str, xr.Dataset],
    plots: tuple[str, ...],
    started: float,
    told: tuple[str, ...] = (),
) -> Outcome:
    """Commit the curve of `leaf` with its findings and flags; `told` names facts for the manifest."""
    metadata = metadata_of(leaf, order.technique)
    files = leaf.fact("files") or []
    target = bench / PRODUCT
    target.unlink(missing_ok=True)
    write(
        target,
        NxCanSas(
            title=f"{order.recipe} of {metadata.sample_name or ', '.join(files[:1]) or 'a curve'}",
            run=order.key[:20],
            curve=leaf.data,
            metadata=metadata,
            process={"key": order.key, "recipe": order.recipe, "parameters": dict(order.parameters)},
            others={name: table for name, table in tables.items() if table.data_vars},
        ),
    )
    details: dict[str, Any] = {name: leaf.fact(name) for name in told if leaf.fact(name) is not None}
    return committed(
        store,
        bench,
        order,
        product=PRODUCT,
        findings=leaf.findings,
        flags=leaf.flags,
        plots=plots,
        started=started,
        details=details,
    )

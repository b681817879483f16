"""Products of one sample in, a passport out: every claim, the consensus, and the verdict."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from prefect import flow

from adapters.errors import NoSuchRunError, UnsuitedError
from adapters.formats.passport import write_html, write_json, write_nexus
from adapters.model import Input, Manifest
from adapters.stores.products import MANIFEST, ProductStore, verified
from flows import order as orders
from flows.engine import step
from flows.results import Outcome, committed, default_results, drawn, once, shown, titled
from tasks.fusion import figures
from tasks.fusion.claims import Source
from tasks.fusion.parameters import FusionParameters
from tasks.fusion.passport import Passport, fused

NEXUS, JSON, REPORT = "passport.nxs", "passport.json", "passport.html"


@flow(name="fuse", description="Products of one sample to one answer, with its agreements and conflicts")
def fuse(
    products: list[Path],
    parameters: FusionParameters = FusionParameters(),  # noqa: B008 (frozen; Prefect makes the form of it)
    results: Path | None = None,
    recipe: str = "fuse",
) -> dict[str, Any]:
    """Fuse the products of one sample into its passport.

    Args:
        products: Committed products: their folders, or any file in them
        parameters: Thresholds of the verdicts and numbers of the relations
        results: Folder for the passport; empty takes the hub's own
        recipe: Name under which the passport is kept
    """
    store = ProductStore(results or default_results())
    manifests = checked_products(products)
    order = ask(products, manifests, parameters, recipe)

    def make(bench: Path, started: float) -> Outcome:
        passport = join_claims(manifests, parameters)
        plots = draw(bench, passport)
        return publish(store, bench, order, passport, plots, started)

    outcome = once(store, order, make)
    shown(outcome, f"passport of {parameters.sample or 'a sample'}")
    return answered(outcome)


@step("check the products")
def checked_products(products: list[Path]) -> list[tuple[Path, Manifest]]:
    """The manifest of every product, its files verified; the same product given twice counts once."""
    found = {}
    for folder in map(_folder, products):
        manifest = verified(folder)
        found[manifest.key] = (folder, manifest)
    return [found[key] for key in sorted(found)]


def _folder(path: Path) -> Path:
    """Where the product lies that `path` points at or into."""
    if not path.exists():
        raise NoSuchRunError(path)
    folder = path if path.is_dir() else path.parent
    if not (folder / MANIFEST).is_file():
        raise UnsuitedError(
            path, f"no product: there is no {MANIFEST}; reduce it first, and fuse the product"
        )
    return folder


def ask(
    products: list[Path], manifests: list[tuple[Path, Manifest]], parameters: FusionParameters, recipe: str
) -> orders.Order:
    """Give the request its key: by the keys of the products, not by when they were made."""
    inputs = [
        Input("product", str((folder / MANIFEST).resolve()), said.key, 0, "halos product")
        for folder, said in manifests
    ]
    # Labels carry into the passport, so they belong to what was asked for.
    values = parameters.model_dump(mode="json") | {"labels": labels(manifests)}
    return orders.place(recipe, "fusion", inputs, values, orders.request("fuse", products, parameters))


def labels(manifests: list[tuple[Path, Manifest]]) -> list[str]:
    """A name for each product: its first file, with its recipe and key where names would be equal."""
    plain = [_name(said) for _, said in manifests]
    counts = Counter(plain)
    return [
        name if counts[name] == 1 else f"{name} ({said.recipe} {said.key[:8]})"
        for name, (_, said) in zip(plain, manifests, strict=True)
    ]


def _name(manifest: Manifest) -> str:
    paths = [Path(each.path) for each in manifest.inputs if each.role == "sample"]
    return titled(paths) if paths else manifest.product


@step("join the claims")
def join_claims(manifests: list[tuple[Path, Manifest]], parameters: FusionParameters) -> Passport:
    """Relate all claims, weigh them, and judge whether they agree."""
    named = zip(labels(manifests), manifests, strict=True)
    return fused([Source.of(said, label) for label, (_, said) in named], parameters)


@step("draw")
def draw(bench: Path, passport: Passport) -> tuple[str, ...]:
    """The claims of every quantity that more than one product or method speaks about."""
    document = passport.to_json()["quantities"]
    return drawn(
        bench,
        {
            name: figures.forest(name, answer)
            for name, answer in document.items()
            if len(answer["claims"]) > 1
        },
    )


@step("commit the passport", retries=1)
def publish(
    store: ProductStore,
    bench: Path,
    order: orders.Order,
    passport: Passport,
    plots: tuple[str, ...],
    started: float,
) -> Outcome:
    """NeXus, JSON and a page that stands alone, committed whole."""
    document = passport.to_json()
    write_json(bench / JSON, document)
    write_nexus(bench / NEXUS, document, order.key)
    write_html(bench / REPORT, document, {name.split("-", 1)[1][:-4]: bench / name for name in plots})
    return committed(
        store,
        bench,
        order,
        product=NEXUS,
        findings=passport.findings,
        flags=passport.flags,
        plots=plots,
        started=started,
    )


def answered(outcome: Outcome) -> dict[str, Any]:
    """The answer of `halos fuse --json` and of the flow."""
    said = outcome.to_json()
    document = json.loads((outcome.folder / JSON).read_text())
    return {
        "key": said["key"],
        "passport": str(outcome.folder / JSON),
        "report": str(outcome.folder / REPORT),
        "product": said["product"],
        "crate": None,
        "quantities": document["quantities"],
        "products": document["products"],
        "flags": document["flags"],
        "plots": said["plots"],
        "cached": said["cached"],
        "seconds": said["seconds"],
    }

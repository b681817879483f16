"""Products on disk: a folder each, committed whole by one rename, or not there at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from adapters.model import Manifest
from adapters.stores.errors import BesideRawDataError, ProductError

MANIFEST = "manifest.json"
STAGING = ".staging"
READ_BYTES = 4 * 2**20


def sha256(path: Path) -> str:
    """Hash of a file's bytes as hexadecimal text."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


class ProductStore:
    """Products below one folder, found again by their content key.

    A product exists when its manifest is there and every file matches its checksum.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def folder(self, recipe: str, key: str) -> Path:
        """Where the product of `key` lies or will lie."""
        return self.root / f"{recipe}-{key[:20]}"

    def find(self, recipe: str, key: str) -> Manifest | None:
        """The committed product of `key`, None if there is none.

        A folder that is there but damaged is moved aside, never served and never overwritten.
        """
        folder = self.folder(recipe, key)
        if not folder.is_dir():
            return None
        try:
            manifest = verified(folder)
        except ProductError:
            folder.rename(folder.with_name(f"{folder.name}.damaged-{uuid.uuid4().hex[:8]}"))
            return None
        return manifest if manifest.key == key else None

    @contextmanager
    def staging(self, recipe: str, key: str) -> Iterator[Path]:
        """A private folder to build a product in; gone afterwards, whatever happened."""
        bench = self.root / STAGING / f"{recipe}-{key[:20]}-{uuid.uuid4().hex[:8]}"
        bench.mkdir(parents=True)
        try:
            yield bench
        finally:
            shutil.rmtree(bench, ignore_errors=True)

    def commit(
        self, bench: Path, manifest: Manifest, fence: AbstractContextManager[None] | None = None
    ) -> Path:
        """Make what lies in `bench` the product of the manifest's key; the first to commit wins.

        It is moved to its place inside `fence`, which raises if we may not, or no longer.
        """
        files = {name: sha256(bench / name) for name in _names(bench)}
        _write_durably(bench / MANIFEST, replace(manifest, files=files))
        with fence or nullcontext():
            return self.adopt(bench, manifest)

    def adopt(self, bench: Path, manifest: Manifest) -> Path:
        """Move a whole product from `bench` to its place, manifest and all; the first wins."""
        folder = self.folder(manifest.recipe, manifest.key)
        try:
            bench.rename(folder)
        except OSError:
            # Somebody else committed the same key first; theirs is as good, if it is whole.
            verified(folder)
            return folder
        _sync(self.root)
        return folder

    def products(self) -> list[Manifest]:
        """Manifests of all committed products, the newest first; checksums are not looked at."""
        found = [read_manifest(path.parent) for path in self.root.glob(f"*/{MANIFEST}")]
        return sorted(found, key=lambda manifest: manifest.created, reverse=True)


def read_manifest(folder: Path) -> Manifest:
    """The manifest in a product's folder, or ProductError."""
    try:
        return Manifest.from_json(json.loads((folder / MANIFEST).read_text()))
    except FileNotFoundError as error:
        raise ProductError(folder, "it has no manifest, so it was never committed") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ProductError(folder, f"its manifest cannot be read: {error}") from error


def verified(folder: Path) -> Manifest:
    """The manifest of a product whose files all match it, or ProductError naming those that do not."""
    manifest = read_manifest(folder)
    wrong = [
        name
        for name, digest in manifest.files.items()
        if not (folder / name).is_file() or sha256(folder / name) != digest
    ]
    if wrong:
        raise ProductError(folder, f"missing or altered: {', '.join(wrong)}")
    return manifest


def refuse_among_raw(results: Path, inputs: Iterable[Path]) -> None:
    """Raise BesideRawDataError if `results` lies beside or below any input."""
    target = results.resolve()
    for path in inputs:
        raw = path.resolve()
        home = raw if raw.is_dir() else raw.parent
        if target == home or home in target.parents:
            raise BesideRawDataError(results, path)


def _names(bench: Path) -> list[str]:
    return sorted(str(path.relative_to(bench)) for path in bench.rglob("*") if path.is_file())


def _write_durably(path: Path, manifest: Manifest) -> None:
    with path.open("w") as file:
        json.dump(manifest.to_json(), file, indent=2, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

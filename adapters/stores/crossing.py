"""What may cross a border: whole products of known kinds of file; no links, no tricks in names."""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, ValidationError

from adapters.model import Manifest
from adapters.stores.errors import NotForCrossingError, ProductError
from adapters.stores.products import MANIFEST, sha256

SHA256 = re.compile(r"[0-9a-f]{64}")
# A letter or digit first: no hidden files, no `..`, nothing that a shell takes for an option.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,120}")
DEEPEST = 3
HDF5, PNG = b"\x89HDF\r\n\x1a\n", b"\x89PNG\r\n\x1a\n"
ACTIVE = re.compile(rb"<(script|iframe|object|embed)|javascript:|<[^>]*\son\w+\s*=", re.IGNORECASE)


@dataclass(frozen=True)
class Limits:
    """How large a product may be that crosses."""

    files: int = 500
    bytes: int = 8 * 2**30
    text_bytes: int = 64 * 2**20


@dataclass(frozen=True)
class Parcel:
    """A product as it travels: its files in the order in which they go, the manifest last."""

    folder: Path
    manifest: Manifest
    sha256: str
    sizes: Mapping[str, int]

    @property
    def name(self) -> str:
        """Under which it travels; another content has another name."""
        return f"{self.folder.name}-{self.sha256[:12]}"

    @property
    def bytes(self) -> int:
        """Of all its files together."""
        return sum(self.sizes.values())


def packed(folder: Path, limits: Limits = Limits()) -> Parcel:
    """The product in `folder`, verified, as it may travel; ProductError or NotForCrossingError."""
    text = _plain(folder, MANIFEST).read_bytes()
    try:
        manifest = read(text, limits)
    except ValueError as error:
        raise NotForCrossingError(folder, str(error)) from error
    wrong = [name for name, said in manifest.files.items() if sha256(_plain(folder, name)) != said]
    if wrong:
        raise ProductError(folder, f"altered: {', '.join(wrong)}")
    sizes = {name: (folder / name).stat().st_size for name in sorted(manifest.files)}
    if (total := sum(sizes.values())) > limits.bytes:
        raise NotForCrossingError(folder, f"it has {total} bytes; at most {limits.bytes} cross")
    for name in sizes:
        if (fault := content_fault(folder / name, limits)) is not None:
            raise NotForCrossingError(folder / name, fault)
    return Parcel(folder, manifest, hashlib.sha256(text).hexdigest(), {**sizes, MANIFEST: len(text)})


def _plain(folder: Path, name: str) -> Path:
    """A file of the product itself, not a link out of it."""
    path = folder / name
    try:
        linked = any(each.is_symlink() for each in (path, *path.parents) if each.is_relative_to(folder))
        plain = stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError as error:
        raise ProductError(folder, f"{name} is missing") from error
    if linked or not plain:
        raise NotForCrossingError(path, "it is a link or no plain file")
    return path


def read(text: bytes, limits: Limits) -> Manifest:
    """A manifest whose every field is of its kind and every name harmless; else ValueError."""
    try:
        plain = json.loads(text, parse_constant=_no_number)
        Said.model_validate_json(text, strict=True)
        manifest = Manifest.from_json(plain)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise ValueError(f"its manifest cannot be read: {where}: {first['msg']}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"its manifest cannot be read: {error}") from error
    if fault := _fault(manifest, limits):
        raise ValueError(fault)
    return manifest


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SaidInput(_Plain):
    """An input as a manifest must say it."""

    role: str
    path: str
    sha256: str
    bytes: int
    adapter: str


class SaidFinding(_Plain):
    """A finding as a manifest must say it."""

    quantity: str
    value: float
    uncertainty: float | None
    unit: str
    method: str
    assumptions: list[str] = []


class SaidFlag(_Plain):
    """A flag as a manifest must say it."""

    code: str
    severity: Literal["info", "caution", "invalid"]
    message: str


class Said(_Plain):
    """A manifest from outside: every field of its kind, and none more."""

    key: str
    technique: str
    recipe: str
    product: str
    created: str
    seconds: float = 0.0
    inputs: list[SaidInput]
    parameters: dict[str, Any]
    versions: dict[str, str]
    findings: list[SaidFinding]
    flags: list[SaidFlag]
    plots: list[str]
    files: dict[str, str]
    details: dict[str, Any] = {}


def _no_number(said: str) -> NoReturn:
    raise ValueError(f"{said} is no number")


def _fault(manifest: Manifest, limits: Limits) -> str | None:
    if not SHA256.fullmatch(manifest.key):
        return "its key is no SHA-256"
    if not NAME.fullmatch(manifest.recipe):
        return f"its recipe {manifest.recipe!r} is no plain name"
    if absent := {manifest.product, *manifest.plots} - manifest.files.keys():
        return f"it names {', '.join(sorted(map(repr, absent)))} but has no such file"
    return _files_fault(manifest.files, limits)


def _files_fault(files: Mapping[str, str], limits: Limits) -> str | None:
    if not files or len(files) > limits.files:
        return f"it lists {len(files)} files; 1 to {limits.files} cross"
    for name, said in files.items():
        if (fault := name_fault(name)) is not None:
            return f"{name!r}: {fault}"
        if not SHA256.fullmatch(said):
            return f"{name!r} has no SHA-256"
    return None


def name_fault(name: str) -> str | None:
    """Why a file of this name does not cross; None if it does."""
    parts = name.split("/")
    if len(parts) > DEEPEST or not all(NAME.fullmatch(part) and not part.endswith(".part") for part in parts):
        return "no plain name of a file in a product"
    if name == MANIFEST:
        return "the manifest does not list itself"
    if (kind := Path(name).suffix.lower()) not in KINDS:
        return f"files of kind {kind or 'none'} do not cross; only {', '.join(sorted(KINDS))} do"
    return None


def content_fault(path: Path, limits: Limits) -> str | None:
    """Why a file is not what its name says; None if it is."""
    return KINDS[path.suffix.lower()](path, limits)


def _begins(magic: bytes, what: str) -> Callable[[Path, Limits], str | None]:
    def look(path: Path, _: Limits) -> str | None:
        with path.open("rb") as file:
            return None if file.read(len(magic)) == magic else f"it is no {what}"

    return look


def _text(path: Path, limits: Limits) -> str | None:
    if (size := path.stat().st_size) > limits.text_bytes:
        return f"it has {size} bytes of text; at most {limits.text_bytes} cross"
    try:
        return "it is no text" if "\0" in path.read_bytes().decode() else None
    except UnicodeDecodeError:
        return "it is no text in UTF-8"


def _json(path: Path, limits: Limits) -> str | None:
    if (fault := _text(path, limits)) is not None:
        return fault
    try:
        json.loads(path.read_bytes(), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        return f"it is no JSON: {error}"
    return None


def _page(path: Path, limits: Limits) -> str | None:
    if (fault := _text(path, limits)) is not None:
        return fault
    # A report is looked at in a browser of people who trust it.
    return "the page holds more than text and pictures" if ACTIVE.search(path.read_bytes()) else None


_hdf5 = _begins(HDF5, "HDF5 file")
KINDS: Mapping[str, Callable[[Path, Limits], str | None]] = {
    ".nxs": _hdf5,
    ".h5": _hdf5,
    ".hdf5": _hdf5,
    ".cxi": _hdf5,
    ".png": _begins(PNG, "PNG picture"),
    ".json": _json,
    ".html": _page,
    ".csv": _text,
    ".md": _text,
    ".txt": _text,
    ".poni": _text,
}

"""Take in what arrived: copied by us, verified as copied, committed once; or refused with its reason.

Who sent it may still change or link what lies there, so nothing that was looked at there
is trusted: only what was copied counts.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.model import Manifest
from adapters.stores.crossing import Limits, content_fault, read
from adapters.stores.errors import SuspectError
from adapters.stores.products import MANIFEST, READ_BYTES, ProductStore

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# A pipe that nobody writes to would hang whoever opens it otherwise.
FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True)
class Taken:
    """A product that is committed here: where, and whether it was here before with the same files."""

    folder: Path
    manifest: Manifest
    sha256: str
    files: int
    bytes: int
    known: bool
    same: bool


def take_in(arrived: Path, store: ProductStore, limits: Limits = Limits()) -> Taken:  # noqa: B008 (frozen)
    """Commit the product that arrived in a folder; SuspectError, with nothing committed, if it is none."""
    try:
        with _folder(arrived) as handle:
            return _taken(handle, store, limits)
    except _FaultError as fault:
        raise SuspectError(arrived, str(fault)) from fault


class _FaultError(Exception):
    """What is wrong with it, for the one error that leaves this module."""


def _taken(handle: int, store: ProductStore, limits: Limits) -> Taken:
    text = _whole(handle, MANIFEST, limits.text_bytes)
    try:
        manifest = read(text, limits)
    except ValueError as error:
        raise _FaultError(str(error)) from error
    _refuse_strangers(handle, manifest)
    _refuse_huge(handle, manifest, limits)
    with store.staging(manifest.recipe, manifest.key) as bench:
        size = len(text) + sum(_copied(handle, name, said, bench) for name, said in manifest.files.items())
        for name in manifest.files:
            if fault := content_fault(bench / name, limits):
                raise _FaultError(f"{name}: {fault}")
        before = store.find(manifest.recipe, manifest.key)
        _write(bench / MANIFEST, text)
        folder = store.adopt(bench, manifest)
    there = store.find(manifest.recipe, manifest.key)
    assert there is not None  # committed a moment ago, by us or by somebody else
    return Taken(
        folder=folder,
        manifest=manifest,
        sha256=hashlib.sha256(text).hexdigest(),
        files=len(manifest.files) + 1,
        bytes=size,
        known=before is not None,
        same=there.files == manifest.files,
    )


def _refuse_strangers(handle: int, manifest: Manifest) -> None:
    """Nothing may lie there that the manifest does not list, and nothing but files and folders."""
    listed = {MANIFEST, *manifest.files}
    folders = {str(above) for name in listed for above in Path(name).parents} - {"."}
    for name, mode in _entries(handle, ""):
        if stat.S_ISDIR(mode) and name in folders:
            continue
        if not stat.S_ISREG(mode):
            raise _FaultError(f"{name!r} is a link, a folder or a device that does not belong there")
        if name not in listed:
            raise _FaultError(f"{name!r} is not in its manifest")


def _entries(handle: int, above: str) -> Iterator[tuple[str, int]]:
    with os.scandir(handle) as found:
        for each in found:
            mode = each.stat(follow_symlinks=False).st_mode
            yield f"{above}{each.name}", mode
            if stat.S_ISDIR(mode):
                with _inner(handle, each.name) as inner:
                    yield from _entries(inner, f"{above}{each.name}/")


def _refuse_huge(handle: int, manifest: Manifest, limits: Limits) -> None:
    total = 0
    for name in manifest.files:
        with _file(handle, name) as file:
            total += os.fstat(file).st_size
    if total > limits.bytes:
        raise _FaultError(f"it has {total} bytes; at most {limits.bytes} are taken")


def _copied(handle: int, name: str, said: str, bench: Path) -> int:
    """Copy one file into the bench; its bytes, or a fault if they are not those that the manifest names."""
    target = bench / name
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with _file(handle, name) as file, target.open("wb") as copy:
        most = os.fstat(file).st_size
        # It may grow while we read.
        while block := os.read(file, min(READ_BYTES, most + 1 - size)):
            size += len(block)
            if size > most:
                raise _FaultError(f"{name!r} changes while it is taken in")
            digest.update(block)
            copy.write(block)
        copy.flush()
        os.fsync(copy.fileno())
    if digest.hexdigest() != said:
        raise _FaultError(f"{name!r} is not what its manifest says: {size} bytes with another hash")
    return size


def _write(path: Path, text: bytes) -> None:
    with path.open("wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _whole(handle: int, name: str, most: int) -> bytes:
    with _file(handle, name) as file:
        if (size := os.fstat(file).st_size) > most:
            raise _FaultError(f"{name} has {size} bytes; at most {most} are read")
        with os.fdopen(os.dup(file), "rb") as reader:
            return reader.read(most)


@contextmanager
def _folder(path: Path) -> Iterator[int]:
    try:
        handle = os.open(path, FOLDER_FLAGS)
    except OSError as error:
        raise _FaultError(f"it is no folder that can be read ({error.strerror})") from error
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _inner(above: int, name: str) -> Iterator[int]:
    try:
        handle = os.open(name, FOLDER_FLAGS, dir_fd=above)
    except OSError as error:
        raise _FaultError(f"{name!r} is no folder that can be read ({error.strerror})") from error
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _file(folder: int, name: str) -> Iterator[int]:
    """A plain file below an open folder, with no link followed on the way."""
    above, _, rest = name.partition("/")
    if rest:
        with _inner(folder, above) as inner, _file(inner, rest) as file:
            yield file
        return
    try:
        handle = os.open(name, FILE_FLAGS, dir_fd=folder)
    except FileNotFoundError as error:
        raise _FaultError(f"{name!r} is missing") from error
    except OSError as error:
        raise _FaultError(f"{name!r} cannot be read ({error.strerror})") from error
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise _FaultError(f"{name!r} is no plain file")
        yield handle
    finally:
        os.close(handle)

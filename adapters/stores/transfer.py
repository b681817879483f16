"""Send a product to a place: piece by piece into a folder beside its own, then there by one rename."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from adapters.stores.crossing import Limits, Parcel, packed
from adapters.stores.errors import LinkError
from adapters.stores.link import Access, Place, opened
from adapters.stores.products import MANIFEST, READ_BYTES
from adapters.stores.receipt import FOLDER as RECEIPTS

PART = ".part"
# How much of what arrived before is read back, where reading back costs bandwidth.
TAIL_BYTES = 2**18


@dataclass(frozen=True)
class Sent:
    """A product that lies whole at the receiving end: bytes that went now, and that were there before."""

    name: str
    key: str
    sha256: str
    files: int
    bytes: int
    sent: int
    kept: int

    @classmethod
    def of(cls, parcel: Parcel, sent: int) -> Sent:
        """A parcel of which so many bytes went now."""
        facts = (parcel.name, parcel.manifest.key, parcel.sha256, len(parcel.sizes), parcel.bytes)
        return cls(*facts, sent, parcel.bytes - sent)


def send(folder: Path, url: str, access: Access = Access(), limits: Limits = Limits()) -> Sent:  # noqa: B008
    """Send the product in `folder` to the folder at `url`; again after a failure, it goes on."""
    parcel = packed(folder, limits)
    with opened(url, access) as place:
        return hand_over(parcel, place)


def hand_over(parcel: Parcel, place: Place) -> Sent:
    """Send a product over a link that is open; what is whole there already is not sent again."""
    if has_whole(parcel, place):
        return Sent.of(parcel, 0)
    room = f"{parcel.name}{PART}" if place.renames else parcel.name
    _lay(parcel, place, room)
    sent = sum(
        _file(parcel.folder / name, f"{room}/{name}", size, place) for name, size in parcel.sizes.items()
    )
    if place.renames:
        place.rename(room, parcel.name)
    return Sent.of(parcel, sent)


def has_whole(parcel: Parcel, place: Place) -> bool:
    """Whether the product lies there; where there is no renaming, the manifest says so, which goes last."""
    if place.renames:
        return place.is_there(parcel.name)
    return place.size(f"{parcel.name}/{MANIFEST}") == parcel.sizes[MANIFEST]


def _lay(parcel: Parcel, place: Place, room: str) -> None:
    # What is made by us we may clear away, whoever writes the receipt.
    for folder in (RECEIPTS, *sorted({str(Path(room, name).parent) for name in parcel.sizes})):
        place.make(folder)
    known = {Path(name).parts[0] for name in parcel.sizes}
    if strange := set(place.names(room)) - known:
        raise LinkError(place.url, f"{room} holds what is not ours: {', '.join(sorted(strange))}; remove it")


def _file(source: Path, name: str, size: int, place: Place) -> int:
    """Send what is missing of a file; how many bytes that was."""
    start = _agreed(source, name, size, place)
    if start < size or size == 0:
        place.write(name, source, start if place.renames else 0)
    if (arrived := place.size(name)) != size:
        raise LinkError(place.url, f"{arrived} of {size} bytes of {name} arrived")
    return size - start


def _agreed(source: Path, name: str, size: int, place: Place) -> int:
    """Up to where a file there is the same as here.

    Its size is not believed: its end, or all of it where that costs nothing, must
    have the same hash. All of it is verified by whoever takes it in.
    """
    there = place.size(name)
    if not there or there > size or (there < size and not place.renames):
        return 0
    first = 0 if place.near else max(0, there - TAIL_BYTES)
    return there if _hash_there(name, first, there, place) == _hash_here(source, first, there) else 0


def _hash_there(name: str, start: int, stop: int, place: Place) -> str:
    digest = hashlib.sha256()
    for at in range(start, stop, READ_BYTES):
        digest.update(place.piece(name, at, min(READ_BYTES, stop - at)))
    return digest.hexdigest()


def _hash_here(path: Path, start: int, stop: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(start)
        for at in range(start, stop, READ_BYTES):
            digest.update(file.read(min(READ_BYTES, stop - at)))
    return digest.hexdigest()

"""What the receiving end says of a product that arrived: taken in, or not and why."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from adapters.stores.errors import LinkError
from adapters.stores.link import Place

FOLDER = ".receipts"
LONGEST = 2**16


@dataclass(frozen=True)
class Receipt:
    """Taken in or not, and why not."""

    name: str
    taken: bool
    reason: str = ""


def write_receipt(folder: Path, receipt: Receipt) -> None:
    """Lay a receipt into the folder where the product arrived, whole or not at all.

    Whoever sent may have laid links there; none is followed.
    """
    (folder / FOLDER).mkdir(exist_ok=True)
    room = os.open(folder / FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        name = f"{receipt.name}.json"
        fresh = f".{name}.part"
        with suppress(FileNotFoundError):
            os.unlink(fresh, dir_fd=room)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(fresh, flags, 0o644, dir_fd=room), "w") as file:
            json.dump(asdict(receipt), file)
            file.flush()
            # The site reads it as somebody else; the folder above is closed to all others.
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        os.replace(fresh, name, src_dir_fd=room, dst_dir_fd=room)
    finally:
        os.close(room)


def find_receipt(place: Place, name: str) -> Receipt | None:
    """What the receiving end says of a product, None if nothing yet."""
    said = f"{FOLDER}/{name}.json"
    if (size := place.size(said)) is None:
        return None
    try:
        receipt = Receipt(**json.loads(place.piece(said, 0, min(size, LONGEST))))
        return Receipt(name, bool(receipt.taken), str(receipt.reason))
    except (ValueError, TypeError, RecursionError) as error:
        raise LinkError(place.url, f"the receipt {said} cannot be read: {error}") from error


def forget_receipt(place: Place, name: str) -> None:
    """Take a receipt away that was read."""
    place.remove(f"{FOLDER}/{name}.json")

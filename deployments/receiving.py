"""What sites send is verified, committed once, written down and acknowledged; or set aside, with its reason.

`python -m deployments.receiving INCOMING RESULTS AUDIT` does so until it is stopped, and may be
stopped at any moment. Each folder in INCOMING is a site's; its name says who sent what lies there.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.stores.crossing import NAME, Limits
from adapters.stores.errors import StoreError, SuspectError
from adapters.stores.intake import take_in
from adapters.stores.products import ProductStore
from adapters.stores.receipt import Receipt, write_receipt
from adapters.stores.transfer import PART
from deployments.audit import Audit

PAUSE_S = 1.0
REFUSED, TAKEN = ".refused-", ".taken-"
DIFFERS = "a product of this key was here before, with other files; it stays"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Arrival:
    """What came of a folder that arrived: the product's place, or the reason why it is none."""

    site: str
    name: str
    folder: Path | None
    reason: str = ""

    def line(self) -> str:
        """For a person."""
        what = f"{self.site}/{self.name}"
        if self.folder is None:
            return f"not taken    {what}: {self.reason}"
        return f"taken in     {what}: {self.folder}" + (f" ({self.reason})" if self.reason else "")


class Receiving:
    """The hub's side: folders of sites in, products in the store out.

    `written` is the audit log's: called as `written("product taken in", site=..., ...)`.
    """

    def __init__(
        self,
        incoming: Path,
        store: ProductStore,
        written: Callable[..., Any],
        limits: Limits = Limits(),  # noqa: B008 (frozen)
    ) -> None:
        self.incoming, self.store, self.written, self.limits = Path(incoming), store, written, limits

    def look(self) -> list[Arrival]:
        """Take in what is whole now."""
        return [self._considered(site, folder) for site in self.sites() for folder in arrived(site)]

    def on(self, say: Say, pause_s: float = PAUSE_S) -> None:
        """Look again and again, until stopped; the same trouble is told once."""
        told: set[str] = set()
        while True:
            try:
                lines = {each.line() for each in self.look()}
            except OSError as error:
                lines = {f"cannot look into {self.incoming}: {error.strerror or error}"}
            for line in sorted(lines - told):
                say(line)
            told = lines
            time.sleep(pause_s)

    def sites(self) -> list[Path]:
        """The folder of each site."""
        found = (path for path in self.incoming.iterdir() if NAME.fullmatch(path.name))
        return sorted(path for path in found if path.is_dir() and not path.is_symlink())

    def _considered(self, site: Path, folder: Path) -> Arrival:
        if not os.access(site, os.W_OK | os.X_OK):
            # Else it would be taken in again at every look.
            return Arrival(site.name, folder.name, None, f"the hub may not write in {site}")
        try:
            return self._taken(site, folder)
        except (OSError, StoreError) as error:
            return Arrival(site.name, folder.name, None, f"left for later: {error}")

    def _taken(self, site: Path, folder: Path) -> Arrival:
        try:
            if NAME.fullmatch(folder.name) is None:
                raise SuspectError(folder, "its name is none of a product on its way")
            taken = take_in(folder, self.store, self.limits)
        except SuspectError as error:
            return self._set_aside(site, folder, error.reason)
        self.written(
            "product taken in",
            site=site.name,
            name=folder.name,
            key=taken.manifest.key,
            sha256=taken.sha256,
            files=taken.files,
            bytes=taken.bytes,
            known=taken.known,
            same=taken.same,
        )
        write_receipt(site, Receipt(folder.name, taken=True))
        # Last: until here, being killed means that all of it is looked at once more.
        _clear(site, folder)
        return Arrival(site.name, folder.name, taken.folder, "" if taken.same else DIFFERS)

    def _set_aside(self, site: Path, folder: Path, reason: str) -> Arrival:
        self.written("product set aside", site=site.name, name=folder.name, reason=reason)
        if NAME.fullmatch(folder.name) is not None:
            write_receipt(site, Receipt(folder.name, taken=False, reason=reason))
        _hide(site, folder, REFUSED)
        return Arrival(site.name, folder.name, None, reason)


def arrived(site: Path) -> list[Path]:
    """What lies in a site's folder and is meant to be whole."""
    found = (path for path in site.iterdir() if not path.name.startswith("."))
    return sorted(path for path in found if not path.name.endswith(PART))


def _clear(site: Path, folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except OSError:
        # Its owner took the right to do so from us; hidden it is not looked at again.
        _hide(site, folder, TAKEN)


def _hide(site: Path, folder: Path, prefix: str) -> None:
    """Move it aside in the same folder, for that needs no rights on what arrived."""
    folder.rename(site / f"{prefix}{folder.name[:100]}-{uuid.uuid4().hex[:8]}")


def main(incoming: Path, results: Path, audit: Path) -> None:
    """Take in what arrives, until interrupted."""
    receiving = Receiving(incoming, ProductStore(results), Audit(audit).written)
    with suppress(KeyboardInterrupt):
        receiving.on(_say)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))

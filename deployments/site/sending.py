"""All ways out of a site: what its policy lets go is put into the outbox of where it goes, and sent."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.model import Manifest
from adapters.stores.errors import ProductError
from adapters.stores.link import Access
from adapters.stores.products import MANIFEST, read_manifest
from configs.load import ConfigurationError
from deployments.audit import Audit
from deployments.site.notes import Note
from deployments.site.outbox import Outbox
from deployments.site.policy import Leave, leave, policy_of
from deployments.site.site import Site

TARGET = "target"
EVERY_S = 1.0
# An embargo ends at midnight; what a killed process did not mention waits no longer than this.
LOOK_AGAIN_S = 60.0

Say = Callable[[str], None]


class Sending:
    """What leaves a site; called with a product's folder and where it goes, by whoever made it."""

    def __init__(self, site: Site, say: Say, *, patience_s: float = 30.0) -> None:
        self.site, self._say = site, say
        self._access = access(site, patience_s)
        self._written = Audit(site.audit).written
        self._open: dict[str, Outbox] = {}
        self._told: set[str] = set()
        self._put: set[tuple[Path, int]] = set()

    def __call__(self, folder: Path, to: str) -> None:
        """Note that the product in `folder` goes to the URL `to`."""
        self.outbox(to).put(folder)

    def outbox(self, to: str) -> Outbox:
        """The outbox for a URL."""
        if to not in self._open:
            folder = outboxes(self.site) / hashlib.sha256(to.encode()).hexdigest()[:12]
            self._open[to] = Outbox(folder, to, self._access, written=self._written)
            (folder / TARGET).write_text(to)
        return self._open[to]

    def known(self) -> list[Outbox]:
        """Every outbox that was ever used."""
        found = sorted(outboxes(self.site).glob(f"*/{TARGET}"))
        return [self.outbox(path.read_text()) for path in found]

    def look(self) -> None:
        """Put every product that the policy lets go; what was put before is not put again."""
        try:
            policy = policy_of(self.site.folder)
        except ConfigurationError as error:
            self._tell(str(error))
            return
        for path in sorted(self.site.results.glob(f"*/{MANIFEST}")):
            seen = (path, path.stat().st_mtime_ns)
            if seen in self._put:
                continue
            try:
                going = may_leave(self.site, policy, read_manifest(path.parent))
                if going.to is not None:
                    self(path.parent, going.to)
                    self._put.add(seen)
            except ProductError as error:
                self._tell(str(error))

    def flush(self, *, at_once: bool = False) -> list[Note]:
        """Send what can be sent now; the notes that moved on."""
        moved = []
        for outbox in self.known():
            moved += outbox.flush(at_once=at_once)
            if trouble := outbox.trouble():
                self._tell(trouble)
            elif moved:
                self._told.clear()
        return moved

    @contextmanager
    def on(self) -> Iterator[None]:
        """Inside, a thread sends what is put, and looks now and then for what nobody put."""
        over = threading.Event()
        thread = threading.Thread(target=self._keep_on, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            # A transfer that is under way may take its time, and goes on the next time.
            thread.join(EVERY_S)

    def _keep_on(self, over: threading.Event) -> None:
        waited = LOOK_AGAIN_S
        while not over.wait(EVERY_S):
            try:
                if (waited := waited + EVERY_S) >= LOOK_AGAIN_S:
                    self.look()
                    waited = 0.0
                for note in self.flush():
                    why = f": {note.reason}" if note.reason else ""
                    self._say(f"{note.stage.value:<12} {Path(note.product).name}{why}")
            except OSError as error:
                self._tell(f"nothing can be sent: {error}")

    def _tell(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            self._say(line)


def access(site: Site, patience_s: float = 30.0) -> Access:
    """The site's own key and known hosts for sftp, as far as they are there."""
    key, hosts = site.folder / "keys" / "sftp", site.folder / "keys" / "known_hosts"
    known = Access(patience_s=patience_s, known_hosts=hosts)
    return replace(known, key=key) if key.exists() else known


def outboxes(site: Site) -> Path:
    """Where the site's outboxes lie."""
    return site.folder / "outbox"


def may_leave(site: Site, policy: Any, manifest: Manifest) -> Leave:
    """What the site's policy says of a product."""
    return leave(
        policy,
        site.roots,
        technique=manifest.technique,
        recipe=manifest.recipe,
        inputs=[Path(each.path) for each in manifest.inputs],
        now=datetime.now(UTC),
    )

"""The ways out of a site: what its policy lets leave is noted in an outbox for the place it goes to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.stores.errors import StoreError
from adapters.stores.link import Access
from adapters.stores.products import read_manifest
from configs.load import ConfigurationError
from deployments.audit import Audit
from deployments.site.judge import sound_policy
from deployments.site.outbox import Outbox, Written
from deployments.site.policy import Leave, leave
from deployments.site.site import Site

Say = Callable[[str], None]


def decided(site: Site, folder: Path) -> Leave:
    """Whether the committed product in `folder` may leave the site now, and to where."""
    try:
        policy = sound_policy(site)
    except ConfigurationError as error:
        return Leave(None, f"the policy of the site cannot be used: {error.reason}")
    manifest = read_manifest(folder)
    return leave(
        policy,
        site.roots,
        technique=manifest.technique,
        recipe=manifest.recipe,
        inputs=[Path(each.path) for each in manifest.inputs],
        now=datetime.now(UTC),
    )


@contextmanager
def ways_out(site: Site, audit: Audit, say: Say) -> Iterator[Ways]:
    """Inside, products that are handed on are sent, and those that were waiting are sent too."""
    with ExitStack() as sending:
        ways = Ways(site, audit, say, sending)
        for to in places(site):
            ways.outbox(to)
        yield ways


def outboxes(site: Site) -> list[Outbox]:
    """The outbox of each place that the policy names, to be looked at; nothing is sent."""
    return [_box(site, to) for to in places(site)]


def places(site: Site) -> list[str]:
    """Where products may go now; nowhere while the policy cannot be used."""
    try:
        return list(dict.fromkeys(way.to for way in sound_policy(site).leaving))
    except ConfigurationError:
        return []


def _box(site: Site, to: str, written: Written | None = None) -> Outbox:
    name = hashlib.sha256(to.encode()).hexdigest()[:16]
    folder = site.folder / "outbox" / name
    folder.mkdir(parents=True, exist_ok=True)
    keys = site.folder / "keys"
    key, hosts = keys / "transfer", keys / "known_hosts"
    access = Access(key=key if key.exists() else None, known_hosts=hosts if hosts.exists() else None)
    return Outbox(folder, to, access, written=written)


class Ways:
    """One outbox for each place that products go to."""

    def __init__(self, site: Site, audit: Audit, say: Say, sending: ExitStack) -> None:
        self._site, self._audit, self._say, self._sending = site, audit, say, sending
        self._boxes: dict[str, Outbox] = {}

    def hand_on(self, folder: Path, to: str) -> None:
        """Note durably that a product leaves; it is sent when the link is up."""
        self.outbox(to).put(folder)

    def let_go(self, folder: Path) -> Leave:
        """Hand on a product that nobody at the hub asked for, if it may leave; whether it may."""
        # A product that is damaged or gone stays, and the watcher goes on.
        try:
            going = decided(self._site, folder)
            if going.to is not None:
                self.hand_on(folder, going.to)
        except StoreError as error:
            going = Leave(None, str(error))
        said = {"product": folder.name, "left": going.to is not None, "to": going.to, "reason": going.reason}
        self._audit.written("reduced by itself", **said)
        return going

    def flush(self) -> None:
        """Send now what is due, without waiting for the next look."""
        for box in self._boxes.values():
            box.flush()

    def outbox(self, to: str) -> Outbox:
        """The outbox for a place, sending from when it is first asked for."""
        if to not in self._boxes:
            box = _box(self._site, to, self._written)
            self._sending.enter_context(box.sending(self._say))
            self._boxes[to] = box
        return self._boxes[to]

    def _written(self, event: str, **facts: Any) -> None:
        self._audit.written(event, **facts)

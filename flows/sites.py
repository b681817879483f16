"""Runs that lie at a site are asked for there; what comes back is a product, or why there is none."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from adapters.stores.products import ProductStore
from flows.campaign import Away
from flows.engine import in_flow_run, logger
from flows.results import Outcome
from flows.site_errors import HubLostError, UnknownSiteError
from flows.site_request import FLOW
from flows.states import DONE, QUARANTINED, REFUSED, WAITING

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import State

PAUSE_S = 1.0
# A hub or database that is started again is back within this time; else it is lost.
OUTAGE_S = 300.0
# A worker says every ten seconds that it is there; one that is silent for so long is away.
SILENT_S = 60.0
HOW = {
    "Scheduled": "asked",
    "Late": "not taken yet; the site is busy or away",
    "Pending": "taken",
    "Running": "being reduced there",
}
ENDED = {"Refused": REFUSED, "Quarantined": QUARANTINED}

Ticket = Callable[[Away], tuple[dict[str, Any], float]]


@dataclass(frozen=True)
class Came:
    """What came of a run: a product in the hub's store, or the state it is in and why."""

    state: str
    reason: str
    answer: dict[str, Any] | None = None


@dataclass
class Asked:
    """A run asked for at its site: the hub's number for it, and until when the site takes its ticket."""

    run: Away
    id: UUID
    until: float
    told: str = ""


class Sites:
    """Asks sites through the hub's server; `ticket(run)` gives a run's parameters and when they expire."""

    def __init__(self, server: SyncPrefectClient, ticket: Ticket, store: ProductStore) -> None:
        self.server, self.ticket, self.store = server, ticket, store
        self.lost: float | None = None
        self._looked: dict[str, tuple[float, str]] = {}

    def ask(self, run: Away) -> Asked:
        """Ask for a run, or UnknownSiteError; a site that is away finds it when it is back."""
        from prefect.deployments import run_deployment
        from prefect.exceptions import ObjectNotFound

        parameters, until = self.ticket(run)
        where: Any = run_deployment
        try:
            made = where(
                f"{FLOW}/{run.site}",
                parameters=parameters,
                timeout=0,
                flow_run_name=run.name,
                as_subflow=in_flow_run(),
            )
        except ObjectNotFound as error:
            raise UnknownSiteError(run.site) from error
        return Asked(run, made.id, until)

    def come(self, asked: Sequence[Asked], patience_s: float) -> Iterator[tuple[Away, Came]]:
        """What came of each, as it comes; one that takes longer than we wait is waiting, with its reason."""
        going, end = list(asked), time.monotonic() + patience_s
        while going:
            for one in tuple(going):
                state = self._state(one)
                if state is not None and (came := self._came(one, state)) is not None:
                    going.remove(one)
                    yield one.run, came
                elif state is not None and state.is_scheduled() and time.time() > one.until:
                    going[going.index(one)] = self._again(one)
            if time.monotonic() > end:
                yield from ((one.run, Came(WAITING, _still(one, patience_s))) for one in going)
                return
            time.sleep(PAUSE_S)

    def _state(self, one: Asked) -> State[Any] | None:
        """How a run stands, None while the hub cannot be asked; HubLostError when that lasts."""
        from httpx import HTTPError

        try:
            state = self.server.read_flow_run(one.id).state
        except HTTPError as error:
            self.lost = self.lost or time.monotonic()
            if time.monotonic() - self.lost > OUTAGE_S:
                raise HubLostError(str(self.server.api_url), OUTAGE_S) from error
            return None
        self.lost = None
        return state

    def _came(self, one: Asked, state: State[Any]) -> Came | None:
        if state.is_completed():
            return self._arrived(one, json.loads(state.message or "{}"))
        if state.is_final():
            reason = state.message or f"{one.run.site} gave no reason ({state.name})"
            return Came(ENDED.get(str(state.name), QUARANTINED), reason)
        words = HOW.get(str(state.name)) or f"waits: {state.message or state.name}"
        _tell(one, words + self._silence(one.run.site))
        return None

    def _silence(self, site: str) -> str:
        """Since when nothing was heard of a site, in words; empty while it is there."""
        looked, said = self._looked.get(site, (0.0, ""))
        if time.monotonic() - looked > SILENT_S / 4:
            said = self._silent_since(site)
            self._looked[site] = (time.monotonic(), said)
        return said

    def _silent_since(self, site: str) -> str:
        from httpx import HTTPError
        from prefect.exceptions import ObjectNotFound

        try:
            workers = self.server.read_workers_for_work_pool(site)
        except (HTTPError, ObjectNotFound):
            return ""
        beats = [each.last_heartbeat_time for each in workers if each.last_heartbeat_time]
        if not beats or (datetime.now(UTC) - max(beats)).total_seconds() < SILENT_S:
            return ""
        return f"; the site has not been heard from since {max(beats):%Y-%m-%d %H:%M} UTC"

    def _arrived(self, one: Asked, said: dict[str, Any]) -> Came | None:
        """The product that the site says it made, once it is in the hub's store."""
        if not said.get("left"):
            return Came(REFUSED, f"{one.run.site} made the product and keeps it: {said.get('reason')}")
        if (found := self.store.find(said["recipe"], said["key"])) is not None:
            folder = self.store.folder(said["recipe"], said["key"])
            return Came(DONE, "", Outcome(found, folder, cached=bool(said["cached"])).to_json())
        # The link may be down; what is to leave a site is kept there until it is up again.
        _tell(one, "done there, its product is on the way")
        return None

    def _again(self, one: Asked) -> Asked:
        """The same run with a fresh ticket: the site did not get to it while the first was good."""
        from prefect.states import Cancelled

        words = "its ticket ran out before the site took it; asked again"
        self.server.set_flow_run_state(one.id, Cancelled(message=words), force=True)
        return self.ask(one.run)


def _tell(one: Asked, words: str) -> None:
    if words != one.told:
        one.told = words
        logger().info("%s at %s: %s", one.run.name, one.run.site, words)


def _still(one: Asked, patience_s: float) -> str:
    return (
        f"{one.run.site} is not done with it after {patience_s:.0f} s ({one.told}); "
        "it goes on there: run the campaign again later, nothing is done twice"
    )

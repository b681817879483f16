"""The steps of a campaign that go through the hub: ask the sites, and wait for what they send."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adapters.stores.products import ProductStore
from flows.campaign import Away
from flows.campaign_rows import Reduced
from flows.engine import in_flow_run, step
from flows.keys import Signer, signer
from flows.progress import reported
from flows.site_errors import (
    NoHubError,
    NoKeyError,
    SiteBrokenError,
    SiteRefusedError,
    SitesError,
    SiteWaitingError,
)
from flows.site_request import SiteRequest
from flows.sites import Asked, Came, Sites
from flows.states import DONE, QUARANTINED, REFUSED, WAITING, kind_of
from flows.ticket import LASTS_S, signed

# The file of the private key with which a person signs what sites are asked.
KEY = "HALOS_KEY"
NOT_REDUCED: dict[str, type[SitesError]] = {
    WAITING: SiteWaitingError,
    QUARANTINED: SiteBrokenError,
    REFUSED: SiteRefusedError,
}


@contextmanager
def asking(away: Sequence[Away], results: Path) -> Iterator[Sites | None]:
    """Inside, sites can be asked; None where no run lies at one, NoHubError where there is no hub."""
    if not away:
        yield None
        return
    if not in_flow_run():
        raise NoHubError(sites_of(away))
    from prefect.client.orchestration import get_client

    me = signing_key(away)
    with get_client(sync_client=True) as server:
        yield Sites(server, lambda run: ticketed(run, me), ProductStore(results))


def signing_key(away: Sequence[Away]) -> Signer:
    """The key that HALOS_KEY names, or NoKeyError: sites answer only to whom they know."""
    if not (path := os.environ.get(KEY)):
        raise NoKeyError(sites_of(away))
    return signer(Path(path))


def ticketed(run: Away, me: Signer) -> tuple[dict[str, Any], float]:
    """What a site is sent for a run, signed, and until when it takes it."""
    said = SiteRequest(recipe=run.recipe, paths=run.paths, parameters=dict(run.parameters), label=run.name)
    request = said.to_json()
    return {"request": request, "ticket": signed(me, run.site, request)}, time.time() + LASTS_S


def sites_of(away: Sequence[Away]) -> tuple[str, ...]:
    """The sites at which runs lie, each once."""
    return tuple(sorted({run.site for run in away}))


@step("ask the sites")
def ask_sites(away: Sequence[Away], sites: Sites | None) -> list[Asked | Reduced]:
    """Ask for each run where its data lie; a site that cannot be asked does not stop the others."""
    return [] if sites is None else [_asked(run, sites) for run in away]


def _asked(run: Away, sites: Sites) -> Asked | Reduced:
    try:
        return sites.ask(run)
    except SitesError as error:
        return Reduced(run.name, run.recipe, WAITING, str(error), kind_of(error), None, run.site)


@step("wait for the sites")
def await_sites(asked: Sequence[Asked | Reduced], sites: Sites | None, patience_s: float) -> list[Reduced]:
    """The product of each run that was asked for, or why there is none."""
    done = [each for each in asked if isinstance(each, Reduced)]
    going = [each for each in asked if isinstance(each, Asked)]
    if sites is None or not going:
        return done
    with reported("runs at sites", len(going), "sites") as report:
        for number, (run, came) in enumerate(sites.come(going, patience_s), start=1):
            done.append(_came(run, came))
            report(number)
    return done


def _came(run: Away, came: Came) -> Reduced:
    kind = None if came.state == DONE else kind_of(NOT_REDUCED[came.state]())
    return Reduced(run.name, run.recipe, came.state, came.reason, kind, came.answer, run.site)

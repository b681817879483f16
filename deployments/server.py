"""Talk to the hub's server: wait for it, tell it the pool and the forms, settle what was cut short."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from deployments.forms import Form
from deployments.part import Part

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

T = TypeVar("T")
POOL = "local"
WORKER = "this-machine"
# The first start lays out the database; on a busy machine that takes its time.
SECONDS_TO_START = 120.0
PAUSE = 0.2
# From this status on it is the server that failed, not what was asked.
BROKEN = 500
CUT_SHORT = "the hub stopped while this was running; run it again: what was finished is kept, not done twice"


@dataclass(frozen=True)
class Offered:
    """A form that the server knows: where to fill it in."""

    name: str
    id: str
    form: str
    description: str

    def to_json(self) -> dict[str, str]:
        """As plain values."""
        return {"name": self.name, "id": self.id, "form": self.form, "description": self.description}


def await_healthy(server: Part, url: str) -> None:
    """Return when the server answers; PartFailedError when it ends or stays silent."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until:
        server.check()
        try:
            with direct.open(f"{url}/api/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(PAUSE)
    raise server.failed(f"did not answer within {SECONDS_TO_START:.0f} s")


def client(api: str, login: str | None) -> SyncPrefectClient:
    """A client of this server, whatever proxy or profile the user has."""
    from prefect.client.orchestration import SyncPrefectClient

    return SyncPrefectClient(api, auth_string=login, httpx_settings={"trust_env": False})


def patiently(asked: Callable[[], T], server: Part) -> T:
    """What the server answers; while its database is away for a moment, it is asked again."""
    import httpx
    from prefect.exceptions import PrefectHTTPStatusError

    until = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            return asked()
        except (PrefectHTTPStatusError, httpx.TransportError) as error:
            passing = not isinstance(error, PrefectHTTPStatusError) or error.response.status_code >= BROKEN
            if not passing or time.monotonic() > until:
                raise
            server.check()
            time.sleep(PAUSE)


def lay_pool(server: SyncPrefectClient) -> None:
    """The work pool of this machine, as it is or new."""
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    pool = WorkPoolCreate(name=POOL, type="process", description="This machine", base_job_template=template)
    server.create_work_pool(pool, overwrite=True)


def offer(server: SyncPrefectClient, form: Form, url: str) -> Offered:
    """Tell the server a form, anew or again; its address stays the same."""
    found = server.create_deployment(
        flow_id=server.create_flow_from_name(form.flow),
        name=form.name,
        description=form.description,
        tags=list(form.tags),
        entrypoint=form.entrypoint,
        parameters=form.parameters,
        parameter_openapi_schema=form.schema,
        enforce_parameter_schema=True,
        work_pool_name=POOL,
    )
    page = f"{url}/deployments/deployment/{found}/run"
    return Offered(form.name, str(found), page, form.description.split("\n", maxsplit=1)[0])


def settle(server: SyncPrefectClient) -> int:
    """Say of every run that the last hub left behind that it was cut short; their number.

    To be called before a worker starts: then nothing can really be running.
    """
    from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter
    from prefect.client.schemas.objects import StateType
    from prefect.states import Crashed

    going = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
    left = server.read_flow_runs(
        flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": going}}}),
        work_pool_filter=WorkPoolFilter.model_validate({"name": {"any_": [POOL]}}),
    )
    for run in left:
        server.set_flow_run_state(run.id, Crashed(message=CUT_SHORT), force=True)
    return len(left)


def await_worker(server: SyncPrefectClient, worker: Part, since: datetime, asked: Part) -> None:
    """Return when the worker has reported; PartFailedError when it ends or stays silent."""
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until:
        worker.check()
        known = patiently(lambda: server.read_workers_for_work_pool(POOL), asked)
        if any(_reported(each, since) for each in known):
            return
        time.sleep(PAUSE)
    raise worker.failed(f"did not report within {SECONDS_TO_START:.0f} s")


def _reported(worker: Any, since: datetime) -> bool:
    last = worker.last_heartbeat_time
    return worker.name == WORKER and last is not None and last >= since


def now() -> datetime:
    """The present moment; server and worker are on the same clock."""
    return datetime.now(UTC)

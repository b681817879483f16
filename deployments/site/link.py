"""The worker's link to the hub's Prefect API: it only calls out, and what comes back is facts, not orders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flows.site_request import FLOW

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.objects import State as FlowState

KIND = "halos-site"
HEARTBEAT_S = 10.0
PATIENCE_S = 15.0
REQUEST, TICKET = "request", "ticket"
SCHEMA = {
    "title": "Parameters",
    "type": "object",
    "properties": {
        REQUEST: {"title": "request", "type": "object", "position": 0},
        TICKET: {"title": "ticket", "type": "string", "position": 1},
    },
    "required": [REQUEST, TICKET],
}
# What a hub could say about how a run is to be carried out; here none of it means anything.
OF_DEPLOYMENT = (
    *("entrypoint", "path", "pull_steps", "job_variables", "parameters", "version"),
    *("storage_document_id", "infrastructure_document_id"),
)
# What comes of an answer that is no JSON, or not what Prefect says: then it is no hub.
NO_HUB = (ValueError, TypeError, KeyError, AttributeError, RuntimeError)
DEEPEST, MOST_NAMES = 10, 200
OF_RUN = ("job_variables", "infrastructure_document_id")


class LinkError(Exception):
    """The hub does not answer, or not as a hub does; it may come back."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class GoneError(Exception):
    """The hub knows no such run any more."""


class Link:
    """What a worker says to a hub, and asks it."""

    def __init__(self, api: str, login: str | None, site: str) -> None:
        from prefect.client.orchestration import SyncPrefectClient

        self._site = site
        settings = {"timeout": PATIENCE_S, "event_hooks": {"response": [_without_orders]}}
        self._client = SyncPrefectClient(api, auth_string=login, httpx_settings=settings)
        self._deployment: Any = None
        self._flow: Any = None

    def close(self) -> None:
        """Hang up."""
        self._client._client.close()

    def register(self) -> None:
        """Make the pool and the deployment of this site as they should be."""
        from prefect.client.schemas.actions import WorkPoolCreate
        from prefect.exceptions import ObjectAlreadyExists

        pool = WorkPoolCreate(
            name=self._site, type=KIND, description=f"The site {self._site}", base_job_template={}
        )
        with _asked():
            # One that is there may be paused or limited by the hub's people, and stays so.
            with suppress(ObjectAlreadyExists):
                self._client.create_work_pool(pool)
            self._flow = self._client.create_flow_from_name(FLOW)
            self._deployment = self._client.create_deployment(
                flow_id=self._flow,
                name=self._site,
                description="Reductions at this site, which takes signed requests and decides by itself",
                tags=["halos", "site"],
                parameters={},
                parameter_openapi_schema=SCHEMA,
                enforce_parameter_schema=False,
                work_pool_name=self._site,
                job_variables={},
            )

    def heartbeat(self) -> None:
        """Say that the worker is here."""
        with _asked():
            self._client.send_worker_heartbeat(self._site, self._site, HEARTBEAT_S)

    def scheduled(self) -> list[FlowRun]:
        """Runs in the site's pool whose time has come."""
        with _asked():
            now = datetime.now(UTC)
            found = self._client.get_scheduled_flow_runs_for_work_pool(self._site, scheduled_before=now)
        return [each.flow_run for each in found]

    def ignored(self, run: FlowRun) -> list[str]:
        """What the hub says about how a run is to be carried out, by name; none of it is followed."""
        from prefect.exceptions import ObjectNotFound

        with _asked():
            pool = self._client.read_work_pool(self._site)
            try:
                deployment: Any = run.deployment_id and self._client.read_deployment(run.deployment_id)
            except ObjectNotFound:
                deployment = None
        said = {f"deployment.{name}": getattr(deployment, name, None) for name in OF_DEPLOYMENT}
        said |= {f"run.{name}": getattr(run, name, None) for name in OF_RUN}
        said["run.parameters"] = {
            name: value for name, value in run.parameters.items() if name not in (REQUEST, TICKET)
        }
        said["pool.base_job_template"] = pool.base_job_template
        said["pool.type"] = None if pool.type == KIND else pool.type
        said["run.deployment"] = None if run.deployment_id == self._deployment else str(run.deployment_id)
        said["run.flow"] = None if run.flow_id == self._flow else str(run.flow_id)
        return [name for place, value in said.items() for name in _leaves(place, value)][:MOST_NAMES]

    def claimed(self, run: str) -> bool | None:
        """Whether a run is ours now; None if it is over already, GoneError if it is no more."""
        from prefect.states import Pending

        if self._set(run, Pending(), force=False):
            return True
        state = self.state(run)
        if state is not None and state.is_final():
            return None
        # An answer of the hub may have been lost on its way.
        return state is not None and (state.is_pending() or state.is_running())

    def told(self, run: str, state: Mapping[str, Any]) -> None:
        """Give a run its state, unless the hub has ended it meanwhile; GoneError if it is no more."""
        from prefect.client.schemas.objects import State

        wanted: FlowState[Any] = State.model_validate(dict(state))
        now = self.state(run)
        if now is not None and now.is_final() and not (now.is_crashed() and wanted.is_final()):
            return
        self._set(run, wanted, force=True)

    def state(self, run: str) -> FlowState[Any] | None:
        """The state of a run."""
        from uuid import UUID

        with _asked():
            return self._client.read_flow_run(UUID(run)).state

    def going(self) -> list[tuple[str, str]]:
        """Every run of the site that is under way as the hub sees it, with the kind of its state."""
        from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter

        kinds = ["PENDING", "RUNNING", "CANCELLING"]
        with _asked():
            found = self._client.read_flow_runs(
                flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": kinds}}}),
                work_pool_filter=WorkPoolFilter.model_validate({"name": {"any_": [self._site]}}),
            )
        return [(str(each.id), each.state_type.value) for each in found if each.state_type is not None]

    def progress(self, run: str, shown: str | None, what: str, percent: float) -> str:
        """Show how far a run has come; the id of what shows it."""
        with _asked():
            if shown is not None:
                self._client._client.patch(f"/artifacts/{shown}", json={"data": percent})
                return shown
            said = {"type": "progress", "description": what, "data": percent, "flow_run_id": run}
            return str(self._client._client.post("/artifacts/", json=said).json()["id"])

    def known(self) -> None:
        """Ask for what only those who are let in may see."""
        with _asked():
            self._client.read_work_pools(limit=1)

    def clock_skew_s(self) -> float:
        """How far the hub's clock is ahead of ours, to a second."""
        from email.utils import parsedate_to_datetime

        with _asked():
            said = self._client._client.get("/health").headers.get("date")
        if said is None:
            raise LinkError("the hub does not say what time it is")
        return (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds()

    def _set(self, run: str, state: FlowState[Any], *, force: bool) -> bool:
        with _asked():
            answer = self._client.set_flow_run_state(run, state, force=force)
        return answer.status.value == "ACCEPT"


def _leaves(place: str, value: Any, deep: int = 0) -> list[str]:
    """The names of all that is said below `place`; as a hub may say anything, only so deep."""
    if isinstance(value, Mapping) and deep < DEEPEST:
        return [name for key, each in value.items() for name in _leaves(f"{place}.{key}", each, deep + 1)]
    return [] if value in (None, "", [], (), {}) else [place]


def _without_orders(response: Any) -> None:
    """A hub cannot make the worker wait; how long it waits before it asks again is its own affair."""
    for name in ("Retry-After", "Prefect-Maintenance"):
        response.headers.pop(name, None)


@contextmanager
def _asked() -> Iterator[None]:
    """Whatever goes wrong in talking to the hub is a LinkError, or a GoneError."""
    from httpx import HTTPError, HTTPStatusError, InvalidURL
    from prefect.exceptions import ObjectNotFound

    try:
        yield
    except ObjectNotFound as error:
        raise GoneError from error
    except HTTPStatusError as error:
        code = error.response.status_code
        login = "; check PREFECT_API_AUTH_STRING" if code in (401, 403) else ""
        raise LinkError(f"the hub answers {code}{login}") from error
    except (HTTPError, InvalidURL, OSError, *NO_HUB) as error:
        raise LinkError(f"the hub cannot be reached: {type(error).__name__}: {error}") from error

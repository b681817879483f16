"""A hub that says how a run is to be carried out is not followed, and the audit log names what it said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow]


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """Made by whoever runs anything of the hub's."""
    return tmp_path / "canary"


@pytest.fixture
def evil(tmp_path: Path, canary: Path) -> Path:
    """A folder with code under our own names, and under names that Python runs by itself."""
    folder = tmp_path / "evil"
    (folder / "deployments" / "site").mkdir(parents=True)
    code = f"open({str(canary)!r}, 'a').write(__name__)\n"
    for name in ("sitecustomize.py", "usercustomize.py", "evil.py", "json.py"):
        (folder / name).write_text(code)
    for name in ("__init__.py", "guard.py", "site/__init__.py", "site/job.py"):
        (folder / "deployments" / name).write_text(code)
    return folder


def orders(evil: Path, canary: Path) -> dict[str, Any]:
    return {
        "command": f"touch {canary}",
        "working_dir": str(evil),
        "env": {"PYTHONPATH": str(evil), "PYTHONSTARTUP": str(evil / "evil.py"), "HALOS_RESULTS": str(evil)},
        "entrypoint": f"{evil}/evil.py:main",
    }


@pytest.fixture
def ordering(place, evil: Path, canary: Path) -> Iterator[None]:
    """The hub has edited the deployment and the pool in every way it can."""
    with place.hub.client() as server:
        deployment = server.read_deployment_by_name("reduce-at-site/site-a").id
        script = {"prefect.deployments.steps.run_shell_script": {"script": f"touch {canary}"}}
        edits = {
            "entrypoint": f"{evil}/evil.py:main",
            "path": str(evil),
            "pull_steps": [script],
            "job_variables": orders(evil, canary),
            "parameters": {"command": f"touch {canary}"},
        }
        template = {"job_configuration": orders(evil, canary), "variables": {"properties": {}}}
        assert server._client.patch(f"/deployments/{deployment}", json=edits).is_success
        assert server._client.patch("/work_pools/site-a", json={"base_job_template": template}).is_success
        yield
        calm = {"entrypoint": None, "path": None, "pull_steps": [], "job_variables": {}, "parameters": {}}
        assert server._client.patch(f"/deployments/{deployment}", json=calm).is_success
        assert server._client.patch("/work_pools/site-a", json={"base_job_template": {}}).is_success


def test_nothing_runs_but_what_the_site_has_installed(place, ordering, evil, canary):
    run = place.ask(place.good(), job_variables=orders(evil, canary))
    said = place.answer(run)
    (logged,) = place.audit(run, "ignored")

    assert not canary.exists()
    assert (place.site.results / said["product"]).is_dir()
    assert {
        "deployment.entrypoint",
        "deployment.path",
        "deployment.pull_steps",
        "deployment.job_variables.command",
        "deployment.job_variables.env.PYTHONPATH",
        "deployment.parameters.command",
        "run.job_variables.command",
        "run.job_variables.working_dir",
        "run.job_variables.env.PYTHONSTARTUP",
        "run.job_variables.entrypoint",
        "run.parameters.command",
        "pool.base_job_template.job_configuration.command",
    } <= set(logged["said"])


def test_an_unsigned_run_with_orders_does_nothing(place, ordering, evil, canary):
    run = place.ask(place.good(), "", job_variables=orders(evil, canary))
    state = place.final(run)

    assert state.name == "Refused"
    assert not canary.exists()
    assert place.audit(run, "begun") == []


def test_a_run_of_another_flow_is_judged_like_any_other(place):
    with place.hub.client() as server:
        flow = server.create_flow_from_name("something-else")
        body = {"flow_id": str(flow), "work_pool_name": "site-a", "state": {"type": "SCHEDULED"}}
        made = server._client.post("/flow_runs/", json=body)
        run = made.json()["id"]
    state = place.final(run)

    assert state.name == "Refused"
    assert "run.flow" in place.audit(run, "ignored")[0]["said"]

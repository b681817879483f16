"""A hub remembers, says what was cut short, and leaves nothing behind however it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from prefect.client.schemas.objects import FlowRun

from adapters.stores.products import verified
from adapters.testing.products import write_product
from deployments.audit import entries
from deployments.server import CUT_SHORT, client
from deployments.site.notes import Stage
from deployments.site.outbox import Outbox

pytestmark = pytest.mark.slow
SECONDS = 60


def until(truth: Callable[[], Any], seconds: float = SECONDS) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if said := truth():
            return said
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s")


def state_of(hub: Any, run: FlowRun) -> Any:
    with client(hub.said["api"], None) as server:
        return server.read_flow_run(run.id).state


def started(hub: Any, **parameters: Any) -> FlowRun:
    with client(hub.said["api"], None) as server:
        return server.create_flow_run_from_deployment(hub.deployment("saxs"), parameters=parameters)


def test_a_hub_stops_whole_and_remembers_when_it_comes_back(serve, frames, tmp_path):
    first = serve(tmp_path / "home")
    run = started(first, sample=[str(frames.sample)])
    until(lambda: state_of(first, run).is_running())
    status, left = first.interrupt()
    second = serve(tmp_path / "home")
    remembered = state_of(second, run)
    family = second.family()
    second.process.kill()
    second.process.wait()
    _, orphans = psutil.wait_procs(family, timeout=15)

    assert status == 0
    assert left == []
    assert second.deployment("saxs") == first.deployment("saxs")
    assert remembered.is_crashed()
    assert remembered.message == CUT_SHORT
    assert len(family) >= 5
    assert orphans == []


def test_a_hub_takes_in_what_a_site_sends(hub, tmp_path):
    folder = write_product(tmp_path / "site", key="5e" * 32)
    incoming = Path(hub.said["incoming"]) / "site-a"
    incoming.mkdir()
    outbox = Outbox(tmp_path / "outbox", f"file://{incoming}")
    outbox.put(folder)
    outbox.flush()
    until(lambda: outbox.flush(at_once=True))

    assert [note.stage for note in outbox.notes()] == [Stage.RECEIVED]
    assert verified(Path(hub.said["results"]) / folder.name).key == "5e" * 32
    assert [each["site"] for each in entries(Path(hub.said["audit"]))] == ["site-a"]


def test_forms_are_kept_by_the_server_as_they_were_made(hub):
    with client(hub.said["api"], None) as server:
        kept = {each.name: each for each in server.read_deployments()}

    assert {"saxs", "sec-saxs", "saxs-series", "calibration"} <= set(kept)
    assert kept["saxs"].enforce_parameter_schema
    assert "recipe" not in kept["saxs"].parameter_openapi_schema["properties"]

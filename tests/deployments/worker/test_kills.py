"""Whatever is killed or cut, each run is finished once, and none stays running for ever."""

from __future__ import annotations

import time

import numpy as np
import psutil
import pytest

from adapters.stores.products import ProductStore
from adapters.testing.hdf5_images import write_dectris
from deployments.site.journal import Journal, Stage
from flows import sites
from flows.campaign import Away
from flows.states import WAITING

from .conftest import until

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def shaken(place_for):
    place = place_for("site-k", at_once=2)
    place.start()
    until(place.registered)
    return place


def processes_of(place) -> list[psutil.Process]:
    """Reductions of this site that are alive."""
    marks = ("deployments.site.job", str(place.site.folder))
    found = []
    for each in psutil.process_iter(["cmdline", "status"]):
        line = each.info["cmdline"] or []
        if all(mark in line for mark in marks) and each.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(each)
    return found


def test_a_killed_worker_goes_on_where_it_was(shaken):
    runs = [shaken.ask(shaken.good(name)) for name in ("a.dat", "b.dat", "c.dat")]
    until(lambda: len(shaken.audit(event="begun")) >= 2 and processes_of(shaken))
    shaken.workers[-1].kill()
    shaken.workers[-1].wait()
    until(lambda: not processes_of(shaken), seconds=20)
    left = [shaken.state(run).is_final() for run in runs]
    shaken.start()
    answers = [shaken.answer(run) for run in runs]
    # The hub is told first; that it was told is written down a moment later.
    until(lambda: all(row.stage is Stage.OVER for row in Journal(shaken.site.journal).of(*Stage)))

    assert not all(left)
    assert shaken.audit(event="taken up")
    assert len({each["key"] for each in answers}) == 3
    assert len([each for each in shaken.site.results.iterdir() if each.name.startswith("saxs-")]) == 3
    assert [len(shaken.audit(run, "reported")) for run in runs] == [1, 1, 1]


def test_a_hub_that_is_away_is_told_later(shaken):
    run = shaken.ask(shaken.request("beam/a.dat", averaging={}, subtraction={}))
    until(lambda: shaken.audit(run, "begun"))
    shaken.hub.stop()
    try:
        until(lambda: shaken.audit(run, "reduced"))
        until(lambda: run in [row.run for row in Journal(shaken.site.journal).untold()])
    finally:
        shaken.hub.start()
    said = shaken.answer(run)

    assert said["cached"] is True
    until(lambda: {"link lost", "link back"} <= {each["event"] for each in shaken.audit()})


def test_a_cancelled_run_is_ended_at_the_site(shaken):
    from prefect.states import Cancelling

    run = shaken.ask(shaken.good("b.dat"))
    until(lambda: shaken.audit(run, "begun"))
    with shaken.hub.client() as server:
        server.set_flow_run_state(run, Cancelling(), force=True)
    state = shaken.final(run)

    assert state.is_cancelled()
    until(lambda: not processes_of(shaken), seconds=20)


def test_data_that_are_not_complete_are_waited_for_and_faults_are_told_in_words(shaken):
    frames = np.ones((2, 40, 50), dtype="u4")
    (shaken.beam / "series").mkdir()
    master = write_dectris(shaken.beam / "series", frames)
    (data,) = (each for each in master.parent.iterdir() if "_data_" in each.name)
    aside = data.rename(shaken.beam / "aside")
    run = shaken.ask(shaken.request(f"beam/series/{master.name}"))
    waiting = until(lambda: (state := shaken.state(run)).name == "AwaitingRetry" and state)
    aside.rename(data)
    state = shaken.final(run)

    assert data.name in waiting.message
    assert str(shaken.beam) not in waiting.message + state.message
    assert (state.is_failed(), state.name) == (True, "Quarantined")
    assert "give it as the parameter" in state.message


def test_a_run_that_the_site_knows_nothing_of_does_not_stay_running(shaken):
    from prefect.states import Running

    with shaken.hub.client() as server:
        found = server.read_deployment_by_name("reduce-at-site/site-k")
        run = server.create_flow_run_from_deployment(found.id, state=Running())
    shaken.workers[-1].kill()
    shaken.workers[-1].wait()
    shaken.start()
    state = shaken.final(str(run.id))

    assert state.is_crashed()
    assert "knows nothing of this run" in state.message


def test_who_waits_is_told_since_when_a_site_is_silent(shaken, tmp_path, monkeypatch):
    from prefect.states import Running

    monkeypatch.setattr(sites, "SILENT_S", 4.0)
    away = Away("first", "saxs", "site-k", ("beam/a.dat",), {})
    with shaken.hub.client() as server:
        found = server.read_deployment_by_name("reduce-at-site/site-k")
        run = server.create_flow_run_from_deployment(found.id, state=Running())
        asked = sites.Asked(away, run.id, until=time.time() + 600)
        shaken.workers[-1].kill()
        shaken.workers[-1].wait()
        waiting = sites.Sites(server, lambda _: ({}, 0.0), ProductStore(tmp_path))
        ((_, came),) = waiting.come([asked], patience_s=20.0)
    shaken.start()
    shaken.final(str(run.id))

    assert came.state == WAITING
    assert "being reduced there; the site has not been heard from since 20" in came.reason

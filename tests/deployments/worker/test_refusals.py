"""Nothing runs, and nothing is read, that the site did not allow; the answer never tells the reason."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from typing import Any

import pytest

from deployments.site.errors import RefusedError
from flows.keys import laid, signer
from flows.ticket import signed

pytestmark = [pytest.mark.slow]
Ask = Callable[[Any], str]


def without_ticket(place: Any) -> str:
    return place.ask(place.good(), "")


def with_nonsense(place: Any) -> str:
    return place.ask(place.good(), "halos1.x.y")


def expired(place: Any) -> str:
    return place.ask(place.good(), signed(place.anna, "site-a", place.good(), now=time.time() - 3600))


def not_yet_valid(place: Any) -> str:
    return place.ask(place.good(), signed(place.anna, "site-a", place.good(), now=time.time() + 600))


def too_long(place: Any) -> str:
    return place.ask(place.good(), signed(place.anna, "site-a", place.good(), lasts_s=3601))


def altered(place: Any) -> str:
    return place.ask(place.good("b.dat"), signed(place.anna, "site-a", place.good("a.dat")))


def for_another_site(place: Any) -> str:
    return place.ask(place.good(), signed(place.anna, "site-b", place.good()))


def by_a_stranger(place: Any) -> str:
    folder = place.site.folder.parent / "strangers"
    if not folder.exists():
        laid(folder, "anna")
    return place.ask(place.good(), signed(signer(folder / "anna"), "site-a", place.good()))


def by_one_without_a_right(place: Any) -> str:
    folder = place.site.folder.parent / "others"
    if not folder.exists():
        shutil.copy(laid(folder, "bob")[1], place.site.trusted)
    return place.ask(place.good(), signed(signer(folder / "bob"), "site-a", place.good()))


def asking(*paths: str, recipe: str = "saxs", **parameters: Any) -> Ask:
    return lambda place: place.ask(place.request(*paths, recipe=recipe, **parameters))


def by_a_link(place: Any) -> str:
    link = place.beam / "link.dat"
    if not link.is_symlink():
        link.symlink_to(place.secret)
    return place.ask(place.request("beam/link.dat"))


def by_a_pipe(place: Any) -> str:
    if not (place.beam / "pipe.dat").exists():
        os.mkfifo(place.beam / "pipe.dat")
    return place.ask(place.request("beam/pipe.dat"))


def no_request(place: Any) -> str:
    return place.ask({"recipe": "saxs", "paths": ["beam/a.dat"], "run": "rm -rf /"})


HOSTILE: dict[str, tuple[Ask, str]] = {
    "no ticket": (without_ticket, "is missing"),
    "nonsense": (with_nonsense, "TicketError"),
    "expired": (expired, "has expired"),
    "not yet valid": (not_yet_valid, "not valid yet"),
    "too long": (too_long, "lasts longer"),
    "altered": (altered, "another request"),
    "another site": (for_another_site, "is for site site-b"),
    "a stranger": (by_a_stranger, "does not know"),
    "no right": (by_one_without_a_right, "bob"),
    "malformed": (no_request, "malformed"),
    "does not exist": (asking("beam/not-there.dat"), "is not there"),
    "no such root": (asking("moon/a.dat"), "names no root"),
    "other data": (asking("clinic/p.dat"), "not among the data"),
    "other data that is not there": (asking("clinic/nobody.dat"), "not among the data"),
    "forbidden recipe": (asking("beam/a.dat", recipe="calibration"), "not allowed here"),
    "recipe of others": (asking("beam/a.dat", recipe="structure"), "may not ask"),
    "no such recipe": (asking("beam/a.dat", recipe="alchemy"), "not allowed here"),
    "unknown parameter": (asking("beam/a.dat", command="rm"), "MalformedRequestError"),
    "up": (asking("beam/../outside/secret.dat"), "OutsideRootsError"),
    "absolute": (asking("/etc/passwd"), "OutsideRootsError"),
    "url": (asking("file:///etc/passwd"), "OutsideRootsError"),
    "link": (by_a_link, "OutsideRootsError"),
    "pipe": (by_a_pipe, "neither a file nor a folder"),
    "up in parameters": (asking("beam/a.dat", buffer=["beam/../outside/secret.dat"]), "OutsideRootsError"),
    "absolute in parameters": (asking("beam/a.dat", buffer=["/etc/passwd"]), "OutsideRootsError"),
    "url in parameters": (
        asking("beam/a.dat", images={"files": {"mask": "file:///etc/passwd"}}),
        "OutsideRootsError",
    ),
    "link in parameters": (
        asking("beam/a.dat", images={"files": {"dark": ["beam/a.dat", "beam/link.dat"]}}),
        "OutsideRootsError",
    ),
}


@pytest.fixture(scope="module")
def refused(place) -> dict[str, str]:
    """Everything hostile, asked for at once."""
    return {name: ask(place) for name, (ask, _) in HOSTILE.items()}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_in_the_one_sentence_and_the_audit_log_says_why(place, refused, name):
    state = place.final(refused[name])
    (logged,) = place.audit(refused[name], "refused")

    assert (state.type.value, state.name, state.message) == ("FAILED", "Refused", str(RefusedError()))
    assert HOSTILE[name][1] in logged["reason"]
    assert place.audit(refused[name], "begun") == []


def test_no_reduction_was_begun_and_the_secret_was_not_read(place, refused):
    os.utime(place.secret, (1, place.secret.stat().st_mtime))
    run = place.ask(place.request("beam/link.dat"))
    for each in (*refused.values(), run):
        place.final(each)

    assert place.secret.stat().st_atime == 1
    assert [each.name for each in place.site.jobs.glob("*") if each.name in refused.values()] == []


def test_forbidden_and_not_existing_look_the_same_to_the_asker(place, refused):
    with place.hub.client() as server:
        said = {
            name: server.read_flow_run(refused[name])
            for name in ("does not exist", "other data", "other data that is not there", "no such recipe")
        }
    seen = {
        json.dumps([each.state.message, each.state.name, str(each.state.data), sorted(each.tags)])
        for each in said.values()
    }

    assert len(seen) == 1


def test_a_ticket_serves_one_run_only(place):
    ticket = signed(place.anna, "site-a", place.good("b.dat"))
    first = place.ask(place.good("b.dat"), ticket)
    said = place.answer(first)
    second = place.ask(place.good("b.dat"), ticket)
    state = place.final(second)

    assert said["recipe"] == "saxs"
    assert state.message == str(RefusedError())
    assert f"was used for run {first}" in place.audit(second, "refused")[0]["reason"]


def test_no_secret_stands_in_the_audit_log(place, refused):
    text = place.site.audit.read_text()

    assert "secret-of-the-hub" not in text
    assert "halos1." not in text

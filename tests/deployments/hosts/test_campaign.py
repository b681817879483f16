"""One sample on three hosts: reduced where its data lie, fused at the hub, with a link cut for a minute."""

from __future__ import annotations

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.audit import checked, entries
from flows.ledger.ledger import ledger_of
from halos.commands import demo, demo_data
from halos.commands.output import Output

pytestmark = [pytest.mark.hosts, pytest.mark.slow]

CUT_S = 60.0
SECONDS = 420
RECIPES = {"lund": ["saxs"], "hamburg": ["saxs", "native-ms"]}
AT = {"lund": "a", "hamburg": "b"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> demo_data.Measured:
    return demo_data.measured(tmp_path_factory.mktemp("data") / "measured")


@pytest.fixture(scope="module")
def folders(hosts: Any, data: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of each site, laid by the command as its administrator would."""
    made = demo.calibrated(data, tmp_path_factory.mktemp("calibration"), Output(as_json=True))
    roots = {
        "lund": {"raw": data.lund, "calibration": Path(made["product"]).parent},
        "hamburg": {"measured": data.hamburg},
    }
    hosts.run(hosts.hub, ["halos", "key", "new", "anna", "--folder", "keys"])
    found = {}
    for name, letter in AT.items():
        host = hosts.sites[letter]
        given = [word for root, path in roots[name].items() for word in ("--root", f"{root}={path}")]
        hosts.run(host, ["halos", "site", "init", "campaign", "--name", name, "--hub", hosts.api, *given])
        folder = found[name] = host.home / "campaign"
        hosts.equip(letter, folder)
        shutil.copy(hosts.hub.home / "keys" / "anna.pub", folder / "keys" / "trusted")
        policy = {
            "recipes": RECIPES[name],
            "askers": [{"asker": "anna", "recipes": ["*"], "data": list(roots[name])}],
            "leaving": [{"to": hosts.target(letter)}],
        }
        (folder / "policy.yaml").write_text(yaml.safe_dump(policy))
    return found


@pytest.fixture(scope="module")
def done(hosts: Any, data: Any, folders: dict[str, Path]) -> dict[str, Any]:
    """The campaign's answer, and what went over the wire of each site while it ran."""
    workers = [
        hosts.popen(hosts.sites[letter], ["halos", "site", "worker", str(folders[name])], log="worker")
        for name, letter in AT.items()
    ]
    before = {name: hosts.bytes_sent(hosts.sites[letter]) for name, letter in AT.items()}
    path = demo.campaign(hosts.hub.home / "campaign.yaml", data)
    for name in AT:
        until(lambda name=name: "works for" in said_by(hosts, name))
    command = ["halos", "run", path, "--json", "--wait", str(SECONDS), "--out", hosts.results]
    key = {"HALOS_KEY": str(hosts.hub.home / "keys" / "anna")}
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(hosts.run, hosts.hub, command, key, timeout=SECONDS + 120, check=False)
        until(lambda: "accepted" in said_by(hosts, "hamburg"))
        hosts.cut(hosts.sites["b"])
        try:
            time.sleep(CUT_S)
            during = {each["site"] for each in taken(hosts)}
        finally:
            hosts.heal(hosts.sites["b"])
        answer = asked.result()
    sent = {name: hosts.bytes_sent(hosts.sites[letter]) - before[name] for name, letter in AT.items()}
    for each in workers:
        each.terminate()
        each.wait(30)
    said = json.loads(answer.stdout) if answer.stdout else {}
    return {"status": answer.returncode, "said": said, "told": answer.stderr, "sent": sent, "during": during}


def until(truth: Any, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.2)


def said_by(hosts: Any, name: str) -> str:
    log = hosts.sites[AT[name]].home / "worker.log"
    return log.read_text() if log.exists() else ""


def taken(hosts: Any) -> list[dict[str, Any]]:
    known = entries(hosts.audit) if hosts.audit.exists() else ()
    return [line for line in known if line["event"] == "product taken in"]


def test_the_campaign_comes_to_its_answer(done, data):
    assert done["status"] == 0, (done["said"], done["told"])
    found = done["said"]["quantities"]
    mass, radius = found["molecular_mass"], found["radius_of_gyration"]

    assert radius["verdict"] == "agree"
    assert abs(mass["consensus"] - data.particle.mass_kda) < 3 * mass["uncertainty"]
    assert abs(radius["consensus"] - data.particle.radius_of_gyration) < 3 * radius["uncertainty"]


def test_the_site_whose_link_was_whole_went_on_and_the_other_too(done, hosts):
    names = {run["site"] for run in done["said"]["runs"] if run["state"] == "done"}

    assert names == {"lund", "hamburg"}
    # While the link of one was cut, the other's product arrived.
    assert "site-a" in done["during"]


def test_raw_data_never_cross(done, hosts, data):
    raw = [path for path in data.lund.rglob("*") if path.is_file()]
    largest = max(raw, key=lambda path: path.stat().st_size)
    middle = largest.read_bytes()[largest.stat().st_size // 2 :][:64]

    assert done["sent"]["lund"] < sum(path.stat().st_size for path in raw) / 2
    assert hosts.seen(hosts.sites["a"], middle) == 0


def test_nothing_is_lost_or_doubled_and_both_sides_tell_the_same_story(done, hosts, folders):
    keys = sorted(run["key"] for run in done["said"]["runs"])
    sent = {
        (line["key"], line["sha256"])
        for folder in folders.values()
        for line in entries(folder / "audit.jsonl")
        if line["event"] == "product sent"
    }
    mine = [line for line in taken(hosts) if line["key"] in keys]

    assert sorted(line["key"] for line in mine) == keys
    assert {(line["key"], line["sha256"]) for line in mine} == sent
    for folder in folders.values():
        assert checked(folder / "audit.jsonl") > 0
        assert {each["computations"] for each in ledger_of(folder / "results").products()} == {1}

"""Products cross to the hub over a wire that is cut and healed: nothing lost, doubled or sent anew."""

from __future__ import annotations

import json
import os
import time

import pytest

from adapters.stores.products import verified
from adapters.testing.products import write_product
from deployments.audit import checked, entries

pytestmark = [pytest.mark.hosts, pytest.mark.slow]
MIB = 2**20
SECONDS = 90

# What a site does: put what it is given, send until all of it was received, and say what became of it.
SENDER = """
import json, sys, time
from pathlib import Path
from adapters.stores.link import Access
from deployments.audit import Audit
from deployments.site.outbox import Outbox, Stage

target, *folders = sys.argv[1:]
access = Access(Path("keys/transfer"), Path("keys/known_hosts"), patience_s=3)
outbox = Outbox(Path("outbox"), target, access, written=Audit(Path("audit.jsonl")).written)
for folder in folders:
    outbox.put(Path(folder))
while {note.stage for note in outbox.notes()} != {Stage.RECEIVED}:
    outbox.flush(at_once=True)
    if said := outbox.trouble():
        print(said, flush=True)
    time.sleep(0.2)
print(json.dumps([note.to_json() for note in outbox.notes()]))
"""


def until(truth, seconds=SECONDS):
    end = time.monotonic() + seconds
    while not (said := truth()):
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.05)
    return said


def log(host, name):
    return (host.home / f"{name}.log").read_text()


def test_each_host_reaches_the_hub_and_asks_for_a_login(hosts):
    ask = "import urllib.request; print(urllib.request.urlopen('{}/health', timeout=10).read())"
    health = [hosts.run(host, ["python", "-c", ask.format(hosts.api)]).stdout for host in hosts.all]
    pools = hosts.run(hosts.sites["a"], ["python", "-m", "prefect", "work-pool", "ls"])
    stranger = hosts.run(
        hosts.sites["a"],
        ["python", "-m", "prefect", "work-pool", "ls"],
        {"PREFECT_API_AUTH_STRING": ""},
        check=False,
    )

    assert all("true" in said for said in health)
    assert "local" in pools.stdout
    assert stranger.returncode != 0


def test_products_of_both_sites_arrive_in_the_hubs_store(hosts):
    made, sending = {}, []
    for name, host in hosts.sites.items():
        folder = write_product(host.home / "results", size=MIB, key={"a": "a1", "b": "b1"}[name] * 32)
        made[name] = verified(folder).key
        sending.append(hosts.popen(host, ["python", "-c", SENDER, hosts.target(name), folder], log="both"))

    assert [process.wait(SECONDS) for process in sending] == [0, 0]
    taken = {
        each["site"]: each["key"] for each in entries(hosts.audit) if each["event"] == "product taken in"
    }
    assert {f"site-{name}": key for name, key in made.items()}.items() <= taken.items()
    for key in made.values():
        assert verified(hosts.results / f"saxs-{key[:20]}").key == key


def test_a_link_cut_for_seconds_in_the_middle_costs_neither_data_nor_bandwidth(hosts):
    site, size = hosts.sites["a"], 48 * MIB
    folders = [
        write_product(site.home / "results", size=size, key="a2" * 32),
        write_product(site.home / "results", size=1000, key="a3" * 32),
    ]
    part = hosts.incoming / "site-a"
    before = hosts.bytes_sent(site)
    sending = hosts.popen(site, ["python", "-c", SENDER, hosts.target("a"), *folders], log="cut")
    until(lambda: sum(path.stat().st_size for path in part.glob("*.part/curve.nxs")) > size // 4)
    hosts.cut(site)
    until(lambda: "no link" in log(site, "cut"))
    time.sleep(2)
    taken_while_cut = list(hosts.results.glob("saxs-a2*"))
    hosts.heal(site)
    status = sending.wait(SECONDS)
    crossed = hosts.bytes_sent(site) - before
    notes = {note["product"]: note for note in json.loads(log(site, "cut").splitlines()[-1])}

    assert status == 0
    assert taken_while_cut == []
    assert notes[str(folders[0])]["kept"] > size // 8
    assert size < crossed < 1.25 * size
    for folder in folders:
        assert verified(hosts.results / folder.name) == verified(folder)
        taken = [each for each in entries(hosts.audit) if each.get("key") == verified(folder).key]
        sent = [
            each for each in entries(site.home / "audit.jsonl") if each.get("key") == verified(folder).key
        ]
        assert len(taken) == len(sent) == 1
        assert {name: taken[0][name] for name in ("name", "sha256", "files", "bytes")} == {
            name: sent[0][name] for name in ("name", "sha256", "files", "bytes")
        }
    assert checked(hosts.audit)
    assert [path.name for path in part.iterdir()] == [".receipts"]


def test_a_site_is_locked_into_its_own_folder(hosts):
    look = """
import sys
from pathlib import Path
from adapters.stores.errors import LinkError
from adapters.stores.link import Access, opened
url, key, known = sys.argv[1:]
with opened(url, Access(Path(key), Path(known), 5)) as place:
    print(place.names())
"""
    keys = [hosts.key("b"), hosts.known_hosts("b")]
    own = hosts.target("b")
    tried = {
        name: hosts.run(hosts.sites["b"], ["python", "-c", look, url, *keys], check=False)
        for name, url in {
            "own": own,
            "above": own.removesuffix("/site-b"),
            "other": own.replace("/site-b", "/site-a"),
            "outside": own.replace("/site-b", "/etc"),
            "as the other": own.replace("site-b@", "site-a@"),
        }.items()
    }

    assert {name: done.returncode for name, done in tried.items() if name not in ("own", "outside")} == {
        "above": 1,
        "other": 1,
        "as the other": 1,
    }
    assert tried["own"].returncode == 0
    # Where they are locked in there is no /etc.
    assert "passwd" not in tried["outside"].stdout
    assert "does not let us in" in tried["as the other"].stderr


def test_what_crosses_in_the_open_is_seen_and_what_crosses_by_sftp_is_not(hosts):
    site, word = hosts.sites["b"], os.urandom(12).hex()
    folder = write_product(site.home / "results", key="b4" * 32, more={"notes.txt": word.encode() * 400})
    hosts.run(site, ["python", "-c", SENDER, hosts.target("b"), folder])
    spoken = (
        f"import socket; s = socket.create_connection(('{hosts.hub.address}', 4200)); s.sendall(b'{word}')"
    )
    before = hosts.seen(site, word.encode())
    # The wire is listened to after it was pulled out, too.
    hosts.cut(site)
    hosts.heal(site)
    hosts.run(site, ["python", "-c", spoken])

    assert before == 0
    assert hosts.seen(site, word.encode()) == 1
    assert hosts.bytes_sent(site) > 400 * len(word)


def test_a_hub_whose_parts_were_killed_goes_on_where_it_was(hosts):
    hosts.kill_database()
    hosts.start_database()
    hosts.stop_hub(9)
    said = hosts.start_hub()
    folder = write_product(hosts.sites["a"].home / "results", key="a5" * 32)
    hosts.run(hosts.sites["a"], ["python", "-c", SENDER, hosts.target("a"), folder])

    assert said["url"].startswith(f"http://{hosts.hub.address}")
    assert verified(hosts.results / folder.name).key == "a5" * 32

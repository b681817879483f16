"""From the outbox of a site to the store of the hub: each product once, whatever is cut or killed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time

import pytest

from adapters.stores.link import Access
from adapters.stores.products import MANIFEST, ProductStore, verified
from adapters.testing.products import write_product
from adapters.testing.sftp import Wire
from deployments.audit import Audit, checked, entries
from deployments.receiving import Receiving
from deployments.site.notes import Stage
from deployments.site.outbox import LONGEST_PAUSE_S, MOST_SENDINGS, Outbox, pause_s

MIB = 2**20


@pytest.fixture
def hub(tmp_path):
    (tmp_path / "incoming" / "site-a").mkdir(parents=True)
    return Receiving(
        tmp_path / "incoming", ProductStore(tmp_path / "hub"), Audit(tmp_path / "hub.jsonl").written
    )


@pytest.fixture
def outbox(tmp_path, hub):
    return Outbox(
        tmp_path / "outbox",
        f"file://{hub.incoming / 'site-a'}",
        written=Audit(tmp_path / "site.jsonl").written,
    )


def made(tmp_path, number=0, size=4000):
    return write_product(tmp_path / "site", size=size, key=f"{number:02x}" * 32)


def stages(outbox):
    return [note.stage for note in outbox.notes()]


def events(path, event):
    return [each["name"] for each in entries(path) if each["event"] == event]


def test_a_product_goes_from_the_site_into_the_hubs_store(tmp_path, outbox, hub):
    folder = made(tmp_path)
    outbox.put(folder)
    sent = outbox.flush(at_once=True)
    taken = hub.look()
    received = outbox.flush(at_once=True)

    assert [note.stage for note in sent] == [Stage.SENT]
    assert [note.stage for note in received] == [Stage.RECEIVED]
    assert verified(taken[0].folder) == verified(folder)
    assert events(tmp_path / "site.jsonl", "product sent") == [sent[0].name]
    assert events(tmp_path / "hub.jsonl", "product taken in") == [sent[0].name]
    assert [each.name for each in (hub.incoming / "site-a").iterdir()] == [".receipts"]
    assert list((hub.incoming / "site-a" / ".receipts").iterdir()) == []


def test_both_sides_write_down_the_same_crossing(tmp_path, outbox, hub):
    outbox.put(made(tmp_path))
    outbox.flush()
    hub.look()
    there = next(entries(tmp_path / "hub.jsonl"))
    here = next(entries(tmp_path / "site.jsonl"))

    same = ("name", "key", "sha256", "files", "bytes")
    assert {name: here[name] for name in same} == {name: there[name] for name in same}
    assert there["site"] == "site-a"


def test_the_same_product_put_in_again_goes_once(tmp_path, outbox, hub):
    folder = made(tmp_path)
    for _ in range(2):
        outbox.put(folder)
        outbox.put(folder)
        outbox.flush(at_once=True)
        hub.look()

    outbox.flush(at_once=True)
    outbox.put(folder)
    assert outbox.flush(at_once=True) == []
    assert stages(outbox) == [Stage.RECEIVED]
    assert len(events(tmp_path / "site.jsonl", "product sent")) == 1


def test_while_the_link_is_down_products_wait_with_the_reason_and_go_when_it_is_up(tmp_path, door, hub):
    with Wire(door.port) as wire:
        known = door.vouched(wire.port, tmp_path / "known")
        url = door.url(hub.incoming / "site-a", wire.port)
    outbox = Outbox(tmp_path / "outbox", url, Access(door.key, known, 5))
    for number in range(3):
        outbox.put(made(tmp_path, number))
    down = outbox.flush()
    trouble = outbox.trouble()
    outbox.target = door.url(hub.incoming / "site-a")
    outbox.access = Access(door.key, door.known_hosts, 5)
    too_soon = outbox.flush()
    up = outbox.flush(at_once=True)

    assert down == []
    assert "Connection refused" in trouble
    assert too_soon == []
    assert [note.stage for note in up] == [Stage.SENT] * 3
    assert outbox.trouble() == ""
    assert [each.reason for each in hub.look()] == ["", "", ""]


def test_a_link_that_is_cut_in_the_middle_is_gone_on_with(tmp_path, door, hub):
    with Wire(door.port, cut_after=6 * MIB) as wire:
        known = door.vouched(wire.port, tmp_path / "known")
        outbox = Outbox(
            tmp_path / "outbox", door.url(hub.incoming / "site-a", wire.port), Access(door.key, known, 5)
        )
        outbox.put(made(tmp_path, size=8 * MIB))
        outbox.flush()
        halted, nothing = outbox.notes(), hub.look()
        outbox.flush(at_once=True)
    hub.look()
    note = outbox.notes()[0]

    assert [each.stage for each in halted] == [Stage.WAITING]
    assert halted[0].reason
    assert nothing == []
    assert note.kept > 3 * MIB
    assert len(hub.store.products()) == 1


def test_what_is_damaged_on_the_way_is_sent_again_and_given_up_in_the_end(tmp_path, outbox, hub):
    outbox.put(made(tmp_path))
    for _ in range(MOST_SENDINGS):
        outbox.flush(at_once=True)
        arrived = next(path for path in (hub.incoming / "site-a").iterdir() if path.name[0] != ".")
        (arrived / "curve.nxs").write_bytes(b"\x89HDF\r\n\x1a\nother")
        hub.look()
        outbox.flush(at_once=True)
    refused = outbox.notes()

    assert [note.stage for note in refused] == [Stage.REFUSED]
    assert "not what its manifest says" in refused[0].reason
    assert hub.store.products() == []
    assert outbox.retry() == 1
    outbox.flush(at_once=True)
    assert [each.folder is not None for each in hub.look()] == [True]


def test_what_may_not_cross_is_kept_back_and_does_not_hold_up_the_rest(tmp_path, outbox, hub):
    outbox.put(write_product(tmp_path / "site", key="0" * 64, more={"model.pkl": b"\x80\x04"}))
    outbox.put(made(tmp_path, 1))
    outbox.flush()

    assert sorted(stages(outbox)) == [Stage.REFUSED, Stage.SENT]
    assert "do not cross" in outbox.notes(Stage.REFUSED)[0].reason
    assert len(hub.look()) == 1


def test_trouble_with_one_product_does_not_hold_up_the_rest(tmp_path, outbox, hub):
    for number in range(2):
        outbox.put(made(tmp_path, number))
    first = outbox.notes()[0]
    part = hub.incoming / "site-a" / f"{first.file.removesuffix('.json')}.part"
    part.mkdir()
    (part / "strange.nxs").write_bytes(b"x")
    outbox.flush()

    assert sorted(stages(outbox)) == [Stage.SENT, Stage.WAITING]
    assert "holds what is not ours" in outbox.notes(Stage.WAITING)[0].reason


def test_a_product_that_vanished_before_it_was_taken_in_is_sent_again(tmp_path, outbox, hub):
    outbox.put(made(tmp_path))
    outbox.flush()
    note = outbox.notes()[0]
    (hub.incoming / "site-a" / note.name).rename(tmp_path / "taken by somebody")
    outbox.flush(at_once=True)
    outbox.flush(at_once=True)

    assert stages(outbox) == [Stage.SENT]
    assert len(hub.look()) == 1


def test_what_arrives_wrong_is_set_aside_with_its_reason(tmp_path, outbox, hub):
    site = hub.incoming / "site-a"
    (site / "no-product").mkdir()
    (site / "-rf *").mkdir()
    (site / "link").symlink_to("/etc")
    (site / "file.json").write_text("{}")
    (site / "begun.part").mkdir()
    looked = hub.look()
    again = hub.look()

    assert sorted(each.name for each in looked) == ["-rf *", "file.json", "link", "no-product"]
    assert all(each.folder is None and each.reason for each in looked)
    assert again == []
    assert sorted(path.name for path in site.iterdir() if path.name[0] != ".") == ["begun.part"]
    assert len([path for path in site.iterdir() if path.name.startswith(".refused-")]) == 4
    assert hub.store.products() == []


def test_receipts_do_not_follow_links_that_a_site_laid(tmp_path, outbox, hub):
    (tmp_path / "precious").mkdir()
    (hub.incoming / "site-a" / ".receipts").symlink_to(tmp_path / "precious")
    outbox.put(made(tmp_path))
    (hub.incoming / "site-a" / "no-product").mkdir()
    hub.look()

    assert list((tmp_path / "precious").iterdir()) == []


def test_a_site_speaks_under_the_name_of_its_folder_only(tmp_path, hub):
    (hub.incoming / "site-b").symlink_to(hub.incoming / "site-a")
    (hub.incoming / "notes.txt").write_text("x")
    (hub.incoming / ".hidden").mkdir()

    assert [path.name for path in hub.sites()] == ["site-a"]


def test_pauses_grow_and_stay_bounded():
    pauses = [pause_s(tries) for tries in range(1, 40)]

    assert pauses == sorted(pauses)
    assert pauses[0] < 5
    assert pauses[-1] == LONGEST_PAUSE_S


SENDER = """
import sys, pathlib
from adapters.stores.link import Access
from deployments.audit import Audit
from deployments.site.outbox import Outbox
root, url, key, known, audit = sys.argv[1:]
outbox = Outbox(pathlib.Path(root) / "outbox", url, Access(pathlib.Path(key), pathlib.Path(known), 5),
                written=Audit(pathlib.Path(audit)).written)
for folder in sorted((pathlib.Path(root) / "site").glob("saxs-*")):
    outbox.put(folder)
print("put", flush=True)
while True:
    outbox.flush(at_once=True)
"""


@pytest.mark.slow
def test_killed_again_and_again_both_sides_lose_nothing_and_double_nothing(tmp_path, door, hub):
    chance, count = random.Random(20), 8
    made_here = {verified(made(tmp_path, number, MIB)).key for number in range(count)}
    url = door.url(hub.incoming / "site-a")
    python, logs = sys.executable, [str(tmp_path / "site.jsonl"), str(tmp_path / "hub.jsonl")]
    commands = (
        [python, "-c", SENDER, str(tmp_path), url, str(door.key), str(door.known_hosts), logs[0]],
        [python, "-m", "deployments.receiving", str(hub.incoming), str(hub.store.root), logs[1]],
    )
    running = [begun(command) for command in commands]
    kills, outbox = 0, Outbox(tmp_path / "outbox", url)
    until = time.monotonic() + 120
    try:
        while kills < 12 or [note.stage for note in outbox.notes()] != [Stage.RECEIVED] * count:
            assert time.monotonic() < until, outbox.notes()
            time.sleep(chance.uniform(0.3, 1.2))
            if kills < 12:
                which = chance.randrange(2)
                running[which].send_signal(signal.SIGKILL)
                running[which].wait()
                running[which] = begun(commands[which])
                kills += 1
    finally:
        for process in running:
            process.kill()
            process.wait()

    assert {manifest.key for manifest in hub.store.products()} == made_here
    assert len(list(hub.store.root.glob(f"saxs-*/{MANIFEST}"))) == count
    assert not list(hub.store.root.glob("*.damaged-*"))
    assert checked(tmp_path / "hub.jsonl")
    assert checked(tmp_path / "site.jsonl")
    assert set(events(tmp_path / "site.jsonl", "product sent")) == set(
        events(tmp_path / "hub.jsonl", "product taken in")
    )
    left = [path.name for path in (hub.incoming / "site-a").iterdir()]
    assert left == [".receipts"]


def begun(command):
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)

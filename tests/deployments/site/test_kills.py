"""Whatever is killed: each ready run has one product, equal to the undisturbed one; broken ones are told."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from flows.ledger.ledger import ledger_of
from flows.replay import numbers
from flows.states import DONE, QUARANTINED
from halos.commands.status import BROKEN as BROKEN_STATUS

pytestmark = [pytest.mark.slow]

RUNS, BROKEN, KILLS, SEED = 6, 2, 12, 20261128
SECONDS_AT_MOST = 300


class Watcher:
    """A `halos site watch` in its own process, that is begun anew when it was killed."""

    def __init__(self, facility):
        self.folder, self.log = facility.home / "site", facility.home / "watch.log"
        self.process, self.heard = None, 0
        self.begin()

    def begin(self):
        self.heard = self.log.stat().st_size if self.log.exists() else 0
        command = [sys.executable, "-m", "halos", "site", "watch", str(self.folder)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log)

    def reduces(self):
        """Wait until it says that it reduces a run."""
        end = time.monotonic() + SECONDS_AT_MOST
        while b"reducing" not in self.log.read_bytes()[self.heard :]:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)
        self.heard = self.log.stat().st_size

    def kill(self, whom):
        """Kill the watcher, the process that reduces for it, or both, without a warning."""
        benches = psutil.Process(self.process.pid).children() if whom != "watcher" else []
        for each in benches:
            each.kill()
        if whom != "bench":
            self.process.kill()
            self.process.wait()
            self.begin()


def test_nothing_is_lost_or_done_twice_whatever_is_killed(facility):
    chance = random.Random(SEED)
    facility.ruled(every_s=0.2, settle_s=0.1, broken_after_s=0.3, patience_s=60.0)
    for number in range(BROKEN):
        (facility.raw / f"broken-{number}.dat").write_text("Dear diary,\nthe beam was down again.\n")

    watcher, runs = Watcher(facility), []
    for number in range(KILLS):
        # While there are new runs there is something to disturb; later all are sent again.
        if number < RUNS:
            runs.append(facility.curve(f"run-{number}.dat", radius=20.0 + number))
        for path in chance.sample(runs, k=min(3, len(runs))):
            path.touch()
        if number % 4 != 3:
            watcher.reduces()
        time.sleep(chance.uniform(0.0, 1.0))
        watcher.kill(chance.choice(["watcher", "bench", "both"]))
    watcher.process.kill()
    watcher.process.wait()
    for path in runs:
        path.touch()
    told = finished(facility)

    ledger = ledger_of(facility.site.results)
    ready = {each["key"] for each in told["runs"] if each["key"]}
    assert told["counts"] == {**dict.fromkeys(told["counts"], 0), DONE: RUNS, QUARANTINED: BROKEN}
    assert all(each["reason"] for each in told["runs"] if each["state"] != DONE)
    assert len(ready) == len(list(facility.site.results.glob("*/manifest.json"))) == RUNS
    assert not list(facility.site.results.glob("*damaged*"))
    products = ledger.products()
    assert {each["key"] for each in products} == ready
    assert all((each["state"], each["owner"]) == (DONE, "") for each in products)
    assert [after_commit(ledger.history(key)) for key in ready] == [[]] * RUNS
    # Some were hit in the middle, or this would have tested nothing.
    assert sum(each["computations"] for each in products) > RUNS
    assert_equal_to_the_undisturbed(facility, told)


def after_commit(history):
    """Computations of a key that began after its product was committed."""
    done = min(each["number"] for each in history if each["state"] == DONE)
    return [each for each in history if each["number"] > done and "computes" in each["reason"]]


def finished(facility):
    """What is known of each run when nothing more can be done."""
    command = [
        sys.executable,
        "-m",
        "halos",
        "site",
        "watch",
        str(facility.home / "site"),
        "--once",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_AT_MOST, check=False)
    assert done.returncode == BROKEN_STATUS, done.stderr
    return json.loads(done.stdout)


def assert_equal_to_the_undisturbed(facility, told):
    site = facility.home / "site" / "site.yaml"
    site.write_text(site.read_text().replace("/results", "/undisturbed"))
    calm = finished(facility)

    assert [(each["run"], each["key"]) for each in told["runs"]] == [
        (each["run"], each["key"]) for each in calm["runs"]
    ]
    for one, other in zip(told["runs"], calm["runs"], strict=True):
        if one["product"]:
            first, second = (numbers(Path(each["product"]) / "curve.nxs") for each in (one, other))
            assert {name: first[name].tobytes() for name in first} == {
                name: second[name].tobytes() for name in second
            }

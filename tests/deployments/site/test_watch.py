"""The watcher: what is ready is reduced once, what is late waits, what is broken is told."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from adapters.testing.hdf5_images import write_dectris
from adapters.testing.images import held_open
from configs.load import ConfigurationError
from deployments.site.errors import SiteFaultsError, WatchedAlreadyError
from deployments.site.policy import Leave
from deployments.site.rules import rules_of
from deployments.site.watch import rule_faults, watching
from flows.states import ASKED, DONE, QUARANTINED, REFUSED, RUNNING, WAITING


def test_a_ready_run_is_reduced_by_its_rule(facility):
    facility.curve("a/one.dat")
    found = facility.looked()["raw/a/one.dat"]

    assert (found.state, found.reason, found.recipe, found.attempts) == (DONE, "", "saxs", 1)
    assert (Path(found.product) / "manifest.json").is_file()
    assert facility.said[-1].startswith("done         raw/a/one.dat")


def test_a_run_that_still_changes_is_left_alone(facility):
    facility.ruled(settle_s=60.0)
    facility.curve("one.dat")
    found = facility.looked(3)["raw/one.dat"]

    assert (found.state, found.reason) == (ASKED, "it is new and may still change")


def test_a_run_sent_again_is_found_and_not_computed_again(facility):
    path = facility.curve("one.dat")
    first = facility.looked()["raw/one.dat"]
    for number in range(3):
        os.utime(path, (1e9 + number, 1e9 + number))
        again = facility.looked()["raw/one.dat"]

    assert (again.state, again.key, again.product) == (DONE, first.key, first.product)
    assert [each["computations"] for each in facility.ledger.products()] == [1]
    assert "computed before" in facility.said[-1]


def test_a_run_whose_bytes_change_is_reduced_anew(facility):
    facility.curve("one.dat")
    first = facility.looked()["raw/one.dat"]
    facility.curve("one.dat", radius=25.0)
    second = facility.looked()["raw/one.dat"]

    assert second.state == DONE
    assert second.key != first.key
    assert len(facility.ledger.products()) == 2


def test_what_no_reader_knows_goes_to_quarantine_with_the_reason(facility):
    (facility.raw / "diary.dat").write_text("Dear diary,\nthe beam was down again.\n")
    facility.curve("one.dat")
    found = facility.looked()

    assert found["raw/diary.dat"].state == QUARANTINED
    assert "not recognised" in found["raw/diary.dat"].reason
    assert found["raw/diary.dat"].kind == "adapters.errors:UnknownFormatError"
    assert found["raw/one.dat"].state == DONE


def test_what_cannot_be_read_yet_may_still_be_written(facility):
    facility.ruled(broken_after_s=60.0)
    path = facility.raw / "one.dat"
    path.write_text("# Q (1/A)")
    waiting = facility.looked()["raw/one.dat"]
    facility.curve("one.dat")
    found = facility.looked()["raw/one.dat"]

    assert waiting.state == WAITING
    assert waiting.reason.startswith("it may still be written")
    assert found.state == DONE


def test_a_missing_quantity_is_refused_until_the_rule_says_it(facility):
    facility.curve("one.dat", label="")
    refused = facility.looked()["raw/one.dat"]
    facility.ruled(
        {
            "glob": "*.dat",
            "recipe": "saxs",
            "parameters": {"shape": {"particle": "other"}, "reading": {"q_unit": "1/angstrom"}},
        }
    )
    found = facility.looked()["raw/one.dat"]

    assert refused.state == REFUSED
    assert "q_unit" in refused.reason
    assert found.state == DONE


def test_a_run_whose_files_have_not_arrived_waits_longer_and_longer(facility):
    facility.ruled({"glob": "*_master.h5", "recipe": "saxs"})
    path = write_dectris(facility.raw, np.arange(4 * 6 * 8, dtype="u4").reshape(4, 6, 8))
    for each in facility.raw.glob("*_data_*.h5"):
        each.unlink()
    first = facility.looked()[f"raw/{path.name}"]
    facility.ledger.note(first.id, due=0.0)
    second = facility.looked(1)[f"raw/{path.name}"]

    assert (first.state, second.state) == (WAITING, WAITING)
    assert first.reason == second.reason != ""
    assert second.due - second.changed_at > 1.5 * (first.due - first.changed_at)


def test_a_file_held_open_by_its_writer_waits(facility):
    facility.ruled({"glob": "*_master.h5", "recipe": "saxs"})
    path = write_dectris(facility.raw, np.arange(4 * 6 * 8, dtype="u4").reshape(4, 6, 8))
    with held_open(path):
        found = facility.looked()[f"raw/{path.name}"]

    assert found.state == WAITING
    assert "writ" in found.reason


def test_a_sample_waits_for_its_buffer(facility):
    rule = {
        "glob": "*_sample.dat",
        "recipe": "saxs",
        "parameters": {"shape": {"particle": "other"}},
        "buffer": {"text": "_sample", "instead": "_buffer"},
    }
    facility.ruled(rule)
    facility.curve("one_sample.dat")
    late = facility.looked()["raw/one_sample.dat"]
    facility.curve("one_buffer.dat", radius=5.0)
    facility.ledger.retry(facility.ledger.called("raw/one_sample.dat"))
    facility.looked()
    found = facility.looked(3)["raw/one_sample.dat"]

    assert (late.state, "one_buffer.dat is not there" in late.reason) == (WAITING, True)
    assert found.state == DONE
    assert "raw/one_buffer.dat" not in facility.watch().turn.kept.known()


def test_a_link_that_leads_out_of_the_roots_is_not_followed(facility):
    outside = facility.home / "secret.dat"
    facility.curve("one.dat").rename(outside)
    (facility.raw / "one.dat").symlink_to(outside)
    found = facility.looked()["raw/one.dat"]

    assert found.state == QUARANTINED
    assert "outside the data roots" in found.reason


def test_a_rule_without_a_recipe_leaves_runs_alone(facility):
    facility.ruled({"glob": "tests/*.dat", "recipe": None}, {"glob": "**/*.dat", "recipe": "saxs"})
    facility.curve("tests/one.dat")

    assert facility.looked() == {}


def test_what_is_in_quarantine_is_tried_again_when_somebody_wishes(facility):
    (facility.raw / "one.dat").write_text("Dear diary,\nthe beam was down again.\n")
    first = facility.looked()["raw/one.dat"]
    facility.ledger.retry(first)
    second = facility.looked(1)["raw/one.dat"]

    assert (first.state, second.state) == (QUARANTINED, QUARANTINED)
    states = [each["state"] for each in facility.ledger.history(first.id)]
    assert states == ["asked", "quarantined", "asked", "quarantined"]


def test_a_run_that_is_gone_before_it_was_reduced_is_forgotten(facility):
    facility.ruled(settle_s=60.0)
    path = facility.curve("one.dat")
    facility.looked()
    path.unlink()

    assert facility.looked() == {}


def test_what_is_done_is_kept_when_its_run_is_taken_away(facility):
    path = facility.curve("one.dat")
    facility.looked()
    path.unlink()

    assert facility.looked()["raw/one.dat"].state == DONE


def test_each_product_is_handed_over_once_and_what_failed_is_handed_over_later(facility):
    handed, full = [], [True]

    def hand_over(product):
        if full.pop() if full else False:
            raise OSError("no space left")
        handed.append(product)

    facility.curve("one.dat")
    facility.looked(2, hand_over)
    before = list(handed)
    facility.looked(3, hand_over)

    assert before == []
    assert handed == [Path(facility.looked()["raw/one.dat"].product)]
    assert any("cannot hand over" in line for line in facility.said)


def test_a_product_under_embargo_is_offered_again_when_it_ends(facility):
    today = datetime.now(UTC).date()
    ends, asked = [today + timedelta(days=1)], []

    def hand_over(product):
        asked.append(product)
        return Leave(None, "under embargo", ends[0]) if ends else Leave("file:///hub")

    facility.curve("one.dat")
    watch = facility.watch(hand_over)
    for _ in range(4):
        watch.look()
    during = len(asked)
    ends.clear()
    watch.embargoed = dict.fromkeys(watch.embargoed, today)
    for _ in range(2):
        watch.look()

    assert (during, len(asked)) == (1, 2)


def test_a_watcher_takes_up_what_was_being_reduced_and_one_is_enough(facility):
    facility.curve("one.dat")
    found = facility.looked(1)["raw/one.dat"]
    facility.ledger.move(found.id, RUNNING, "it is being reduced by saxs")
    said = []
    with watching(facility.site, said.append) as watch:
        with pytest.raises(WatchedAlreadyError, match=str(os.getpid())):
            watching(facility.site, said.append).__enter__()
        watch.once()
        status = watch.status()

    assert said[0].startswith("1 runs were being reduced")
    assert (status["counts"]["done"], status["runs"][0]["attempts"]) == (1, 2)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"glob": "*", "recipe": "nowhere"}, "nowhere"),
        ({"glob": "*", "recipe": "saxs", "root": "other"}, "no root is called other"),
        ({"glob": "*", "recipe": "saxs", "parameters": {"colour": "red"}}, "colour"),
    ],
)
def test_rules_that_cannot_work_are_told_before_anything_is_done(facility, rule, said):
    facility.ruled(rule)
    faults = rule_faults(facility.site, rules_of(facility.site), facility.hand)

    assert len(faults) == 1
    assert said in faults[0]
    assert "rule 1" in faults[0]


def test_a_key_that_watch_yaml_does_not_know_is_told(facility):
    (facility.home / "site" / "watch.yaml").write_text("every: 10\n")

    with pytest.raises(ConfigurationError, match="every"):
        watching(facility.site, facility.said.append).__enter__()


def test_results_among_the_raw_data_are_refused(facility):
    (facility.home / "site" / "site.yaml").write_text(
        f"name: lund\nroots: {{raw: {facility.raw}}}\nresults: {facility.raw}/results\n"
    )

    with pytest.raises(SiteFaultsError, match="read-only"):
        watching(facility.site, facility.said.append).__enter__()
    assert list(facility.raw.iterdir()) == []


def test_a_process_that_dies_in_a_run_is_begun_anew_and_in_the_end_the_run_is_put_aside(facility):
    facility.ruled(every_s=0.0001)
    facility.curve("one.dat")
    facility.looked(1)
    states = []
    for _ in range(3):
        facility.hand.begin()
        os.kill(facility.hand._process.pid, signal.SIGKILL)
        states.append(facility.looked(1)["raw/one.dat"])

    assert [each.state for each in states] == [WAITING, WAITING, QUARANTINED]
    assert "SIGKILL, 3 times" in states[-1].reason


def killed_before(monkeypatch, hand, times):
    """Kill the process as often before it is asked; how often it was asked."""
    ask, asked = hand.ask, []

    def killing(*question):
        asked.append(question)
        if len(asked) <= times:
            hand.begin()
            os.kill(hand._process.pid, signal.SIGKILL)
        return ask(*question)

    monkeypatch.setattr(hand, "ask", killing)
    return asked


def test_a_process_that_dies_while_rules_are_checked_is_begun_again(facility, monkeypatch):
    asked = killed_before(monkeypatch, facility.hand, times=2)
    assert rule_faults(facility.site, rules_of(facility.site), facility.hand) == []
    assert len(asked) == 3


def test_a_process_that_always_dies_while_rules_are_checked_is_told(facility, monkeypatch):
    asked = killed_before(monkeypatch, facility.hand, times=9)
    (fault,) = rule_faults(facility.site, rules_of(facility.site), facility.hand)
    assert fault.startswith("rule 1: while saxs was loaded, its process was ended by SIGKILL, 3 times")
    assert len(asked) == 3


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_command_ends_cleanly_when_it_is_stopped(facility, stop):
    facility.curve("one.dat")
    command = [sys.executable, "-m", "halos", "site", "watch", str(facility.home / "site")]
    # A shell that begins it in the background has it ignore Ctrl-C.
    shell = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
    process = subprocess.Popen([*shell, *command], stderr=subprocess.PIPE, text=True)
    heard = []
    for line in process.stderr:
        heard.append(line)
        if line.startswith("done"):
            break
    process.send_signal(stop)
    rest = process.communicate(timeout=30)[1]

    assert process.returncode == 130, rest
    assert rest.endswith("stopped\n")
    assert facility.ledger.requests(states=[RUNNING]) == []
    assert "Traceback" not in "".join(heard)

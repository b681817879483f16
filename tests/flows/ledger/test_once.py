"""Once: of many that ask for the same, one computes; whoever dies, is slow or fails does no harm."""

import subprocess
import sys
import threading
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from adapters.errors import EmptyFileError, MissingMetadataError
from flows.ledger.database import engine_at, place_of
from flows.ledger.entering import entered
from flows.ledger.ledger import Ledger, ledger_of
from flows.ledger.record import on_behalf_of
from flows.ledger.requests import Request
from flows.states import DONE, QUARANTINED, REFUSED, RUNNING, WAITING

PATIENCE_S = 60
WORK = Path(__file__).with_name("work.py")
SPEC = spec_from_file_location("ledger_work", WORK)
work = module_from_spec(SPEC)
SPEC.loader.exec_module(work)
order, reduced = work.order, work.reduced


def nothing():
    pass


def known(results):
    return ledger_of(results).products(order().key)[0]


def test_what_is_reduced_stands_in_the_ledger(tmp_path):
    outcome = reduced(tmp_path, nothing)
    request = ledger_of(tmp_path).requests()[0]

    assert (request.state, request.run, request.recipe) == (DONE, "run.h5", "saxs")
    assert (request.key, request.product) == (order().key, str(outcome.folder))
    assert (known(tmp_path)["computations"], known(tmp_path)["commits"]) == (1, 1)


def test_the_same_again_is_found_and_not_counted(tmp_path):
    reduced(tmp_path, nothing)
    again = reduced(tmp_path, pytest.fail)

    assert again.cached
    assert known(tmp_path)["computations"] == 1
    assert len(ledger_of(tmp_path).requests()) == 1


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_of_many_that_ask_at_once_one_computes_and_the_others_get_it(
    tmp_path, database, request, monkeypatch
):
    if database == "postgresql":
        monkeypatch.setenv("HALOS_LEDGER", request.getfixturevalue("postgres").database())
    outcomes, computed = [], []
    both = threading.Event()

    def inside():
        computed.append(1)
        assert both.wait(PATIENCE_S)

    threads = [threading.Thread(target=lambda: outcomes.append(reduced(tmp_path, inside))) for _ in range(4)]
    for thread in threads:
        thread.start()
    both.set()
    for thread in threads:
        thread.join(PATIENCE_S)

    assert len(computed) == 1
    assert sorted(outcome.cached for outcome in outcomes) == [False, True, True, True]
    assert len({outcome.folder for outcome in outcomes}) == 1


def begun(results, seconds):
    process = subprocess.Popen(
        [sys.executable, str(WORK), str(results), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "computing\n"
    return process


def test_another_process_is_waited_for(tmp_path):
    with begun(tmp_path, 1.0) as process:
        outcome = reduced(tmp_path, pytest.fail)

    assert process.returncode == 0
    assert outcome.cached
    assert known(tmp_path)["computations"] == 1


def test_a_process_that_is_killed_frees_its_key_at_once(tmp_path):
    with begun(tmp_path, PATIENCE_S) as process:
        process.kill()
    outcome = reduced(tmp_path, nothing)

    assert not outcome.cached
    assert (known(tmp_path)["computations"], known(tmp_path)["commits"]) == (2, 1)
    assert [known(tmp_path)["owner"], known(tmp_path)["state"]] == ["", DONE]


def overtaken(results):
    """Another process finds our lease expired, and takes over."""
    later = Ledger(engine_at(place_of(results)), now=lambda _: 1e11)
    return later.claim(str(results), order().key, "saxs", "another")


def test_whoever_was_overtaken_does_not_commit_but_takes_what_the_other_made(tmp_path):
    def slow():
        lease = overtaken(tmp_path)
        ledger = ledger_of(tmp_path)
        ledger.fail(lease, WAITING, "it gave up")

    outcomes = []

    def first_slow_then_quick():
        outcomes.append(len(outcomes))
        if len(outcomes) == 1:
            slow()

    outcome = reduced(tmp_path, first_slow_then_quick)

    assert outcomes == [0, 1]
    assert not outcome.cached
    assert (known(tmp_path)["commits"], known(tmp_path)["token"]) == (1, 3)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ValueError("the curve is empty"), QUARANTINED),
        (OSError("no space left"), WAITING),
        (MissingMetadataError("distance_m", "bench"), REFUSED),
        (KeyboardInterrupt(), WAITING),
    ],
)
def test_what_goes_wrong_is_the_reason(tmp_path, error, state):
    def fail():
        raise error

    with pytest.raises(type(error)):
        reduced(tmp_path, fail)
    request = ledger_of(tmp_path).requests()[0]

    assert (request.state, known(tmp_path)["state"]) == (state, state)
    assert request.reason == (str(error) or "it was stopped")
    assert request.kind.endswith(type(error).__name__)


def test_what_failed_and_is_asked_for_again_can_become_done(tmp_path):
    def fail():
        raise ValueError("the curve is empty")

    with pytest.raises(ValueError, match="empty"):
        reduced(tmp_path, fail)
    reduced(tmp_path, nothing)

    assert [each.state for each in ledger_of(tmp_path).requests()] == [DONE]
    assert known(tmp_path)["computations"] == 2


def test_a_product_that_was_damaged_is_computed_again_and_the_ledger_says_why(tmp_path):
    first = reduced(tmp_path, nothing)
    (first.folder / "curve.txt").write_text("altered")
    second = reduced(tmp_path, nothing)

    assert not second.cached
    assert known(tmp_path)["commits"] == 2
    said = [each["reason"] for each in ledger_of(tmp_path).history(order().key)]
    assert f"{first.folder} is gone or damaged" in said


def test_a_process_killed_after_the_move_and_before_the_note_is_not_repeated(tmp_path):
    with begun(tmp_path, "killed-in-commit") as process:
        pass
    before = known(tmp_path)["state"]
    outcome = reduced(tmp_path, pytest.fail)

    assert (process.returncode, before) == (9, RUNNING)
    assert outcome.cached
    assert (known(tmp_path)["state"], known(tmp_path)["computations"]) == (DONE, 1)


def test_on_behalf_of_a_request_its_own_row_is_written(tmp_path):
    ledger_of(tmp_path).ask(Request(id="mine", run="lund/run", recipe="saxs", site="lund"))
    with on_behalf_of("mine"):
        reduced(tmp_path, nothing)

    assert [(each.id, each.state) for each in ledger_of(tmp_path).requests()] == [("mine", DONE)]


def test_everything_that_is_not_done_says_why(tmp_path):
    seen = []
    reduced(tmp_path, lambda: seen.extend(ledger_of(tmp_path).requests()))

    assert [(each.state, bool(each.reason)) for each in seen] == [(RUNNING, True)]


def test_one_who_gives_up_waiting_does_not_disturb_who_computes(tmp_path):
    def gives_up():
        there = ledger_of(tmp_path)
        # Another process asked for the same, and was stopped while it waited.
        there.move(there.requests()[0].id, WAITING, "it was stopped")

    reduced(tmp_path, gives_up)

    assert [each.state for each in ledger_of(tmp_path).requests()] == [DONE]


def test_a_request_that_is_computed_elsewhere_is_not_given_up(tmp_path):
    ledger = ledger_of(tmp_path)
    ledger.ask(Request(id="mine", run="run", recipe="saxs", key=order().key))
    ledger.begin(ledger.claim(str(tmp_path), order().key, "saxs", "another"), "mine")
    ledger.give_up("mine", WAITING, "it was stopped", "")

    assert ledger.get("mine").state == RUNNING


@pytest.fixture
def raw(tmp_path):
    path = tmp_path / "raw" / "run.dat"
    path.parent.mkdir()
    path.touch()
    return path


def test_what_cannot_even_be_opened_is_entered_with_the_reason(tmp_path, raw):
    results = tmp_path / "results"

    with pytest.raises(EmptyFileError), entered(results, "saxs", [raw], {"reduction": "saxs"}):
        raise EmptyFileError(raw)
    found = ledger_of(results).requests()[0]

    assert (found.state, found.run, found.kind) == (QUARANTINED, "run.dat", "adapters.errors:EmptyFileError")
    assert "empty" in found.reason


def test_what_is_entered_and_reduced_is_one_request(tmp_path, raw):
    results = tmp_path / "results"
    with entered(results, "saxs", [raw], {"reduction": "saxs"}):
        reduced(results, nothing)

    assert [(each.state, each.key) for each in ledger_of(results).requests()] == [(DONE, order().key)]


def test_a_slip_of_the_keyboard_and_results_among_raw_data_leave_nothing_behind(tmp_path, raw):
    for results, sample in ((tmp_path / "results", tmp_path / "rwa.dat"), (tmp_path / "raw", raw)):
        with entered(results, "saxs", [sample], {}):
            pass

    assert sorted(path.name for path in tmp_path.rglob("*")) == ["raw", "run.dat"]

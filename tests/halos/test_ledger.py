"""`halos ledger`: what is listed, why, and another try."""

import json

import pytest

from adapters.testing.samples import sphere_curve, write_ascii
from flows.ledger.ledger import ledger_of
from flows.ledger.requests import Request
from flows.states import QUARANTINED, RUNNING, WAITING
from halos.commands import main


@pytest.fixture
def results(tmp_path):
    """A ledger with a request in some states."""
    ledger = ledger_of(tmp_path)
    for name, run in (("aa11", "one"), ("ab22", "two"), ("cc33", "three")):
        ledger.ask(Request(id=name, run=f"lund/{run}", recipe="saxs", site="lund", paths=(f"/raw/{run}",)))
    ledger.move("ab22", WAITING, "a file is late", due=5.0)
    ledger.move("cc33", RUNNING, "it is being computed")
    ledger.move("cc33", QUARANTINED, "it is broken")
    return tmp_path


def asked(capsys, *words):
    status = main(["ledger", *words, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_everything_is_listed_with_its_state_and_reason(results, capsys):
    status, said = asked(capsys, "list", "--out", str(results))

    assert status == 0
    assert [(each["state"], each["reason"]) for each in said["requests"]] == [
        ("asked", "nobody has looked at it yet"),
        ("waiting", "a file is late"),
        ("quarantined", "it is broken"),
    ]
    assert said["counts"]["waiting"] == 1


def test_options_may_stand_before_the_action_or_behind_it(results, capsys):
    before = asked(capsys, "--out", str(results), "list", "--state", "waiting")
    behind = asked(capsys, "list", "--state", "waiting", "--ledger", f"sqlite:///{results}/ledger.sqlite")

    assert before == behind
    assert [each["run"] for each in before[1]["requests"]] == ["lund/two"]


def test_without_an_action_a_person_gets_the_list(results, capsys):
    assert main(["ledger", "--out", str(results)]) == 0
    said = capsys.readouterr().out

    assert "lund: lund/two" in said
    assert said.splitlines()[-1] == "1 asked, 1 waiting, 1 quarantined"


def test_why_tells_how_it_came_to_be_so(results, capsys):
    status, said = asked(capsys, "why", "cc", "--out", str(results))

    assert status == 0
    assert (said["state"], said["reason"], said["attempts"]) == ("quarantined", "it is broken", 1)
    assert [each["state"] for each in said["history"]] == ["asked", "running", "quarantined"]
    assert main(["ledger", "why", "lund/three", "--out", str(results)]) == 0
    assert "it is broken" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["why", "zz"], 4, "nothing in the ledger"),
        (["why", "a"], 2, "could be any of"),
        (["retry", "aa11"], 2, "is asked"),
        (["list", "--ledger", "mysql://host/x"], 2, "only sqlite"),
        (["list", "--ledger", "postgresql://u:p@127.0.0.1:1/x"], 3, "does not answer"),
    ],
)
def test_what_cannot_be_is_told_with_its_status(results, capsys, words, status, said):
    got, document = asked(capsys, *words, "--out", str(results))

    assert got == status
    assert said in document["error"]["message"]


def test_a_ledger_that_is_not_there_is_not_made_by_looking(tmp_path, capsys):
    assert main(["ledger", "--out", str(tmp_path / "nowhere")]) == 2
    assert "--out" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


def test_a_run_of_a_site_is_handed_to_its_watcher(results, capsys):
    status, said = asked(capsys, "retry", "cc33", "--out", str(results))

    assert (status, said["state"]) == (0, "asked")
    assert "as somebody wished" in said["reason"]


def test_what_was_refused_here_is_done_again_here(tmp_path, capsys):
    silent = tmp_path / "raw" / "silent.dat"
    silent.parent.mkdir()
    write_ascii(silent, sphere_curve(300, first=0.008, step=0.001, radius=30.0))
    out = str(tmp_path / "results")
    assert main(["reduce", str(silent), "--set", "particle=other", "--out", out]) == 0
    request = ledger_of(tmp_path / "results").requests()[0]
    ledger_of(tmp_path / "results").again(request.id, "sent again")
    ledger_of(tmp_path / "results").move(request.id, QUARANTINED, "a disk was lost")
    capsys.readouterr()

    status, said = asked(capsys, "retry", "silent.dat", "--out", out)

    assert status == 0
    assert said["key"] == request.key
    assert said["cached"]

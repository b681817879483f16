"""Leases: one computes at a time, the last token commits, and nobody else."""

import threading
from pathlib import Path

import pytest

from flows.ledger import owner
from flows.ledger.errors import IllegalMoveError, StaleLeaseError
from flows.ledger.leases import Lease, Taken
from flows.ledger.requests import Request
from flows.states import DONE, QUARANTINED, RUNNING

KEY = "a" * 64


def claimed(ledger, who="one"):
    return ledger.claim("/store", KEY, "saxs", who)


def asked(ledger, name="r"):
    return ledger.ask(Request(id=name, run="run", recipe="saxs")).id


def commit(ledger, lease, product="/store/p"):
    ledger.begin(lease, asked(ledger))
    with ledger.committing(lease, Path(product), "r"):
        pass


def test_one_holds_a_key_and_the_other_is_told_who(kept):
    first, second = claimed(kept.ledger, "one"), claimed(kept.ledger, "two")

    assert isinstance(first, Lease)
    assert second == Taken("one", 1010.0, "")


def test_what_is_committed_is_not_leased_again(kept):
    commit(kept.ledger, claimed(kept.ledger))

    assert claimed(kept.ledger, "two").product == "/store/p"
    assert kept.ledger.products(KEY)[0]["computations"] == 1


def test_a_lease_expires_unless_it_is_renewed(kept):
    lease = claimed(kept.ledger)
    kept.clock.at += 8
    kept.ledger.renew(lease)
    kept.clock.at += 8
    still = claimed(kept.ledger, "two")
    kept.clock.at += 8
    after = claimed(kept.ledger, "two")

    assert isinstance(still, Taken)
    assert after == Lease("/store", KEY, lease.token + 1)


@pytest.mark.parametrize("deed", ["begin", "renew", "commit", "fail"])
def test_whoever_was_too_slow_can_do_nothing_any_more(kept, deed):
    slow = claimed(kept.ledger, "slow")
    kept.clock.at += 11
    claimed(kept.ledger, "quick")
    deeds = {
        "begin": lambda: kept.ledger.begin(slow, asked(kept.ledger)),
        "renew": lambda: kept.ledger.renew(slow),
        "commit": lambda: kept.ledger.committing(slow, Path("/store/p"), "r").__enter__(),
        "fail": lambda: kept.ledger.fail(slow, QUARANTINED, "it is broken"),
    }

    with pytest.raises(StaleLeaseError, match="took over"):
        deeds[deed]()
    assert kept.ledger.products(KEY)[0]["owner"] == "quick"


def test_nothing_is_moved_into_place_under_a_stale_lease(kept):
    slow = claimed(kept.ledger, "slow")
    kept.clock.at += 11
    claimed(kept.ledger, "quick")
    moved = []

    with pytest.raises(StaleLeaseError), kept.ledger.committing(slow, Path("/store/p"), "r"):
        moved.append("into place")
    assert moved == []


def test_a_failure_in_the_moment_of_moving_leaves_the_lease(kept):
    lease = claimed(kept.ledger)
    kept.ledger.begin(lease, asked(kept.ledger))

    with pytest.raises(OSError, match="full"), kept.ledger.committing(lease, Path("/store/p"), "r"):
        raise OSError("the disk is full")
    assert kept.ledger.products(KEY)[0]["state"] == RUNNING
    assert kept.ledger.get("r").state == RUNNING


def test_what_failed_can_be_claimed_again(kept):
    kept.ledger.fail(claimed(kept.ledger), QUARANTINED, "it is broken")

    assert claimed(kept.ledger, "two").token == 2
    assert [each["state"] for each in kept.ledger.history(KEY)] == [
        "running",
        "quarantined",
        "asked",
        "running",
    ]


def test_a_key_is_not_failed_without_a_reason(kept):
    with pytest.raises(IllegalMoveError, match="reason ''"):
        kept.ledger.fail(claimed(kept.ledger), QUARANTINED, "")


def test_a_dead_process_of_this_machine_is_not_waited_for(kept):
    *machine, _, _ = owner.myself().split(" ")
    dead = " ".join([*machine, "4194303", "1.00"])

    assert isinstance(claimed(kept.ledger, dead), Lease)
    assert claimed(kept.ledger).token == 2


def test_of_a_process_elsewhere_nobody_says_that_it_is_dead():
    assert not owner.gone("other boot pid:[1] 4194303 1.00")
    assert not owner.gone(owner.myself())


def test_a_product_found_in_the_store_ends_whoever_computes_it(kept):
    lease = claimed(kept.ledger)
    kept.ledger.found(asked(kept.ledger), "/store", KEY, "saxs", Path("/store/p"))

    with pytest.raises(StaleLeaseError):
        kept.ledger.renew(lease)
    assert kept.ledger.products(KEY)[0]["state"] == DONE
    assert kept.ledger.get("r").product == "/store/p"


def test_a_product_that_is_gone_may_be_computed_again(kept):
    commit(kept.ledger, claimed(kept.ledger))
    kept.ledger.lost("/store", KEY)

    assert kept.ledger.products(KEY)[0]["reason"] == "/store/p is gone or damaged"
    assert isinstance(claimed(kept.ledger), Lease)


def test_of_many_that_claim_at_once_one_gets_it(kept):
    got = []
    kept.ledger.claim("/store", "b" * 64, "saxs", "before")
    ready = threading.Barrier(8)

    def claim(number):
        ledger = kept.ledger
        ready.wait()
        got.append(claimed(ledger, str(number)))

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(isinstance(each, Lease) for each in got) == 1
    assert len(got) == 8

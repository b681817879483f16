"""The laws of the ledger, whatever owners do in whatever order, compared with a model of a few lines."""

import tempfile
from itertools import count
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from flows.ledger.errors import IllegalMoveError, StaleLeaseError
from flows.ledger.leases import Lease
from flows.ledger.ledger import ledger_at
from flows.ledger.moves import LEGAL
from flows.ledger.requests import Request
from flows.states import ASKED, DONE, QUARANTINED, REFUSED, RUNNING, WAITING

LEASE_S = 10.0
OWNERS = st.sampled_from(["one", "two", "three"])
NUMBERS = count()
STATES = (ASKED, RUNNING, DONE, WAITING, QUARANTINED, REFUSED)


class Leases(RuleBasedStateMachine):
    """Owners that claim, renew, commit and fail a key while time goes on.

    `kept` opens the ledger with the clock it is given; the model knows who may commit.
    """

    kept = None

    @initialize()
    def begin(self):
        self.at = 1000.0
        self.ledger = type(self).kept(lambda _: self.at)
        number = next(NUMBERS)
        self.key, self.request = f"{number:064x}", f"request {number}"
        self.ledger.ask(Request(id=self.request, run="run", recipe="saxs"))
        self.leases = {}
        self.holder, self.expires, self.highest = None, 0.0, 0
        self.committed = self.computed = 0

    @rule(owner=OWNERS)
    def claim(self, owner):
        got = self.ledger.claim("/store", self.key, "saxs", owner)
        free = not self.committed and (self.holder is None or self.at >= self.expires)

        assert isinstance(got, Lease) == free
        if free:
            assert got.token > self.highest
            self.highest = got.token
            self.leases[owner], self.holder, self.expires = got, owner, self.at + LEASE_S

    @rule(seconds=st.sampled_from([1.0, 6.0, 11.0]))
    def time_goes_on(self, seconds):
        self.at += seconds

    @rule(owner=OWNERS)
    def renew(self, owner):
        if self.may(owner, self.ledger.renew):
            self.expires = self.at + LEASE_S

    @rule(owner=OWNERS)
    def compute(self, owner):
        self.computed += self.may(owner, lambda lease: self.ledger.begin(lease, self.request))

    @rule(owner=OWNERS)
    def commit(self, owner):
        def put(lease):
            self.ledger.begin(lease, self.request)
            with self.ledger.committing(lease, Path("/store/p"), self.request):
                pass

        if self.may(owner, put):
            self.committed, self.computed, self.holder = self.committed + 1, self.computed + 1, None

    @rule(owner=OWNERS)
    def fail(self, owner):
        if self.may(owner, lambda lease: self.ledger.fail(lease, QUARANTINED, "it is broken")):
            self.holder = None

    def may(self, owner, deed):
        """Do it, and see that it is done exactly if the owner holds the last lease; whether it was."""
        lease = self.leases.get(owner)
        if lease is None:
            return False
        allowed = self.holder == owner and lease.token == self.highest
        try:
            deed(lease)
        except StaleLeaseError:
            assert not allowed
        else:
            assert allowed
        return allowed

    @invariant()
    def the_books_agree(self):
        rows = self.ledger.products(self.key)

        assert self.committed <= 1
        assert [row["commits"] for row in rows] in ([], [self.committed])
        assert sum(row["computations"] for row in rows) == self.computed
        assert all((row["state"] == DONE) == (not row["reason"]) for row in rows)


def test_only_the_last_owner_commits_and_only_once():
    with tempfile.TemporaryDirectory() as home:
        url = f"sqlite:///{home}/ledger.sqlite"

        class OnSqlite(Leases):
            kept = staticmethod(lambda now: ledger_at(url, now=now, lease_s=LEASE_S))

        run_state_machine_as_test(
            OnSqlite, settings=settings(max_examples=20, stateful_step_count=20, deadline=None)
        )


def test_only_the_last_owner_commits_on_postgresql_too(postgres):
    url = postgres.database()

    class OnPostgresql(Leases):
        kept = staticmethod(lambda now: ledger_at(url, now=now, lease_s=LEASE_S))

    run_state_machine_as_test(
        OnPostgresql, settings=settings(max_examples=5, stateful_step_count=12, deadline=None)
    )


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.tuples(st.sampled_from(STATES), st.sampled_from(["", "because"])), max_size=12))
def test_a_request_moves_as_it_may_and_says_why(tmp_path, moves):
    ledger = ledger_at(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    request = f"request {next(NUMBERS)}"
    state = ledger.ask(Request(id=request, run="run", recipe="saxs")).state

    for after, reason in moves:
        fits = after == state or after in LEGAL[state]
        try:
            state = ledger.move(request, after, reason).state
        except IllegalMoveError:
            assert not fits or (after == DONE) == bool(reason)
        else:
            assert fits
            assert (after == DONE) != bool(reason)
    assert ledger.get(request).state == state
    assert all((each.state == DONE) != bool(each.reason) for each in ledger.requests())

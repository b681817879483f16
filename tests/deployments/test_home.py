"""A home belongs to one hub at a time, and says so."""

from __future__ import annotations

import os

import pytest

from deployments.errors import AddressError, HomeInUseError, HomeUnusableError
from deployments.home import LAST_LINES, Home
from deployments.hub import free_port, home_at, refuse_taken


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "hub", tmp_path / "results")


def test_a_second_hub_on_a_home_is_refused_with_the_address_of_the_first(home):
    with home.held("http://127.0.0.1:4200"), pytest.raises(HomeInUseError) as refused, home.held("other"):
        pass

    assert "http://127.0.0.1:4200" in str(refused.value)
    assert f"process {os.getpid()}" in str(refused.value)


def test_a_home_is_free_again_after_its_hub(home):
    with home.held("first"):
        pass
    with home.held("second"):
        held = (home.root / "hub.lock").read_text()

    assert "second" in held
    assert "first" not in held


def test_a_home_that_cannot_be_made_is_refused_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    home = Home(tmp_path / "file" / "hub", tmp_path / "results")

    with pytest.raises(HomeUnusableError, match="give another --home"), home.held(""):
        pass


def test_the_last_lines_of_a_log_that_is_not_there_are_none(home):
    assert home.last_lines("server") == ""


def test_only_the_end_of_a_long_log_is_told(home):
    home.log("server").parent.mkdir(parents=True)
    home.log("server").write_text("\n".join(f"line {number}" for number in range(100)))

    told = home.last_lines("server").splitlines()

    assert len(told) == LAST_LINES
    assert told[-1] == "line 99"


def test_what_is_given_wins_over_what_the_environment_says(tmp_path):
    environment = {"HALOS_HOME": str(tmp_path / "a"), "HALOS_RESULTS": str(tmp_path / "b")}

    assert home_at(None, None, environment) == Home(tmp_path / "a", tmp_path / "b")
    assert home_at(tmp_path / "c", None, {}) == Home(tmp_path / "c", tmp_path / "c" / "results")
    assert home_at(tmp_path / "c", tmp_path / "d", environment) == Home(tmp_path / "c", tmp_path / "d")


def test_a_free_port_can_be_listened_on():
    refuse_taken("127.0.0.1", free_port("127.0.0.1"))


def test_an_address_of_another_machine_is_refused_in_words():
    with pytest.raises(AddressError, match="cannot listen on"):
        refuse_taken("192.0.2.1", 4200)

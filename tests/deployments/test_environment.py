"""The parts of a hub call nobody and heed no other server's settings."""

from __future__ import annotations

import pytest

from deployments.environment import surroundings
from deployments.home import Home

API = "http://127.0.0.1:4200/api"


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "hub", tmp_path / "results")


def test_settings_of_another_server_are_left_behind(home):
    given = {"PREFECT_PROFILE": "work", "PREFECT_API_KEY": "k", "PREFECT_API_URL": "https://elsewhere/api"}

    around = surroundings(given, home, "127.0.0.1", inside=API, outside=API)

    assert around["PREFECT_API_URL"] == API
    assert not {"PREFECT_PROFILE", "PREFECT_API_KEY"} & set(around)


def test_products_go_to_the_results_of_the_hub(home):
    around = surroundings({"HALOS_RESULTS": "/elsewhere"}, home, "127.0.0.1", inside=API, outside=API)

    assert around["HALOS_RESULTS"] == str(home.results)


def test_nothing_is_told_to_anybody(home):
    around = surroundings({}, home, "127.0.0.1", inside=API, outside=API)

    assert around["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert around["DO_NOT_TRACK"] == "1"


def test_the_worker_logs_in_as_the_server_asks(home):
    around = surroundings(
        {"PREFECT_SERVER_API_AUTH_STRING": "hub:secret"}, home, "127.0.0.1", inside=API, outside=API
    )

    assert around["PREFECT_API_AUTH_STRING"] == "hub:secret"
    assert around["PREFECT_SERVER_API_AUTH_STRING"] == "hub:secret"


def test_the_hub_is_reached_past_a_proxy(home):
    around = surroundings(
        {"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "desy.de"}, home, "halos1", inside=API, outside=API
    )

    assert around["NO_PROXY"].split(",") == ["desy.de", "halos1", "127.0.0.1", "localhost"]

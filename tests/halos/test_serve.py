"""What cannot be served is refused at once, with exit status 2 and in words."""

from __future__ import annotations

import json
import socket

import pytest

from deployments.home import Home
from halos.commands import main


def said_to(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["serve", *arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_a_second_hub_on_a_home_is_refused(tmp_path, capsys):
    with Home(tmp_path, tmp_path / "results").held("http://127.0.0.1:4200"):
        status, _, words = said_to(capsys, "--port", "0", "--home", str(tmp_path))

    assert status == 2
    assert "a hub is running" in words
    assert "http://127.0.0.1:4200" in words
    assert "Traceback" not in words


def test_a_port_in_use_is_refused(tmp_path, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        status, _, words = said_to(capsys, "--port", str(port), "--home", str(tmp_path))

    assert status == 2
    assert f"port {port}: something listens there already; give another --port" in words


def test_a_number_that_is_no_port_is_refused(tmp_path, capsys):
    status, _, words = said_to(capsys, "--port", "70000", "--home", str(tmp_path))

    assert status == 2
    assert "--port 70000 is no port" in words


def test_a_refusal_is_one_json_document(tmp_path, capsys):
    with Home(tmp_path, tmp_path / "results").held("http://127.0.0.1:4200"):
        _, document, _ = said_to(capsys, "--port", "0", "--home", str(tmp_path), "--json")

    assert json.loads(document)["error"]["kind"] == "HomeInUseError"


@pytest.mark.slow
def test_a_server_that_does_not_come_up_is_told_with_its_log(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", "nosuchdatabase://")

    status, _, words = said_to(capsys, "--port", "0", "--home", str(tmp_path))

    assert status == 1
    assert "the server ended by itself" in words
    assert str(tmp_path / "logs" / "server.log") in words
    assert "please report it" not in words

"""What an administrator installs: units that systemd takes, profiles and settings that are understood."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from adapters.testing.sftp import made_key, missing, program
from deployments.environment import KEPT, surroundings
from deployments.forms import forms
from deployments.home import Home
from deployments.hub import home_at, incoming_at

FILES = Path(__file__).resolve().parents[2] / "deployments"
UNITS = sorted((FILES / "systemd").glob("*.service"))
HARDENED = {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "PrivateTmp": "yes", "User": "halos"}


def profile(name):
    lines = (FILES / "profiles" / f"{name}.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_systemd_finds_nothing_wrong_with_a_unit(unit, tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    program = shutil.which("true")
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/halos/bin/halos", str(program)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False
    )

    said = [line for line in done.stderr.splitlines() if unit.name in line]
    assert (done.returncode, said) == (0, [])


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_a_unit_gives_its_service_no_more_than_it_needs(unit):
    said = dict(
        line.split("=", 1) for line in unit.read_text().splitlines() if "=" in line and line[0] != "#"
    )

    assert HARDENED.items() <= said.items()
    assert said["CapabilityBoundingSet"] == ""
    assert "CHANGE-ME" not in unit.read_text()


def test_the_profile_of_a_hub_reaches_its_server(tmp_path):
    given = profile("hub")
    around = surroundings(given, Home(tmp_path, tmp_path), "h", inside="http://h/api", outside="http://h/api")

    assert given["PREFECT_SERVER_DATABASE_CONNECTION_URL"].startswith("postgresql+asyncpg://")
    assert {name: around[name] for name in given if name in KEPT} == {
        name: value for name, value in given.items() if name.startswith("PREFECT")
    }
    assert incoming_at(None, given) == Path("/srv/halos/incoming")
    assert home_at(None, None, given) == Home(Path("/var/lib/halos"), Path("/srv/halos/results"))


def test_the_profile_of_a_laptop_needs_no_database_and_no_login():
    assert not [name for name in profile("laptop") if name.startswith("PREFECT")]


def test_units_and_profiles_name_the_same_files():
    for unit in UNITS:
        wanted = re.findall(r"EnvironmentFile=-?/etc/halos/(\w+)\.env", unit.read_text())
        used = set(re.findall(r"\$\{(\w+)\}", unit.read_text()))

        assert len(wanted) == 1
        assert used <= profile(wanted[0]).keys()


def test_sshd_takes_the_settings_for_sites(tmp_path):
    if missing():
        pytest.skip("OpenSSH is not installed")
    made_key(tmp_path / "host")
    settings = (FILES / "ssh" / "halos-sites.conf").read_text()
    (tmp_path / "config").write_text(f"HostKey {tmp_path / 'host'}\n{settings}")
    command = [str(program("sshd")), "-T", "-f", str(tmp_path / "config"), "-C"]
    done = subprocess.run(
        [*command, "user=root,host=h,addr=10.0.0.1"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_the_deployments_for_a_bare_prefect_server_are_those_of_the_hub():
    said = yaml.safe_load((FILES / "prefect.yaml").read_text())["deployments"]

    assert {each["name"]: each["entrypoint"] for each in said} == {
        form.name: form.entrypoint for form in forms()
    }
    assert {each["name"]: each.get("parameters") for each in said} == {
        form.name: form.parameters for form in forms()
    }
    assert {each["work_pool"]["name"] for each in said} == {"local"}

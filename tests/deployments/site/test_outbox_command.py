"""What is on its way from a site is told, and what was refused can go once more."""

import json

import pytest
import yaml

from adapters.testing.products import write_product
from deployments.site.notes import Stage
from deployments.site.start import laid
from deployments.site.ways import outboxes
from halos.commands import main


@pytest.fixture
def site(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "hub").mkdir()
    made = laid(tmp_path / "site", "lund", {"raw": tmp_path / "raw"}, None)
    made.policy.write_text(yaml.safe_dump({"leaving": [{"to": (tmp_path / "hub").as_uri()}]}))
    return made


def told(site, capsys, *more):
    status = main(["site", "outbox", str(site.folder), "--json", *more])
    return status, json.loads(capsys.readouterr().out)


def test_nothing_on_its_way_is_said(site, capsys, tmp_path):
    status, said = told(site, capsys)

    assert status == 0
    assert said["ways"] == [{"to": (tmp_path / "hub").as_uri(), "trouble": "", "products": []}]


def test_what_waits_and_what_was_refused_is_said_with_its_reason(site, capsys, tmp_path):
    (box,) = outboxes(site)
    good, bad = write_product(tmp_path / "good"), write_product(tmp_path / "bad")
    box.put(bad)
    manifest = bad / "manifest.json"
    manifest.write_text(manifest.read_text() + "\n")
    box.flush()
    box.put(good)
    status, said = told(site, capsys)
    (way,) = said["ways"]
    again, retried = told(site, capsys, "--retry")

    assert status == 6
    assert {each["product"]: each["stage"] for each in way["products"]} == {
        str(good): "waiting",
        str(bad): "refused",
    }
    assert all(each["reason"] for each in way["products"] if each["stage"] == "refused")
    assert (again, retried["again"]) == (3, 1)
    assert not box.notes(Stage.REFUSED)


def test_a_site_that_lets_nothing_leave_says_so(site, capsys):
    site.policy.write_text("leaving: []\n")

    assert main(["site", "outbox", str(site.folder)]) == 0
    assert "lets nothing leave" in capsys.readouterr().out

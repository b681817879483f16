"""A new site allows nothing and is in order; whatever is wrong with one is told with what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.audit import Audit
from deployments.site.check import check
from deployments.site.errors import SiteExistsError
from deployments.site.policy import Policy, policy_of
from deployments.site.rules import Rules, rules_of
from deployments.site.site import Site, site_at
from deployments.site.start import laid
from flows.keys import laid as keys_laid
from halos.commands import main


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "data").mkdir()
    return laid(tmp_path / "site", "site-a", {"beam": tmp_path / "data"}, None)


def faults(site: Site) -> str:
    return "\n".join(check(site_at(site.folder), with_hub=False).faults)


def changed(path: Path, **more: Any) -> None:
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | more))


def test_a_new_site_is_in_order_private_and_allows_nothing(site):
    assert faults(site) == ""
    assert site.folder.stat().st_mode & 0o077 == 0
    assert policy_of(site.folder) == Policy()
    assert rules_of(site).rules == ()


def with_its_examples(path: Path) -> Any:
    """The values of a file whose commented examples are switched on; of two values the last counts."""
    lines, inside = [], False
    for line in path.read_text().splitlines():
        name = line.removeprefix("# ").split(":")[0]
        inside = line.startswith("# ") and (inside or name in (*Policy.model_fields, *Rules.model_fields))
        lines.append(line.removeprefix("# ") if inside else line)
    return yaml.safe_load("\n".join(lines))


def test_the_examples_in_a_new_site_work(site):
    policy = Policy.model_validate(with_its_examples(site.policy))
    rules = Rules.model_validate(with_its_examples(site.rules))

    assert policy.askers[0].asker == "anna"
    assert policy.leaving[0].to.startswith("sftp://")
    assert policy.stays.techniques == ("mri",)
    assert [each.recipe for each in rules.rules] == [None, "saxs"]


def test_a_site_is_never_laid_over_another(site):
    with pytest.raises(SiteExistsError):
        laid(site.folder, "site-b", {"beam": site.roots["beam"]}, None)


def site_yaml(**more: Any) -> Any:
    return lambda site: changed(site.folder / "site.yaml", **more)


def policy_yaml(**more: Any) -> Any:
    return lambda site: changed(site.policy, **more)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (site_yaml(roots={"beam": "/not/there"}), "mount it, or correct"),
        (site_yaml(results="../data/results"), "read-only"),
        (policy_yaml(rights="all"), "rights"),
        (policy_yaml(askers=[{"asker": "anna"}]), "anna has no key"),
        (policy_yaml(leaving=[{"to": "x", "data": ["moon"]}]), "name a root of site.yaml"),
        (lambda site: (site.trusted / "anna.pub").write_text("nonsense"), "no public key"),
        (lambda site: changed(site.rules, rules=[{"glob": 1}]), "rules.0"),
        (lambda site: site.folder.chmod(0o777), "chmod go-w"),
        (lambda site: site.policy.unlink(), "there is no such file"),
    ],
)
def test_what_is_wrong_is_told(site, wrong, told):
    wrong(site)

    assert told in faults(site)


def test_another_key_than_the_policy_names_is_told(site, tmp_path):
    keys_laid(tmp_path / "people", "anna")[1].rename(site.trusted / "anna.pub")
    changed(site.policy, askers=[{"asker": "anna", "key": "SHA256:other"}])

    assert "ask them which is right" in faults(site)


def test_an_altered_audit_log_is_told(site):
    audit = Audit(site.audit)
    audit.written("asked", run="one")
    audit.path.write_text(audit.path.read_text().replace("one", "two"))

    assert "line 1: altered" in faults(site)


def test_a_hub_that_does_not_answer_is_told(site):
    changed(site.folder / "site.yaml", hub="http://127.0.0.1:9/api")

    assert "cannot be reached" in "\n".join(check(site_at(site.folder)).faults)


def test_the_command_lays_checks_and_says_what_is_wrong(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    folder, root = str(tmp_path / "site-a"), f"beam={tmp_path / 'data'}"
    laid_status = main(["site", "init", folder, "--root", root, "--json"])
    document = json.loads(capsys.readouterr().out)
    fine = main(["site", "check", folder, "--json", "--no-hub"])
    found = json.loads(capsys.readouterr().out)
    (tmp_path / "data").rmdir()
    wrong = main(["site", "check", folder, "--no-hub"])

    assert (laid_status, fine, wrong) == (0, 0, 2)
    assert document["site"] == found["site"] == "site-a"
    assert "mount it" in capsys.readouterr().out


def test_a_key_pair_is_made_by_the_command(tmp_path, capsys):
    made = main(["key", "new", "anna", "--folder", str(tmp_path), "--json"])
    document = json.loads(capsys.readouterr().out)
    shown = main(["key", "show", document["public"], "--json"])

    assert (made, shown) == (0, 0)
    assert json.loads(capsys.readouterr().out)["fingerprint"] == document["fingerprint"]
    assert main(["key", "new", "anna", "--folder", str(tmp_path)]) == 2

"""What a policy does not allow is refused, and what it does not let leave stays."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from configs.load import ConfigurationError
from deployments.site.policy import Policy, faults, leave, policy_of
from flows.keys import Trusted, laid, trusted

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def anna(tmp_path_factory) -> Trusted:
    return trusted(laid(tmp_path_factory.mktemp("keys"), "anna")[1])


def policy(**said: Any) -> Policy:
    return Policy.model_validate(said)


def test_an_empty_policy_refuses_everything(anna):
    assert "not allowed here" in str(policy().fault(anna, "saxs"))
    assert policy().data_for(anna, "saxs") == ()
    assert going(policy()).to is None


@pytest.mark.parametrize(
    ("askers", "reason"),
    [
        ([], "may ask for nothing"),
        ([{"asker": "bob", "recipes": ["*"], "data": ["beam"]}], "may ask for nothing"),
        ([{"asker": "anna", "key": "SHA256:other", "recipes": ["*"]}], "may ask for nothing"),
        ([{"asker": "anna", "recipes": ["waxs"], "data": ["beam"]}], "may not ask for recipe saxs"),
    ],
)
def test_an_asker_without_the_right_is_refused(anna, askers, reason):
    assert reason in str(policy(recipes=["saxs", "waxs"], askers=askers).fault(anna, "saxs"))


def test_an_asker_has_the_data_of_all_entries_that_fit(anna):
    entries = [
        {"asker": "anna", "recipes": ["saxs"], "data": ["beam/one"]},
        {"asker": "anna", "key": anna.fingerprint, "recipes": ["*"], "data": ["beam/two"]},
        {"asker": "anna", "recipes": ["waxs"], "data": ["beam/three"]},
    ]
    said = policy(recipes=["saxs", "waxs"], askers=entries)

    assert said.fault(anna, "saxs") is None
    assert said.data_for(anna, "saxs") == ("beam/one", "beam/two")


def test_every_recipe_is_every_allowed_one(anna):
    said = policy(recipes=["saxs"], askers=[{"asker": "anna", "recipes": ["*"], "data": ["beam"]}])

    assert said.fault(anna, "saxs") is None
    assert said.fault(anna, "waxs") is not None


ROOTS = {"beam": Path("/data/beam"), "clinic": Path("/data/clinic")}


def going(said: Policy, technique: str = "saxs", inputs: tuple[str, ...] = ("/data/beam/one/a",)) -> Any:
    paths = [Path(each) for each in inputs]
    return leave(said, ROOTS, technique=technique, recipe="saxs", inputs=paths, now=NOW)


OUT = {"to": "sftp://hub/in"}


@pytest.mark.parametrize(
    ("way", "to"),
    [
        (OUT, "sftp://hub/in"),
        (OUT | {"techniques": ["saxs"], "recipes": ["saxs"], "data": ["beam/one"]}, "sftp://hub/in"),
        (OUT | {"techniques": ["mri"]}, None),
        (OUT | {"recipes": ["waxs"]}, None),
        (OUT | {"data": ["beam/two"]}, None),
        (OUT | {"not_before": "2026-06-01"}, "sftp://hub/in"),
        (OUT | {"not_before": "2026-06-02"}, None),
    ],
)
def test_a_product_leaves_by_a_way_that_fits(way, to):
    assert going(policy(leaving=[way])).to == to


def test_an_embargo_is_not_passed_by_a_later_way():
    said = policy(leaving=[OUT | {"data": ["beam"], "not_before": "2027-01-01"}, OUT])

    assert going(said).reason == "under embargo until 2027-01-01"


def test_what_stays_never_leaves():
    said = policy(leaving=[OUT], stays={"techniques": ["mri"], "data": ["clinic"]})

    assert going(said).to is not None
    assert going(said, technique="mri").to is None
    assert going(said, inputs=("/data/beam/a", "/data/clinic/b")).to is None


@pytest.mark.parametrize("inputs", [(), ("/elsewhere/a",), ("/data/beam/a", "/data/beam/../x")])
def test_a_product_of_unknown_origin_stays(inputs):
    assert going(policy(leaving=[OUT]), inputs=inputs).to is None


def test_an_unknown_key_in_the_file_is_told_with_its_line(tmp_path):
    (tmp_path / "policy.yaml").write_text("recipes: [saxs]\naskers:\n  - asker: anna\n    rights: all\n")

    with pytest.raises(ConfigurationError, match=r"line 4, askers\.0\.rights"):
        policy_of(tmp_path)


def test_a_missing_policy_is_an_error(tmp_path):
    with pytest.raises(ConfigurationError):
        policy_of(tmp_path)


def test_data_and_recipes_that_cannot_be_are_told():
    said = policy(
        recipes=["saxs"],
        askers=[{"asker": "anna", "recipes": ["waxs"], "data": ["beam", "moon/x"]}],
        stays={"data": ["/data/clinic"]},
    )

    assert len(faults(said, ROOTS)) == 3

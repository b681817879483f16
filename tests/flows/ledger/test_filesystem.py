"""Whether other machines may write a folder too, by what is mounted where."""

from pathlib import Path

import pytest

from flows.ledger.filesystem import SHARED, kind_at, shared

MOUNTS = [
    (Path("/"), "ext4"),
    (Path("/data"), "gpfs"),
    (Path("/data/local"), "xfs"),
    (Path("/net"), "autofs"),
    (Path("/net"), "nfs4"),
]


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/anna", "ext4"),
        ("/data/results", "gpfs"),
        ("/data/local/results", "xfs"),
        ("/database", "ext4"),
        ("/net/results", "nfs4"),
    ],
)
def test_a_folder_lies_on_the_innermost_mount(folder, kind):
    assert kind_at(Path(folder), MOUNTS) == kind


def test_where_nothing_is_known_nothing_is_shared():
    assert kind_at(Path("/home"), []) == ""
    assert not "".startswith(SHARED)


def test_a_folder_of_this_machine_is_not_shared(tmp_path):
    assert not shared(tmp_path)

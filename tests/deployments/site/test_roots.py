"""However a path is written, and wherever links lead, nothing outside the roots is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.site.roots import OutsideRootsError, contained, holds, inside


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A root with a run, beside what must not be reached, and links out of it."""
    folder = tmp_path_factory.mktemp("place")
    root = folder / "root"
    (root / "runs").mkdir(parents=True)
    (root / "runs" / "a.dat").touch()
    (folder / "outside").mkdir()
    (folder / "outside" / "secret").touch()
    (folder / "root-like").mkdir()
    (root / "out").symlink_to(folder / "outside")
    (root / "up").symlink_to("..")
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("one")
    (root / "away").symlink_to("/nowhere/at/all")
    (root / "inner").symlink_to("runs/a.dat")
    return folder


def roots(place: Path) -> dict[str, Path]:
    return {"beam": place / "root"}


@pytest.mark.parametrize("said", ["beam", "beam/runs", "beam/runs/a.dat", "beam/not/there", "beam/inner"])
def test_what_lies_below_a_root_has_its_real_path(place, said):
    found = contained(roots(place), said)

    assert found.is_relative_to(place / "root")
    assert found == found.resolve()


ESCAPES = (
    "",
    ".",
    "..",
    "/",
    "/etc/passwd",
    "~",
    "~root/x",
    "other/a",
    "beam/..",
    "beam/../outside/secret",
    "beam/runs/../../outside/secret",
    "beam/./runs",
    "beam//runs",
    "beam/",
    "beam/out/secret",
    "beam/out",
    "beam/up/outside/secret",
    "beam/up/root-like",
    "beam/one",
    "beam/away",
    "file:///etc/passwd",
    "file:/etc/passwd",
    "beam:/x",
    "s3://bucket/x",
    "sftp://host/x",
    "beam\\..\\outside",
    "beam/a\0b",
    "beam/a\nb",
    "beam/\u202egnp.a",
)


@pytest.mark.parametrize("said", ESCAPES)
def test_an_escape_is_refused(place, said):
    with pytest.raises(OutsideRootsError):
        contained(roots(place), said)


NAMED = ("beam", "..", ".", "runs", "a.dat", "out", "up", "one", "away", "outside", "secret", "~", "file:")
parts = st.sampled_from(["", *NAMED]) | st.text(max_size=4)


@settings(max_examples=300, deadline=None)
@given(st.lists(parts, max_size=7), st.sampled_from(["/", "//", "\\", "/./", "/../"]))
def test_no_path_names_anything_outside(place, pieces, between):
    try:
        found = contained(roots(place), between.join(pieces))
    except OutsideRootsError:
        return

    assert found.resolve().is_relative_to((place / "root").resolve())


def test_a_folder_below_a_root_holds_only_what_lies_in_it(place):
    run = place / "root" / "runs" / "a.dat"

    assert holds(roots(place), ["beam/runs"], run)
    assert holds(roots(place), ["beam"], run)
    assert not holds(roots(place), ["beam/other"], run)
    assert not holds(roots(place), [], run)
    assert not holds(roots(place), ["beam"], place / "root" / "out" / "secret")
    assert not inside(roots(place), place / "root" / "one" / "x")

"""What arrives is taken in once, or refused with its reason and nothing committed."""

import json
import os
import shutil

import pytest

from adapters.stores.crossing import Limits
from adapters.stores.errors import SuspectError
from adapters.stores.intake import take_in
from adapters.stores.products import MANIFEST, ProductStore, sha256, verified


@pytest.fixture
def store(tmp_path):
    return ProductStore(tmp_path / "hub")


@pytest.fixture
def arrived(product, tmp_path):
    folder = product()
    target = tmp_path / "incoming"
    shutil.copytree(folder, target)
    return target


def manifest(folder, **changes):
    """Write the manifest anew with some of it changed."""
    said = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**said, **changes}))


def committed(store):
    return [path for path in store.root.glob("*/*") if ".staging" not in path.parts]


def test_what_arrives_whole_is_committed_as_it_is(arrived, store):
    text = (arrived / MANIFEST).read_bytes()
    taken = take_in(arrived, store)

    assert (taken.folder / MANIFEST).read_bytes() == text
    assert verified(taken.folder).key == taken.manifest.key
    assert not taken.known


def test_the_same_again_is_known(arrived, store):
    take_in(arrived, store)
    again = take_in(arrived, store)

    assert again.known
    assert again.same
    assert len(store.products()) == 1


def test_another_product_under_a_known_key_does_not_replace_it(arrived, store):
    first = take_in(arrived, store)
    (arrived / "01-curve.png").write_bytes(b"\x89PNG\r\n\x1a\nother")
    said = json.loads((arrived / MANIFEST).read_text())
    manifest(arrived, files={**said["files"], "01-curve.png": sha256(arrived / "01-curve.png")})
    second = take_in(arrived, store)

    assert second.known
    assert not second.same
    assert verified(second.folder).files == first.manifest.files


def add(name, content=b"x"):
    def harm(folder):
        (folder / name).write_bytes(content)

    return harm


def said(**changes):
    return lambda folder: manifest(folder, **changes)


def listed(name, digest="0" * 64):
    def harm(folder):
        files = json.loads((folder / MANIFEST).read_text())["files"]
        manifest(folder, files={**files, name: digest})

    return harm


def alter(folder):
    content = (folder / "curve.nxs").read_bytes()
    (folder / "curve.nxs").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def link(folder):
    real = folder.with_name("elsewhere.nxs")
    (folder / "curve.nxs").rename(real)
    (folder / "curve.nxs").symlink_to(real)


def linked_manifest(folder):
    real = folder.with_name("elsewhere.json")
    (folder / MANIFEST).rename(real)
    (folder / MANIFEST).symlink_to(real)


def pipe(folder):
    (folder / "curve.nxs").unlink()
    os.mkfifo(folder / "curve.nxs")


def linked_folder(folder):
    (folder / "more").symlink_to("/etc")
    listed("more/hosts.txt", "0" * 64)(folder)


def pickled(folder):
    (folder / "curve.nxs").write_bytes(b"\x80\x04pickled")
    files = json.loads((folder / MANIFEST).read_text())["files"]
    manifest(folder, files={**files, "curve.nxs": sha256(folder / "curve.nxs")})


FINDING = {
    "quantity": "radius_of_gyration",
    "value": 20.0,
    "uncertainty": None,
    "unit": "angstrom",
    "method": "m",
    "assumptions": [],
}
HARMS = {
    "altered": (alter, "not what its manifest says"),
    "extra file": (add("extra.nxs"), "not in its manifest"),
    "hidden file": (add(".bashrc"), "not in its manifest"),
    "file in a folder": (lambda folder: (folder / "deep").mkdir(), "does not belong there"),
    "missing file": (lambda folder: (folder / "curve.nxs").unlink(), "is missing"),
    "no manifest": (lambda folder: (folder / MANIFEST).unlink(), "manifest.json' is missing"),
    "no JSON": (add(MANIFEST, b"{"), "cannot be read"),
    "deep JSON": (add(MANIFEST, b"[" * 100_000), "cannot be read"),
    "NaN": (add(MANIFEST, b'{"key": NaN}'), "is no number"),
    "list": (add(MANIFEST, b"[]"), "cannot be read"),
    "unknown field": (said(command="rm"), "cannot be read"),
    "link": (link, "does not belong there"),
    "linked manifest": (linked_manifest, "cannot be read"),
    "linked folder": (linked_folder, "does not belong there"),
    "pipe": (pipe, "does not belong there"),
    "dots": (listed("../../escape.nxs"), "no plain name"),
    "absolute": (listed("/etc/passwd.txt"), "no plain name"),
    "backslash": (listed("..\\escape.nxs"), "no plain name"),
    "empty part": (listed("a//b.nxs"), "no plain name"),
    "too deep": (listed("a/b/c/d.nxs"), "no plain name"),
    "manifest in itself": (listed(MANIFEST), "does not list itself"),
    "kind": (listed("run.sh"), "do not cross"),
    "no hash": (listed("more.nxs", "x"), "no SHA-256"),
    "files no table": (said(files=["curve.nxs"]), "files: Input should be an object"),
    "no files": (said(files={}, product="", plots=[]), "has no such file"),
    "date no text": (said(created=7), "created: Input should be a valid string"),
    "finding without uncertainty": (said(findings=[FINDING]), "neither uncertainty nor why not"),
    "recipe with dots": (said(recipe="../../outside"), "no plain name"),
    "key no hash": (said(key="../x"), "no SHA-256"),
    "key a number": (said(key=5), "key: Input should be"),
    "result not listed": (said(product="other.nxs"), "has no such file"),
    "plots no names": (said(plots=[["x"]]), "cannot be read"),
    "pickle by another name": (pickled, "no HDF5 file"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_is_not_right_is_refused_with_its_reason(arrived, store, harm):
    do, reason = HARMS[harm]
    do(arrived)

    with pytest.raises(SuspectError, match=reason):
        take_in(arrived, store)
    assert committed(store) == []
    assert not list(store.root.glob(".staging/*"))


def test_what_is_huge_is_refused_before_it_is_copied(arrived, store):
    with (arrived / "curve.nxs").open("r+b") as file:
        file.truncate(2**40)

    with pytest.raises(SuspectError, match="at most"):
        take_in(arrived, store)
    assert committed(store) == []


def test_a_huge_manifest_is_not_read(arrived, store):
    with (arrived / MANIFEST).open("r+b") as file:
        file.truncate(2**40)

    with pytest.raises(SuspectError, match=r"manifest\.json has"):
        take_in(arrived, store)


def test_more_files_than_allowed_are_refused(arrived, store):
    with pytest.raises(SuspectError, match="lists 2 files"):
        take_in(arrived, store, Limits(files=1))


def test_a_link_in_place_of_the_folder_is_refused(arrived, store, tmp_path):
    (tmp_path / "link").symlink_to(arrived)

    with pytest.raises(SuspectError, match="no folder"):
        take_in(tmp_path / "link", store)

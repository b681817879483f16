"""The product store: whole or not at all, found by key, damaged ones set aside, never among raw data."""

import json
import threading

import pytest

from adapters.model import Finding, Flag, Manifest
from adapters.stores.errors import BesideRawDataError, ProductError
from adapters.stores.products import ProductStore, refuse_among_raw, sha256, verified

KEY = "ab" * 32


def manifest(key=KEY, **more):
    said = {
        "key": key,
        "technique": "saxs",
        "recipe": "saxs",
        "inputs": (),
        "parameters": {"bins": 3},
        "files": {},
        "product": "curve.nxs",
        "versions": {"halos": "0"},
        "created": "2026-01-01T00:00:00+00:00",
        "findings": (Finding("radius_of_gyration", 20.0, 0.5, "angstrom", "Guinier", ("round",)),),
        "flags": (Flag.caution("code", "said"),),
    }
    return Manifest(**{**said, **more})


def build(store, text="curve"):
    with store.staging("saxs", KEY) as bench:
        (bench / "curve.nxs").write_text(text)
        return store.commit(bench, manifest())


def test_a_committed_product_is_found_again_with_all_it_says(tmp_path):
    store = ProductStore(tmp_path)
    folder = build(store)
    found = store.find("saxs", KEY)

    assert found.findings == manifest().findings
    assert found.flags == manifest().flags
    assert found.files == {"curve.nxs": sha256(folder / "curve.nxs")}
    assert [each.key for each in store.products()] == [KEY]


def test_what_was_never_committed_does_not_exist(tmp_path):
    store = ProductStore(tmp_path)
    with pytest.raises(RuntimeError), store.staging("saxs", KEY) as bench:
        (bench / "curve.nxs").write_text("half")
        raise RuntimeError("killed")

    assert store.find("saxs", KEY) is None
    assert list((tmp_path / ".staging").iterdir()) == []


@pytest.mark.parametrize("harm", ["alter", "remove", "manifest", "no manifest"])
def test_a_damaged_product_is_set_aside_and_made_again(tmp_path, harm):
    store = ProductStore(tmp_path)
    folder = build(store)
    victims = {
        "alter": lambda: (folder / "curve.nxs").write_text("other"),
        "remove": (folder / "curve.nxs").unlink,
        "manifest": lambda: (folder / "manifest.json").write_text("{"),
        "no manifest": (folder / "manifest.json").unlink,
    }
    victims[harm]()

    assert store.find("saxs", KEY) is None
    assert build(store, "again") == folder
    assert store.find("saxs", KEY) is not None
    assert len([path for path in tmp_path.iterdir() if "damaged" in path.name]) == 1


def test_the_first_to_commit_a_key_wins_and_the_second_gets_it(tmp_path):
    store = ProductStore(tmp_path)
    first = build(store, "first")
    second = build(store, "second")

    assert first == second
    assert (first / "curve.nxs").read_text() == "first"


def test_of_many_that_commit_at_once_exactly_one_product_stays(tmp_path):
    store = ProductStore(tmp_path)
    threads = [threading.Thread(target=build, args=(store, str(number))) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert verified(store.folder("saxs", KEY)).key == KEY
    assert [path.name for path in tmp_path.iterdir() if path.name != ".staging"] == [f"saxs-{KEY[:20]}"]


def test_a_manifest_says_what_is_wrong_with_a_product(tmp_path):
    folder = build(ProductStore(tmp_path))
    (folder / "curve.nxs").write_text("other")

    with pytest.raises(ProductError, match=r"curve\.nxs"):
        verified(folder)


def test_a_manifest_is_plain_json(tmp_path):
    folder = build(ProductStore(tmp_path))
    said = json.loads((folder / "manifest.json").read_text())

    assert said["findings"][0]["quantity"] == "radius_of_gyration"
    assert said["flags"] == [{"code": "code", "severity": "caution", "message": "said"}]
    assert Manifest.from_json(said).to_json() == said


@pytest.mark.parametrize("results", ["raw", "raw/deep/results", "raw/../raw/x"])
def test_results_among_raw_data_are_refused(tmp_path, results):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "frame.tif").write_text("pixels")

    with pytest.raises(BesideRawDataError, match="--out"):
        refuse_among_raw(tmp_path / results, [raw / "frame.tif"])


def test_results_beside_the_folder_of_raw_data_are_fine(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "frame.tif").write_text("pixels")

    refuse_among_raw(tmp_path / "results", [raw / "frame.tif"])
    refuse_among_raw(tmp_path / "results", [raw])

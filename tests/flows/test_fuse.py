"""The story of three proteins, from measured files to a passport."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import pytest

from adapters.errors import LayoutError, NoSuchRunError
from adapters.registry import open_run
from flows.fuse import fuse
from flows.native_ms import NativeParameters, native_ms
from flows.saxs import SaxsParameters, saxs
from flows.structure import ModelParameters, structure
from tasks.fusion.parameters import FusionParameters

pytestmark = pytest.mark.measured
pytest.importorskip("gemmi")
CHESS = "biosaxs/lysozyme-chess/lys_saxs.dat"
NANOMETRES = "biosaxs/lysozyme-sasda96/SASDA96.dat"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def lysozyme(measured, results):
    """Two instruments with q in different units, and two crystal structures."""
    curves = [saxs.fn([measured / name], SaxsParameters(), results) for name in (CHESS, NANOMETRES)]
    fitted = ModelParameters(curve=measured / NANOMETRES)
    models = [
        structure.fn([measured / "structures/6lyz.pdb"], fitted, results),
        structure.fn([measured / "biosaxs/lysozyme-bioxolver/1lys.pdb"], ModelParameters(), results),
    ]
    return [each["product"] for each in (*curves, *models)]


@pytest.fixture(scope="module")
def passport(lysozyme, results):
    return fuse.fn(list(map(Path, lysozyme)), FusionParameters(sample="lysozyme <i>"), results)


def test_what_is_no_product_is_said_to_be_none(measured, tmp_path):
    with pytest.raises(LayoutError, match="reduce it first"):
        fuse.fn([measured / CHESS], FusionParameters(), tmp_path)
    with pytest.raises(NoSuchRunError):
        fuse.fn([tmp_path / "absent"], FusionParameters(), tmp_path)


def test_masses_of_lysozyme_agree_with_its_known_one(passport):
    found = passport["quantities"]["molecular_mass"]

    assert found["verdict"] == "agree"
    assert abs(found["consensus"] - 14.305) < 3 * found["uncertainty"]
    assert passport["quantities"]["oligomeric_state"]["consensus"] == 1


def test_radii_are_related_through_hydration_and_the_fit_is_quoted(passport):
    found = passport["quantities"]["radius_of_gyration"]
    fitted = next(each for each in found["claims"] if each["method"] == "hydrated model, fitted")
    bare = next(each for each in found["kept_apart"] if each["definition"].startswith("bare atoms"))[
        "claims"
    ][0]

    assert "reduced chi-square 0.9" in fitted["assumptions"][0]
    assert "predicted" in bare["set_aside"]
    assert any(flag["code"] == "several_molecules_in_asymmetric_unit" for flag in passport["flags"])


def test_the_report_stands_alone_and_escapes_text(passport):
    page = Path(passport["report"]).read_text()

    assert "lysozyme &lt;i&gt;" in page
    assert "<script" not in page
    assert "http://" not in page
    assert "data:image/png;base64," in page


def test_the_three_forms_say_the_same(passport):
    document = json.loads(Path(passport["passport"]).read_text())
    with h5py.File(passport["product"]) as file:
        group = file["entry/molecular_mass"]

        assert group.attrs["consensus"] == document["quantities"]["molecular_mass"]["consensus"]
        assert len(group["value"]) == len(document["quantities"]["molecular_mass"]["claims"])
    assert document["quantities"] == passport["quantities"]


def test_the_same_products_in_any_order_are_the_same_passport(lysozyme, passport, results):
    again = fuse.fn(list(map(Path, lysozyme[::-1])), FusionParameters(sample="lysozyme <i>"), results)

    assert again["cached"]
    assert again["key"] == passport["key"]


def test_products_of_models_and_spectra_open_again(lysozyme, measured, results):
    spectrum = native_ms.fn([measured / "ms/native/BSA.txt"], NativeParameters(), results)

    assert open_run(lysozyme[2]).data["intensity"].dims == ("frame", "q")
    assert open_run(spectrum["product"]).metadata.technique == "ms"


def test_native_mass_and_batch_curve_of_albumin_tell_the_mixture(measured, results):
    spectrum = native_ms.fn([measured / "ms/native/BSA.txt"], NativeParameters(), results)
    batch = saxs.fn([measured / "biosaxs/embl-hamburg/bsa-sub.dat"], SaxsParameters(), results)

    found = fuse.fn([Path(each["product"]) for each in (spectrum, batch)], FusionParameters(), results)

    mass = found["quantities"]["molecular_mass"]
    heavy = next(each for each in mass["claims"] if each["source"] == "bsa-sub.dat" and not each["set_aside"])
    assert mass["consensus"] == pytest.approx(66.43, abs=0.2)
    assert heavy["deviation"] > 1
    assert "not_compact" in {flag["code"] for flag in heavy["flags"]}

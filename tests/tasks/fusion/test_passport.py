"""Made-up products fused: agreement, relations, planted faults, and what is kept apart."""

from __future__ import annotations

import itertools
import json

import pytest

from adapters.errors import MissingMetadataError
from adapters.model import Finding, Flag
from tasks.fusion.parameters import FusionParameters, Shared
from tasks.fusion.passport import fused

PLAIN = FusionParameters()


def mass(value, error, method="combination", unit="kDa"):
    return Finding("molecular_mass", value, error, unit, method, () if error else ("said",))


def radius(value, error, method="Guinier", unit="angstrom"):
    return Finding("radius_of_gyration", value, error, unit, method, () if error else ("said",))


LYSOZYME = (
    "KVFGRCELAAAMKRHGLDNYRGYSLGNWVCAAKFESNFNTQATNRNTDGSTDYGILQINSRWWCNDGRTPGSRNLCNIPCSALLSSDITASVNCAKK"
    "IVSDGNGMNAWVAWRNRCKGTDVQAWIRGCRL"
)


def answer(sources, quantity="molecular_mass", parameters=PLAIN):
    return fused(sources, parameters).to_json()["quantities"][quantity]


def three(product, *masses):
    return [product(f"p{index}", mass(value, error)) for index, (value, error) in enumerate(masses)]


def test_claims_in_other_units_meet_in_one(product):
    found = answer([product("a", mass(14300.0, 1000.0, unit="Da")), product("b", mass(14.3, 1.0))])

    assert found["verdict"] == "agree"
    assert found["consensus"] == pytest.approx(14.3)
    assert found["claims"][0]["stated"]["unit"] == "Da"


def test_one_product_alone_is_a_single_source(product):
    found = answer([product("a", mass(14.3, 1.0))])

    assert found["verdict"] == "single source"
    assert found["consensus"] == pytest.approx(14.3)


@pytest.mark.parametrize("slip", [10.0, 1000.0, 0.1])
def test_a_planted_slip_of_unit_is_named_and_never_averaged(product, slip):
    found = answer(three(product, (14.3, 0.7), (14.6, 0.8), (14.1 * slip, 0.7 * slip)))

    assert found["verdict"] == "conflict"
    assert found["consensus"] is None
    assert found["odd"] == ["p2: combination"]
    assert any("slip of unit" in word for word in found["why"])


def test_a_planted_wrong_concentration_is_named(product):
    right = [product(f"p{index}", mass(66.0 + index, 2.0)) for index in range(3)]
    wrong = product("stock", mass(132.0, 4.0, "absolute I(0)"))

    found = answer([*right, wrong])

    assert found["verdict"] == "conflict"
    assert found["odd"] == ["stock: absolute I(0)"]
    assert "2 to one" in " ".join(found["why"])


def test_two_sources_that_contradict_each_other_are_both_named(product):
    found = answer(three(product, (14.3, 0.5), (28.6, 0.5)))

    assert found["consensus"] is None
    assert set(found["odd"]) == {"p0: combination", "p1: combination"}
    assert "do not tell which is wrong" in found["why"][0]


def test_the_order_of_products_does_not_matter(product):
    sources = three(product, (14.3, 0.7), (15.6, 0.8), (13.1, 0.7))
    documents = {
        json.dumps(fused(list(order), PLAIN).to_json(), sort_keys=True)
        for order in itertools.permutations(sources)
    }

    assert len(documents) == 1


def test_the_same_product_twice_counts_once(product):
    once = three(product, (14.3, 0.7), (15.0, 0.8))

    assert answer([*once, once[0]]) | {"claims": None} == answer(once) | {"claims": None}


def test_two_products_of_the_same_files_are_one_source(product):
    found = answer(
        [product("a", mass(14.3, 1.0), data="frames"), product("b", mass(14.4, 1.0), data="frames")],
    )

    assert found["verdict"] == "single source"
    assert found["uncertainty"] > 0.9


def test_a_stock_that_products_share_keeps_the_error_from_shrinking(product):
    sources = three(product, (66.0, 3.3), (66.0, 3.3), (66.0, 3.3))
    stock = Shared(source="stock", quantity="molecular_mass", products=("p0", "p1", "p2"), relative=0.05)

    own = answer(sources)["uncertainty"]
    shared = answer(sources, parameters=FusionParameters(shared=(stock,)))["uncertainty"]

    assert own < 3.0
    assert shared > 3.3


def test_neutron_and_x_ray_sizes_are_kept_apart(product):
    found = answer(
        [product("x", radius(30.0, 0.3)), product("n", radius(25.0, 0.3), technique="sans")],
        "radius_of_gyration",
    )

    assert found["verdict"] == "single source"
    assert [each["definition"] for each in found["kept_apart"]] == ["neutron contrast"]
    assert len(found["claims"]) == 1


def test_bare_and_hydrated_sizes_are_related_not_averaged(product):
    crystal = product("crystal", radius(13.98, None, "bare atoms"), technique="structure")

    found = answer([crystal, product("solution", radius(15.0, 0.2))], "radius_of_gyration")

    claim = next(each for each in found["claims"] if each["source"] == "crystal")
    assert found["verdict"] == "agree"
    assert 14.6 < claim["value"] < 15.6
    assert claim["stated"]["value"] == 13.98
    assert "shell" in claim["related_by"][0]


def test_what_is_flagged_invalid_is_shown_but_not_used(product):
    flag = Flag.invalid("aggregation_suspected", "it clumps")
    found = answer(
        [*three(product, (66.0, 3.0), (67.0, 3.0)), product("bad", mass(200.0, 9.0), flags=(flag,))]
    )

    claim = next(each for each in found["claims"] if each["source"] == "bad")
    assert found["verdict"] == "agree"
    assert found["consensus"] == pytest.approx(66.5, abs=0.2)
    assert "it clumps" in claim["set_aside"]
    assert found["odd"] == ["bad: combination"]


def test_routes_of_one_combination_are_not_counted_again(product):
    routes = [mass(13.0, 1.0, "Porod volume"), mass(15.0, 1.0, "volume of correlation")]
    combined = mass(14.0, 1.0, "concentration-independent combination")

    found = answer([product("a", *routes, combined)])

    assert found["consensus"] == pytest.approx(14.0)
    assert [each["set_aside"] is None for each in found["claims"]].count(True) == 1


def test_a_claim_without_uncertainty_is_not_weighed(product):
    volume = Finding("porod_volume", 2e4, None, "angstrom**3", "by eye", ("nobody measured it",))

    found = answer([product("s", volume)], "porod_volume")

    assert found["verdict"] == "no valid claim"
    assert found["consensus"] is None


def test_the_structure_of_a_part_is_said_to_be_a_part(product):
    half = product(
        "ring.pdb",
        mass(399.5, 0.004, "sequence"),
        Finding("protomer_mass", 57.07, 0.0006, "kDa", "sequence"),
        Finding("oligomeric_state", 7, 0.0, "dimensionless", "assembly"),
        technique="structure",
    )
    native = product("spectrum", mass(800.997, 0.011, "charge ladder"), technique="ms")

    passport = fused([half, native], PLAIN).to_json()["quantities"]

    assert passport["oligomeric_state"]["consensus"] == 14
    assert "half of the particle: 7 of 14 protomers" in " ".join(passport["oligomeric_state"]["why"])
    assert passport["molecular_mass"]["consensus"] == pytest.approx(800.997)


def test_a_mass_between_whole_numbers_is_said_not_to_fit(product):
    structure = product(
        "one.pdb", Finding("protomer_mass", 43.2, 0.0004, "kDa", "sequence"), technique="structure"
    )
    found = answer(
        [structure, product("s", mass(65.0, 1.0, "charge ladder"), technique="ms")], "oligomeric_state"
    )

    assert found["consensus"] is None
    assert "no whole number" in found["why"][0]


def test_a_sequence_given_stands_in_for_a_structure(product):
    parameters = FusionParameters(sequence=LYSOZYME)

    found = answer([product("s", mass(28.7, 0.4))], "oligomeric_state", parameters)

    assert found["consensus"] == 2


def test_a_product_larger_in_every_size_is_named_as_a_mixture(product):
    def sized(label, factor):
        size = Finding("maximum_dimension", 90 * factor, 5.0, "angstrom", "P(r)")
        return product(label, radius(28 * factor, 0.2), mass(66.4 * factor, 5.0), size)

    found = answer([sized("batch", 1.25), sized("column", 1.0)], "radius_of_gyration")

    assert found["odd"] == ["batch: Guinier"]
    assert "dimers or aggregates" in found["why"][0]


def test_nothing_to_fuse_is_an_error():
    with pytest.raises(MissingMetadataError):
        fused([], PLAIN)


def test_letters_that_are_no_amino_acids_are_refused():
    with pytest.raises(ValueError, match="no amino acids: B"):
        FusionParameters(sequence="KVB")

"""Measured curves against what was published for them."""

import numpy as np
import pytest

from adapters.model import Metadata, Severity
from tasks.saxs.elution import analyse
from tasks.saxs.frames import average
from tasks.saxs.kernels import guinier, indirect
from tasks.saxs.kernels.invariant import truncated_porod_volume, volume_of_correlation
from tasks.saxs.merging import merge
from tasks.saxs.parameters import (
    AveragingParameters,
    ElutionParameters,
    MergingParameters,
    SeriesParameters,
    ShapeParameters,
    SubtractionParameters,
)
from tasks.saxs.series import extrapolate
from tasks.saxs.shape import characterise
from tasks.saxs.subtraction import subtract

pytestmark = pytest.mark.measured

GLUCOSE_ISOMERASE = "biosaxs/glucose-isomerase-chess"
LYSOZYME = "biosaxs/lysozyme-bioxolver"
SAXS = Metadata(technique="saxs")

# name: (file, factor to 1/angstrom)
CURVES = {
    "glucose isomerase": (f"{GLUCOSE_ISOMERASE}/subtracted/glucose_isomerase.dat", 1.0),
    "lysozyme 8 mg/ml": (f"{LYSOZYME}/subtracted/S_A_02700_F2-T1_lys_8_000.dat", 1.0),
    "SASDA96": ("biosaxs/lysozyme-sasda96/SASDA96.dat", 0.1),
    "lysozyme CHESS": ("biosaxs/lysozyme-chess/lys_saxs.dat", 1.0),
    "BSA X33": ("biosaxs/embl-hamburg/bsa-sub.dat", 0.1),
    "apoferritin": ("sans/1d/apoferritin.txt", 1.0),
}


@pytest.fixture
def reduced(read_stack):
    """The curve of a sample from its frames and those of its buffer."""

    def make(folder, sample, buffer, unit="arbitrary"):
        means = [
            average(read_stack(f"{folder}/frames", pattern, unit), AveragingParameters())
            for pattern in (sample, buffer)
        ]
        assert all(not each.dropped for each in means)
        return subtract(means[0].curve, means[1].curve, SubtractionParameters()).curve

    return make


def claims(result, quantity):
    return {each.method: each for each in result.findings if each.quantity == quantity}


def codes(result):
    return {each.code for each in result.flags}


def agrees(finding, value, error, *, sigmas=3.0):
    return abs(finding.value - value) <= sigmas * np.hypot(error, finding.uncertainty)


def test_glucose_isomerase_from_frames_to_mass(reduced):
    curve = reduced(GLUCOSE_ISOMERASE, "GI2_*.dat", "GIbuf2_*.dat", "1/cm")
    found = characterise(curve, SAXS, ShapeParameters(concentration_mg_ml=0.47))
    radius, mass = claims(found, "radius_of_gyration"), claims(found, "molecular_mass")

    for each in radius.values():
        assert each.value == pytest.approx(33.6, abs=0.5)
        assert each.uncertainty < 0.6  # of which the Guinier law itself leaves 0.44
    assert agrees(claims(found, "forward_intensity")["Guinier"], 0.06122, 0.00028)
    assert claims(found, "maximum_dimension")["P(r)"].value == pytest.approx(101, abs=6)
    near = {name for name, each in mass.items() if each.value == pytest.approx(173, rel=0.1)}
    assert {"absolute I(0)", "corrected Porod volume"} <= near
    assert all(agrees(each, 173, 0, sigmas=2) for each in mass.values())
    assert "compact" in codes(found)
    assert not {each.code for each in found.flags if each.severity > Severity.INFO}


def test_the_frames_give_the_published_subtracted_curve(reduced, read):
    curve = reduced(GLUCOSE_ISOMERASE, "GI2_*.dat", "GIbuf2_*.dat", "1/cm")
    _, intensity, errors = read(CURVES["glucose isomerase"][0])

    assert np.abs((curve["intensity"].values - intensity) / errors).max() < 1e-3
    assert curve["intensity_errors"].values == pytest.approx(errors, rel=0.01)


def test_volumes_are_those_published_for_glucose_isomerase(read):
    known = {"forward": 0.0612246, "forward_error": 0.0, "radius": 33.60777, "q_max": 0.23799429}
    curve = read(CURVES["glucose isomerase"][0])

    assert truncated_porod_volume(*curve, **known).value == pytest.approx(327960.1, rel=1e-3)
    assert volume_of_correlation(*curve, **known).value == pytest.approx(782.4465, rel=1e-3)


@pytest.mark.parametrize("name", CURVES)
def test_guinier_agrees_with_freesas(read, name):
    autorg = pytest.importorskip("freesas.autorg")
    curve = read(CURVES[name][0], CURVES[name][1])
    theirs, ours = autorg.autoRg(np.array(curve).T), guinier.search(*curve)

    assert ours.radius == pytest.approx(theirs.Rg, abs=2 * ours.radius_error + 0.01 * theirs.Rg)
    assert ours.forward == pytest.approx(theirs.I0, rel=0.04)


@pytest.mark.parametrize("name", ["glucose isomerase", "SASDA96"])
def test_distances_agree_with_freesas(read, name):
    bift = pytest.importorskip("freesas.bift")
    curve = read(CURVES[name][0], CURVES[name][1])
    line = guinier.search(*curve)
    part = slice(line.first, None)
    ours = indirect.distances(
        *(each[part] for each in curve), smallest=2 * line.radius, largest=5.5 * line.radius
    )
    theirs = bift.auto_bift(np.array(curve).T, npt=60, scan_size=7).calc_stats()

    assert ours.radius == pytest.approx(theirs.Rg_avg, abs=3 * np.hypot(ours.radius_error, theirs.Rg_std))
    assert ours.dimension == pytest.approx(
        theirs.Dmax_avg, abs=3 * np.hypot(ours.dimension_error, theirs.Dmax_std)
    )


def test_lysozyme_at_8_mg_ml_has_its_published_size(reduced):
    found = characterise(reduced(LYSOZYME, "02700*.dat", "02698*.dat"), SAXS, ShapeParameters())
    radius = claims(found, "radius_of_gyration")

    assert agrees(radius["Guinier"], 14.36, 0.04)
    assert agrees(radius["P(r)"], 14.67, 0.03)
    assert agrees(claims(found, "maximum_dimension")["P(r)"], 44, 2, sigmas=2)


def test_the_lysozyme_series_is_extrapolated(reduced):
    codes_of = {"02700": 8.0, "02702": 4.0, "02704": 2.0, "02706": 1.0}
    curves = [reduced(LYSOZYME, f"{code}*.dat", "02698*.dat") for code in codes_of]
    found = extrapolate(curves, list(codes_of.values()), SeriesParameters(mass_kda=14.3))
    radius, forward = claims(found, "radius_of_gyration"), claims(found, "forward_intensity")

    # From the bare crystal structure with a hydration layer at most: 13.9 to 15.4 angstrom.
    assert agrees(radius["Guinier at zero concentration"], 14.4, 0.5)
    assert forward["I(0)/c at zero concentration"].value == pytest.approx(0.00145, rel=0.08)
    assert found.series.sizes["concentration"] == 4
    level = found.series["forward_intensity"].values
    assert level.max() / level.min() < 1.12


def test_sasda96_in_inverse_nanometres_has_its_published_size(read_curve):
    found = characterise(read_curve(*CURVES["SASDA96"]), SAXS, ShapeParameters())
    radius = claims(found, "radius_of_gyration")

    assert all(agrees(each, 15.1, 0.03) for each in radius.values())
    assert agrees(claims(found, "forward_intensity")["P(r)"], 780.5, 1.2)
    assert agrees(claims(found, "maximum_dimension")["P(r)"], 47.9, 1.0, sigmas=2)


def test_lysozyme_small_and_wide_angle_curves_are_merged(read_curve):
    low = read_curve("biosaxs/lysozyme-chess/lys_saxs.dat", unit="1/cm")
    high = read_curve("biosaxs/lysozyme-chess/lys_waxs.dat")
    merged = merge(low, high, MergingParameters())
    found = characterise(merged.curve, SAXS, ShapeParameters(concentration_mg_ml=4.27))
    mass = claims(found, "molecular_mass")

    assert merged.scale_error < 0.05 * merged.scale
    assert 0.5 < merged.overlap_chi2 < 1.3
    assert [each.code for each in merged.flags] == ["merged"]
    assert merged.curve["q"].values[-1] == pytest.approx(0.7936, abs=1e-3)
    assert agrees(claims(found, "radius_of_gyration")["Guinier"], 13.91, 0.05)
    assert mass["absolute I(0)"].value == pytest.approx(14.80, rel=0.02)


def test_bsa_elutes_at_frame_115_with_the_published_radius(read_stack):
    found = analyse(read_stack("biosaxs/bsa-sec-bioxolver/frames", "*.dat"), ElutionParameters())
    shape = characterise(found.curve, SAXS, ShapeParameters())
    radius = claims(shape, "radius_of_gyration")

    assert found.peaks[0][0] == pytest.approx(115, abs=2)
    assert claims(found, "radius_of_gyration").popitem()[1].value == pytest.approx(28.3, abs=0.7)
    assert all(each.value == pytest.approx(28.3, abs=0.7) for each in radius.values())
    assert agrees(claims(shape, "maximum_dimension")["P(r)"], 91, 3)
    assert all(agrees(each, 66.4, 0, sigmas=2) for each in claims(shape, "molecular_mass").values())


def test_the_frames_before_the_bsa_peak_are_no_steady_buffer(read_stack):
    stack = read_stack("biosaxs/bsa-sec-bioxolver/frames", "*.dat")
    found = analyse(stack, ElutionParameters(baseline_first=20, baseline_last=60))

    assert found.peaks[0][0] == pytest.approx(115, abs=2)
    assert "baseline_not_steady" in codes(found)


def test_apoferritin_is_not_taken_for_a_clean_particle(read_curve):
    curve = read_curve("sans/1d/apoferritin.txt", unit="1/cm")
    found = characterise(curve, Metadata(technique="sans"), ShapeParameters())
    flag = next(each for each in found.flags if each.code == "aggregation_suspected")

    assert flag.severity is Severity.INVALID
    assert "Rg below 58" in flag.message
    assert claims(found, "radius_of_gyration")["Guinier"].value == pytest.approx(76, abs=6)
    assert claims(found, "maximum_dimension")["P(r)"].value == pytest.approx(250, abs=25)


def test_cytochrome_c_at_25_mg_ml_is_not_given_a_guinier_radius(read_curve):
    found = characterise(read_curve("biosaxs/embl-hamburg/SASDAB2.dat", 0.1), SAXS, ShapeParameters())

    assert {"no_guinier_range", "interparticle_repulsion_suspected"} <= codes(found)
    assert claims(found, "radius_of_gyration")["P(r)"].value == pytest.approx(12.7, abs=0.5)


def test_bsa_with_dimer_is_larger_than_the_monomer(read_curve):
    found = characterise(read_curve(*CURVES["BSA X33"]), SAXS, ShapeParameters())

    assert claims(found, "radius_of_gyration")["Guinier"].value == pytest.approx(33.3, abs=1.0)
    assert claims(found, "maximum_dimension")["P(r)"].value > 100
    assert "not_compact" in codes(found)


def test_a_classic_gnom_curve_gives_its_size(measured):
    rows = []
    for row in (measured / "biosaxs/embl-hamburg/lyzexp.out").read_text(errors="replace").splitlines():
        words = row.split()
        if len(words) == 5 and words[0][0].isdigit():
            rows.append([float(word) for word in words])
    q, intensity, errors, _, theirs = np.array(rows).T
    line = guinier.search(q, intensity, errors)
    part = slice(line.first, None)
    found = indirect.distances(
        q[part], intensity[part], errors[part], smallest=2 * line.radius, largest=5.5 * line.radius
    )

    assert found.radius == pytest.approx(15.42, abs=3 * np.hypot(0.17, found.radius_error))
    assert found.dimension == pytest.approx(50, abs=2 * found.dimension_error)
    assert np.abs((found.fitted - theirs[part]) / errors[part]).max() < 1.0


def test_a_wide_angle_curve_alone_gives_no_size(read_curve):
    found = characterise(read_curve("biosaxs/lysozyme-chess/lys_waxs.dat"), SAXS, ShapeParameters())

    assert found.findings == ()
    assert {"no_guinier_range", "no_distances"} <= codes(found)

"""Distance distributions against closed forms and what their authors published."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.errors import MissingMetadataError
from adapters.formats.gnom import BIFT, GNOM
from adapters.model import State
from adapters.testing import samples

CURVE = samples.sphere_curve()


def forward_intensity(data):
    return 4 * np.pi * np.trapezoid(data["p_of_r"].values, data["r"].values)


def radius_of_gyration(data):
    r, p = data["r"].values, data["p_of_r"].values
    return np.sqrt(np.trapezoid(r**2 * p, r) / np.trapezoid(p, r) / 2)


@pytest.mark.parametrize(("unit", "length"), [("1/angstrom", 1.0), ("1/nm", 10.0)])
@pytest.mark.parametrize("version", [4, 5])
def test_the_integral_of_a_sphere_does_not_depend_on_the_unit(tmp_path, unit, length, version):
    distances = samples.sphere_distances(points=401)
    path = samples.write_gnom(tmp_path / "run.out", CURVE, distances, version=version)

    run = GNOM.assuming({"q_unit": unit}).open(path)

    assert forward_intensity(run.data) == pytest.approx(1.0, rel=1e-3)
    assert radius_of_gyration(run.data) == pytest.approx(20 * length * np.sqrt(3 / 5), rel=1e-3)
    assert run.metadata.raw["real_space_rg_angstrom"] == pytest.approx(15.49 * length)
    assert run.metadata.raw["real_space_rg_error_angstrom"] == pytest.approx(0.01 * length)
    assert run.metadata.raw["dmax_angstrom"] == pytest.approx(40 * length)
    assert run.metadata.raw["real_space_i0_error"] == pytest.approx(0.002)
    assert run.metadata.raw["total_estimate"] == pytest.approx(0.769, abs=1e-3)


def test_no_unit_of_length_is_guessed(tmp_path):
    path = samples.write_gnom(tmp_path / "run.out", CURVE, samples.sphere_distances())

    with pytest.raises(MissingMetadataError):
        GNOM.open(path)


def test_a_distribution_that_ends_early_is_broken(tmp_path):
    path = samples.write_gnom(tmp_path / "run.out", CURVE, samples.sphere_distances())
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-3]))

    readiness = GNOM.check(path)

    assert readiness.state is State.BROKEN
    assert "should reach 40 and ends at 37" in readiness.reason


@pytest.mark.measured
@pytest.mark.parametrize(
    ("place", "reader", "unit", "rg", "rg_error", "i0", "dmax"),
    [
        (
            "lysozyme-bioxolver/gnom/S_A_02700_F2-T1_lys_8_000.out",
            GNOM,
            "1/angstrom",
            14.67,
            0.03,
            0.01193,
            44,
        ),
        ("lysozyme-sasda96/SASDA96.out", GNOM, "1/nm", 15.1, 0.03, 780.5, 47.9),
        ("embl-hamburg/gi-sasdak6.out", GNOM, "1/nm", 32.95, 0.02, 162.5, 97.4),
        ("embl-hamburg/lyzexp.out", GNOM, "1/angstrom", 15.42, 0.17, 6.565, 50),
        ("bsa-sec-bioxolver/gnom/A_S_02489_A1_BSA_10_109_c.out", GNOM, "1/angstrom", 28.35, 0.28, None, 94),
        ("bsa-sec-bioxolver/gnom/A_S_02489_A1_BSA_10_110_c2.out", GNOM, "1/angstrom", 28.28, None, None, 88),
        (
            "glucose-isomerase-chess/subtracted/glucose_isomerase.out",
            GNOM,
            "1/angstrom",
            33.36,
            0.107,
            0.06118,
            101,
        ),
        (
            "glucose-isomerase-chess/subtracted/glucose_isomerase.ift",
            BIFT,
            "1/angstrom",
            33.23,
            0.13,
            0.0611,
            101,
        ),
        (
            "bsa-sec-bioxolver/gnom/A_S_02489_A1_BSA_10_109_c.ift",
            BIFT,
            "1/angstrom",
            28.19,
            0.17,
            0.0123,
            86.5,
        ),
    ],
)
def test_published_results_are_read_and_follow_from_the_distribution(
    measured, place, reader, unit, rg, rg_error, i0, dmax
):
    path = measured / "biosaxs" / place

    run = reader.assuming({"q_unit": unit}).open(path)

    raw = run.metadata.raw
    published = (
        raw.get("reciprocal_space_rg_angstrom") if "sasdak6" in place else raw["real_space_rg_angstrom"]
    )
    assert reader.check(path).state is State.READY
    assert published == pytest.approx(rg, abs=max(0.005, 0.004 * rg))
    assert raw["dmax_angstrom"] == pytest.approx(dmax, rel=0.01)
    if rg_error is not None and "sasdak6" not in place:
        assert raw["real_space_rg_error_angstrom"] == pytest.approx(rg_error, rel=0.1)
    if i0 is not None:
        assert raw["real_space_i0"] == pytest.approx(i0, rel=0.005)
    # The table itself, integrated, gives the published numbers: units and columns are right.
    assert radius_of_gyration(run.data) == pytest.approx(raw["real_space_rg_angstrom"], rel=0.01)
    assert forward_intensity(run.data) == pytest.approx(raw["real_space_i0"], rel=0.02)

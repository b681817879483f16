"""Measured spectra against the masses that are known."""

from __future__ import annotations

import pytest

from adapters.registry import open_run
from tasks.ms.errors import SpectrumError
from tasks.ms.parameters import MassParameters
from tasks.ms.reduction import masses

pytestmark = pytest.mark.measured


@pytest.mark.parametrize(
    ("name", "dalton", "charges"),
    [
        ("ms/native/BSA.txt", 66427.0, "14 to 16"),
        ("ms/native/GroEL_UniDec.txt", 800995.0, "64 to 71"),
        ("ms/intact/cytochrome_c_averaged.mzML", 12358.8, "8 to 20"),
    ],
)
def test_masses_agree_within_three_standard_errors(measured, name, dalton, charges):
    found = masses(open_run(measured / name), MassParameters()).findings[0]

    assert abs(1000 * found.value - dalton) < 3 * 1000 * found.uncertainty
    assert found.uncertainty / found.value < 1e-4
    assert charges in found.assumptions[0]


def test_adducts_on_a_native_complex_are_said(measured):
    found = masses(open_run(measured / "ms/native/GroEL_UniDec.txt"), MassParameters())

    assert "adducts_in_mass" in {flag.code for flag in found.flags}


def test_a_range_without_signal_is_refused(measured):
    with pytest.raises(SpectrumError, match="no signal"):
        masses(open_run(measured / "ms/native/BSA.txt"), MassParameters(mz_min=90000))

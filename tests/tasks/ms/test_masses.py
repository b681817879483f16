"""Masses of whole molecules from spectra whose truth is known."""

from __future__ import annotations

import pytest

from adapters.registry import open_run
from adapters.testing.ms import Scan, write_mzml
from adapters.testing.spectrum import PROTON_DA, charge_ladder
from tasks.ms.errors import SpectrumError
from tasks.ms.parameters import MassParameters
from tasks.ms.reduction import masses

PROFILE, NEGATIVE = (f'<cvParam accession="MS:{number}"/>' for number in (1000128, 1000129))


@pytest.fixture
def negative(tmp_path):
    mz, intensity = charge_ladder(30_000.0, range(8, 14))
    path = write_mzml(tmp_path / "negative.mzML", [Scan(1.0, mz - 2 * PROTON_DA, intensity)])
    path.write_text(path.read_text().replace(PROFILE, PROFILE + NEGATIVE))
    return open_run(path)


def test_ions_that_the_file_calls_negative_are_not_taken_for_positive(negative):
    with pytest.raises(SpectrumError, match=r"1 of 1 spectra state negative ions. Set masses\.negative=true"):
        masses(negative, MassParameters())


def test_negative_ions_lack_their_carriers(negative):
    found = masses(negative, MassParameters(negative=True)).findings[0]

    assert 1000 * found.value == pytest.approx(30_000.0, abs=0.5)

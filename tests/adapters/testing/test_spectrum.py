"""The spectrum that is written has its peaks where mass and charge put them."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.registry import open_run
from adapters.testing.spectrum import PROTON_DA, charge_ladder, write_native


@pytest.mark.parametrize("charge", [14, 16, 19])
def test_each_charge_stands_at_its_place(charge):
    mz, intensity = charge_ladder(74_362.0, range(14, 20))
    place = (74_362.0 + charge * PROTON_DA) / charge
    near = np.abs(mz - place) < 20

    assert mz[near][np.argmax(intensity[near])] == pytest.approx(place, abs=0.2)


def test_what_is_written_is_read_as_one_spectrum(tmp_path):
    run = open_run(write_native(tmp_path / "native.txt", 74_362.0, range(14, 20)))

    assert run.metadata.technique == "ms"
    assert run.data.sizes["scan"] == 1
    assert not run.flags

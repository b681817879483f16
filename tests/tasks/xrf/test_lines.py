"""Fluorescence: lines where they are, energies only where they are known."""

import numpy as np
import pytest
import xarray as xr

from adapters.model import Measurement, Metadata, Provenance
from tasks.xrf.kernels.lines import K_LINES, line_energy, straight_line
from tasks.xrf.parameters import LineParameters
from tasks.xrf.reduction import LinesError, lines

OFFSET, GAIN = 0.2, 0.005
SPREAD = 0.08


def run(elements=("Ca", "Fe", "Cu"), *, stated=False, frames=2):
    channel = np.arange(2048)
    energy = OFFSET + GAIN * channel
    truth = 20 + 80 * np.exp(-energy / 3)
    for element in elements:
        truth = truth + 800 * np.exp(-0.5 * ((energy - line_energy(f"{element} Ka") / 1000) / SPREAD) ** 2)
    counts = np.random.default_rng(0).poisson(np.tile(truth, (frames, 1))).astype(float)
    coords = {"channel": ("channel", channel, {"units": "dimensionless"})}
    if stated:
        coords["energy"] = ("channel", energy, {"units": "keV"})
    data = xr.Dataset({"spectra": (("frame", "channel"), counts, {"units": "count"})}, coords=coords)
    return Measurement(data, Metadata("xrf"), Provenance("here", "test", "1"))


def channel_of(name: str) -> float:
    return (line_energy(name) / 1000 - OFFSET) / GAIN


def test_k_lines_obey_moseley() -> None:
    numbers = dict(zip(K_LINES, [13, 14, 15, 16, 17, 18, *range(19, 43)], strict=True))
    for kind, screening in ((0, 1.0), (2, 1.0)):
        z = np.array(list(numbers.values())) - screening
        root = np.sqrt([each[kind] for each in K_LINES.values()])
        line = np.polyfit(z, root, 2)

        np.testing.assert_allclose(np.polyval(line, z), root, rtol=4e-3)


@pytest.mark.parametrize(("name", "energy"), [("Co Ka", 6925.3), ("Fe Kb", 7057.98), ("Cu Kα", 8041.1)])
def test_a_line_has_its_energy(name: str, energy: float) -> None:
    assert line_energy(name) == pytest.approx(energy, abs=0.1)


@pytest.mark.parametrize("name", ["Xx Ka", "Co", "Co La"])
def test_a_line_that_is_not_in_the_table_has_none(name: str) -> None:
    assert line_energy(name) is None


def test_two_known_lines_calibrate_the_energy() -> None:
    known = {"Ca Ka": round(channel_of("Ca Ka")) + 3, "Cu Ka": round(channel_of("Cu Ka")) - 4}
    found = lines(run(), LineParameters(known=known))
    gain = next(each for each in found.findings if each.quantity == "energy_per_channel")
    iron = np.abs(found.peaks["peak_energy"].values - 6.3995).argmin()

    assert abs(gain.value - 1000 * GAIN) < 4 * gain.uncertainty
    assert str(found.peaks["line"].values[iron]) == "(Fe Ka)"
    assert found.peaks["peak_energy"].values[iron] == pytest.approx(6.3995, abs=0.01)


def test_one_known_line_is_measured_and_calibrates_nothing() -> None:
    found = lines(run(), LineParameters(known={"Fe Ka": 1240}))
    line = found.findings[0]

    assert (line.method, len(found.findings)) == ("Fe Ka", 1)
    assert abs(line.value - channel_of("Fe Ka")) < 4 * line.uncertainty
    assert "peak_energy" not in found.peaks
    assert "energy_unknown" in {flag.code for flag in found.flags}


def test_an_energy_that_the_file_states_is_used() -> None:
    found = lines(run(stated=True), LineParameters())

    assert "peak_energy" in found.peaks
    assert found.findings[-1].uncertainty is None


def test_a_line_that_is_not_there_is_refused() -> None:
    with pytest.raises(LinesError, match="Zn Ka"):
        lines(run(), LineParameters(known={"Zn Ka": 1900}))


def test_an_unknown_line_calibrates_nothing_and_is_told() -> None:
    found = lines(run(), LineParameters(known={"Fe Ka": 1240, "pulser": round(channel_of("Ca Ka"))}))

    assert "line_unknown" in {flag.code for flag in found.flags}
    assert "peak_energy" not in found.peaks


def test_a_straight_line_through_exact_points_is_exact() -> None:
    channel = np.array([100.0, 400.0, 900.0])
    offset, gain, covariance, left = straight_line(channel, np.full(3, 0.1), 0.3 + 0.01 * channel)

    assert (offset, gain) == (pytest.approx(0.3), pytest.approx(0.01))
    assert np.abs(left).max() < 1e-12
    assert np.sqrt(covariance[1, 1]) == pytest.approx(
        0.01 * 0.1 / np.sqrt(((channel - channel.mean()) ** 2).sum())
    )

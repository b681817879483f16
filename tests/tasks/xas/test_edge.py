"""Absorption: an edge stands where it was put, and columns and units are asked for."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.errors import MissingMetadataError
from adapters.model import Measurement, Metadata, Provenance
from tasks.xas.kernels.edge import edge_position, normalised, slopes
from tasks.xas.parameters import EdgeParameters
from tasks.xas.reduction import EdgeError, edge

ENERGY = np.concatenate([np.arange(8700, 8950, 5.0), np.arange(8950, 9020, 0.4), np.arange(9020, 9500, 3.0)])


def spectrum(at=8979.0, step=1.3, width=1.5):
    return 0.4 - 2e-5 * (ENERGY - at) + step / np.pi * (np.arctan((ENERGY - at) / width) + np.pi / 2)


def run(columns, units=None):
    points = len(next(iter(columns.values())))
    data = xr.Dataset(
        {
            name: ("point", values, {"units": (units or {}).get(name, "unstated")})
            for name, values in columns.items()
        },
        coords={"point": ("point", np.arange(points), {"units": "dimensionless"})},
    )
    return Measurement(data, Metadata("scan"), Provenance("here", "test", "1"))


ASKED = EdgeParameters(energy="E", energy_unit="eV", absorption="mu")


@given(at=st.floats(8960.0, 9000.0), width=st.floats(1.0, 4.0))
@settings(max_examples=30, deadline=None)
def test_an_edge_is_where_it_was_put(at: float, width: float) -> None:
    found = edge_position(ENERGY, spectrum(at, width=width), 5)

    assert abs(found.position - at) < 3 * found.error < 2.0


def test_a_slope_on_an_uneven_axis_is_that_of_the_line() -> None:
    np.testing.assert_allclose(slopes(ENERGY, 3 * ENERGY + 1, 5), 3.0, rtol=1e-8)


def test_a_step_is_one_after_normalising() -> None:
    values, step = normalised(ENERGY, spectrum(), 8979.0, (-200, -30), (50, 400))

    assert step == pytest.approx(1.3, rel=0.03)
    assert values[-1] == pytest.approx(1.0, abs=0.03)
    assert values[0] == pytest.approx(0.0, abs=0.03)


def test_a_scan_gives_its_edge() -> None:
    found = edge(run({"E": ENERGY, "mu": spectrum()}), ASKED)

    assert abs(found.findings[0].value - 8979.0) < 3 * found.findings[0].uncertainty
    assert "normalised" in found.spectrum


def test_intensities_before_and_behind_are_an_absorption() -> None:
    before = np.full_like(ENERGY, 1e6)
    scan = run({"E": ENERGY, "i0": before, "i1": before * np.exp(-spectrum())})
    asked = EdgeParameters(energy="E", energy_unit="eV", incident="i0", transmitted="i1")

    assert edge(scan, asked).findings[0].value == pytest.approx(8979.0, abs=0.5)


def test_an_energy_in_kev_is_converted() -> None:
    scan = run({"E": ENERGY / 1000, "mu": spectrum()}, {"E": "keV"})

    assert edge(scan, EdgeParameters(energy="E", absorption="mu")).findings[0].value == pytest.approx(
        8979, abs=0.5
    )


@pytest.mark.parametrize(
    ("asked", "missing"),
    [
        ({}, "energy"),
        ({"energy": "E"}, "unit of the energy"),
        ({"energy": "E", "energy_unit": "eV"}, "absorption"),
    ],
)
def test_what_the_file_does_not_say_is_asked_for(asked, missing: str) -> None:
    with pytest.raises(MissingMetadataError, match=missing):
        edge(run({"E": ENERGY, "mu": spectrum()}), EdgeParameters(**asked))


def test_a_column_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(EdgeError, match="There are: E, mu"):
        edge(
            run({"E": ENERGY, "mu": spectrum()}),
            EdgeParameters(energy="energy", energy_unit="eV", absorption="mu"),
        )


def test_a_spectrum_without_an_edge_is_refused() -> None:
    with pytest.raises(EdgeError, match="no edge"):
        edge(run({"E": ENERGY, "mu": 2 - 1e-4 * ENERGY}), ASKED)


def test_a_short_scan_is_not_normalised_and_says_so() -> None:
    near = (ENERGY > 8960) & (ENERGY < 9000)
    found = edge(run({"E": ENERGY[near], "mu": spectrum()[near]}), ASKED)

    assert "not_normalised" in {flag.code for flag in found.flags}

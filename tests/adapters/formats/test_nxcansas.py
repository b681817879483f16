"""NXcanSAS written and read again, and NXcanSAS that others wrote badly."""

from __future__ import annotations

from datetime import UTC, datetime

import h5py
import numpy as np
import pytest
import xarray as xr

from adapters.errors import LayoutError, MissingMetadataError, UnitError
from adapters.formats.nxcansas import NXCANSAS, NxCanSas, groups, read_group, write
from adapters.model import Metadata, State
from adapters.testing import samples

CURVE = samples.sphere_curve()


def curve(scale=1.0, unit="1/cm"):
    return xr.Dataset(
        {
            "intensity": (("q",), scale * CURVE.intensity, {"units": unit}),
            "intensity_errors": (("q",), scale * CURVE.errors, {"units": unit}),
            "q_resolution": (("q",), 0.01 * CURVE.q, {"units": "1/angstrom"}),
        },
        coords={"q": ("q", CURVE.q, {"units": "1/angstrom"})},
    )


def distances():
    r, p, errors = samples.sphere_distances().T
    attrs = {"units": "1/cm/angstrom"}
    return xr.Dataset(
        {"p_of_r": (("r",), p, attrs), "p_of_r_errors": (("r",), errors, attrs)},
        coords={"r": ("r", r, {"units": "angstrom"})},
    )


@pytest.fixture
def product():
    metadata = Metadata(
        "saxs",
        "petra3",
        "p12",
        wavelength_angstrom=1.24,
        distance_m=3.0,
        thickness_m=1.7e-3,
        transmission=0.8,
        concentration_mg_ml=4.2,
        exposure_s=0.045,
        temperature_k=283.15,
        pixel_size_x_m=172e-6,
    )
    return NxCanSas(
        title="lysozyme",
        run="36",
        sample_name="HEWL",
        curve=curve(),
        metadata=metadata,
        process={
            "q_range": [0.01, 0.2],
            "scale": 0.98,
            "note": "buffer subtracted",
            "dropped": {"frames": [3]},
        },
        others={"sample": curve(2.0), "p_of_r": distances()},
        created=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )


def test_a_product_reads_back_with_equal_numbers(tmp_path, product):
    write(path := tmp_path / "p.h5", product)

    run = NXCANSAS.open(path)

    for name in ("intensity", "intensity_errors"):
        np.testing.assert_array_equal(run.data[name].values[0], product.curve[name].values)
        assert run.data[name].attrs["units"] == "1/cm"
    np.testing.assert_array_equal(run.data["q"].values, CURVE.q)
    np.testing.assert_array_equal(run.data["q_resolution"].values, 0.01 * CURVE.q)
    assert run.flags == ()


def test_a_product_reads_back_with_its_metadata(tmp_path, product):
    write(path := tmp_path / "p.h5", product)

    found, wrote = NXCANSAS.open(path).metadata.stated(), product.metadata.stated()

    assert found == {**wrote, "sample_name": "HEWL"}


def test_a_product_reads_back_with_its_process(tmp_path, product):
    write(path := tmp_path / "p.h5", product)

    raw = NXCANSAS.open(path).metadata.raw

    assert raw["process"] == product.process
    assert (raw["title"], raw["run"]) == ("lysozyme", "36")


def test_further_tables_read_back(tmp_path, product):
    write(path := tmp_path / "p.h5", product)

    found = read_group(path, "p_of_r")

    assert set(groups(path)) == {"sasdata", "sample", "p_of_r"}
    xr.testing.assert_identical(found, distances())
    np.testing.assert_array_equal(read_group(path, "sample")["I"].values, 2 * CURVE.intensity)


def test_the_definition_is_met(tmp_path, product):
    write(path := tmp_path / "p.h5", product)

    with h5py.File(path) as file:
        entry = file[file.attrs["default"]]
        data = entry[entry.attrs["default"]]
        assert dict(entry.attrs) == {
            "NX_class": "NXentry",
            "canSAS_class": "SASentry",
            "version": "1.1",
            "default": "sasdata",
        }
        assert entry["definition"][()] == b"NXcanSAS"
        assert {"title", "run"} <= set(entry)
        assert (data.attrs["NX_class"], data.attrs["canSAS_class"]) == ("NXdata", "SASdata")
        assert (data.attrs["signal"], data.attrs["I_axes"], list(data.attrs["Q_indices"])) == ("I", "Q", [0])
        assert data["I"].attrs["uncertainties"] == "Idev"
        assert data["Q"].attrs["units"] == "1/angstrom"
        classes = {name: group.attrs.get("canSAS_class") for name, group in entry.items() if "sas" in name}
        assert classes["sasinstrument"] == "SASinstrument"
        assert classes["sassample"] == "SASsample"
        assert classes["sasprocess"] == "SASprocess"
        assert entry["sasinstrument/sasdetector/SDD"].attrs["units"] == "m"


def test_the_same_product_gives_the_same_bytes(tmp_path, product):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    write(one := tmp_path / "a" / "p.h5", product)
    write(two := tmp_path / "b" / "p.h5", product)

    assert one.read_bytes() == two.read_bytes()


def test_nothing_is_overwritten(tmp_path, product):
    write(path := tmp_path / "p.h5", product)

    with pytest.raises(LayoutError, match="cannot be created"):
        write(path, product)


def test_a_unit_that_the_definition_forbids_is_refused(tmp_path):
    with pytest.raises(UnitError, match="allows only"):
        write(tmp_path / "p.h5", NxCanSas("t", "1", curve(unit="count"), Metadata("saxs")))


def relabelled(path, product, dataset, unit):
    write(path, product)
    with h5py.File(path, "r+") as file:
        if unit is None:
            del file[f"sasentry/sasdata/{dataset}"].attrs["units"]
        else:
            file[f"sasentry/sasdata/{dataset}"].attrs["units"] = unit
    return path


def test_counts_are_kept_and_called_suspect(tmp_path, product):
    run = NXCANSAS.open(relabelled(tmp_path / "p.h5", product, "I", "Counts"))

    assert run.data["intensity"].attrs["units"] == "count"
    assert "intensity_unit_suspect" in {flag.code for flag in run.flags}


def test_q_in_nanometres_is_converted(tmp_path, product):
    run = NXCANSAS.open(relabelled(tmp_path / "p.h5", product, "Q", "1/nm"))

    assert run.data["q"].values == pytest.approx(CURVE.q / 10)


def test_q_without_a_unit_is_not_guessed(tmp_path, product):
    path = relabelled(tmp_path / "p.h5", product, "Q", None)

    with pytest.raises(MissingMetadataError):
        NXCANSAS.open(path)
    assert NXCANSAS.assuming({"q_unit": "1/angstrom"}).open(path).data["q"].values == pytest.approx(CURVE.q)


def with_map(path, qx, qy):
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry")
        entry.attrs["canSAS_class"] = "SASentry"
        data = entry.create_group("data")
        data.attrs.update(canSAS_class="SASdata", NX_class="NXdata", signal="I")
        data["I"] = np.arange(12.0).reshape(3, 4)
        data["Qx"], data["Qy"] = qx, qy
        for name in ("Qx", "Qy"):
            data[name].attrs["units"] = "1/angstrom"
    return path


def test_a_map_on_a_regular_grid_is_read(tmp_path):
    qx, qy = np.meshgrid(np.linspace(-0.3, 0.3, 4), np.linspace(-0.1, 0.1, 3))

    run = NXCANSAS.open(with_map(tmp_path / "p.h5", qx, qy))

    assert run.data["intensity"].dims == ("qy", "qx")
    assert run.data["intensity"].sel(qy=0.1, qx=0.3, method="nearest") == 11.0
    assert run.data["qx"].values == pytest.approx(np.linspace(-0.3, 0.3, 4))


def test_a_map_on_no_grid_is_refused(tmp_path):
    qx, qy = np.meshgrid(np.linspace(-0.3, 0.3, 4), np.linspace(-0.1, 0.1, 3))

    with pytest.raises(LayoutError, match="not on a regular grid"):
        NXCANSAS.open(with_map(tmp_path / "p.h5", qx * (1 + 2 * qy), qy))


def test_an_entry_without_data_is_broken(tmp_path):
    with h5py.File(path := tmp_path / "p.h5", "w") as file:
        file.create_group("entry")["definition"] = "NXcanSAS"

    readiness = NXCANSAS.check(path)

    assert readiness.state is State.BROKEN
    assert "holds no SASdata" in readiness.reason

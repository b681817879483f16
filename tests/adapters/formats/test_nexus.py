"""A NeXus table reads what it names, converts what is stated, and leaves out what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from adapters.errors import DanglingLinkError, LayoutError, UnitError
from adapters.formats.area_detector import AREA_DETECTOR, LIMA, NEXUS_IMAGES
from adapters.formats.nexus import Array, NexusLayout, Number, Text
from adapters.model import State
from adapters.protocol import Confidence, Probe
from adapters.testing import AdapterConformance, Sample

TABLE = NexusLayout(
    name="example",
    technique="saxs",
    facility="somewhere",
    instrument="bl1",
    marker="entry/instrument/name",
    marker_says="bl1",
    arrays={
        "counts": Array("entry/data/frames", ("frame", "y", "x"), "count"),
        "monitor": Array("entry/monitor", ("frame",), "count", needed=False),
    },
    numbers={
        "distance_m": Number("entry/distance", to="m", unit="mm"),
        "exposure_s": Number("entry/exposure", to="s"),
        "energy_kev": Number("entry/energy", to="keV", unit="eV"),
    },
    texts={"sample_name": Text("entry/sample@label")},
    raw=("entry/note",),
)
FRAMES = np.arange(60, dtype="u4").reshape(3, 4, 5)


def written(folder: Path, **content: Any) -> Path:
    """A file of the table's layout with `content` under entry; a pair is a value with its unit."""
    path = folder / "run.h5"
    with h5py.File(path, "w") as file:
        file["entry/instrument/name"] = "bl1"
        file["entry/data/frames"] = content.pop("frames", FRAMES)
        for name, value in content.items():
            file[f"entry/{name}"] = value[0] if isinstance(value, tuple) else value
            if isinstance(value, tuple):
                file[f"entry/{name}"].attrs["units"] = value[1]
    return path


class TestTable(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> NexusLayout:
        return TABLE

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = written(tmp_path, distance=(5.75, "m"), monitor=np.array([1.0, 2.0, 3.0]))
        return Sample(
            path,
            {"frame": 3, "y": 4, "x": 5},
            {"counts": FRAMES.sum(), "monitor": 6},
            {"distance_m": 5.75, "exposure_s": None, "instrument": "bl1"},
        )


def test_the_files_unit_wins_over_the_tables(tmp_path: Path) -> None:
    run = TABLE.open(written(tmp_path, distance=(575.0, "cm")))

    assert run.metadata.distance_m == pytest.approx(5.75)
    assert run.flags == ()


def test_an_assumed_unit_is_flagged_with_its_place(tmp_path: Path) -> None:
    run = TABLE.open(written(tmp_path, distance=5750.0))

    assert run.metadata.distance_m == pytest.approx(5.75)
    assert [(flag.code, "entry/distance (mm)" in flag.message) for flag in run.flags] == [
        ("unit_assumed", True)
    ]


def test_a_number_without_any_unit_is_not_used(tmp_path: Path) -> None:
    run = TABLE.open(written(tmp_path, exposure=0.5))

    assert run.metadata.exposure_s is None
    assert [flag.code for flag in run.flags] == ["unit_missing"]


def test_a_unit_of_another_kind_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(UnitError, match="entry/distance"):
        TABLE.open(written(tmp_path, distance=(5.0, "K")))


def test_an_energy_becomes_the_wavelength(tmp_path: Path) -> None:
    run = TABLE.open(written(tmp_path, energy=(12398.419843320026, "eV")))

    assert run.metadata.wavelength_angstrom == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("value", [np.nan, np.array([]), np.array([1.0, 2.0])], ids=str)
def test_what_is_no_one_number_stays_unsaid(value: Any, tmp_path: Path) -> None:
    assert TABLE.open(written(tmp_path, distance=(value, "m"))).metadata.distance_m is None


def test_only_what_is_named_is_kept_raw(tmp_path: Path) -> None:
    run = TABLE.open(written(tmp_path, note="all well", user="A. Person"))

    assert run.metadata.raw == {"entry/note": "all well"}


def test_one_image_is_a_stack_of_one(tmp_path: Path) -> None:
    assert dict(TABLE.open(written(tmp_path, frames=FRAMES[0])).data.sizes) == {"frame": 1, "y": 4, "x": 5}


def test_no_frames_are_broken(tmp_path: Path) -> None:
    assert TABLE.check(written(tmp_path, frames=FRAMES[:0])).state is State.BROKEN


def test_a_needed_array_that_is_absent_is_named(tmp_path: Path) -> None:
    path = written(tmp_path)
    with h5py.File(path, "a") as file:
        del file["entry/data/frames"]

    assert TABLE.check(path).state is State.BROKEN
    with pytest.raises(LayoutError, match="entry/data/frames"):
        TABLE.open(path)


def test_a_number_behind_a_dead_link_is_an_error_not_silence(tmp_path: Path) -> None:
    path = written(tmp_path)
    with h5py.File(path, "a") as file:
        file["entry/distance"] = h5py.ExternalLink("gone.h5", "/distance")

    with pytest.raises(DanglingLinkError, match="entry/distance"):
        TABLE.open(path)


def test_a_number_absent_below_a_link_that_works_is_just_absent(tmp_path: Path) -> None:
    path = written(tmp_path)
    table = NexusLayout(
        name="linked",
        technique="saxs",
        marker="entry/data",
        arrays=TABLE.arrays,
        numbers={"distance_m": Number("entry/linked/distance", to="m")},
    )
    with h5py.File(path, "a") as file:
        file["entry/linked"] = h5py.SoftLink("/entry/instrument")

    assert table.open(path).metadata.distance_m is None


def test_another_instrument_is_not_claimed(tmp_path: Path) -> None:
    path = written(tmp_path)
    with h5py.File(path, "a") as file:
        del file["entry/instrument/name"]
        file["entry/instrument/name"] = "bl2"

    assert TABLE.probe(Probe(path)) is Confidence.NO


@pytest.mark.parametrize(
    ("table", "place", "marks"),
    [
        (AREA_DETECTOR, "entry/data/data", {"NDArrayNumDims": 2}),
        (NEXUS_IMAGES, "entry/data/data", {"interpretation": "image"}),
        (LIMA, "entry_0000/measurement/data", {}),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_general_systems_are_told_by_their_marks(
    table: NexusLayout, place: str, marks: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "run.h5"
    with h5py.File(path, "w") as file:
        file.attrs["creator"] = "LIMA-1.9.7" if table is LIMA else "someone"
        file[place] = FRAMES
        file[place].attrs.update(marks)

    assert table.probe(Probe(path)) is table.confidence
    np.testing.assert_array_equal(table.open(path).data["counts"].values, FRAMES)

"""The example files of sasdata: read, or refused by one of our own errors."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from adapters.errors import AdapterError
from adapters.registry import Registry, open_run, registry

READERS = {
    "ascii_curve", "bioxtas_raw", "cansas_xml", "embl_dat", "gnom",
    "isis_rkh", "nxcansas", "plane_text", "rkh",
}  # fmt: skip
# Half a minute of walking thousands of groups; its small sisters are walked.
TOO_LARGE = {"VTMA.h5"}


@pytest.fixture(scope="module")
def examples():
    folder = Path(str(pytest.importorskip("sasdata") and files("sasdata") / "example_data"))
    if not folder.is_dir():
        pytest.skip("this sasdata ships no example data")
    return folder


def test_every_example_is_read_or_refused_with_a_reason(examples):
    mine = Registry(tuple(reader for reader in registry().adapters if reader.name in READERS))
    outcomes: Counter[str] = Counter()
    for path in sorted(examples.rglob("*")):
        if not path.is_file() or path.name in TOO_LARGE:
            continue
        try:
            reader, _ = mine.find(path)
            reader.check(path)
            run = reader.open(path)
        except AdapterError as error:
            assert path.name in str(error)
            outcomes[type(error).__name__] += 1
        else:
            assert "units" in run.data["intensity"].attrs
            outcomes[reader.name] += 1

    assert outcomes["cansas_xml"] >= 15
    assert outcomes["isis_rkh"] >= 4
    assert outcomes["nxcansas"] >= 7


def test_absolute_units_are_read_from_a_label(examples):
    run = open_run(examples / "1d_data" / "1umSlitSmearSphere.ABS")

    assert run.metadata.raw["q_unit"] == "1/angstrom"
    assert run.data["intensity"].attrs["units"] == "1/cm"


def test_an_example_without_unit_is_read_when_told(examples):
    run = open_run(examples / "1d_data" / "n_coreshell.txt", assume={"q_unit": "1/angstrom"})

    assert run.data["intensity"].attrs["units"] == "count"
    assert np.isfinite(run.data["q_resolution"].values).all()

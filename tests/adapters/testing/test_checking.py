"""Judging a reader on a file says what is wrong with either."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from adapters.errors import NoSuchRunError
from adapters.formats.dectris import DECTRIS
from adapters.formats.images import CBF
from adapters.model import Measurement, Readiness
from adapters.protocol import Confidence, Probe
from adapters.testing.checking import judge
from adapters.testing.hdf5_images import write_dectris
from adapters.testing.images import Fault, write_cbf

FRAMES = np.arange(60, dtype="u4").reshape(3, 4, 5)


def failures(verdicts: list[tuple[str, bool, str]]) -> dict[str, str]:
    """Reasons by the name of the check that failed."""
    return {name: reason for name, passed, reason in verdicts if not passed}


@dataclass(frozen=True)
class Careless:
    """A reader that takes everything, leaves a file beside the data, and fails in its own way."""

    name: str = "Careless"

    def probe(self, probe: Probe) -> Confidence:
        return Confidence.INSTRUMENT

    def check(self, path: Path) -> Readiness:
        return Readiness.ready()

    def open(self, path: Path) -> Measurement:
        raise KeyError("entry")


def test_a_good_reader_on_a_good_run_passes_every_check(tmp_path: Path) -> None:
    verdicts = judge(DECTRIS, write_dectris(tmp_path, FRAMES))

    assert failures(verdicts) == {}
    assert len(verdicts) > 10


def test_a_good_reader_on_a_bad_run_says_what_is_wrong(tmp_path: Path) -> None:
    path = write_dectris(tmp_path, FRAMES, fault=Fault.DROP_FILE, drop=0)

    found = failures(judge(DECTRIS, path))

    assert "series_1_data_000001.h5" in found["the run is ready"]


def test_a_careless_reader_is_found_out(tmp_path: Path) -> None:
    found = failures(judge(Careless(), write_cbf(tmp_path / "a.cbf", FRAMES[0])))

    assert "noise.bin" in found["leaves alone what is nobody's"]
    assert "KeyError" in found["the run opens and fits its technique"]
    assert "small letters" in found["is an adapter with a stable name"]
    assert "does not call an absent file broken" in found["an absent file is refused"]


def test_another_readers_file_is_not_claimed(tmp_path: Path) -> None:
    found = failures(judge(DECTRIS, write_cbf(tmp_path / "a.cbf", FRAMES[0])))

    assert "only NO sure" in found["claims the file"]


def test_what_is_not_there_cannot_be_judged(tmp_path: Path) -> None:
    with pytest.raises(NoSuchRunError):
        judge(CBF, tmp_path / "absent.cbf")

"""Curve files cut or scrambled anywhere: an answer or one of our errors, never a foreign one."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.errors import AdapterError
from adapters.facilities.esrf import BM29
from adapters.facilities.isis import SANS_RKH
from adapters.facilities.petra3 import P12
from adapters.formats.ascii_curve import ASCII_CURVE
from adapters.formats.bioxtas import BIOXTAS_RAW
from adapters.formats.cansas_xml import CANSAS_XML
from adapters.formats.gnom import BIFT, GNOM
from adapters.formats.nxcansas import NXCANSAS, NxCanSas, write
from adapters.formats.plane_text import PLANE_TEXT
from adapters.formats.raw_series import RAW_SERIES
from adapters.model import Metadata, Readiness, State
from adapters.protocol import Confidence, Probe
from adapters.testing import samples

CURVE = samples.sphere_curve(12)
DISTANCES = samples.sphere_distances(points=11)
TOLD = {"q_unit": "1/angstrom"}


def write_nxcansas(path):
    data = ASCII_CURVE.open(samples.write_ascii(path.with_suffix(".dat"), CURVE)).data
    write(path, NxCanSas("a sphere", "1", data, Metadata("saxs")))
    return path


WRITERS = {
    "ascii": (ASCII_CURVE.assuming(TOLD), lambda path: samples.write_ascii(path, CURVE)),
    "bioxtas": (BIOXTAS_RAW.assuming(TOLD), lambda path: samples.write_bioxtas(path, CURVE)),
    "embl": (P12, lambda path: samples.write_embl(path, CURVE, "/data/p12/x")),
    "bm29": (BM29, lambda path: samples.write_bm29(path, CURVE)),
    "rkh": (SANS_RKH, lambda path: samples.write_rkh(path, CURVE)),
    "gnom5": (GNOM.assuming(TOLD), lambda path: samples.write_gnom(path, CURVE, DISTANCES)),
    "gnom4": (GNOM.assuming(TOLD), lambda path: samples.write_gnom(path, CURVE, DISTANCES, version=4)),
    "bift": (BIFT.assuming(TOLD), lambda path: samples.write_bift(path, CURVE, DISTANCES)),
    "cansas": (CANSAS_XML, lambda path: samples.write_cansas_xml(path, CURVE)),
    "plane": (
        PLANE_TEXT.assuming(TOLD),
        lambda path: samples.write_plane_text(path, (0.1, 0.2), (0.1, 0.2), np.ones((2, 2))),
    ),
    "series": (RAW_SERIES.assuming(TOLD), lambda path: samples.write_raw_series(path, CURVE, (1.0, 2.0))),
    "nxcansas": (NXCANSAS.assuming(TOLD), write_nxcansas),
}


def outcome(adapter, path):
    assert isinstance(adapter.probe(Probe(path)), Confidence)
    readiness = adapter.check(path)
    assert isinstance(readiness, Readiness)
    try:
        adapter.open(path)
    except AdapterError as error:
        assert str(error)
        return "refused"
    return readiness.state


@pytest.mark.parametrize("layout", WRITERS)
def test_a_file_cut_anywhere_is_answered_in_our_own_words(tmp_path, layout):
    adapter, writer = WRITERS[layout]
    whole = writer(tmp_path / "whole.any").read_bytes()
    (cut := tmp_path / "cut.any").write_bytes(b"")

    for size in np.linspace(0, len(whole) - 1, 40, dtype=int):
        cut.write_bytes(whole[:size])
        outcome(adapter, cut)

    assert outcome(adapter, tmp_path / "whole.any") is State.READY


@pytest.mark.parametrize("layout", WRITERS)
def test_a_file_with_scrambled_bytes_is_answered_in_our_own_words(tmp_path, layout):
    adapter, writer = WRITERS[layout]
    whole = np.frombuffer(writer(tmp_path / "whole.any").read_bytes(), np.uint8)
    random = np.random.default_rng(7)

    answers = []
    for _ in range(30):
        scrambled = whole.copy()
        scrambled[random.integers(0, whole.size, 8)] = random.integers(1, 256, 8)
        (path := tmp_path / "scrambled.any").write_bytes(scrambled.tobytes())
        answers.append(outcome(adapter, path))

    assert len(answers) == 30

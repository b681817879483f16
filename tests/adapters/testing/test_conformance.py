"""The kit finds fault with readers that are at fault."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from adapters.formats.ascii_curve import ASCII_CURVE, AsciiCurve
from adapters.model import Readiness
from adapters.protocol import Confidence
from adapters.testing import AdapterConformance, Sample, samples, write_strangers

KIT = AdapterConformance()
CURVE = samples.sphere_curve()


class Boastful(AsciiCurve):
    def probe(self, probe):
        return Confidence.INSTRUMENT


class Raising(AsciiCurve):
    def probe(self, probe):
        raise OSError("cannot look")


class Credulous(AsciiCurve):
    def check(self, path):
        return Readiness.ready()


class Unitless(AsciiCurve):
    def open(self, path):
        run = super().open(path)
        del run.data["intensity_errors"].attrs["units"]
        return run


class Scribbling(AsciiCurve):
    def open(self, path):
        path.with_suffix(".cache").write_text("")
        return super().open(path)


HELD = []


class Holding(AsciiCurve):
    def open(self, path):
        HELD.append(os.open(path, os.O_RDONLY))
        return super().open(path)


class Shy(AsciiCurve):
    def probe(self, probe):
        return Confidence.EXTENSION


@pytest.fixture
def sample(tmp_path):
    (tmp_path / "data").mkdir()
    path = samples.write_ascii(tmp_path / "data" / "run.dat", CURVE)
    return Sample(path, {"frame": 1, "q": 40}, {"intensity": CURVE.intensity.sum()}, {"technique": "curve"})


def test_a_reader_that_claims_everything_is_found(tmp_path):
    with pytest.raises(AssertionError):
        KIT.test_probing_anything_never_raises(Boastful(), tmp_path)


def test_a_probe_that_raises_is_found(tmp_path):
    with pytest.raises(OSError, match="cannot look"):
        KIT.test_probing_anything_never_raises(Raising(), tmp_path)


def test_a_reader_that_does_not_claim_its_own_is_found(sample):
    with pytest.raises(AssertionError):
        KIT.test_it_claims_its_own_sample(Shy(), sample)


def test_a_reader_that_takes_half_a_file_is_found(sample, tmp_path):
    with pytest.raises(AssertionError):
        KIT.test_half_a_file_is_not_ready(Credulous(), sample, tmp_path)


def test_a_variable_without_unit_is_found(sample):
    with pytest.raises(AssertionError):
        KIT.test_every_variable_has_a_unit(Unitless(), sample)


def test_a_reader_that_writes_beside_the_data_is_found(sample):
    with pytest.raises(AssertionError):
        KIT.test_nothing_is_written_beside_the_data(Scribbling(), sample)


def test_a_reader_that_keeps_a_file_open_is_found(sample):
    try:
        with pytest.raises(AssertionError):
            KIT.test_no_file_stays_open(Holding(), sample)
    finally:
        os.close(HELD.pop())


@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        ({"sizes": {"q": 41}}, KIT.test_sizes_are_those_written),
        ({"sums": {"intensity": 1e9}}, KIT.test_sums_are_those_written),
        ({"metadata": {"technique": "saxs"}}, KIT.test_metadata_are_those_written),
        ({"flags": ("never_raised",)}, KIT.test_flags_are_raised),
    ],
)
def test_what_differs_from_what_was_written_is_found(sample, wrong, check):
    with pytest.raises(AssertionError):
        check(ASCII_CURVE, replace(sample, **wrong))


def test_a_second_reader_that_is_as_sure_is_found(sample):
    twin = AsciiCurve(name="twin")

    with pytest.raises(Exception, match="claimed equally"):
        KIT.test_no_other_reader_is_as_sure(twin, sample)


def test_strangers_are_of_every_kind(tmp_path):
    kinds = {path.name for path in write_strangers(tmp_path / "strangers")}

    assert kinds == {"folder", "empty.dat", "noise.bin", "prose.txt", "foreign.h5"}

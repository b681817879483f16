"""Readers of NMR files on files a test writes, and against nmrglue where it reads the same."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.errors import CorruptFileError, LayoutError, TruncatedFileError
from adapters.formats.jcamp_dx import JCAMP_DX
from adapters.formats.jeol import JDF
from adapters.formats.nef import NEF
from adapters.formats.nmr_star import NMR_STAR
from adapters.formats.nmredata import NMREDATA
from adapters.formats.nmrml import NMRML
from adapters.formats.nmrpipe import NMRPIPE
from adapters.formats.nmrpipe_table import PIPE_TABLE
from adapters.formats.sparky_list import SPARKY_LIST
from adapters.formats.ucsf import UCSF
from adapters.registry import open_run
from adapters.testing import AdapterConformance, Sample
from adapters.testing import nmr_files as writers

DECAY, PLANE, PEAKS = writers.DECAY, writers.PLANE, writers.PEAKS
ORDINATES = [0, 1, 2, 3, 10, -200, -200, -190, 7, 7, 7, 7]


class TestNmrPipe(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return NMRPIPE

    @pytest.fixture
    def sample(self, tmp_path):
        path = writers.write_nmrpipe(tmp_path / "plane.ft2", PLANE)
        sums = {"intensity": PLANE.sum(), "shift_1": 6 * 118.0 + 15.0, "shift_2": 10 * 5.0 + 5.0}
        return Sample(path, {"shift_1": 6, "shift_2": 10}, sums)


class TestUcsf(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return UCSF

    @pytest.fixture
    def sample(self, tmp_path):
        path = writers.write_ucsf(tmp_path / "plane.ucsf", PLANE)
        return Sample(path, {"shift_1": 6, "shift_2": 10}, {"intensity": PLANE.sum()})


class TestSparkyList(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return SPARKY_LIST

    @pytest.fixture
    def sample(self, tmp_path):
        path = writers.write_sparky_list(tmp_path / "peaks.list", PEAKS)
        return Sample(path, {"row": 1, "peak": 3, "axis": 2}, {"height": 750.0, "position": 373.5})


class TestPipeTable(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return PIPE_TABLE

    @pytest.fixture
    def sample(self, tmp_path):
        path = writers.write_pipe_table(tmp_path / "peaks.ser", PEAKS, (1.0, 0.5))
        return Sample(path, {"row": 2, "peak": 3}, {"height": 1.5 * 750.0, "position": 373.5})


class TestJcamp(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return JCAMP_DX

    @pytest.fixture
    def sample(self, tmp_path):
        path = writers.write_jcamp(tmp_path / "line.jdx", ORDINATES)
        shifts = sum(2.0 - 2 * k / 500 for k in range(12))
        return Sample(path, {"row": 1, "shift": 12}, {"intensity": sum(ORDINATES) / 2, "shift": shifts})


class TestJdf(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return JDF

    @pytest.fixture
    def sample(self, tmp_path):
        path = writers.write_jdf(tmp_path / "decay.jdf", DECAY, writers.JDF_SAID)
        # Filters of 33 and 17 points that keep one in 4, and then one in 2; sampled from 0.1 ms on.
        sums = {"group_delay": 16 / 8 + 8 / 2 - 1e-4 * 6000, "frequency": 500.0, "carrier": 5.0}
        return Sample(path, {"row": 1, "time": 64}, sums, {"temperature_k": 298.15})


class TestNmrMl(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return NMRML

    @pytest.fixture
    def sample(self, tmp_path):
        path = writers.write_nmrml(tmp_path / "decay.nmrML", DECAY, 11.0 - np.arange(120) * 0.1)
        sums = {"carrier": 5.0, "frequency": 500.0, "multiplet_shift": 2.0}
        return Sample(path, {"row": 1, "time": 64}, sums, {"temperature_k": 298.0})


class TestNmreData(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return NMREDATA

    @pytest.fixture
    def sample(self, tmp_path):
        path = writers.write_nmredata(tmp_path / "one.sdf", {"H1": 3.5, "H2": 1.25}, [("H1", "H2", 7.0)])
        return Sample(path, {"atom": 2, "pair": 1}, {"chemical_shift": 4.75, "coupling": 7.0})


class TestNmrStar(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        pytest.importorskip("pynmrstar")
        return NMR_STAR

    @pytest.fixture
    def sample(self, tmp_path):
        path = writers.write_nmr_star(tmp_path / "entry.str", writers.SHIFTS)
        sums = {"chemical_shift": 138.5, "chemical_shift_errors": 0.03, "residue_number": 4}
        return Sample(path, {"atom": 3}, sums, {"temperature_k": 298.0})


class TestNef(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        pytest.importorskip("pynmrstar")
        return NEF

    @pytest.fixture
    def sample(self, tmp_path):
        path = writers.write_nef(tmp_path / "series.nef", writers.SERIES)
        heights = sum(sum(each.values()) for _, rows in writers.SERIES.values() for _, each in rows)
        sums = {"height": heights, "delay": 0.015, "saturation": 1.0, "chemical_shift": 129.6}
        return Sample(path, {"row": 6, "peak": 2, "atom": 2}, sums)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["line", "complex", "plane", "decay"])
def test_nmrpipe_is_read_as_nmrglue_reads_it(tmp_path, kind, order):
    nmrglue = pytest.importorskip("nmrglue")
    values = {"line": PLANE[0], "complex": PLANE[0] + 1j * PLANE[1], "plane": PLANE, "decay": DECAY}[kind]
    path = writers.write_nmrpipe(tmp_path / "some.ft", values, transformed=kind != "decay", order=order)
    header, theirs = nmrglue.pipe.read(str(path))

    data = open_run(path).data

    found = data["fid"] if kind == "decay" else data["intensity"]
    np.testing.assert_allclose(found.values.squeeze(), theirs if kind == "decay" else theirs.real)
    if kind != "decay":
        for axis, dim in enumerate(["shift_1", "shift_2"] if kind == "plane" else ["shift"]):
            scale = nmrglue.pipe.make_uc(header, theirs, axis).ppm_scale()
            np.testing.assert_allclose(data[dim], scale, rtol=1e-6)


def test_ucsf_is_read_as_nmrglue_reads_it(tmp_path):
    nmrglue = pytest.importorskip("nmrglue")
    path = writers.write_ucsf(tmp_path / "plane.ucsf", PLANE)
    header, theirs = nmrglue.sparky.read(str(path))

    data = open_run(path).data

    np.testing.assert_allclose(data["intensity"], theirs)
    for axis, dim in enumerate(("shift_1", "shift_2")):
        scale = nmrglue.sparky.make_uc(header, theirs, axis).ppm_scale()
        np.testing.assert_allclose(data[dim], scale, rtol=1e-6)


def test_a_digital_filter_that_nmrpipe_states_is_told(tmp_path):
    path = writers.write_nmrpipe(tmp_path / "a.fid", DECAY, transformed=False, group_delay=7.5)
    run = open_run(path)

    assert float(run.data["group_delay"]) == 7.5
    assert [flag.code for flag in run.flags] == ["digital_filter_assumed"]


def test_half_transformed_planes_are_refused(tmp_path):
    path = writers.write_nmrpipe(tmp_path / "plane.ft1", PLANE)
    header = np.fromfile(path, "<f4")
    header[222] = 0
    path.write_bytes(header.tobytes())

    with pytest.raises(LayoutError, match="finish its processing"):
        NMRPIPE.open(path)


def test_packed_ordinates_are_those_that_were_packed(tmp_path):
    random = np.random.default_rng(1)
    values = np.concatenate(
        [[5] * 12, random.integers(-3, 3, 30).cumsum(), random.integers(-(10**7), 10**7, 30)]
    )
    path = writers.write_jcamp(tmp_path / "line.jdx", values.tolist())

    np.testing.assert_allclose(JCAMP_DX.open(path).data["intensity"].values[0], values / 2)


def test_packed_ordinates_check_themselves(tmp_path):
    path = writers.write_jcamp(tmp_path / "line.jdx", list(range(0, 400, 10)))
    lines = path.read_text().split("\n")
    place = next(at for at, line in enumerate(lines) if line.startswith("##XYDATA"))
    path.write_text("\n".join([*lines[: place + 1], lines[place + 1] + "J", *lines[place + 2 :]]))

    with pytest.raises(CorruptFileError, match="its own check fails"):
        JCAMP_DX.open(path)


def test_a_lost_line_of_ordinates_is_noticed(tmp_path):
    path = writers.write_jcamp(tmp_path / "line.jdx", [7] * 64)
    lines = path.read_text().split("\n")
    place = next(at for at, line in enumerate(lines) if line.startswith("##XYDATA"))
    path.write_text("\n".join([*lines[: place + 3], *lines[place + 4 :]]))

    with pytest.raises(CorruptFileError, match="lines are missing"):
        JCAMP_DX.open(path)


@pytest.mark.parametrize(("origin", "sense"), [("Bruker BioSpin", 1), ("JEOL GX 400", -1), ("somebody", 1)])
def test_decays_turn_as_their_spectrometer_has_them(tmp_path, origin, sense):
    path = writers.write_jcamp_decay(tmp_path / "decay.dx", np.rint(DECAY), origin=origin)
    run = JCAMP_DX.open(path)
    found = np.rint(DECAY)

    np.testing.assert_allclose(run.data["fid"].values[0], found.real + 1j * sense * found.imag)
    assert ("frequency_sense_assumed" in {flag.code for flag in run.flags}) == (origin == "somebody")


def test_two_spectra_in_one_file_are_not_chosen_from(tmp_path):
    path = writers.write_jcamp(tmp_path / "line.jdx", ORDINATES)
    path.write_text(path.read_text() * 2)

    with pytest.raises(LayoutError, match="holds 2 decays and spectra"):
        JCAMP_DX.open(path)


def test_a_filter_that_does_not_tell_its_stages_is_refused(tmp_path):
    said = {**writers.JDF_SAID, "orders": (0, "3 33 17")}
    path = writers.write_jdf(tmp_path / "decay.jdf", DECAY, said)

    with pytest.raises(LayoutError, match="does not tell its stages"):
        JDF.open(path)


def test_a_decay_without_a_spectrum_counts_from_its_carrier(tmp_path):
    run = NMRML.open(writers.write_nmrml(tmp_path / "decay.nmrML", DECAY, maker="Varian VNMR format"))

    assert [flag.code for flag in run.flags] == ["shift_reference_unset"]
    np.testing.assert_allclose(run.data["fid"].values[0], np.conj(DECAY))


def test_points_that_are_missing_from_xml_are_noticed(tmp_path):
    path = writers.write_nmrml(tmp_path / "decay.nmrML", DECAY)
    path.write_text(path.read_text().replace('numberOfDataPoints="128"', 'numberOfDataPoints="130"'))

    with pytest.raises(TruncatedFileError, match="64 points are there, it promises 130"):
        NMRML.open(path)


def test_rows_of_a_series_are_named_and_sorted_by_what_they_measure(tmp_path):
    pytest.importorskip("pynmrstar")
    data = NEF.open(writers.write_nef(tmp_path / "series.nef", writers.SERIES)).data

    assert data["series"].values.tolist() == ["T1"] * 4 + ["NOE"] * 2
    assert data["assignment"].values.tolist() == ["GLY1N-H", "GLY2N-H"]
    np.testing.assert_allclose(data["delay"].values[:4], [0.001, 0.002, 0.004, 0.008])


def test_the_old_dictionary_is_refused_by_its_name(tmp_path):
    path = tmp_path / "old.str"
    path.write_text("data_4000\n\nsave_shifts\n   _Saveframe_category  assigned_chemical_shifts\nsave_\n")

    with pytest.raises(LayoutError, match=r"NMR-STAR 2\.1"):
        NMR_STAR.open(path)


def test_nobody_who_measured_is_named(tmp_path):
    for name in ("ucsf", "jcamp", "jdf", "nmrml", "nmr_star"):
        (tmp_path / name).mkdir()
        run = open_run(writers.GALLERY[name](tmp_path / name))

        assert "Doe" not in f"{run.metadata}{run.data.attrs}{run.data}", name

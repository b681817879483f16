"""The reader of TopSpin experiments on written ones, and on measured ones."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.errors import AdapterError, LayoutError, TruncatedFileError
from adapters.formats.topspin import TOPSPIN
from adapters.model import State
from adapters.protocol import Confidence, Probe
from adapters.registry import open_run
from adapters.testing import AdapterConformance, Sample
from adapters.testing.nmr import Line, Magnet, write_parameters, write_processed, write_topspin

MAGNET = Magnet()
DECAY = MAGNET.decay([Line(2.0, 4e5), Line(7.0, 2e5)], 300)


class TestTopspinRaw(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return TOPSPIN

    @pytest.fixture
    def sample(self, tmp_path):
        path = write_topspin(tmp_path / "sample" / "1", DECAY[None], MAGNET)
        sums = {"time": float(np.arange(300).sum()) / MAGNET.width, "frequency": 500.0}
        return Sample(path, {"row": 1, "time": 300}, sums, {"temperature_k": 298.0}, halve=path / "fid")


class TestTopspinPlane(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return TOPSPIN

    @pytest.fixture
    def sample(self, tmp_path):
        values = np.arange(8 * 16, dtype=np.int32).reshape(8, 16)
        path = write_processed(tmp_path / "sample" / "1" / "pdata" / "1", values, MAGNET)
        sums = {"intensity": values.sum() / 4}
        return Sample(path, {"shift_1": 8, "shift_2": 16}, sums, {"temperature_k": 300.0}, halve=path / "2rr")


def test_rows_of_a_ser_begin_on_blocks_and_padding_is_dropped(tmp_path):
    rows = np.stack([DECAY * factor for factor in (1.0, 0.5, -0.25)])
    path = write_topspin(tmp_path / "1", rows, MAGNET, delays_s=(0.01, 0.5, 2.0))

    data = TOPSPIN.open(path).data

    np.testing.assert_allclose(data["fid"].values, rows, atol=1)
    np.testing.assert_allclose(data["delay"].values, [0.01, 0.5, 2.0])


def test_tiles_of_a_plane_are_put_in_their_places(tmp_path):
    values = np.arange(8 * 16, dtype=np.int32).reshape(8, 16)
    path = write_processed(tmp_path / "1" / "pdata" / "1", values, MAGNET)

    np.testing.assert_allclose(TOPSPIN.open(path).data["intensity"], values / 4)


def test_one_of_several_experiments_is_never_guessed(tmp_path):
    for number in (1, 2):
        write_topspin(tmp_path / "set" / str(number), DECAY[None], MAGNET)

    with pytest.raises(LayoutError, match="experiments 1, 2; open one"):
        TOPSPIN.open(tmp_path / "set")
    assert TOPSPIN.open(tmp_path / "set" / "2").data.sizes["time"] == 300


def test_one_of_several_processed_spectra_is_never_guessed(tmp_path):
    for number in (1, 2):
        write_processed(tmp_path / "1" / "pdata" / str(number), np.arange(16, dtype=np.int32), MAGNET)

    with pytest.raises(LayoutError, match="pdata/1, pdata/2; open one"):
        TOPSPIN.open(tmp_path / "1")


def test_processings_that_differ_in_their_reference_are_not_used(tmp_path):
    path = write_topspin(tmp_path / "1", DECAY[None], MAGNET)
    (path / "pdata" / "2").mkdir()
    write_parameters(path / "pdata" / "2" / "procs", {"PHC0": 1, "PHC1": 2, "SF": 500.1})

    run = TOPSPIN.open(path)

    assert "shift_reference_unset" in {flag.code for flag in run.flags}
    assert "phase_0" not in run.data


def test_without_acqus_the_data_are_refused(tmp_path):
    path = write_topspin(tmp_path / "1", DECAY[None], MAGNET)
    (path / "acqus").unlink()
    (path / "pulseprogram").write_text("zg30\n")

    with pytest.raises(LayoutError, match="there is no acqus"):
        TOPSPIN.open(path)


def test_a_short_ser_that_is_fresh_may_still_be_acquired(tmp_path):
    path = write_topspin(tmp_path / "1", np.stack([DECAY] * 4), MAGNET, delays_s=(1, 2, 3, 4))
    whole = (path / "ser").read_bytes()
    (path / "ser").write_bytes(whole[:-2000])

    with pytest.raises(TruncatedFileError):
        TOPSPIN.open(path)
    assert TOPSPIN.check(path).state is State.WAIT


def test_files_of_an_experiment_open_it_or_say_whose_they_are(tmp_path):
    path = write_topspin(tmp_path / "1", DECAY[None], MAGNET)
    (path / "audita.txt").write_text("(1, <J.Doe>)\n" * 30)

    assert open_run(path / "acqus").data.sizes == open_run(path).data.sizes
    with pytest.raises(AdapterError, match="belongs to the Bruker experiment"):
        open_run(path / "audita.txt")
    assert TOPSPIN.probe(Probe(path / "audita.txt")) is Confidence.EXTENSION


def test_nobody_who_measured_is_named(tmp_path):
    run = TOPSPIN.open(write_topspin(tmp_path / "1", DECAY[None], MAGNET))

    assert MAGNET.owner not in repr(run.metadata) + repr(run.data)


def test_scrambled_parameters_are_answered_in_our_own_words(tmp_path):
    path = write_topspin(tmp_path / "1", np.stack([DECAY] * 2), MAGNET, delays_s=(1, 2))
    random = np.random.default_rng(3)
    answers = set()
    for name in ("acqus", "acqu2s", "vdlist", "pdata/1/procs"):
        whole = (path / name).read_bytes()
        for _ in range(25):
            changed = np.frombuffer(whole, np.uint8).copy()
            changed[random.integers(0, changed.size, 6)] = random.integers(1, 256, 6)
            (path / name).write_bytes(changed.tobytes()[: random.integers(1, changed.size)])
            answers.add(TOPSPIN.check(path).state)
            try:
                TOPSPIN.open(path)
            except AdapterError as error:
                assert str(error)
        (path / name).write_bytes(whole)

    assert State.BROKEN in answers
    assert TOPSPIN.check(path).state is State.READY


@pytest.mark.measured
def test_measured_experiments_are_those_of_the_record(measured):
    urine = open_run(measured / "nmr/mtbls1_urine/ADG10003u_007/10")
    plane = open_run(measured / "nmr/cyclosporin_hsqc/3/pdata/1")
    decays = open_run(measured / "nmr/cyclosporin_hsqc/3")
    series = open_run(measured / "nmr/t1_inversion_recovery/1/pdata/1")
    menthol = open_run(measured / "nmr/menthol_nmredata/AN-menthol/10")

    assert urine.data.sizes["time"] == 32768
    assert urine.metadata.temperature_k == 300.0
    assert urine.metadata.raw["scans"] == 128
    assert dict(plane.data.sizes) == {"shift_1": 1024, "shift_2": 1024}
    assert np.ptp(plane.data["shift_1"].values) == pytest.approx(165.65, abs=0.2)
    assert dict(decays.data.sizes) == {"row": 256, "time": 512}
    assert series.data.sizes["row"] == 10
    assert "padding_rows_left_out" in {flag.code for flag in series.flags}
    assert float(menthol.data["group_delay"]) == pytest.approx(67.986, abs=1e-3)
    assert menthol.metadata.temperature_k == pytest.approx(297.98, abs=0.01)

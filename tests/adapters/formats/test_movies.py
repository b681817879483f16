"""Movies in TIFF and EER, and the sessions they are from, written here by tifffile and by hand."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

from adapters.errors import AdapterError, LayoutError, MissingExtraError, TruncatedFileError
from adapters.formats.epu import EPU_SESSION, EPU_XML
from adapters.formats.movies import EER_MOVIE, TIFF_MOVIE
from adapters.model import State
from adapters.protocol import Confidence, Probe
from adapters.registry import open_run
from adapters.testing import AdapterConformance, Sample
from adapters.testing.movies import (
    EVENTS,
    FRAMES,
    write_eer,
    write_epu_session,
    write_epu_xml,
    write_movie_mdoc,
    write_tiff_movie,
)

tifffile = pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs")
AGES = 2000.0


class TestTiffMovie(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return TIFF_MOVIE

    @pytest.fixture
    def sample(self, tmp_path):
        write_epu_xml(tmp_path / "a.xml")
        path = write_tiff_movie(tmp_path / "a_fractions.tiff", FRAMES)
        sizes = {"frame": 4, "y": 16, "x": 24}
        sums = {"image": FRAMES.sum(), "voxel": 2.4}
        return Sample(path, sizes, sums, {"exposure_s": 2.5}, ("metadata_from_sidecar",))


class TestEer(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return EER_MOVIE

    @pytest.fixture
    def sample(self, tmp_path):
        path = write_eer(tmp_path / "a.eer", EVENTS)
        sizes = {"frame": 6, "y": 16, "x": 24}
        return Sample(path, sizes, {"image": EVENTS.sum()}, {"exposure_s": 2.5}, ("voxel_missing",))


class TestEpuExposure(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return EPU_XML

    @pytest.fixture
    def sample(self, tmp_path):
        path = write_epu_xml(tmp_path / "a.xml")
        sums = {
            "pixel_angstrom": 1.2,
            "defocus_angstrom": 15000.0,
            "dose_e_per_angstrom2": 40.0,
            "stage_y_um": -200.0,
        }
        return Sample(path, {"exposure": 1}, sums, {"exposure_s": 2.5})


class TestEpuSession(AdapterConformance):
    # The whole of a folder that a session goes on to fill is not known.
    tells_truncation = False

    @pytest.fixture
    def adapter(self):
        return EPU_SESSION

    @pytest.fixture
    def sample(self, tmp_path):
        path = write_epu_session(tmp_path / "session", [FRAMES, FRAMES])
        return Sample(path, {"exposure": 2}, {"defocus_angstrom": 30000.0, "voltage_kv": 600.0})

    def test_provenance_names_reader_and_file(self, adapter, sample):
        provenance = adapter.open(sample.path).provenance

        assert provenance.adapter == adapter.name
        assert len(provenance.files) == 2


@pytest.mark.parametrize(("serialem", "big"), [(True, False), (False, True)])
def test_a_movie_of_serialem_is_known_by_its_words_or_by_its_mdoc(tmp_path, serialem, big):
    path = write_tiff_movie(tmp_path / "a.tif", FRAMES, serialem=serialem, big=big)
    if not serialem:
        write_movie_mdoc(tmp_path / "a.tif.mdoc")
    found = open_run(path)

    assert found.provenance.adapter == "tiff_movie"
    np.testing.assert_array_equal(found.data.image.values, FRAMES)
    assert ("voxel" in found.data) is not serialem
    assert found.metadata.raw.get("dose_per_frame") == (None if serialem else 10.0)


def test_a_picture_of_a_detector_is_left_to_its_reader(tmp_path):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, FRAMES[0])

    assert TIFF_MOVIE.probe(Probe(path)) is Confidence.NO


def test_events_come_out_as_tifffile_decodes_them(tmp_path):
    path = write_eer(tmp_path / "a.eer", EVENTS)

    np.testing.assert_array_equal(open_run(path).data.image.values, EVENTS)
    np.testing.assert_array_equal(tifffile.imread(path), EVENTS.astype(bool))


def test_doses_of_the_camera_are_per_area_of_the_specimen(tmp_path):
    said = {"totalDose": ("60", "e/pixel"), "sensorPixelSize.width": ("1.25e-10", "m")}
    found = open_run(write_eer(tmp_path / "a.eer", EVENTS, said=said))

    assert found.data.voxel.values == pytest.approx([1.25, 1.25])
    assert found.metadata.raw["dose_per_frame"] == pytest.approx(60 / 1.25**2 / 6)


def test_fewer_frames_than_the_camera_states_are_broken(tmp_path):
    path = write_eer(tmp_path / "a.eer", EVENTS, said={"numberOfFrames": ("9", "")})

    assert EER_MOVIE.check(path).state is State.BROKEN
    assert "6 of the 9" in EER_MOVIE.check(path).reason


def test_pages_of_different_sizes_are_no_movie(tmp_path):
    path = tmp_path / "a_fractions.tiff"
    with tifffile.TiffWriter(path) as file:
        file.write(FRAMES[0], contiguous=False)
        file.write(FRAMES[1, :8], contiguous=False)

    with pytest.raises(LayoutError, match="differs from the first"):
        TIFF_MOVIE.open(path)


def test_a_damaged_file_beside_the_movie_is_told_and_not_used(tmp_path):
    (tmp_path / "a.xml").write_text("<MicroscopeImage><unfinished>")
    found = open_run(write_tiff_movie(tmp_path / "a_fractions.tiff", FRAMES))

    assert "voxel" not in found.data
    assert {"sidecar_not_used", "voxel_missing"} <= {flag.code for flag in found.flags}


def test_without_tifffile_the_sentence_says_what_to_install(tmp_path, monkeypatch):
    path = write_tiff_movie(tmp_path / "a_fractions.tiff", FRAMES)
    monkeypatch.setitem(sys.modules, "tifffile", None)

    with pytest.raises(MissingExtraError, match=r"halos\[em\]"):
        TIFF_MOVIE.open(path)


def test_a_young_exposure_waits_for_its_movie_and_an_old_one_is_told(tmp_path):
    path = write_epu_session(tmp_path / "session", [FRAMES, FRAMES], lost=1)

    assert EPU_SESSION.check(path).state is State.WAIT
    for xml in path.rglob("*.xml"):
        os.utime(xml, (xml.stat().st_mtime - AGES,) * 2)
    assert EPU_SESSION.check(path).state is State.READY
    assert "movies_missing" in {flag.code for flag in open_run(path).flags}


def test_nobody_is_named_and_the_time_keeps_its_zone(tmp_path):
    found = open_run(write_epu_xml(tmp_path / "a.xml"))

    assert "Jane" not in repr(found.metadata) + repr(found.data)
    assert found.metadata.start_time.isoformat() == "2024-03-05T10:20:30+01:00"


def test_a_dose_that_is_not_written_is_missing_not_zero(tmp_path):
    assert "dose_e_per_angstrom2" not in open_run(write_epu_xml(tmp_path / "a.xml", dose=None)).data


def test_entities_are_refused(tmp_path):
    path = write_epu_xml(tmp_path / "a.xml")
    path.write_text('<!DOCTYPE a [<!ENTITY b "c">]>' + path.read_text())

    with pytest.raises(LayoutError, match="document type"):
        EPU_XML.open(path)


def test_a_cut_movie_says_which_frame(tmp_path):
    path = write_eer(tmp_path / "a.eer", EVENTS)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])

    with pytest.raises(AdapterError):
        EER_MOVIE.open(path)
    assert issubclass(TruncatedFileError, AdapterError)

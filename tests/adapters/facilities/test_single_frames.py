"""Facilities whose single frames are told by what lies beside or inside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adapters.facilities.chess_images import MACCHESS_TIFF
from adapters.facilities.diamond import I19_CBF
from adapters.facilities.esrf_images import BM29_EDF
from adapters.formats.images import ImageFile
from adapters.protocol import Confidence, Probe
from adapters.testing import AdapterConformance, Sample
from adapters.testing.images import write_cbf, write_edf, write_pilatus_tiff

IMAGE = np.array([[0, 1, -1], [4, 5, -2]], dtype="i4")
IMGCIF = (
    "loop_\r\n_diffrn_source.diffrn_id\r\n_diffrn_source.type\r\n"
    "D1 'Diamond Light Source Beamline I19'\r\n\r\n# a remark\r\nloop_\r\n"
    "_diffrn_measurement.diffrn_id\r\n_diffrn_measurement.sample_detector_distance\r\nD1 105.00\r\n"
)
SPEC = (
    "#F GI\n\n#S 1  tseries 2 1\n#N 3\n#L Time  Count Time  diode\n"
    "0.0 1 39391\nand a remark\n1.0 1 39417\n\n#S 2  tseries 2 1\n#N 3\n#L Time  Count Time  diode\n"
)
CURVE = (
    "# PixelSize_1 = 0.000172\n# PixelSize_2 = 0.000172\n# Time per frame (s) = 0.5\n"
    "# SampleDistance = 2.869\n# WaveLength = 9.919e-11\n# Mask = /data/bm29/archive/mask.edf\n1 2 3\n"
)
CHESS = {"image_path": "/mnt/currentdaq/BioSAXS/someone/", "distance_m": 1.0, "beam_px": (0.0, 0.0)}


def write_macchess(folder: Path, frame: int = 1, *, scan: int = 1, spec: str | None = SPEC) -> Path:
    if spec is not None:
        (folder / "GI").write_text(spec)
    return write_pilatus_tiff(folder / f"GI_{scan:03d}_{frame:04d}.tiff", IMAGE, **CHESS)


def write_bm29(folder: Path, curve: str | None = CURVE) -> Path:
    if curve is not None:
        (folder / "WT_00001.dat").write_text(curve)
    return write_edf(folder / "WT_00001.edf", IMAGE[None])


class TestI19(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> ImageFile:
        return I19_CBF

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        path = write_cbf(tmp_path / "a.cbf", IMAGE, imgcif=IMGCIF, distance_m=0.1, beam_px=(2000.0, 2000.0))
        stated = {"technique": "mx", "facility": "diamond", "distance_m": 0.105, "beam_center_x_px": None}
        return Sample(
            path,
            {"frame": 1},
            {"counts": IMAGE.sum(), "mask": 2},
            stated,
            flags=("header_looks_like_default", "distance_from_imgcif"),
        )


class TestMacChess(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> ImageFile:
        return MACCHESS_TIFF

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        stated = {"technique": "saxs", "facility": "chess", "monitor_counts": 39417.0, "distance_m": None}
        return Sample(write_macchess(tmp_path), {"frame": 1}, {"counts": IMAGE.sum()}, stated)


class TestBm29(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> ImageFile:
        return BM29_EDF

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Sample:
        stated = {
            "technique": "saxs",
            "facility": "esrf",
            "distance_m": 2.869,
            "wavelength_angstrom": 0.9919,
            "exposure_s": 0.5,
            "beam_center_x_px": None,
        }
        return Sample(
            write_bm29(tmp_path),
            {"frame": 1},
            {"counts": IMAGE.sum(), "mask": 2},
            stated,
            flags=("metadata_from_sidecar",),
        )


@pytest.mark.parametrize(("frame", "scan", "spec"), [(5, 1, SPEC), (0, 2, SPEC), (0, 7, SPEC), (0, 1, None)])
def test_a_frame_without_counters_says_so(frame: int, scan: int, spec: str | None, tmp_path: Path) -> None:
    run = MACCHESS_TIFF.open(write_macchess(tmp_path, frame, scan=scan, spec=spec))

    assert run.metadata.monitor_counts is None
    assert "counters_absent" in {flag.code for flag in run.flags}


def test_an_edf_without_the_beamlines_curve_is_not_taken_for_bm29(tmp_path: Path) -> None:
    alone = write_bm29(tmp_path, curve=None)

    assert BM29_EDF.probe(Probe(alone)) is Confidence.NO


def test_an_edf_beside_another_curve_is_not_taken_for_bm29(tmp_path: Path) -> None:
    path = write_bm29(tmp_path, curve=CURVE.replace("/data/bm29/", "/data/id02/"))

    assert BM29_EDF.probe(Probe(path)) is Confidence.NO

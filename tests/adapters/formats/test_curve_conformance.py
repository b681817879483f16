"""Every reader of curves passes the kit on a sample in its own layout."""

from __future__ import annotations

import numpy as np
import pytest

from adapters.facilities.bioxolver import BIOXOLVER
from adapters.facilities.chess import MACCHESS
from adapters.facilities.embl_hamburg import X33
from adapters.facilities.esrf import BM29
from adapters.facilities.isis import SANS_RKH
from adapters.facilities.petra3 import P12
from adapters.formats.ascii_curve import ASCII_CURVE
from adapters.formats.atsas import EMBL_DAT
from adapters.formats.bioxtas import BIOXTAS_RAW
from adapters.formats.cansas_xml import CANSAS_XML
from adapters.formats.gnom import BIFT, GNOM
from adapters.formats.nxcansas import NXCANSAS, NxCanSas, write
from adapters.formats.plane_text import PLANE_TEXT
from adapters.formats.raw_series import RAW_SERIES
from adapters.formats.rkh import RKH
from adapters.model import Metadata
from adapters.testing import AdapterConformance, Sample, samples

CURVE = samples.sphere_curve()
SIZES = {"frame": 1, "q": 40}
SUMS = {"intensity": CURVE.intensity.sum(), "intensity_errors": CURVE.errors.sum()}
IN_NM = {**SUMS, "q": CURVE.q.sum() / 10}
IN_ANGSTROM = {**SUMS, "q": CURVE.q.sum()}


class TestAsciiCurve(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return ASCII_CURVE

    @pytest.fixture
    def sample(self, tmp_path):
        path = samples.write_ascii(tmp_path / "run.dat", CURVE, "Q (1/nm)  I  Error")
        return Sample(path, SIZES, IN_NM, {"technique": "curve"}, ("intensity_unit_unstated",))


class TestBioxtasRaw(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return BIOXTAS_RAW

    @pytest.fixture
    def sample(self, tmp_path):
        path = samples.write_bioxtas(tmp_path / "run.dat", CURVE, Conc=4.27)
        metadata = {"wavelength_angstrom": 1.245, "distance_m": 1.5, "pixel_size_x_m": 172e-6}
        more = {"exposure_s": 1.0, "concentration_mg_ml": 4.27, "beam_center_x_px": 353.2}
        return Sample(path, SIZES, IN_ANGSTROM, {**metadata, **more, "technique": "saxs"})


class TestBioxolver(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return BIOXOLVER

    @pytest.fixture
    def sample(self, tmp_path):
        path = samples.write_bioxtas(tmp_path / "run.dat", CURVE, raw_version="1.4.2 (BioXolver version)")
        return Sample(path, SIZES, IN_ANGSTROM, {"instrument": "bioxolver"})


class TestMacChess(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return MACCHESS

    @pytest.fixture
    def sample(self, tmp_path):
        path = samples.write_bioxtas(tmp_path / "run.dat", CURVE, counters={"hepstat": "1087"})
        return Sample(path, SIZES, IN_ANGSTROM, {"facility": "chess", "instrument": "macchess"})


class TestEmbl(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return EMBL_DAT

    @pytest.fixture
    def sample(self, tmp_path):
        path = samples.write_embl(tmp_path / "run.dat", CURVE, "/somewhere")
        return Sample(path, SIZES, IN_NM, {"technique": "saxs", "facility": None})


class TestP12(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return P12

    @pytest.fixture
    def sample(self, tmp_path):
        path = samples.write_embl(tmp_path / "run.dat", CURVE, "/data/p12/users.2013")
        metadata = {"facility": "petra3", "instrument": "p12", "sample_name": "lysozyme"}
        numbers = {"concentration_mg_ml": 2.61, "exposure_s": 0.045, "beam_center_y_px": 1518.0}
        return Sample(path, SIZES, IN_NM, {**metadata, **numbers}, ("divided_by_concentration",))


class TestX33(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return X33

    @pytest.fixture
    def sample(self, tmp_path):
        path = samples.write_embl(tmp_path / "run.dat", CURVE, "/data/x33/Users2012")
        return Sample(path, SIZES, IN_NM, {"facility": "embl_hamburg", "instrument": "x33"})


class TestBm29(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return BM29

    @pytest.fixture
    def sample(self, tmp_path):
        path = samples.write_bm29(tmp_path / "run.dat", CURVE)
        metadata = {"wavelength_angstrom": 0.9919, "distance_m": 2.869, "exposure_s": 0.5}
        more = {"concentration_mg_ml": 1.5, "temperature_k": 293.15, "pixel_size_x_m": 172e-6}
        return Sample(path, SIZES, IN_NM, {**metadata, **more, "facility": "esrf"})


class TestIsisRkh(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return SANS_RKH

    @pytest.fixture
    def sample(self, tmp_path):
        path = samples.write_rkh(tmp_path / "run.txt", CURVE, "LOQ")
        return Sample(
            path, SIZES, IN_ANGSTROM, {"technique": "sans", "facility": "isis", "instrument": "LOQ"}
        )


class TestRkh(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return RKH.assuming({"q_unit": "1/nm"})

    @pytest.fixture
    def sample(self, tmp_path):
        path = samples.write_rkh(tmp_path / "run.txt", CURVE, "QUOKKA")
        return Sample(path, SIZES, IN_NM, {"instrument": "QUOKKA", "facility": None}, ("assumed_q_unit",))


class TestGnom5(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return GNOM.assuming({"q_unit": "1/angstrom"})

    @pytest.fixture
    def sample(self, tmp_path):
        distances = samples.sphere_distances()
        path = samples.write_gnom(tmp_path / "run.out", CURVE, distances)
        sums = {**SUMS, "p_of_r": distances[:, 1].sum(), "r": distances[:, 0].sum()}
        return Sample(path, {**SIZES, "r": 41, "q_model": 41}, sums, {}, ("assumed_q_unit",))


class TestGnom4(TestGnom5):
    @pytest.fixture
    def sample(self, tmp_path):
        distances = samples.sphere_distances()
        path = samples.write_gnom(tmp_path / "run.out", CURVE, distances, version=4)
        return Sample(path, {**SIZES, "r": 41}, {"p_of_r": distances[:, 1].sum()})


class TestBift(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return BIFT.assuming({"q_unit": "1/nm"})

    @pytest.fixture
    def sample(self, tmp_path):
        distances = samples.sphere_distances()
        path = samples.write_bift(tmp_path / "run.ift", CURVE, distances)
        # A length of 1 nm is 10 angstrom, and P(r) is per length.
        sums = {"r": 10 * distances[:, 0].sum(), "p_of_r": distances[:, 1].sum() / 10}
        return Sample(path, {**SIZES, "r": 41}, sums)


class TestCansasXml(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return CANSAS_XML

    @pytest.fixture
    def sample(self, tmp_path):
        path = samples.write_cansas_xml(tmp_path / "run.xml", CURVE, q_unit="1/nm")
        metadata = {"wavelength_angstrom": 6.0, "distance_m": 4.1, "thickness_m": 1e-3}
        return Sample(path, SIZES, IN_NM, {**metadata, "technique": "sans", "sample_name": "sphere"})


class TestNxCanSas(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return NXCANSAS

    @pytest.fixture
    def sample(self, tmp_path):
        source = ASCII_CURVE.open(samples.write_ascii(tmp_path / "source.dat", CURVE, "Q (1/nm) I Error"))
        metadata = Metadata("waxs", "petra3", "p12", wavelength_angstrom=1.2, distance_m=3.1)
        path = tmp_path / "run.h5"
        write(path, NxCanSas("a sphere", "1", source.data, metadata))
        told = {"technique": "waxs", "facility": "petra3", "wavelength_angstrom": 1.2, "distance_m": 3.1}
        return Sample(path, SIZES, IN_NM, told)


class TestPlaneText(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return PLANE_TEXT.assuming({"q_unit": "1/angstrom"})

    @pytest.fixture
    def sample(self, tmp_path):
        intensity = np.arange(1.0, 13.0).reshape(3, 4)
        axes = (-0.03, -0.01, 0.01, 0.03), (-0.02, 0.0, 0.02)
        path = samples.write_plane_text(tmp_path / "run.dat", *axes, intensity)
        sums = {"intensity": 78.0, "intensity_errors": 7.8}
        return Sample(path, {"qx": 4, "qy": 3}, sums, {}, ("assumed_q_unit",))


class TestRawSeries(AdapterConformance):
    @pytest.fixture
    def adapter(self):
        return RAW_SERIES

    @pytest.fixture
    def sample(self, tmp_path):
        path = samples.write_raw_series(tmp_path / "run.hdf5", CURVE, (1.0, 2.0, 3.0))
        sums = {"intensity": 6 * CURVE.intensity.sum(), "intensity_errors": 6 * CURVE.errors.sum()}
        return Sample(path, {"frame": 3, "q": 40}, sums, {"wavelength_angstrom": 1.245})

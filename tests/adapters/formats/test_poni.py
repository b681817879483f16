"""PONI files of every version give the geometry that pyFAI reads from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyFAI import load as pyfai_load

from adapters.errors import AdapterError, CorruptFileError, EmptyFileError, LayoutError, MissingMetadataError
from adapters.formats import poni
from adapters.model import Geometry, Orientation

REST = "Distance: 0.2\nPoni1: 0.01\nPoni2: 0.02\nRot1: 0.001\nRot2: -0.002\nRot3: 0.003\nWavelength: 1e-10\n"
VERSION_1 = "# Nota\nPixelSize1: 0.000172\nPixelSize2: 0.0001\n" + REST + "SplineFile: None\n"
VERSION_2 = (
    'poni_version: 2\nDetector: Detector\nDetector_config: {"pixel1": 0.000172, "pixel2": 0.0001}\n' + REST
)
VERSION_21 = VERSION_2.replace("poni_version: 2", "poni_version: 2.1").replace(
    "0.0001}", '0.0001, "max_shape": [10, 20], "orientation": 2}'
)
EXPECTED = Geometry(0.2, 0.01, 0.02, 172e-6, 1e-4, 1.0, 0.001, -0.002, 0.003)


def written(folder: Path, text: str) -> Path:
    path = folder / "set-up.poni"
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", [VERSION_1, VERSION_2, VERSION_21], ids=["1", "2", "2.1"])
def test_every_version_gives_the_same_numbers(text: str, tmp_path: Path) -> None:
    found = poni.read(written(tmp_path, text)).to_json()
    expected = EXPECTED.to_json()
    found.pop("orientation"), expected.pop("orientation")

    assert found == pytest.approx(expected)


def test_orientation_is_read_from_version_2_1_only(tmp_path: Path) -> None:
    assert poni.read(written(tmp_path, VERSION_2)).orientation is None
    assert poni.read(written(tmp_path, VERSION_21)).orientation is Orientation.FLIP_UP_DOWN


@pytest.mark.parametrize("orientation", [None, *Orientation])
def test_what_is_written_is_read_again(orientation: Orientation | None, tmp_path: Path) -> None:
    geometry = Geometry(0.2, 0.01, 0.02, 172e-6, 1e-4, 1.03, 0.001, -0.002, 0.003, orientation)

    again = poni.read(poni.write(tmp_path / "set-up.poni", geometry))

    assert again.orientation is orientation
    assert again.wavelength_angstrom == pytest.approx(1.03, rel=1e-12)
    assert (again.distance_m, again.poni1_m, again.rot2_rad) == (0.2, 0.01, -0.002)


@pytest.mark.parametrize("orientation", [None, Orientation.FLIP_UP_DOWN])
def test_pyfai_reads_what_is_written(orientation: Orientation | None, tmp_path: Path) -> None:
    geometry = Geometry(0.2, 0.01, 0.02, 172e-6, 1e-4, 1.03, 0.001, -0.002, 0.003, orientation)

    theirs = pyfai_load(str(poni.write(tmp_path / "set-up.poni", geometry)))

    np.testing.assert_allclose([theirs.dist, theirs.poni1, theirs.poni2], [0.2, 0.01, 0.02])
    np.testing.assert_allclose([theirs.pixel1, theirs.pixel2], [172e-6, 1e-4])
    assert theirs.wavelength == pytest.approx(1.03e-10)
    assert theirs.detector.orientation == (orientation or 0) or orientation is None


def test_a_detector_known_by_name_brings_its_pixels(tmp_path: Path) -> None:
    text = "poni_version: 2\nDetector: Pilatus1M\nDetector_config: {}\n" + REST

    found = poni.read(written(tmp_path, text))

    assert (found.pixel1_m, found.pixel2_m) == (172e-6, 172e-6)


def test_of_several_calibrations_in_a_file_the_last_stands(tmp_path: Path) -> None:
    text = VERSION_2 + VERSION_2.replace("Distance: 0.2", "Distance: 0.3")

    assert poni.read(written(tmp_path, text)).distance_m == 0.3


def test_no_wavelength_stays_unsaid(tmp_path: Path) -> None:
    found = poni.read(written(tmp_path, VERSION_2.replace("Wavelength: 1e-10", "")))

    assert found.wavelength_angstrom is None


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("", EmptyFileError, "empty"),
        ("Beam came back at noon.\n", LayoutError, "no distance, poni1, poni2"),
        (VERSION_2.replace("version: 2", "version: 7"), LayoutError, "version 7"),
        (VERSION_2.replace("Distance: 0.2", "Distance: far"), CorruptFileError, "'far'"),
        (VERSION_2.replace("Distance: 0.2", "Distance: -0.2"), CorruptFileError, "positive distance_m"),
        (VERSION_2.replace("Distance: 0.2", "Distance: nan"), CorruptFileError, "nan"),
        (VERSION_2.replace("}", ""), CorruptFileError, "does not parse"),
        (VERSION_21.replace('"orientation": 2', '"orientation": 9'), CorruptFileError, "not 1 to 4"),
        ("poni_version: 2\nDetector: Nonesuch\n" + REST, MissingMetadataError, "pixel_size_m"),
    ],
)
def test_what_is_wrong_is_said(text: str, error: type[AdapterError], words: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=words):
        poni.read(written(tmp_path, text))


def test_an_image_is_no_poni_file(tmp_path: Path) -> None:
    path = tmp_path / "set-up.poni"
    path.write_bytes(b"II*\0\0\0\0\0")

    with pytest.raises(LayoutError, match="not text"):
        poni.read(path)


@pytest.mark.measured
@pytest.mark.parametrize(
    ("name", "distance_m", "wavelength"),
    [
        ("powder/ceo2-pilatus1m/CeO2_Pilatus1M.poni", 0.208651380603, 0.4066),
        ("powder/ceo2-pilatus1m/CeO2_Pilatus1M_poni2.poni", 0.208651380603, 0.4066),
        ("petra3/lambda/L2.poni", 0.3091923560063649, 0.4836),
    ],
)
def test_measured_calibrations_are_read(
    measured: Path, name: str, distance_m: float, wavelength: float
) -> None:
    found = poni.read(measured / name)
    theirs = pyfai_load(str(measured / name))

    assert found.distance_m == distance_m
    assert found.wavelength_angstrom == pytest.approx(wavelength)
    assert (found.poni1_m, found.poni2_m) == (theirs.poni1, theirs.poni2)
    assert (found.rot1_rad, found.rot2_rad, found.rot3_rad) == (theirs.rot1, theirs.rot2, theirs.rot3)
    assert (found.pixel1_m, found.pixel2_m) == (theirs.pixel1, theirs.pixel2)
    assert found.orientation is None

"""Cut and scrambled image files are answered with an error of ours, or with pixels, never with a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from adapters.errors import AdapterError
from adapters.facilities.saxslab import SAXSLAB
from adapters.formats.dectris import DECTRIS_DATA
from adapters.formats.images import ADSC, CBF, EDF, HIPIC, OXFORD, SPE, TIFF, ImageFile
from adapters.protocol import Adapter, Probe
from adapters.testing.hdf5_images import write_data_file
from adapters.testing.images import write_cbf, write_edf, write_pilatus_tiff, write_saxslab

IMAGE = np.arange(12, dtype="i4").reshape(3, 4)
XML = {"wavelength": "1.3", "detector_dist": "1000", "beamcenter_actual": "1 2"}
SAID = {"distance_m": 1.5, "beam_px": (1.5, 2.0)}
WRITERS: dict[str, tuple[Adapter, Callable[[Path], Path]]] = {
    "cbf": (CBF, lambda path: write_cbf(path, IMAGE, **SAID)),
    "tiff": (TIFF, lambda path: write_pilatus_tiff(path, IMAGE, **SAID)),
    "edf": (EDF, lambda path: write_edf(path, IMAGE[None])),
    "saxslab": (SAXSLAB, lambda path: write_saxslab(path, IMAGE, XML)),
    "dectris_data": (DECTRIS_DATA, lambda path: write_data_file(path, IMAGE[None].astype("u4"))),
}


def mutilations(content: bytes) -> Iterator[bytes]:
    """The content cut at places all over, and with bytes changed in the header and elsewhere."""
    random = np.random.default_rng(7)
    for cut in np.linspace(1, len(content) - 1, 25, dtype=int):
        yield content[:cut]
    for _ in range(60):
        changed = bytearray(content)
        for place in random.integers(0, min(len(content), 1500), 8):
            changed[place] = random.integers(0, 256)
        yield bytes(changed)


def answered(adapter: Adapter, path: Path) -> None:
    """Ask everything of the reader; only an AdapterError may come out."""
    adapter.probe(Probe(path))
    adapter.check(path)
    try:
        adapter.open(path).data.load()
    except AdapterError as error:
        assert str(path) in str(error) or path.name in str(error)


@pytest.mark.parametrize("name", WRITERS)
def test_a_mutilated_file_is_answered_in_our_words(name: str, tmp_path: Path) -> None:
    adapter, write = WRITERS[name]
    content = write(tmp_path / "whole").read_bytes()

    for number, spoilt in enumerate(mutilations(content)):
        path = tmp_path / f"spoilt-{number}"
        path.write_bytes(spoilt)
        answered(adapter, path)


@pytest.mark.measured
@pytest.mark.parametrize(
    ("adapter", "name"),
    [
        (OXFORD, "formats/fabio-converted/gi_oxd.img"),
        (ADSC, "formats/fabio-converted/gi_adsc.img"),
        (HIPIC, "formats/hamamatsu_photon_counting.img"),
        (SPE, "formats/CeO2_PI_CCD_Mo.SPE"),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_a_mutilated_measured_file_is_answered_in_our_words(
    adapter: ImageFile, name: str, measured: Path, tmp_path: Path
) -> None:
    content = (measured / name).read_bytes()

    for number, spoilt in enumerate(islice(mutilations(content), 0, None, 6)):
        path = tmp_path / f"spoilt-{number}.spe"
        path.write_bytes(spoilt)
        answered(adapter, path)
        path.unlink()

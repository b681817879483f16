"""One small run of each layout that there is a writer for, by name, for walks through all readers.

A module of this package joins by a mapping `GALLERY` of its own: name to a function that
writes the run into an empty folder and returns its path.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np

import adapters.testing
from adapters.testing import events, hdf5_images, images, samples

Writer = Callable[[Path], Path]
FRAMES = np.arange(60, dtype="u4").reshape(3, 4, 5)
IMAGE = np.arange(20, dtype="i4").reshape(4, 5)
CURVE = samples.sphere_curve()
XML = {"wavelength": "1.3", "detector_dist": "1000", "beamcenter_actual": "1 2"}
BANKS = (events.FlatBank("loki_detector_0"), events.FlatBank("loki_detector_1", first=101, shape=(3, 6)))
EDGES = np.linspace(0, 7e7, 8)
MONITOR = (np.arange(7, dtype=np.int32), EDGES, -1.5)


def _ess(instrument: str) -> Writer:
    def write(folder: Path) -> Path:
        counted = [events.some_events(bank) for bank in BANKS]
        return events.write_ess(
            folder / "999999_00000001.hdf",
            BANKS,
            counted,
            instrument=instrument,
            monitor_histogram=MONITOR,
            monitor_events=(np.arange(10, dtype=np.int32) * 1_000_000, 3.0),
        )

    return write


def _isis(folder: Path) -> Path:
    return events.write_isis(folder / "SANS2D00000001.nxs", events.some_events(BANKS[0]), monitors=[MONITOR])


OURS: dict[str, Writer] = {
    "ascii": lambda folder: samples.write_ascii(folder / "curve.dat", CURVE),
    "bioxtas": lambda folder: samples.write_bioxtas(folder / "curve.dat", CURVE),
    "embl": lambda folder: samples.write_embl(folder / "curve.dat", CURVE, "/home/x33"),
    "bm29": lambda folder: samples.write_bm29(folder / "curve.dat", CURVE),
    "rkh": lambda folder: samples.write_rkh(folder / "curve.txt", CURVE),
    "gnom": lambda folder: samples.write_gnom(folder / "curve.out", CURVE, samples.sphere_distances()),
    "bift": lambda folder: samples.write_bift(folder / "curve.ift", CURVE, samples.sphere_distances()),
    "cansas_xml": lambda folder: samples.write_cansas_xml(folder / "curve.xml", CURVE),
    "plane_text": lambda folder: samples.write_plane_text(
        folder / "plane.dat", [-0.1, 0.0, 0.1], [-0.1, 0.1], np.ones((2, 3))
    ),
    "raw_series": lambda folder: samples.write_raw_series(folder / "series.hdf5", CURVE, [1.0, 2.0]),
    "dectris": lambda folder: hdf5_images.write_dectris(folder, FRAMES),
    "filewriter2": lambda folder: hdf5_images.write_filewriter2(folder, FRAMES),
    "nxmx": lambda folder: hdf5_images.write_nxmx(folder, FRAMES),
    "dectris_data": lambda folder: hdf5_images.write_data_file(folder / "a_data_000001.h5", FRAMES),
    "pilatus_tiff": lambda folder: images.write_pilatus_tiff(folder / "image.tif", IMAGE),
    "saxslab": lambda folder: images.write_saxslab(folder / "image.tiff", IMAGE, XML),
    "cbf": lambda folder: images.write_cbf(folder / "image.cbf", IMAGE),
    "edf": lambda folder: images.write_edf(folder / "image.edf", IMAGE[None]),
    "isis_events": _isis,
    **{f"ess_{name}": _ess(name.upper()) for name in ("loki", "nmx", "odin", "dream", "bifrost")},
    "any_events": _ess("UNHEARD"),
}


def gallery() -> dict[str, Writer]:
    """All writers by name, those of other modules of this package included."""
    found = dict(OURS)
    for module in pkgutil.iter_modules(adapters.testing.__path__):
        if module.name not in ("conformance", "gallery"):
            found |= getattr(import_module(f"adapters.testing.{module.name}"), "GALLERY", {})
    return found

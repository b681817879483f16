"""One small run of each layout of free-electron lasers and beamlines, for walks through all readers."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from adapters.testing import beamline_hdf5, euxfel, flash, petra3, scans, sfx
from adapters.testing.hdf5_images import write_cosaxs

FRAMES = np.arange(120, dtype="u4").reshape(6, 4, 5)
PLACES = np.arange(18.0).reshape(6, 3) * 1e-6
ANGLES = np.linspace(0.0, 180.0, 6)
KEY = np.array([1, 1, 2, 0, 0, 0])
Q = np.linspace(0.1, 4.0, 40)
COLUMNS = {"x": np.arange(6.0), "counter": np.arange(6.0) + 3}
RING = np.linspace(5.0, 40.0, 50)
CRYSTALS = ([sfx.Lattice((79.2, 79.4, 38.0))], None, [sfx.Lattice((79.0, 79.1, 37.9))])


# Two of eight modules: the rest of a young run may still arrive, so that it would be waited for.
OLD = 1_700_000_000


def _aged(run: Path) -> Path:
    for path in run.iterdir():
        os.utime(path, (OLD, OLD))
    return run


def _euxfel(folder: Path) -> Path:
    return _aged(euxfel.write_run(folder / "r0007", (10000, 10001), modules=(0, 1)))


def _corrected(folder: Path) -> Path:
    return _aged(euxfel.write_run(folder / "r0007", (10000, 10001), modules=(0, 1), raw=False))


def _hereon(folder: Path) -> Path:
    images = np.arange(7 * 30, dtype="u2").reshape(7, 5, 6)
    return petra3.write_hereon(folder, images, (2, 1, 1, 0, 0, 0, 1), (0.0, 60.0, 120.0))


def _lambda(folder: Path) -> Path:
    modules = [np.arange(72, dtype="i2").reshape(3, 4, 6) + 100 * place for place in range(2)]
    return beamline_hdf5.write_lambda(folder, modules, [(2, 0), (0, 7)])


def _fio(folder: Path) -> Path:
    columns = {"exp_dmy01": ("DOUBLE", [0.0, 0.5, 1.0]), "exp_c01": ("DOUBLE", [3.0, 4.0, 5.0])}
    return scans.write_fio(folder / "scan_00001.fio", columns, parameters={"abs": 0, "energy": 12000.0})


def _xds(folder: Path) -> Path:
    indices = np.array([[1.0, 0, 0], [0, 2, 1], [3, 1, 4]])
    return scans.write_xds(folder / "XDS_ASCII.HKL", indices, np.array([10.0, 20.0, 30.0]))


GALLERY: dict[str, Callable[[Path], Path]] = {
    "flash": lambda folder: flash.write_flash(folder / flash.flash_name(), flash.hextof()),
    "sxp": lambda folder: euxfel.write_mcp(folder / "RAW-R0016-DA03-S00000.h5"),
    "crystfel_stream": lambda folder: sfx.write_stream(folder / "run.stream", CRYSTALS),
    "crystfel_geom": lambda folder: sfx.write_geom(folder / "detector.geom"),
    "petra3_p11": lambda folder: petra3.write_p11(petra3.write_beamtime(folder), FRAMES),
    "sardana": lambda folder: petra3.write_sardana(folder, COLUMNS, FRAMES),
    "hereon": _hereon,
    "lambda": _lambda,
    "fio": _fio,
    "cosaxs": lambda folder: write_cosaxs(folder, FRAMES),
    "contrast": lambda folder: beamline_hdf5.write_contrast(folder, FRAMES, {"sx": np.arange(6.0)}),
    "azint_a": lambda folder: beamline_hdf5.write_azint(
        folder / "scan-0001_pilatus_integrated.h5", Q, np.ones((2, 40)), generation="A"
    ),
    "azint": lambda folder: beamline_hdf5.write_azint(
        folder / "scan-0001_pilatus_integrated.h5", Q, np.ones((2, 40))
    ),
    "cxi": lambda folder: beamline_hdf5.write_cxi(folder / "scan.cxi", FRAMES.astype("i4"), PLACES),
    "exchange": lambda folder: beamline_hdf5.write_exchange(
        folder / "scan.h5", FRAMES, ANGLES, flats=FRAMES[:2] + 100, darks=FRAMES[:1]
    ),
    "nxtomo": lambda folder: beamline_hdf5.write_nxtomo(folder / "scan.nxs", FRAMES, KEY, ANGLES),
    "usaxs": lambda folder: beamline_hdf5.write_usaxs(folder / "scan.h5", Q, 1 / Q),
    "powder": lambda folder: scans.write_powder(folder / "pattern.xye", RING, 10 + RING, np.sqrt(RING)),
    "spec": lambda folder: scans.write_spec(folder / "scans.dat", [COLUMNS]),
    "mca": lambda folder: scans.write_mca(folder / "spectrum.mca", 1.0 + np.arange(64.0)),
    "spe": lambda folder: scans.write_spe(folder / "spectrum.spe", np.arange(64.0)),
    "xds": _xds,
}
# The mock writers of the facility's own library make these.
if find_spec("extra_data") is not None:
    GALLERY |= {"euxfel": _euxfel, "euxfel_corrected": _corrected}

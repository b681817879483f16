"""Small NMR experiments as spectrometers write them, with known lines in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEADER = (
    "##TITLE= Parameter file, TopSpin 3.6\n##JCAMPDX= 5.0\n##ORIGIN= Bruker BioSpin GmbH\n##OWNER= {owner}\n"
)
BLOCK = 1024


@dataclass(frozen=True)
class Line:
    """A resonance: place (ppm), height, and decay rate of the signal (1/s)."""

    shift: float
    height: float
    rate: float = 25.0


@dataclass(frozen=True)
class Magnet:
    """A spectrometer: frequency of 0 ppm (MHz), carrier (ppm), width (Hz), who uses it."""

    frequency: float = 500.0
    carrier: float = 5.0
    width: float = 6000.0
    owner: str = "J.Doe"

    def decay(self, lines: Sequence[Line], points: int) -> NDArray[np.complex128]:
        """The noiseless free induction decay (points,) of some lines."""
        time = np.arange(points) / self.width
        offsets = [(line.shift - self.carrier) * self.frequency for line in lines]
        parts = [
            line.height * np.exp(2j * np.pi * offset * time - line.rate * time)
            for line, offset in zip(lines, offsets, strict=True)
        ]
        total: NDArray[np.complex128] = np.sum(parts, axis=0)
        return total


def write_parameters(path: Path, said: Mapping[str, Any], owner: str = "J.Doe") -> Path:
    """A parameter file of TopSpin."""
    text = (
        HEADER.format(owner=owner) + f"$$ 2020-01-01 {owner}@spect\n$$ /opt/data/{owner}/nmr/1/{path.name}\n"
    )
    path.write_text(text + "".join(f"##${name}= {value}\n" for name, value in said.items()) + "##END=\n")
    return path


def write_topspin(
    folder: Path,
    decays: NDArray[np.complex128],
    magnet: Magnet,
    *,
    phases: tuple[float, float] | None = (0.0, 0.0),
    delays_s: Sequence[float] | None = None,
    indirect: Mapping[str, Any] | None = None,
    **more: Any,
) -> Path:
    """An experiment with raw data (rows, points): a fid for one row without `indirect`, else a ser."""
    folder.mkdir(parents=True)
    rows, points = decays.shape
    carrier = magnet.frequency * (1 + magnet.carrier * 1e-6)
    said = {
        "AQ_mod": 3, "BF1": magnet.frequency, "BYTORDA": 0, "DATE": 1577880000, "DECIM": 1, "DSPFVS": 0,
        "DTYPA": 0, "GRPDLY": 0, "INSTRUM": "<spect>", "NS": 8, "NUC1": "<1H>", "PULPROG": "<zg30>",
        "SFO1": f"{carrier:.12f}", "SOLVENT": "<D2O>", "SW_h": magnet.width, "TD": 2 * points, "TE": 298.0,
    }  # fmt: skip
    write_parameters(folder / "acqus", {**said, **more}, magnet.owner)
    numbers = np.rint(np.ascontiguousarray(decays).view(np.float64)).astype("<i4")
    series = delays_s is not None or indirect is not None
    if not series:
        (folder / "fid").write_bytes(numbers.tobytes())
    else:
        size = -(-numbers.shape[1] * 4 // BLOCK) * BLOCK
        (folder / "ser").write_bytes(b"".join(row.tobytes().ljust(size, b"\7") for row in numbers))
        second = {"BF1": magnet.frequency, "FnMODE": 1, "NUC1": "<1H>", "SFO1": f"{carrier:.12f}", "SW": 12.0}
        write_parameters(folder / "acqu2s", {**second, "TD": rows, **(indirect or {})}, magnet.owner)
    if delays_s is not None:
        (folder / "vdlist").write_text("".join(f"{delay * 1000:g}m\n" for delay in delays_s))
    if phases is not None:
        inside = folder / "pdata" / "1"
        inside.mkdir(parents=True)
        phased = {"PHC0": phases[0], "PHC1": phases[1], "SF": magnet.frequency}
        write_parameters(inside / "procs", phased, magnet.owner)
    return folder


def write_processed(folder: Path, values: NDArray[np.int32], magnet: Magnet, exponent: int = -2) -> Path:
    """A processed spectrum (n,) or plane (m, n) in tiles, beside an experiment's parameters."""
    folder.mkdir(parents=True)
    experiment = folder.parents[1]
    if not (experiment / "acqus").exists():
        write_parameters(experiment / "acqus", {"NUC1": "<1H>", "TE": 300.0}, magnet.owner)
    offset = magnet.carrier + magnet.width / magnet.frequency / 2
    common = {
        "BYTORDP": 0, "DTYPP": 0, "NC_proc": exponent, "OFFSET": offset, "SF": magnet.frequency,
        "SW_p": magnet.width, "FT_mod": 6,
    }  # fmt: skip
    size = values.shape[-1]
    tile = size if values.ndim == 1 else size // 2
    write_parameters(folder / "procs", {**common, "SI": size, "XDIM": tile}, magnet.owner)
    if values.ndim == 1:
        (folder / "1r").write_bytes(values.astype("<i4").tobytes())
        return folder
    rows = values.shape[0] // 2
    write_parameters(folder / "proc2s", {**common, "SI": values.shape[0], "XDIM": rows}, magnet.owner)
    tiles = values.reshape(2, rows, 2, tile).swapaxes(1, 2)
    (folder / "2rr").write_bytes(np.ascontiguousarray(tiles, "<i4").tobytes())
    return folder

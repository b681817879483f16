"""Small NMR files of every program but the spectrometer's own, as those programs write them."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adapters.testing.nmr import Line, Magnet, write_processed, write_topspin
from adapters.testing.nmr_tables import write_nef, write_nmr_star, write_nmredata

Array = np.ndarray[Any, Any]
MAGNET = Magnet()
DECAY = MAGNET.decay([Line(2.0, 4e3), Line(7.0, 2e3)], 64)
PLANE = np.arange(6 * 10, dtype=np.float32).reshape(6, 10) - 20
# Places in the header of NMRPipe: width, frequency, last point, transformed, real, carrier, label.
PIPE = {1: (229, 218, 249, 222, 55, 67, 18), 2: (100, 119, 101, 220, 56, 66, 16)}


def write_nmrpipe(
    path: Path, values: Array, *, transformed: bool = True, order: str = "<", group_delay: float = 0.0
) -> Path:
    """A line (n,) or plane (m, n), complex where `values` are, of 1H at 500 MHz and 15N at 50 MHz."""
    header = np.zeros(512, f"{order}f4")
    rows, points = np.atleast_2d(values).shape
    real = not np.iscomplexobj(values)
    header[[2, 9, 40, 99, 106, 219, 442]] = 2.345, values.ndim, group_delay, points, float(real), rows, 1
    header[24:28] = 2, 1, 3, 4
    for dimension, width, frequency, carrier, label in (
        (2, 5000.0, 500.0, 5.0, b"1H"),
        (1, 1500.0, 50.0, 118.0, b"15N"),
    ):
        size = points if dimension == 2 else rows
        last = carrier * frequency - width / 2 + width / size
        numbers = width, frequency, last, float(transformed), float(real or dimension == 1), carrier
        places = PIPE[dimension]
        header[list(places[:6])] = numbers
        header[places[6] : places[6] + 2] = np.frombuffer(label.ljust(8, b"\0"), f"{order}f4")
    parts = [values] if real else [values.real, values.imag]
    stacked = np.stack([np.atleast_2d(part) for part in parts], axis=1)
    path.write_bytes(header.tobytes() + stacked.astype(f"{order}f4").tobytes())
    return path


def write_ucsf(path: Path, values: Array, tile: tuple[int, int] = (4, 4)) -> Path:
    """A plane (m, n) in tiles, the last ones filled up with zeros."""
    tiles = [-(-size // part) for size, part in zip(values.shape, tile, strict=True)]
    whole = np.zeros([count * part for count, part in zip(tiles, tile, strict=True)], ">f4")
    whole[: values.shape[0], : values.shape[1]] = values
    said = b"UCSF NMR", 2, 1, 0, 2, b"J.Doe", b"", b"", 436 + whole.nbytes, b""
    head = struct.pack(">10s4B9s26s80s3xi40s4x", *said)
    for name, size, part, frequency, width, centre in (
        (b"15N", values.shape[0], tile[0], 50.0, 1500.0, 118.0),
        (b"1H", values.shape[1], tile[1], 500.0, 5000.0, 5.0),
    ):  # fmt: skip
        head += struct.pack(">6sh3I6f84s", name, 0, size, size, part, frequency, width, centre, 0, 0, 0, b"")
    packed = whole.reshape(tiles[0], tile[0], tiles[1], tile[1]).swapaxes(1, 2)
    path.write_bytes(head + np.ascontiguousarray(packed).tobytes())
    return path


def write_sparky_list(path: Path, rows: Sequence[tuple[str, float, float, float]]) -> Path:
    """Name, 15N and 1H shift, and height of each peak."""
    lines = [f"{name:>17} {w1:10.3f} {w2:10.3f} {height:12.0f}" for name, w1, w2, height in rows]
    path.write_text("      Assignment         w1         w2   Data Height \n\n" + "\n".join(lines) + " \n")
    return path


def write_pipe_table(
    path: Path, rows: Sequence[tuple[str, float, float, float]], shares: Sequence[float] = ()
) -> Path:
    """The same as NMRPipe lists it; `shares` are heights in spectra of a series over that of the first."""
    points = [f"Z_A{number}" for number in range(len(shares))]
    lines = [
        f"{number:5d} {10.0:9.3f} {5.0:9.3f} {w2:8.3f} {w1:8.3f} {height:+e} {name} "
        + " ".join(f"{share:7.4f}" for share in shares)
        for number, (name, w1, w2, height) in enumerate(rows, start=1)
    ]
    variables = " ".join(["VARS   INDEX X_AXIS Y_AXIS X_PPM Y_PPM VOL ASS", *points])
    form = " ".join(["FORMAT %5d %9.3f %9.3f %8.3f %8.3f %+e %s", *["%7.4f"] * len(points)])
    path.write_text("\n".join(["REMARK made by a test", "", variables, form, "", *lines]) + "\n")
    return path


SQUEEZED = {False: "@ABCDEFGHI", True: "@abcdefghi"}
DIFFERENCE = {False: "%JKLMNOPQR", True: "%jklmnopqr"}
REPEAT = "?STUVWXYZs"


def _lettered(letters: Mapping[bool, str], value: int) -> str:
    digits = str(abs(value))
    return letters[value < 0][int(digits[0])] + digits[1:]


def packed_lines(values: Sequence[int], first: int, step: int, width: int = 8) -> list[str]:
    """Whole numbers as differences with repeats; lines begin with their place and the last value again."""
    lines, place = [], 0
    while place < len(values):
        stop = min(place + width, len(values))
        start = place if place == 0 else place - 1
        line = str(first + place * step) + _lettered(SQUEEZED, values[start])
        steps = np.diff(values[start:stop]).tolist()
        while steps:
            same = next((n for n, each in enumerate(steps) if each != steps[0]), len(steps))
            line += _lettered(DIFFERENCE, steps[0]) + (REPEAT[same] if 1 < same < 10 else "")
            steps = steps[same if same < 10 else 1 :]
        lines.append(line)
        place = stop
    # The last line repeats the value that the one before ends with.
    return (
        [*lines, str(first + (place - 1) * step) + _lettered(SQUEEZED, values[-1])]
        if len(values) > 1
        else lines
    )


def write_jcamp(path: Path, values: Sequence[int], *, kind: str = "NMR SPECTRUM") -> Path:
    """A spectrum over points 2 Hz apart from 1000 Hz down, differences packed, at 500 MHz."""
    last = 1000 - 2 * (len(values) - 1)
    text = (
        f"##TITLE=sample\n##JCAMP-DX=5.00 $$ J.Doe\n##DATA TYPE={kind}\n##DATA CLASS=XYDATA\n"
        "##ORIGIN=a test\n"
        f"##OWNER=J.Doe\n##.OBSERVE FREQUENCY=500.0\n##.OBSERVE NUCLEUS=^1H\n##.SOLVENT NAME=D2O\n"
        f"##.SHIFT REFERENCE=INTERNAL, TSP, 1, 2.0\n##XUNITS=HZ\n##YUNITS=ARBITRARY UNITS\n##XFACTOR=1\n"
        f"##YFACTOR=0.5\n##FIRSTX=1000\n##LASTX={last}\n##NPOINTS={len(values)}\n##FIRSTY={values[0]}\n"
        "##XYDATA=(X++(Y..Y))\n"
    )
    path.write_text(text + "\n".join(packed_lines(values, 1000, -2)) + "\n##END=\n")
    return path


def write_jcamp_decay(path: Path, decay: Array, width: float = 5000.0, origin: str = "Bruker") -> Path:
    """A decay (n,) of whole numbers as two pages, plain numbers."""
    count = len(decay)
    text = (
        f"##TITLE=sample\n##JCAMP-DX=5.00\n##DATA TYPE=NMR FID\n##DATA CLASS=NTUPLES\n##ORIGIN={origin}\n"
        f"##.OBSERVE FREQUENCY=500.0\n##.OBSERVE NUCLEUS=^1H\n##NTUPLES=NMR FID\n##SYMBOL=X, R, I, N\n"
        f"##VAR_DIM={count}, {count}, {count}, 2\n##UNITS=SECONDS, ARBITRARY UNITS, ARBITRARY UNITS,\n"
        f"##FIRST=0, 0, 0, 1\n##LAST={(count - 1) / width!r}, 0, 0, 2\n##FACTOR={1 / width!r}, 1, 1, 1\n"
    )
    for page, (symbol, part) in enumerate((("R", decay.real), ("I", decay.imag)), start=1):
        rows = [
            " ".join(map(str, (start, *part[start : start + 8].astype(int)))) for start in range(0, count, 8)
        ]
        text += f"##PAGE=N={page}\n##DATA TABLE=(X++({symbol}..{symbol})), XYDATA\n" + "\n".join(rows) + "\n"
    path.write_text(text + "##END NTUPLES=NMR FID\n##END=\n")
    return path


def write_jdf(path: Path, values: Array, said: Mapping[str, tuple[int, Any]], *, unit: int = 28) -> Path:
    """A line (n,), complex where `values` are; parameters by name: power of ten, and words or a number."""
    points, real = len(values), not np.iscomplexobj(values)
    records = b""
    for name, (scaler, value) in said.items():
        if isinstance(value, str):
            packed, kind = value.encode().ljust(16), 0
        else:
            packed, kind = struct.pack("<d8x", value), 2
        records += struct.pack("<4xh10x16si28s", scaler, packed, kind, name.encode().ljust(28))
    parameters = struct.pack("<4I", 64, 0, len(said), 64 * len(said)) + records
    head = bytearray(1360)
    head[:8], head[8], head[12], head[14], head[24] = b"JEOL.NMR", 1, 1, 1, 1 if real else 3
    head[33] = unit
    head[552:557] = b"J.Doe"
    struct.pack_into(">8I", head, 176, points, *[1] * 7)
    struct.pack_into(">I", head, 240, points - 1)
    struct.pack_into(">d", head, 272, 10.0)
    struct.pack_into(">I", head, 1212, 1360)
    struct.pack_into(">I", head, 1284, 1360 + len(parameters))
    parts = [values] if real else [values.real, -values.imag]
    path.write_bytes(bytes(head) + parameters + b"".join(part.astype("<f8").tobytes() for part in parts))
    return path


JDF_SAID = {
    "X_SWEEP": (0, 6000.0), "X_FREQ": (6, 500.0), "X_OFFSET": (0, 5.0), "X_DOMAIN": (0, "1H"),
    "DIGITAL_FILTER": (0, "TRUE"), "orders": (0, "2 33 17"), "factors": (0, "4 2"), "temp_get": (0, 25.0),
    "ACQ_DELAY": (-6, 100.0),
}  # fmt: skip


def write_nmrml(
    path: Path, decay: Array, shift: Array | None = None, maker: str = "Bruker TopSpin format"
) -> Path:
    """A decay (n,), packed, and the spectrum that somebody made of it where `shift` is given."""
    body = base64.b64encode(zlib.compress(decay.astype("<c16").tobytes())).decode()
    made = ""
    if shift is not None:
        rows = base64.b64encode((shift + 1j * np.arange(len(shift))).astype("<c16").tobytes()).decode()
        made = (
            f'<spectrum1D numberOfDataPoints="{len(shift)}"><spectrumDataArray compressed="false" '
            f'byteFormat="complex128">{rows}</spectrumDataArray></spectrum1D>'
        )
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<nmrML version="1.0.rc1">'
        f'<contactList><contact fullname="J.Doe"/></contactList><sourceFileList>'
        f'<sourceFile name="fid"><cvParam name="{maker}"/></sourceFile>'
        "</sourceFileList><acquisition><acquisition1D><acquisitionParameterSet>"
        '<sampleAcquisitionTemperature value="298" unitName="kelvin"/>'
        f'<DirectDimensionParameterSet numberOfDataPoints="{2 * len(decay)}">'
        '<acquisitionNucleus name="hydrogen atom"/><sweepWidth value="6000" unitName="hertz"/>'
        '<irradiationFrequency value="500.0025" unitName="megaHertz"/></DirectDimensionParameterSet>'
        '</acquisitionParameterSet><fidData compressed="true" byteFormat="Complex128">'
        f"{body}</fidData></acquisition1D></acquisition><spectrumList>{made}</spectrumList>"
        '<spectrumAnnotationList><multiplet center="2.0"><atoms atomRefs="a1"/></multiplet>'
        "</spectrumAnnotationList></nmrML>\n"
    )
    return path


PEAKS = (("G1N-H", 110.5, 8.25, 1000.0), ("A2N-H", 120.25, 7.5, -500.0), ("K3N-H", 118.0, 9.0, 250.0))
SERIES = {
    "T1": (
        "heteronuclear_R1_relaxation",
        [(t, {1: 1e4 * 0.9**t, 2: 2e4 * 0.8**t}) for t in (1.0, 2.0, 4.0, 8.0)],
    ),
    "NOE": ("heteronuclear_NOEs", [(1.0, {1: 700.0, 2: 1500.0}), (0.0, {1: 1000.0, 2: 2000.0})]),
}
SHIFTS = ((1, "MET", "H", 8.9, 0.01), (1, "MET", "N", 121.5, None), (2, "GLY", "H", 8.1, 0.02))
# Lists do not say how long they are: one peak cannot be cut between two lines.
GALLERY = {
    "topspin_raw": lambda folder: write_topspin(folder / "set" / "1", DECAY[None], MAGNET),
    "topspin_plane": lambda folder: write_processed(
        folder / "set" / "1" / "pdata" / "1", np.arange(128, dtype=np.int32).reshape(8, 16), MAGNET
    ),
    "nmrpipe_line": lambda folder: write_nmrpipe(folder / "line.ft", np.arange(32, dtype=np.float32)),
    "nmrpipe_plane": lambda folder: write_nmrpipe(folder / "plane.ft2", PLANE),
    "nmrpipe_decay": lambda folder: write_nmrpipe(folder / "decay.fid", DECAY, transformed=False),
    "ucsf": lambda folder: write_ucsf(folder / "plane.ucsf", PLANE),
    "sparky_list": lambda folder: write_sparky_list(folder / "peaks.list", PEAKS[:1]),
    "nmrpipe_table": lambda folder: write_pipe_table(folder / "peaks.tab", PEAKS[:1], (1.0, 0.5)),
    "jcamp": lambda folder: write_jcamp(folder / "line.jdx", [0, 1, 2, 3, 10, -200, -200, -190, 7, 7, 7, 7]),
    "jcamp_decay": lambda folder: write_jcamp_decay(folder / "decay.dx", np.rint(DECAY)),
    "jdf": lambda folder: write_jdf(folder / "decay.jdf", DECAY, JDF_SAID),
    "nmrml": lambda folder: write_nmrml(folder / "decay.nmrML", DECAY, 11.0 - np.arange(120) * 0.1),
    "nmredata": lambda folder: write_nmredata(
        folder / "one.sdf", {"H1": 3.5, "H2": 1.25}, [("H1", "H2", 7.0)]
    ),
    "nmr_star": lambda folder: write_nmr_star(folder / "entry.str", SHIFTS),
    "nef": lambda folder: write_nef(folder / "series.nef", SERIES),
}

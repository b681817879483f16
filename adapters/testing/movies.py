"""Writers of small movies of electron microscopes, and of what their programs write beside them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def write_tiff_movie(path: Path, frames: Array, *, serialem: bool = False, big: bool = False) -> Path:
    """Frames (n, y, x) as pages packed by LZW, as EPU and SerialEM write them, by tifffile."""
    import tifffile

    said = (
        {"description": "SerialEM: Digitized on a camera, counting mode"}
        if serialem
        else {"description": None}
    )
    with tifffile.TiffWriter(path, bigtiff=big) as file:
        for frame in frames:
            file.write(frame, compression="lzw", contiguous=False, metadata=None, **said)
    return path


def write_eer(path: Path, frames: Array, *, said: Mapping[str, tuple[str, str]] | None = None) -> Path:
    """Frames (n, y, x) of no or one electron a pixel as EER of the first kind; `said` is value and unit."""
    count = len(frames)
    notes = {"exposureTime": ("2.5", "s"), "numberOfFrames": (str(count), "")} | dict(said or {})
    items = "".join(
        f'<item name="{name}"' + (f' unit="{unit}"' if unit else "") + f">{value}</item>"
        for name, (value, unit) in notes.items()
    )
    xml = f"<metadata>{items}</metadata>".encode()
    body = [_events(frame) for frame in frames]
    pages, place = b"", 16
    for number, (frame, data) in enumerate(zip(frames, body, strict=True)):
        tags = _eer_tags(frame.shape, place, len(data), xml if number == 0 else b"")
        after = place + len(data) + (len(xml) if number == 0 else 0)
        size = 8 + 20 * len(tags) + 8
        following = after + size + len(body[number + 1]) if number + 1 < count else 0
        pages += data + (xml if number == 0 else b"")
        if number == 0:
            first = after
        pages += struct.pack("<Q", len(tags)) + b"".join(tags) + struct.pack("<Q", following)
        place = after + size
    path.write_bytes(b"II+\0" + struct.pack("<HHQ", 8, 0, first) + pages)
    return path


def _eer_tags(shape: tuple[int, ...], place: int, size: int, xml: bytes) -> list[bytes]:
    plain = [(256, 4, shape[1]), (257, 4, shape[0]), (258, 3, 1), (259, 3, 65001), (262, 3, 1)]
    plain += [(273, 16, place), (277, 3, 1), (278, 4, shape[0]), (279, 16, size)]
    tags = [struct.pack("<HHQQ", tag, kind, 1, value) for tag, kind, value in plain]
    if xml:
        tags.append(struct.pack("<HHQQ", 65001, 7, len(xml), place + size))
    return tags


def _events(frame: Array) -> bytes:
    """Seven bits of how many pixels to skip (127: only that), then four of where within the pixel.

    A last skip leads behind the frame; the bytes are filled up to an even number, as decoders want them.
    """
    bits: list[int] = []
    place = 0
    for event in (*np.flatnonzero(frame).tolist(), frame.size):
        gap = event - place
        while gap >= 127:
            bits += [1] * 7
            gap -= 127
        bits += [gap >> number & 1 for number in range(7)]
        bits += [0, 1, 0, 1] if event < frame.size else []
        place = event + 1
    bits += [0] * (-len(bits) % 16)
    return np.packbits(np.array(bits, "u1"), bitorder="little").tobytes()


def write_epu_xml(
    path: Path,
    *,
    pixel_m: float = 1.2e-10,
    defocus_m: float = -1.5e-6,
    dose: float | None = 4.0e21,
    frames: int = 4,
    voltage: float = 300000.0,
) -> Path:
    """The description of one exposure; `dose` is in electrons per square metre, absent where None."""
    array = "http://schemas.microsoft.com/2003/10/Serialization/Arrays"
    custom = {
        "AppliedDefocus": f"{defocus_m}",
        "Detectors[EF-Falcon].ElectronCountedFramesCount": f"{frames}",
    }
    if dose is not None:
        custom["Dose"] = f"{dose}"
    entries = "".join(
        f"<a:KeyValueOfstringanyType><a:Key>{key}</a:Key><a:Value>{value}</a:Value></a:KeyValueOfstringanyType>"
        for key, value in custom.items()
    )
    path.write_text(
        '<MicroscopeImage xmlns="http://schemas.datacontract.org/2004/07/Fei.SharedObjects">'
        f'<CustomData xmlns:a="{array}">{entries}</CustomData>'
        "<microscopeData><acquisition><acquisitionDateTime>2024-03-05T10:20:30.1234567+01:00"
        "</acquisitionDateTime><camera><ExposureTime>2.5</ExposureTime></camera></acquisition>"
        "<core><User>Jane Doe</User></core>"
        f"<gun><AccelerationVoltage>{voltage}</AccelerationVoltage></gun>"
        f"<optics><Defocus>{defocus_m}</Defocus><TemMagnification><NominalMagnification>130000"
        "</NominalMagnification></TemMagnification></optics>"
        "<stage><Position><A>0.0</A><X>1e-4</X><Y>-2e-4</Y><Z>1e-6</Z></Position></stage></microscopeData>"
        f"<SpatialScale><pixelSize><x><numericValue>{pixel_m}</numericValue></x></pixelSize></SpatialScale>"
        "</MicroscopeImage>\n"
    )
    return path


def write_epu_session(folder: Path, movies: Sequence[Array], *, lost: int = 0) -> Path:
    """A session of so many exposures on one grid square; the last `lost` of them have no movie."""
    data = folder / "Images-Disc1" / "GridSquare_4711" / "Data"
    data.mkdir(parents=True)
    (folder / "EpuSession.dm").write_text("<EpuSessionXml/>\n")
    for number, frames in enumerate(movies):
        stem = f"FoilHole_100_Data_200_{number}_20240305_1020{number:02d}"
        write_epu_xml(data / f"{stem}.xml", defocus_m=-1e-6 * (1 + number), frames=len(frames))
        if number < len(movies) - lost:
            write_tiff_movie(data / f"{stem}_fractions.tiff", frames)
    return folder


def write_movie_mdoc(path: Path, *, pixel: float = 1.2, dose: float = 40.0, frames: int = 4) -> Path:
    """The .mdoc of one movie of SerialEM."""
    path.write_text(
        "[T = SerialEM: Digitized on a Krios]\n\nVoltage = 300\n\n"
        f"[FrameSet = 0]\nPixelSpacing = {pixel}\nExposureDose = {dose}\nExposureTime = 2.5\n"
        f"SubFramePath = D:\\DATA\\a.tif\nNumSubFrames = {frames}\n\n"
    )
    return path


FRAMES = np.random.default_rng(0).poisson(2.0, (4, 16, 24)).astype("u1")
EVENTS = (np.random.default_rng(1).random((6, 16, 24)) < 0.05).astype("u1")


def _epu_movie(folder: Path) -> Path:
    write_epu_xml(folder / "a.xml")
    return write_tiff_movie(folder / "a_fractions.tiff", FRAMES)


GALLERY: dict[str, Callable[[Path], Path]] = {
    "tiff_movie": _epu_movie,
    "eer_movie": lambda folder: write_eer(folder / "a.eer", EVENTS),
    "epu_xml": lambda folder: write_epu_xml(folder / "a.xml"),
    "epu_session": lambda folder: write_epu_session(folder / "session", [FRAMES, FRAMES]),
}

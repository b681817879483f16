"""Writers of small files as scanning electron microscopes and their cameras write them."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Array = np.ndarray[Any, Any]
MERLIN_KINDS = {"u1": "U08", "u2": "U16", "u4": "U32"}
TIA_KINDS = {"u1": 1, "u2": 2, "u4": 3, "i1": 4, "i2": 5, "i4": 6, "f4": 7, "f8": 8}
DM_KINDS = {
    "i2": (1, 2),
    "f4": (2, 6),
    "u1": (6, 10),
    "i4": (7, 3),
    "u2": (10, 4),
    "u4": (11, 5),
    "f8": (12, 7),
}


def write_merlin(path: Path, frames: Array, *, promised: int | None = None) -> Path:
    """Frames (n, y, x) as MIB, and the text beside them, which promises as many unless told otherwise."""
    count, rows, columns = frames.shape
    kind = MERLIN_KINDS[frames.dtype.str[1:]]
    stamp = "2023-05-07 10:00:00.000000,0.002000,0,0,0," + ",".join(["0.0"] * 8)
    pieces = []
    for number, frame in enumerate(frames, start=1):
        head = f"MQ1,{number:06d},00384,01,{columns:04d},{rows:04d},{kind},   1x1,01,{stamp}"
        head += ",3RX,511,MQ1A,2023-05-07T10:00:00.000000000Z,2000000ns,6,"
        pieces += [head.encode().ljust(384, b"\0"), frame.astype(frame.dtype.newbyteorder(">")).tobytes()]
    path.write_bytes(b"".join(pieces))
    said = count if promised is None else promised
    text = f"HDR,\t\nFrames in Acquisition (Number):\t{said}\nFrames per Trigger (Number):\t1\nEnd\t"
    path.with_suffix(".hdr").write_text(text.ljust(512))
    return path


def write_tia(
    path: Path,
    elements: Array,
    step: float,
    *,
    planned: int | None = None,
    scan_step: float = 4e-9,
    emi: bool = True,
) -> Path:
    """Elements (n, y, x) or (n, channel) on a line of a scan as `NAME_1.ser`, with the .emi beside it."""
    plain, count = elements.ndim == 2, len(elements)
    kind, width = (0x4120, 26) if plain else (0x4122, 50)
    total = count if planned is None else planned
    dimension = struct.pack("<iddi", total, 0.0, scan_step, 0)
    dimension += b"".join(struct.pack("<i", len(word)) + word for word in (b"Position", b"meters"))
    places = 4 + 18 + 12 + len(dimension)
    begin = places + 16 * total
    calibration = struct.pack("<ddi", 0.0, step, 0)
    code = TIA_KINDS[elements.dtype.str[1:]]
    sizes = struct.pack("<hi" if plain else "<hii", code, *elements.shape[:0:-1])
    element = width + elements[0].nbytes
    starts = [begin + number * (element + 24) for number in range(count)]
    rest = [0] * (total - count)
    head = b"II\x97\x01" + struct.pack("<HIIiiqi", 0x0220, kind, 0x4142, total, count, places, 1) + dimension
    head += struct.pack(f"<{total}q", *starts, *rest)
    head += struct.pack(f"<{total}q", *(start + element for start in starts), *rest)
    body = b"".join(
        calibration * (1 if plain else 2)
        + sizes
        + each.tobytes()
        + struct.pack("<HHIdd", 0x4142, 0, 0, 0.0, 0.0)
        for each in elements
    )
    path.write_bytes(head + body)
    if emi:
        entries = {
            "High tension": "200",
            "Camera length": "0.26",
            "Mode": "STEM nP SA Zoom Diffraction",
            "User": "JANE",
        }
        said = "".join(
            f"<Data><Label>{key}</Label><Value>{value}</Value></Data>" for key, value in entries.items()
        )
        text = f"<ObjectInfo>{said}</ObjectInfo>".encode() + b"\0\0Reciprocal Space\0"
        path.with_name(path.stem.rsplit("_", 1)[0] + ".emi").write_bytes(b"JK\x00\x02" + bytes(12) + text)
    return path


class _DmWriter:
    """Tags of one version of DM: counts have four bytes in the third and eight in the fourth."""

    def __init__(self, version: int) -> None:
        self.wide = version == 4

    def long(self, value: int) -> bytes:
        return struct.pack(">Q" if self.wide else ">I", value)

    def group(self, entries: Sequence[tuple[str, int, bytes]]) -> bytes:
        pieces = [b"\1\0", self.long(len(entries))]
        for name, kind, body in entries:
            pieces += [bytes([kind]), struct.pack(">H", len(name)), name.encode("latin-1")]
            pieces += [struct.pack(">Q", len(body))] if self.wide else []
            pieces.append(body)
        return b"".join(pieces)

    def told(self, numbers: Sequence[int], data: bytes) -> bytes:
        return b"%%%%" + self.long(len(numbers)) + b"".join(map(self.long, numbers)) + data

    def value(self, name: str, said: Any) -> tuple[str, int, bytes]:
        if isinstance(said, Mapping):
            return name, 20, self.group([self.value(key, each) for key, each in said.items()])
        if isinstance(said, str):
            return name, 21, self.told((20, 4, len(said)), said.encode("utf-16-le"))
        if isinstance(said, float):
            return name, 21, self.told((7,), struct.pack("<d", said))
        if isinstance(said, np.ndarray):
            kind = DM_KINDS[said.dtype.str[1:]][1]
            return name, 21, self.told((20, kind, said.size), said.tobytes())
        return name, 21, self.told((3,), struct.pack("<i", said))


def write_dm(
    path: Path,
    signals: Sequence[tuple[str, Array, Sequence[tuple[float, float, str]]]],
    *,
    version: int = 3,
    microscope: Mapping[str, Any] | None = None,
) -> Path:
    """Signals (name, values, (scale, origin, unit) of each axis with the fastest first) after a thumbnail."""
    writer = _DmWriter(version)
    thumbnail = {"ImageData": {"DataType": 23, "Dimensions": {"": 2}, "Data": np.zeros(8, "u1")}}
    images: list[dict[str, Any]] = [thumbnail]
    for name, values, axes in signals:
        calibrated = [{"Origin": origin, "Scale": scale, "Units": unit} for scale, origin, unit in axes]
        images.append(
            {
                "ImageData": {
                    "Calibrations": {"Dimension": _Unnamed(calibrated)},
                    "Data": values.ravel(),
                    "DataType": DM_KINDS[values.dtype.str[1:]][0],
                    "Dimensions": _Unnamed(values.shape[::-1]),
                },
                "ImageTags": {"Microscope Info": dict(microscope or {})},
                "Name": name,
            }
        )
    tree = {
        "ApplicationBounds": 1,
        "ImageList": _Unnamed(images),
        "Thumbnails": _Unnamed([{"ImageIndex": 0}]),
    }
    body = writer.group([writer.value(key, each) for key, each in tree.items()])
    length = writer.long(len(body))
    path.write_bytes(struct.pack(">I", version) + length + struct.pack(">I", 1) + body + bytes(8))
    return path


class _Unnamed(Mapping[str, Any]):
    """Entries without names, as lists are written."""

    def __init__(self, entries: Sequence[Any]) -> None:
        self.entries = tuple(entries)

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return len(self.entries)

    def items(self) -> Any:
        """All entries, each under an empty name."""
        return [("", each) for each in self.entries]


def write_velox(
    path: Path, images: Mapping[str, Array], *, pixel_m: float = 4e-9, counts: Array | None = None
) -> Path:
    """Images (frame, y, x) by name, and a spectrum of one detector, as Velox writes them."""
    base: dict[str, Any] = {
        "Optics": {"AccelerationVoltage": "300000", "CameraLength": "0.1", "BeamConvergence": "0.025"},
        "Instrument": {"InstrumentModel": "Themis"},
        "Core": {"UserId": "Jane"},
    }
    with h5py.File(path, "w") as file:
        file["Version"] = [json.dumps({"version": "11", "format": "Velox"})]
        for number, (name, frames) in enumerate(images.items()):
            key = f"{number:032x}"
            size = {"width": str(pixel_m), "height": str(pixel_m)}
            result = {"Detector": "HAADF", "PixelSize": size, "PixelUnitX": "m", "PixelUnitY": "m"}
            _velox_entry(
                file, f"Data/Image/{key}", frames.transpose(1, 2, 0), {**base, "BinaryResult": result}
            )
            reference = f"/SharedProperties/ImageSeriesDataReference/{key}"
            file[reference] = [json.dumps({"dataPath": f"/Data/Image/{key}", "frameIndex": 0})]
            file[f"Displays/ImageDisplay/{key}"] = [json.dumps({"data": reference, "title": name})]
        if counts is not None:
            detector = {"DetectorName": "SuperX1", "Dispersion": "10", "OffsetEnergy": "-250"}
            said = {**base, "BinaryResult": {"Detector": "SuperX1"}, "Detectors": {"Detector-0": detector}}
            _velox_entry(file, f"Data/Spectrum/{99:032x}", counts[:, None], said)
    return path


def _velox_entry(file: h5py.File, name: str, values: Array, said: Mapping[str, Any]) -> None:
    file[f"{name}/Data"] = values
    words = np.frombuffer(json.dumps(said).encode().ljust(2000, b"\0"), "u1")
    file[f"{name}/Metadata"] = words[:, None]


def write_emd(path: Path, values: Array, axes: Sequence[tuple[str, float, str]]) -> Path:
    """One array with name, step and unit of each axis, in the first convention of EMD."""
    with h5py.File(path, "w") as file:
        file.attrs["version_major"], file.attrs["version_minor"] = 0, 2
        group = file.create_group("data/scan")
        group.attrs["emd_group_type"] = 1
        group["data"] = values
        for number, (name, step, unit) in enumerate(axes, start=1):
            stored = group.create_dataset(f"dim{number}", data=step * np.arange(values.shape[number - 1]))
            stored.attrs["name"], stored.attrs["units"] = name, unit
    return path


FRAMES = np.arange(4 * 6 * 8, dtype="u2").reshape(4, 6, 8)
MICROSCOPE = {"Voltage": 300000.0, "Illumination Mode": "STEM NANOPROBE", "Operation Mode": "SCANNING"}
PIXEL = ((0.2, 0.0, "nm"), (0.2, 0.0, "nm"))
SCAN = (("y", 2.0, "[n_m]"), ("x", 2.0, "[n_m]"), ("ky", 0.01, "[n_m^-1]"), ("kx", 0.01, "[n_m^-1]"))
GALLERY: dict[str, Callable[[Path], Path]] = {
    "merlin": lambda folder: write_merlin(folder / "scan.mib", FRAMES),
    "tia_patterns": lambda folder: write_tia(folder / "scan_1.ser", FRAMES.astype("i4"), 1.7e8),
    "tia_spectra": lambda folder: write_tia(folder / "scan_1.ser", FRAMES[0].astype("u4"), 5.0),
    "dm3": lambda folder: write_dm(folder / "a.dm3", [("HAADF", FRAMES[0], PIXEL)], microscope=MICROSCOPE),
    "dm4": lambda folder: write_dm(
        folder / "a.dm4", [("movie", FRAMES, (*PIXEL, (1.0, 0.0, "")))], version=4
    ),
    "velox": lambda folder: write_velox(
        folder / "a.emd",
        {"HAADF": FRAMES[:1], "C": FRAMES[1:2].astype("f4")},
        counts=np.arange(32, dtype="u4"),
    ),
    "emd": lambda folder: write_emd(folder / "a.emd", FRAMES.reshape(2, 2, 6, 8), SCAN),
}

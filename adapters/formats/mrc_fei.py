"""What Thermo Fisher microscopes say of an image in the extended header of an MRC file (FEI1, FEI2)."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

KINDS = ("FEI1", "FEI2")


@dataclass(frozen=True)
class Said:
    """Where a number stands in the record of an image, and what brings it into the unit of its name."""

    offset: int
    form: str
    factor: float = 1.0


# Offsets as in the vendor's description of the record; numbers are in SI units there.
NUMBERS = {
    "voltage_kv": Said(84, "d", 1e-3),
    "dose_e_per_angstrom2": Said(92, "d", 1e-20),
    "alpha_tilt_degree": Said(100, "d"),
    "pixel_x_angstrom": Said(156, "d", 1e10),
    "pixel_y_angstrom": Said(164, "d", 1e10),
    # The vendor counts underfocus negative.
    "defocus_angstrom": Said(220, "d", -1e10),
    "magnification": Said(289, "d"),
    "exposure_s": Said(419, "d"),
}
TEXTS = {
    "microscope": (20, 16),
    "application": (52, 16),
    "application_version": (68, 16),
    "camera": (435, 16),
}
LEAST_BYTES = 451


def first_record(kind: str, data: bytes, order: str) -> dict[str, Any]:
    """Quantities of the first image by name, without those that are not finite or not set."""
    if kind not in KINDS or len(data) < LEAST_BYTES:
        return {}
    said: dict[str, Any] = {}
    for name, each in NUMBERS.items():
        (value,) = struct.unpack_from(f"{order}{each.form}", data, each.offset)
        if math.isfinite(value) and (value != 0 or name == "alpha_tilt_degree"):
            said[name] = value * each.factor
    for name, (offset, size) in TEXTS.items():
        text = data[offset : offset + size].split(b"\0")[0].decode("ascii", "replace").strip()
        if text:
            said[name] = text
    return said

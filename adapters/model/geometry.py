"""Where a flat detector stands relative to sample and beam."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any


class Orientation(IntEnum):
    """How the stored array lies on the detector, numbered as in PONI files of version 2.1.

    A geometry refined on an image that was flipped first is the same as the
    stored image with the orientation named here.
    """

    ROTATE_180 = 1
    FLIP_UP_DOWN = 2
    AS_STORED = 3
    FLIP_LEFT_RIGHT = 4

    @property
    def word(self) -> str:
        """The name as parameters and reports spell it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Geometry:
    """Point of normal incidence, distance and rotations of a flat detector.

    The convention is that of pyFAI (Kieffer and Karkoulis, J. Phys. Conf. Ser.
    425, 202012, 2013): `poni1_m` along the slow axis, `poni2_m` along the fast
    axis, from the corner of the first pixel of the image after `orientation`
    was applied. `orientation` is None where nothing says it.
    """

    distance_m: float
    poni1_m: float
    poni2_m: float
    pixel1_m: float
    pixel2_m: float
    wavelength_angstrom: float | None = None
    rot1_rad: float = 0.0
    rot2_rad: float = 0.0
    rot3_rad: float = 0.0
    orientation: Orientation | None = None

    def __post_init__(self) -> None:
        for name in ("distance_m", "pixel1_m", "pixel2_m", "wavelength_angstrom"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"a geometry needs a positive {name}, not {value}")

    @classmethod
    def from_beam_center(
        cls,
        *,
        distance_m: float,
        center_x_px: float,
        center_y_px: float,
        pixel_x_m: float,
        pixel_y_m: float,
        wavelength_angstrom: float | None = None,
        orientation: Orientation | None = None,
    ) -> Geometry:
        """An untilted detector hit by the beam at (`center_x_px`, `center_y_px`), x the fast axis."""
        return cls(
            distance_m=distance_m,
            poni1_m=center_y_px * pixel_y_m,
            poni2_m=center_x_px * pixel_x_m,
            pixel1_m=pixel_y_m,
            pixel2_m=pixel_x_m,
            wavelength_angstrom=wavelength_angstrom,
            orientation=orientation,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values, for keys and manifests."""
        said = asdict(self)
        said["orientation"] = None if self.orientation is None else self.orientation.word
        return said

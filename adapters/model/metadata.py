"""What a run says about itself, in canonical units that stand in the field names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from adapters.errors import MissingMetadataError
from adapters.model.geometry import Geometry

# h c in keV angstrom, from the exact SI values of 2019.
HC_KEV_ANGSTROM = 12.398419843320026


@dataclass(frozen=True, slots=True)
class Metadata:
    """None means that the file does not say; `raw` keeps what has no field of its own."""

    technique: str
    facility: str | None = None
    instrument: str | None = None
    sample_name: str | None = None
    start_time: datetime | None = None
    wavelength_angstrom: float | None = None
    distance_m: float | None = None
    beam_center_x_px: float | None = None
    beam_center_y_px: float | None = None
    pixel_size_x_m: float | None = None
    pixel_size_y_m: float | None = None
    exposure_s: float | None = None
    transmission: float | None = None
    monitor_counts: float | None = None
    concentration_mg_ml: float | None = None
    thickness_m: float | None = None
    temperature_k: float | None = None
    geometry: Geometry | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.start_time is not None and self.start_time.tzinfo is None:
            raise ValueError("start_time must carry its time zone; leave it None where the file has none")

    def __reduce__(self) -> tuple[Any, ...]:
        # A mapping proxy given as `raw` does not pickle; a plain dict does.
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values["raw"] = dict(self.raw)
        return (_rebuilt, (values,))

    @property
    def energy_kev(self) -> float | None:
        """Photon energy for the stated wavelength, None where none is stated."""
        return HC_KEV_ANGSTROM / self.wavelength_angstrom if self.wavelength_angstrom else None

    @property
    def source(self) -> str:
        """Who recorded this, as well as it is known."""
        return self.instrument or self.facility or f"this {self.technique} run"

    def require(self, name: str, parameter: str = "") -> Any:
        """The value of a field, or an error that names the parameter which supplies it."""
        value = getattr(self, name)
        if value is None:
            raise MissingMetadataError(name, self.source, parameter)
        return value

    def stated(self) -> dict[str, Any]:
        """All that the file does say, as plain values ready for JSON; `raw` left out."""
        said: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name == "raw" or value is None:
                continue
            if isinstance(value, Geometry):
                value = value.to_json()
            elif isinstance(value, datetime):
                value = value.isoformat()
            said[each.name] = value
        return said


def _rebuilt(values: dict[str, Any]) -> Metadata:
    return Metadata(**values)

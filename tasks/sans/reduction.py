"""Events of a SANS run to counts over wavelength and q, and these to I(q) with its covariance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from adapters.errors import LayoutError, MissingMetadataError
from adapters.model import Flag, Measurement
from tasks.sans.beam import Beam
from tasks.sans.kernels.intensity import Curve, Exposure, intensity
from tasks.sans.kernels.table import (
    H_OVER_M,
    NS,
    Axis,
    EventPlan,
    covered,
    event_table,
    gravity_drop,
    pixel_constants,
)
from tasks.sans.parameters import BeamParameters, BinningParameters, FlatDetector, InstrumentParameters

if TYPE_CHECKING:
    import dask.array as da

Floats = NDArray[np.float64]
INVERSE_ANGSTROM = "1/angstrom"


class SansError(Exception):
    """Runs cannot become a curve; it says why and what to do."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}" if self.remedy else self.what


@dataclass(frozen=True)
class Instrument:
    """Pixels of a run as they are used: numbers, positions (m), solid angles (sr, or relative), mask."""

    numbers: NDArray[np.int64]
    positions: Floats
    solid_angles: Floats
    masked: NDArray[np.bool_]
    flight_m: float
    absolute: bool
    flags: tuple[Flag, ...]


def instrument_of(run: Measurement, chosen: InstrumentParameters) -> Instrument:
    """Where the pixels of a run stand: as parameters say, else as the run says.

    Raises
    ------
    MissingMetadataError
        Neither says where pixels, or the source, stand.
    """
    flags: list[Flag] = []
    data = run.data
    if chosen.detectors:
        numbers, positions, angles = (
            np.concatenate(each) for each in zip(*map(_flat, chosen.detectors), strict=True)
        )
        masked = np.zeros(len(numbers), bool)
    elif "position" in data and np.isfinite(data["position"].values).any():
        numbers, positions = data["detector_number"].values, data["position"].values
        angles, masked = data["solid_angle"].values, data["mask"].values.copy()
    else:
        raise MissingMetadataError("where its pixels stand", run.metadata.source, "instrument.detectors")
    stated = float(data["source_distance"]) if "source_distance" in data else None
    flight = chosen.source_distance_m or stated
    if flight is None:
        raise MissingMetadataError(
            "the source's distance", run.metadata.source, "instrument.source_distance_m"
        )
    positions = positions - [chosen.beam_center_x_m, chosen.beam_center_y_m, 0.0]
    masked |= np.hypot(positions[:, 0], positions[:, 1]) < chosen.beam_stop_radius_m
    for first, last in chosen.masked_pixels:
        masked |= (numbers >= first) & (numbers <= last)
    masked |= ~np.isfinite(positions).all(axis=1)
    absolute = bool(np.isfinite(angles[~masked]).all()) and not masked.all()
    if masked.all():
        raise SansError("every pixel is masked", "Look at the beam stop, the masked ranges and the banks")
    if not absolute:
        far = np.linalg.norm(positions, axis=1)
        angles = positions[:, 2] / far**3
        said = "pixels do not tell their size: all are taken as equal squares across the beam"
        flags.append(Flag.caution("pixel_size_unknown", said))
    return Instrument(numbers, positions, angles, masked, flight, absolute, tuple(flags))


def _flat(detector: FlatDetector) -> tuple[NDArray[np.int64], Floats, Floats]:
    x = (np.arange(detector.columns) - (detector.columns - 1) / 2) * detector.pixel_width_m
    y = (np.arange(detector.rows) - (detector.rows - 1) / 2) * detector.pixel_height_m
    across, up = np.meshgrid(x + detector.center_x_m, y + detector.center_y_m)
    if detector.numbered == "along_columns":
        across, up = across.T, up.T
    z = np.full(across.size, detector.distance_m)
    positions = np.stack([across.ravel(), up.ravel(), z], axis=1)
    far = np.linalg.norm(positions, axis=1)
    angles = detector.pixel_width_m * detector.pixel_height_m * z / far**3
    return detector.first_pixel + np.arange(across.size, dtype=np.int64), positions, angles


def edges_of(instrument: Instrument, binning: BinningParameters) -> tuple[Floats, Floats]:
    """Edges of wavelength (angstrom) and of q (1/angstrom), q as far as the pixels see where not said."""
    wavelength = np.linspace(binning.wavelength_min, binning.wavelength_max, binning.wavelength_bins + 1)
    seen = instrument.positions[~instrument.masked]
    far = np.linalg.norm(seen, axis=1)
    constants = 4 * np.pi * np.sqrt(np.maximum(0.5 * (1 - seen[:, 2] / far), 0.0))
    constants = constants[constants > 0]
    if not constants.size:
        raise SansError("no pixel stands beside the beam", "Look at the beam centre and the detectors")
    low = binning.q_min or float(constants.min()) / binning.wavelength_max
    high = binning.q_max or float(constants.max()) / binning.wavelength_min * (1 + 1e-6)
    if low >= high:
        raise SansError(
            f"no q lies between {low:.4g} and {high:.4g} 1/angstrom", "Choose q_min and q_max anew"
        )
    make = np.geomspace if binning.spacing == "logarithmic" else np.linspace
    return wavelength, make(low, high, binning.q_bins + 1)


def plan_of(instrument: Instrument, chosen: InstrumentParameters, wavelength: Floats, q: Floats) -> EventPlan:
    """What all slabs of a run share."""
    try:
        constants, first = pixel_constants(
            instrument.numbers, instrument.positions, instrument.flight_m, instrument.masked
        )
        axes = Axis.of(wavelength), Axis.of(q)
    except ValueError as error:
        raise SansError(str(error)) from error
    return EventPlan(
        constants,
        first,
        *axes,
        gravity=chosen.gravity,
        drop=gravity_drop() if chosen.gravity else 0.0,
        shift_ns=chosen.time_offset_us * 1e3,
        period_ns=(chosen.pulse_period_ms or 0.0) * 1e6,
        first_angstrom=chosen.first_wavelength_angstrom or 0.0,
    )


def slab_tables(run: Measurement, plan: EventPlan) -> da.Array:
    """One row of counts a slab of events, lazily; reading a slab and counting it are one task."""
    import dask.array as da
    from dask.delayed import delayed

    if "event_id" not in run.data:
        raise LayoutError(run.provenance.path, "it holds no events")
    ids, times = run.data["event_id"].data, run.data["time_of_flight"].data
    rows: da.Array = da.map_blocks(
        _table,
        ids,
        times.rechunk(ids.chunks),
        plan=delayed(plan, pure=False, traverse=False),
        new_axis=[1],
        chunks=((1,) * len(ids.chunks[0]), (plan.size,)),
        dtype=np.int64,
        meta=np.empty((0, 0), np.int64),
    )
    return rows


def _table(ids: NDArray[Any], times: NDArray[Any], plan: EventPlan) -> NDArray[np.int64]:
    return event_table(ids, times, plan)[None]


@dataclass(frozen=True)
class Counted:
    """A run's events in a table (wavelength, q), what else they were, and what to mind."""

    counts: NDArray[np.int64]
    unknown: int
    masked: int
    outside: int
    flags: tuple[Flag, ...]

    @property
    def events(self) -> int:
        """Every event of the run."""
        return int(self.counts.sum()) + self.unknown + self.masked + self.outside


def counted(row: NDArray[np.int64], plan: EventPlan) -> Counted:
    """The sums of all slabs, told apart."""
    table, unknown, masked = plan.unpacked(row)
    inside = table[1:-1, 1:-1]
    total, outside = int(row.sum()), int(table.sum() - inside.sum())
    flags: list[Flag] = []
    if unknown:
        said = (
            f"{unknown} of {total} events are of pixels that the instrument does not have; they are left out"
        )
        flags.append(Flag.caution("unknown_pixels", said))
    if total and not inside.any():
        said = f"none of {total} events lies within the wavelengths and q asked for"
        flags.append(Flag.invalid("no_events_inside", said))
    return Counted(inside, unknown, masked, outside, tuple(flags))


def frame_flags(instrument: Instrument, chosen: InstrumentParameters, wavelength: Floats) -> tuple[Flag, ...]:
    """Remarks on wavelengths that no single frame can hold, and on what was not corrected."""
    flags = []
    if not chosen.gravity:
        flags.append(Flag.info("gravity_not_corrected", "neutrons are taken to fly straight"))
    if chosen.pulse_period_ms is not None:
        far = float(np.linalg.norm(instrument.positions[~instrument.masked], axis=1).max())
        band = H_OVER_M * NS * chosen.pulse_period_ms * 1e6 / (instrument.flight_m + far)
        last = (chosen.first_wavelength_angstrom or 0.0) + band
        if wavelength[-1] > last:
            said = (
                f"a frame ends at {last:.2f} angstrom at the farthest pixel, the curve at {wavelength[-1]:g}"
            )
            flags.append(Flag.caution("beyond_frame", said))
    return tuple(flags)


def exposure(found: Counted, plan: EventPlan, instrument: Instrument, beam: Beam) -> Exposure:
    """A run as the final division takes it."""
    angles = np.where(instrument.masked, np.nan, instrument.solid_angles)
    return Exposure(found.counts.astype(float), covered(plan, instrument.numbers, angles), *beam.spectrum)


def curve_of(exposures: list[Exposure], q: Floats, beam: BeamParameters) -> tuple[xr.Dataset, Curve]:
    """I(q) on its scale, with what counting and the beam contribute to its errors."""
    found = intensity(exposures)
    factor, unit = 1.0, "arbitrary"
    if beam.absolute_scale is not None:
        if beam.thickness_m is None:
            raise MissingMetadataError("thickness_m", "the sample", "beam.thickness_m")
        factor, unit = beam.absolute_scale / (100.0 * beam.thickness_m), "1/cm"
    scaled = Curve(found.intensity * factor, found.variance * factor**2, found.common * factor**2)
    return labelled(scaled, q, unit), scaled


def labelled(curve: Curve, q: Floats, unit: str) -> xr.Dataset:
    """A curve as a dataset, q at the middles of its bins and their width as resolution of the binning."""
    middles = 0.5 * (q[1:] + q[:-1])
    kept = np.isfinite(curve.intensity)
    if kept.sum() < 2:
        raise SansError("no pixel saw the beam at any q", "Look at wavelengths, q range, monitor and mask")
    parts = {
        "intensity": curve.intensity,
        "intensity_errors": curve.errors,
        "counting_errors": np.sqrt(curve.variance),
        "beam_errors": np.sqrt(np.diag(curve.common)),
    }
    return xr.Dataset(
        {name: ("q", values[kept], {"units": unit}) for name, values in parts.items()},
        coords={"q": ("q", middles[kept], {"units": INVERSE_ANGSTROM})},
    )


def subtracted(sample: Curve, background: Curve) -> Curve:
    """Sample without its background, both on one scale and independent."""
    return Curve(
        sample.intensity - background.intensity,
        sample.variance + background.variance,
        sample.common + background.common,
    )

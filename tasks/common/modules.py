"""Detectors of several modules: pixels by their place in space, and rings over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.errors import LayoutError, MissingMetadataError
from adapters.model import Flag, Measurement, Metadata
from tasks.common.geometry import PixelMaps
from tasks.common.kernels.rings import RingPlan, ring_numbers, ring_sums, ring_totals
from tasks.common.parameters import IntegrationParameters

Floats = NDArray[np.float64]
MOST_RINGS = 5000


@dataclass(frozen=True)
class Places:
    """Pixel centres (module, y, x, 3) in metres, z from the plane at the distance; True where no pixel is."""

    positions: Floats
    bad: NDArray[np.bool_]

    @property
    def pixel_m(self) -> float:
        """Step from a pixel to its neighbour along the fast axis, the usual one."""
        steps = np.linalg.norm(np.diff(self.positions, axis=2), axis=-1)
        return float(np.nanmedian(steps))

    def radii(self) -> Floats:
        """Distance of each pixel from the beam, in pixels."""
        return np.asarray(np.hypot(self.positions[..., 0], self.positions[..., 1]) / self.pixel_m)


def places_of(geometry: Measurement) -> Places:
    """The places that a geometry file says."""
    axes = [geometry.data[f"position_{axis}"].values for axis in "xyz"]
    bad = np.asarray(geometry.data["mask"].values, bool) if "mask" in geometry.data else None
    positions = np.stack(axes, axis=-1).astype(float)
    absent = ~np.isfinite(positions).all(axis=-1)
    return Places(positions, absent if bad is None else bad | absent)


def fitted(run: Measurement, places: Places) -> Places:
    """The places, if they are those of the detector of `run`.

    A geometry over one long array of modules, as CrystFEL reads them, is cut to the modules of the run.
    """
    wanted = tuple(run.data.sizes[dim] for dim in ("module", "y", "x"))
    shape = places.positions.shape[:-1]
    if shape != wanted and shape == (1, wanted[0] * wanted[1], wanted[2]):
        return Places(places.positions.reshape(*wanted, 3), places.bad.reshape(wanted))
    if shape != wanted:
        raise LayoutError(run.provenance.path, f"its modules are {wanted}, the geometry is for {shape}")
    return places


def beam(
    run: Metadata, geometry: Metadata, wavelength: float | None, distance: float | None
) -> tuple[float, float, tuple[Flag, ...]]:
    """Wavelength (angstrom) and distance (m): as chosen, as the run says, or as the geometry file does."""
    chosen = {"wavelength_angstrom": wavelength, "distance_m": distance}
    found: dict[str, float] = {}
    flags: tuple[Flag, ...] = ()
    for name, value in chosen.items():
        stated, drawn = getattr(run, name), getattr(geometry, name)
        used = next((each for each in (value, stated, drawn) if each is not None), None)
        if used is None:
            raise MissingMetadataError(name, run.source)
        if value is None and stated is None:
            said = f"{name} {used:g} is from the geometry file, not from the run"
            flags += (Flag.caution("from_geometry_file", said),)
        found[name] = float(used)
    return found["wavelength_angstrom"], found["distance_m"], flags


def module_maps(places: Places, distance_m: float, wavelength_angstrom: float) -> PixelMaps:
    """Momentum transfer, angles and solid angle of every pixel, whose faces look along the beam."""
    x, y, z = np.moveaxis(places.positions, -1, 0)
    along = z + distance_m
    across = np.hypot(x, y)
    two_theta = np.arctan2(across, along)
    far = np.hypot(across, along)
    return PixelMaps(
        q=4 * np.pi / wavelength_angstrom * np.sin(two_theta / 2),
        two_theta=two_theta,
        azimuth=np.arctan2(y, x),
        solid_angle=(along / far) * (distance_m / far) ** 2,
    )


@dataclass(frozen=True)
class ModuleRings:
    """A prepared integration over the stacked modules, its edges, and what must be said about it."""

    plan: RingPlan
    edges: Floats
    flags: tuple[Flag, ...]


def prepare_modules(
    places: Places, distance_m: float, wavelength_angstrom: float, parameters: IntegrationParameters
) -> ModuleRings:
    """Everything frame-independent of integrating modules."""
    maps = module_maps(places, distance_m, wavelength_angstrom)
    flags: tuple[Flag, ...] = ()
    weights = np.where(places.bad, 1.0, maps.solid_angle) if parameters.solid_angle else np.ones(maps.q.shape)
    if parameters.polarization is None:
        said = "no polarisation factor was given, so the curve is not corrected for polarisation"
        flags += (Flag.info("polarization_not_corrected", said),)
    else:
        weights = np.where(places.bad, 1.0, weights * maps.polarization(parameters.polarization))
    edges = _edges(maps.q, places, distance_m, wavelength_angstrom, parameters)
    rings = ring_numbers(_stacked(maps.q), edges, _stacked(places.bad))
    flat = _stacked(weights)
    farthest = float(np.finfo(np.float64).max)
    high = farthest if parameters.max_counts is None else parameters.max_counts
    plan = RingPlan(
        rings=rings,
        weights=flat.astype(np.float32),
        ring_weights=ring_totals(flat, rings, len(edges) - 1),
        low=-farthest,
        high=high,
    )
    return ModuleRings(plan, edges, flags)


def _stacked(modules: NDArray[Any]) -> NDArray[Any]:
    return modules.reshape(-1, modules.shape[-1])


def _edges(
    q: Floats, places: Places, distance_m: float, wavelength: float, parameters: IntegrationParameters
) -> Floats:
    good = q[~places.bad & np.isfinite(q)]
    if good.size == 0:
        raise LayoutError("the geometry", "it leaves no pixel to integrate")
    low = float(good.min()) if parameters.q_min is None else parameters.q_min
    high = float(good.max()) if parameters.q_max is None else parameters.q_max
    if not low < high:
        raise LayoutError("the geometry", f"no pixel lies between q {low:.4g} and {high:.4g} 1/angstrom")
    step = 2 * np.pi / wavelength * places.pixel_m / distance_m
    bins = parameters.bins or int(np.clip(round((high - low) / step), 1, MOST_RINGS))
    return np.linspace(low, high, bins + 1)


def frame_rings(frames: NDArray[Any], plan: RingPlan) -> Floats:
    """Sum of values and of weights of every ring of frames (n, module, y, x): (n, 2, rings)."""
    stacked = frames.reshape(len(frames), -1, frames.shape[-1])
    return ring_sums(stacked, plan)[:, :2]


def usable(frames: NDArray[Any], mask: NDArray[Any] | None) -> NDArray[Any]:
    """Frames as floats with NaN where the mask of the calibration says anything against a pixel."""
    if mask is None:
        return frames
    return np.where(mask == 0, frames, np.float32(np.nan))


def mean_of_frames(signal: Floats, weight: Floats) -> tuple[Floats, Floats]:
    r"""Mean intensity of rings over frames, and its standard uncertainty from the scatter of the frames.

    .. math:: I_r = \frac{\sum_f S_{fr}}{\sum_f W_{fr}}, \qquad
              \sigma_r^2 = \frac{n}{n-1} \frac{\sum_f (S_{fr} - I_r W_{fr})^2}{(\sum_f W_{fr})^2}

    Parameters
    ----------
    signal, weight : (n, r) float
        Sums of values and of weights of each ring in each frame.

    Returns
    -------
    intensity, sigma : (r,) float
        NaN where no frame saw a ring; sigma is NaN where fewer than two did.
    """
    whole = weight.sum(axis=0)
    seen = whole > 0
    safe = np.where(seen, whole, 1.0)
    intensity = np.where(seen, signal.sum(axis=0) / safe, np.nan)
    number = (weight > 0).sum(axis=0)
    squares = (np.where(weight > 0, signal - np.where(seen, intensity, 0.0) * weight, 0.0) ** 2).sum(axis=0)
    several = number > 1
    factor = np.where(several, number / np.where(several, number - 1, 1), np.nan)
    return intensity, np.where(seen, np.sqrt(factor * squares) / safe, np.nan)

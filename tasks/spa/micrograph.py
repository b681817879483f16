"""A movie to its motion and sum, and the sum to the rings of its transfer function."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import fft

from adapters.model import Finding, Flag, Measurement
from tasks.common.blocks import Compute, in_threads
from tasks.common.reduced import Reduced, together
from tasks.spa.errors import ImageError
from tasks.spa.kernels import ctf
from tasks.spa.kernels.gain import corrected
from tasks.spa.movie import aligned, gain_for
from tasks.spa.needed import needed
from tasks.spa.parameters import MicrographParameters

Floats = NDArray[np.float64]
NONE, FREQUENCY = {"units": "dimensionless"}, {"units": "1/angstrom"}
# Standard errors from which rings are told from noise, of which the best of many defoci reaches five.
SEEN, CLEAR = 6.0, 4.0
HOT = 8.0


def micrograph(
    run: Measurement,
    parameters: MicrographParameters,
    gain: Measurement | None = None,
    compute: Compute = in_threads,
) -> Reduced:
    """Shifts and sum of a movie, and the defocus of the sum; a single image passes to the second step."""
    if "image" not in run.data:
        raise ImageError(f"{run.provenance.path} holds no images", "Give a movie or a micrograph")
    frames = run.data["image"]
    parts: list[Reduced] = []
    if frames.sizes["frame"] > 1:
        total, moved = aligned(run, parameters, gain, compute)
        parts.append(moved)
    else:
        factor, told = gain_for(run, gain, parameters.gain) if gain is not None else (None, [])
        total = np.asarray(corrected(frames.isel(frame=0).values, factor), float)
        parts.append(Reduced((), tuple(told)))
    if not np.isfinite(total).all() or float(np.ptp(total)) == 0:
        what = f"{run.provenance.path} has no contrast, or values that are not finite"
        raise ImageError(what, "Look at its frames")
    total, hot = _without_hot(total)
    parts.append(_transfer(run, total, parameters))
    if frames.sizes["frame"] > 1:
        parts.append(_sum(run, total))
    return together(parts, run.flags, hot)


def _sum(run: Measurement, total: Floats) -> Reduced:
    """The aligned sum, as it is kept beside the tables."""
    table = xr.Dataset({"sum": (("y", "x"), total.astype(np.float32), {"units": "arbitrary"})})
    if "voxel" in run.data:
        table["voxel"] = run.data["voxel"]
    return Reduced((), (), {"sum": table})


def _without_hot(image: Floats) -> tuple[Floats, tuple[Flag, ...]]:
    """The image with pixels far out of its range replaced by the median."""
    middle = float(np.median(image))
    spread = float(1.4826 * np.median(np.abs(image - middle))) or 1.0
    hot = np.abs(image - middle) > HOT * spread
    if not hot.any():
        return image, ()
    told = f"{int(hot.sum())} pixels beyond {HOT:g} robust deviations stand as the median"
    return np.where(hot, middle, image), (Flag.info("hot_pixels_replaced", told),)


def _transfer(run: Measurement, image: Floats, parameters: MicrographParameters) -> Reduced:
    optics = ctf.Optics(
        pixel=needed(run, "pixel_angstrom", parameters.pixel_angstrom),
        voltage_kv=needed(run, "voltage_kv", parameters.voltage_kv),
        spherical_mm=needed(run, "spherical_aberration_mm", parameters.spherical_aberration_mm),
        amplitude=needed(run, "amplitude_contrast", parameters.amplitude_contrast),
    )
    tile = min(parameters.tile_px, *(size // 2 * 2 for size in image.shape))
    power = ctf.mean_power(image, tile)
    found = _fitted(power, optics, parameters)
    if found is None:
        told = (
            f"tiles of {tile} pixels hold too few rings between the spacings chosen, so there is no defocus"
        )
        return Reduced((), (Flag.invalid("no_transfer_rings", told),), {"power": _power(power, optics)})
    tables = {"rings": _rings(found), "power": _power(power, optics, found)}
    facts: dict[str, Any] = {
        "defocus_u_angstrom": found.defocus_u,
        "defocus_v_angstrom": found.defocus_v,
        "astigmatism_degree": float(np.degrees(found.angle)),
        "correlation": found.correlation,
        "significance": found.significance,
        "reach_angstrom": found.reach,
    }
    refused = _refusal(found)
    if refused is not None:
        return Reduced((), (refused,), tables, facts)
    parts, apart = _quarters(image, tile, optics, parameters, found.mean)
    error = float(np.hypot(found.error, apart))
    facts["defocus_of_quarters_angstrom"] = parts
    said = (
        f"correlation with the transfer {found.correlation:.2f}, rings seen to {found.reach:.1f} angstrom",
        f"astigmatism {found.defocus_u - found.defocus_v:.0f} angstrom",
        "voltage, spherical aberration and amplitude contrast are exact",
        "the error holds the noise of the rings, other ranges of spacings"
        + (", and the quarters of the image" if parts else ""),
    )
    finding = Finding("defocus", found.mean, error, "angstrom", "rings in the power spectrum", said)
    return Reduced((finding,), _against_header(run, found.mean), tables, facts)


def _fitted(power: Floats, optics: ctf.Optics, parameters: MicrographParameters) -> ctf.Fitted | None:
    return ctf.fit(
        power,
        optics,
        coarsest=parameters.coarsest_angstrom,
        finest=max(parameters.finest_angstrom, 2.2 * optics.pixel),
        least=parameters.least_defocus_angstrom,
        most=parameters.most_defocus_angstrom,
    )


def _refusal(found: ctf.Fitted) -> Flag | None:
    """Why there is no defocus to claim: no rings, or rings that another explains as well."""
    if found.significance < SEEN:
        told = (
            f"rings are not told from noise ({found.significance:.1f} standard errors, {SEEN:g} are needed), "
            "so there is no defocus"
        )
        return Flag.invalid("no_transfer_rings", told)
    if found.rival is not None:
        told = (
            f"{found.mean:.0f} and {found.rival:.0f} angstrom explain the rings alike, so none is claimed; "
            "take finer spacings, or narrow the defocus that is sought"
        )
        return Flag.invalid("defocus_ambiguous", told)
    return None


def _quarters(
    image: Floats, tile: int, optics: ctf.Optics, parameters: MicrographParameters, mean: float
) -> tuple[list[float], float]:
    """The defocus of each quarter of the image with clear rings, and the standard error of their mean."""
    half = tuple(size // 2 for size in image.shape)
    if min(half) < tile:
        return [], 0.0
    near = parameters.model_copy(
        update={"least_defocus_angstrom": 0.8 * mean, "most_defocus_angstrom": 1.2 * mean}
    )
    found = []
    for top in (0, half[0]):
        for left in (0, half[1]):
            part = image[top : top + half[0], left : left + half[1]]
            each = _fitted(ctf.mean_power(part, tile), optics, near)
            if each is not None and each.significance >= CLEAR:
                found.append(each.mean)
    if len(found) < 3:
        return found, 0.0
    return found, float(np.std(found, ddof=1) / np.sqrt(len(found)))


def _against_header(run: Measurement, found: float) -> tuple[Flag, ...]:
    said = run.metadata.raw.get("defocus_angstrom")
    if said is None or abs(found - said) < 0.1 * abs(said):
        return ()
    told = f"the microscope recorded {said:.0f} angstrom, the rings say {found:.0f}"
    return (Flag.caution("defocus_differs_from_header", told),)


def _rings(found: ctf.Fitted) -> xr.Dataset:
    faded = found.ring_model * np.exp(-found.fading * found.ring_frequency**2)
    # As high as the rings are, for the eye.
    height = float((found.ring_power @ faded) / max(float(faded @ faded), 1e-12))
    return xr.Dataset(
        {
            "intensity": ("frequency", found.ring_power, NONE),
            "transfer_squared": ("frequency", found.ring_model, NONE),
            "transfer_faded": ("frequency", height * faded, NONE),
        },
        coords={"frequency": ("frequency", found.ring_frequency, FREQUENCY)},
    )


def _power(power: Floats, optics: ctf.Optics, found: ctf.Fitted | None = None) -> xr.Dataset:
    """Logarithm of the power; with the half turns of the phase, whose whole numbers are dark rings."""
    axis = fft.fftshift(fft.fftfreq(power.shape[0], optics.pixel))
    table = xr.Dataset(
        {"log_power": (("ky", "kx"), np.log(np.maximum(power, 1e-30)), NONE)},
        coords={"ky": ("ky", axis, FREQUENCY), "kx": ("kx", axis, FREQUENCY)},
    )
    if found is not None:
        around = np.arctan2(axis[:, None], axis[None])
        half = (found.defocus_u - found.defocus_v) / 2
        defocus = found.mean + half * np.cos(2 * (around - found.angle))
        radius = np.hypot(axis[:, None], axis[None])
        table["phase_turns"] = (("ky", "kx"), optics.phase(radius, defocus) / np.pi, NONE)
    return table

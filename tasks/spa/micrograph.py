"""A movie to its motion and sum, and the sum to the rings of its transfer function."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import fft

from adapters.errors import MissingMetadataError
from adapters.model import Finding, Flag, Measurement
from tasks.common.reduced import Reduced, together
from tasks.spa.errors import ImageError
from tasks.spa.kernels import ctf, motion
from tasks.spa.parameters import MicrographParameters

Floats = NDArray[np.float64]
PIXEL = {"units": "pixel"}
NONE, FREQUENCY = {"units": "dimensionless"}, {"units": "1/angstrom"}
# Rings whose fit correlates less are not told from noise.
SEEN = 0.2
HOT = 8.0


def micrograph(run: Measurement, parameters: MicrographParameters) -> Reduced:
    """Shifts and sum of a movie, and the defocus of the sum; a single image passes to the second step."""
    if "image" not in run.data:
        raise ImageError(f"{run.provenance.path} holds no images", "Give a movie or a micrograph")
    frames = run.data["image"]
    parts: list[Reduced] = []
    if frames.sizes["frame"] > 1:
        total, moved = _aligned(run, np.asarray(frames.values, float), parameters)
        parts.append(moved)
    else:
        total = np.asarray(frames.values[0], float)
    total, hot = _without_hot(total)
    parts.append(_transfer(run, total, parameters))
    return together(parts, run.flags, hot)


def _aligned(run: Measurement, frames: Floats, parameters: MicrographParameters) -> tuple[Floats, Reduced]:
    binning = parameters.binning
    terms = np.stack([motion.cropped_transform(frame, binning) for frame in frames])
    shape = tuple(size // binning // 2 * 2 for size in frames.shape[1:])
    found = motion.align(terms, (shape[0], shape[1]), parameters.blur_px)
    shifts, errors = found.shifts * binning, found.errors * binning
    weights, flags = _weights(run, frames.shape, parameters)
    total = motion.summed(frames, shifts, weights)
    before, after = (_fine_power(each) for each in (frames.sum(axis=0), motion.summed(frames, shifts)))
    table = xr.Dataset(
        {
            "intensity": ("frame", np.hypot(*shifts.T), PIXEL),
            "shift_y": ("frame", shifts[:, 0], PIXEL),
            "shift_x": ("frame", shifts[:, 1], PIXEL),
            "shift_errors": ("frame", errors, PIXEL),
        }
    )
    path = float(np.hypot(*np.diff(shifts, axis=0).T).sum())
    facts = {"motion_px": path, "rounds": found.rounds, "power_after_over_before": after / before}
    gain = f"aligned, fine detail has {after / before:.2f} times the power"
    told = f"the frames move {path:.1f} pixels along their path; {gain}"
    flags.append(Flag.info("motion_corrected", told))
    return total, Reduced((), tuple(flags), {"motion": table}, facts)


def _fine_power(image: Floats) -> float:
    """Power between an eighth and a quarter of the sampling frequency, where blur by motion shows."""
    power = np.abs(fft.rfft2(image - image.mean())) ** 2
    radius = np.hypot(fft.fftfreq(image.shape[0])[:, None], fft.rfftfreq(image.shape[1])[None])
    return float(power[(radius > 0.05) & (radius < 0.25)].mean())


def _weights(
    run: Measurement, shape: tuple[int, ...], parameters: MicrographParameters
) -> tuple[Floats | None, list[Flag]]:
    dose = parameters.dose_per_frame
    if dose is None:
        told = "no dose of a frame is given: frames are summed without weights"
        return None, [Flag.info("dose_not_weighted", told)]
    pixel = _needed(run, "pixel_angstrom", parameters.pixel_angstrom, "pixel_angstrom")
    count, rows, columns = shape
    frequency = np.hypot(fft.fftfreq(rows, pixel)[:, None], fft.rfftfreq(columns, pixel)[None])
    return motion.dose_weights(frequency, dose * np.arange(1, count + 1)), []


def _without_hot(image: Floats) -> tuple[Floats, tuple[Flag, ...]]:
    """The image with pixels far out of its range replaced by the median."""
    middle = float(np.median(image))
    spread = float(1.4826 * np.median(np.abs(image - middle))) or 1.0
    hot = np.abs(image - middle) > HOT * spread
    if not hot.any():
        return image, ()
    told = f"{int(hot.sum())} pixels beyond {HOT:g} robust deviations stand as the median"
    return np.where(hot, middle, image), (Flag.info("hot_pixels_replaced", told),)


def _needed(run: Measurement, name: str, given: float | None, parameter: str) -> float:
    """A quantity as given, else as the file says it, else an error that names the parameter."""
    if given is not None:
        return given
    if name == "pixel_angstrom" and "voxel" in run.data:
        return float(run.data["voxel"].values.mean())
    said = run.metadata.raw.get(name)
    if said is None:
        raise MissingMetadataError(name, run.provenance.path, parameter)
    return float(said)


def _transfer(run: Measurement, image: Floats, parameters: MicrographParameters) -> Reduced:
    optics = ctf.Optics(
        pixel=_needed(run, "pixel_angstrom", parameters.pixel_angstrom, "pixel_angstrom"),
        voltage_kv=_needed(run, "voltage_kv", parameters.voltage_kv, "voltage_kv"),
        spherical_mm=_needed(
            run, "spherical_aberration_mm", parameters.spherical_aberration_mm, "spherical_aberration_mm"
        ),
        amplitude=_needed(run, "amplitude_contrast", parameters.amplitude_contrast, "amplitude_contrast"),
    )
    tile = min(parameters.tile_px, *(size // 2 * 2 for size in image.shape))
    power = ctf.mean_power(image, tile)
    found = ctf.fit(
        power,
        optics,
        coarsest=parameters.coarsest_angstrom,
        finest=max(parameters.finest_angstrom, 2.2 * optics.pixel),
        least=parameters.least_defocus_angstrom,
        most=parameters.most_defocus_angstrom,
    )
    tables = {"rings": _rings(found), "power": _power(power, optics)}
    mean = (found.defocus_u + found.defocus_v) / 2
    facts: dict[str, Any] = {
        "defocus_u_angstrom": found.defocus_u,
        "defocus_v_angstrom": found.defocus_v,
        "astigmatism_degree": float(np.degrees(found.angle)),
        "correlation": found.correlation,
        "reach_angstrom": found.reach,
    }
    if found.correlation < SEEN:
        told = f"rings are not told from noise (correlation {found.correlation:.2f}), so there is no defocus"
        return Reduced((), (Flag.invalid("no_transfer_rings", told),), tables, facts)
    said = (
        f"correlation with the transfer {found.correlation:.2f}, rings seen to {found.reach:.1f} angstrom",
        f"astigmatism {found.defocus_u - found.defocus_v:.0f} angstrom",
    )
    finding = Finding("defocus", mean, found.error, "angstrom", "rings in the power spectrum", said)
    return Reduced((finding,), _against_header(run, mean), tables, facts)


def _against_header(run: Measurement, found: float) -> tuple[Flag, ...]:
    said = run.metadata.raw.get("defocus_angstrom")
    if said is None or abs(found - said) < 0.2 * abs(said):
        return ()
    told = f"the microscope recorded {said:.0f} angstrom, the rings say {found:.0f}"
    return (Flag.caution("defocus_differs_from_header", told),)


def _rings(found: ctf.Fitted) -> xr.Dataset:
    return xr.Dataset(
        {
            "intensity": ("frequency", found.ring_power, NONE),
            "transfer_squared": ("frequency", found.ring_model, NONE),
        },
        coords={"frequency": ("frequency", found.ring_frequency, FREQUENCY)},
    )


def _power(power: Floats, optics: ctf.Optics) -> xr.Dataset:
    axis = fft.fftshift(fft.fftfreq(power.shape[0], optics.pixel))
    return xr.Dataset(
        {"log_power": (("ky", "kx"), np.log(np.maximum(power, 1e-30)), NONE)},
        coords={"ky": ("ky", axis, FREQUENCY), "kx": ("kx", axis, FREQUENCY)},
    )

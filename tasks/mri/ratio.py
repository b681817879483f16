"""Maps that are ratios: magnetisation transfer, and signal to noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from adapters.errors import MissingMetadataError
from adapters.model import Flag, Measurement
from tasks.mri.errors import VolumeError
from tasks.mri.kernels.ratio import transfer_ratio
from tasks.mri.method import Floats, Made, noise_of, rows
from tasks.mri.parameters import MapParameters


@dataclass(frozen=True)
class _Transfer:
    saturated: int
    noise: float

    def __call__(self, signal: Floats) -> Floats:
        value, error = transfer_ratio(signal[:, 1 - self.saturated], signal[:, self.saturated], self.noise)
        good = np.isfinite(value) & (signal[:, 1 - self.saturated] > 3 * self.noise)
        return rows([value, error], good, np.inf)


def transfer(data: xr.Dataset, run: Measurement, parameters: MapParameters, first: Floats) -> Made:
    """The share of the signal that saturation takes away."""
    if data.sizes["volume"] != 2:
        raise VolumeError(
            f"{data.sizes['volume']} volumes where one without and one with saturation are needed"
        )
    if parameters.saturated_volume not in (0, 1):
        raise MissingMetadataError("saturated_volume", run.metadata.source, "maps.saturated_volume")
    noise, said = noise_of(first, parameters)
    return _Transfer(parameters.saturated_volume, noise), said


@dataclass(frozen=True)
class _Ratio:
    noise: float | None

    def __call__(self, signal: Floats) -> Floats:
        mean = signal.mean(axis=1)
        count = signal.shape[1]
        noise = signal.std(axis=1, ddof=1) if self.noise is None else np.full(len(mean), self.noise)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = mean / noise
            # Relative errors of a standard deviation of n numbers, and of their mean.
            share = 1 / (2 * (count - 1)) if self.noise is None else 0.0
            error = np.sqrt(ratio**2 * share + 1 / count)
        return rows([ratio, error], np.isfinite(ratio), np.inf)


def signal_to_noise(data: xr.Dataset, _: Measurement, parameters: MapParameters, first: Floats) -> Made:
    """Signal over its scatter among volumes, or over the noise of one."""
    if data.sizes["volume"] > 2 and parameters.noise is None:
        said = f"noise is the scatter over {data.sizes['volume']} volumes, drift and motion included"
        return _Ratio(None), (Flag.info("noise_over_volumes", said),)
    noise, flags = noise_of(first, parameters)
    return _Ratio(noise), flags

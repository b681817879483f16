"""The tensor of diffusion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from adapters.errors import MissingMetadataError
from adapters.model import Flag, Measurement
from tasks.mri.errors import VolumeError
from tasks.mri.kernels.tensor import tensors
from tasks.mri.method import Floats, Made, column_of, rows
from tasks.mri.parameters import MapParameters


@dataclass(frozen=True)
class _Tensor:
    b_values: Floats
    directions: Floats

    def __call__(self, signal: Floats) -> Floats:
        found = tensors(signal, self.b_values, self.directions)
        values = [found.anisotropy, found.anisotropy_error, found.diffusivity, found.diffusivity_error]
        return rows(values, found.good, np.inf)


def diffusion(data: xr.Dataset, run: Measurement, parameters: MapParameters, _: Floats) -> Made:
    """Anisotropy and mean diffusivity of the tensor."""
    b_values = column_of(data, run, "b_value", (), "b values beside the file (.bval)")
    if "direction" not in data:
        raise MissingMetadataError("direction", run.metadata.source, "directions beside the file (.bvec)")
    directions = np.asarray(data["direction"].values, float)
    if data.sizes["volume"] < 7:
        raise VolumeError(
            f"{data.sizes['volume']} volumes cannot determine a tensor and the signal without weight"
        )
    flags: tuple[Flag, ...] = ()
    if data.sizes["volume"] == 7:
        flags = (
            Flag.caution(
                "no_scatter_to_judge", "seven volumes determine a tensor, and nothing tells its error"
            ),
        )
    high = float(b_values.max())
    if high > 1500 and parameters.highest_b is None:
        said = f"weightings up to {high:.0f} s/mm2 are used, where diffusion in tissue is not Gaussian"
        flags = (*flags, Flag.caution("high_b_values", said))
    return _Tensor(b_values, directions), flags

"""Times of relaxation by echoes, by inversion and by flip angles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from adapters.model import Flag, Measurement
from tasks.common.kernels import exponential
from tasks.mri.errors import VolumeError
from tasks.mri.kernels import flip_angle
from tasks.mri.method import Floats, Made, column_of, enough, rows
from tasks.mri.parameters import MapParameters


@dataclass(frozen=True)
class _Exponential:
    time: Floats
    noise: float | None
    most: float
    magnitude: bool | None = None

    def __call__(self, signal: Floats) -> Floats:
        if self.magnitude:
            found = exponential.fit_magnitude(self.time, signal, noise=self.noise)
        else:
            kind = exponential.DECAY if self.magnitude is None else exponential.RECOVERY
            found = exponential.fit(self.time, signal, parameters=kind, noise=self.noise)
        good = found.found & ((found.amplitude > 0) if self.magnitude is None else (found.amplitude < 0))
        return rows([1 / found.rate, found.rate_error / found.rate**2], good, self.most)


def echoes(data: xr.Dataset, run: Measurement, parameters: MapParameters, _: Floats) -> Made:
    """T2 or T2* by the decay over echo times."""
    time = column_of(data, run, "echo_time", parameters.echo_times_s, "echo_times_s")
    enough(time, 2, parameters, "echo times")
    return _Exponential(time, parameters.noise, parameters.most_relative_error), ()


def inversion(data: xr.Dataset, run: Measurement, parameters: MapParameters, _: Floats) -> Made:
    """T1 by the recovery over inversion times."""
    time = column_of(data, run, "inversion_time", parameters.inversion_times_s, "inversion_times_s")
    enough(time, 3, parameters, "inversion times")
    said = Flag.info("recovery_complete_assumed", "a lack of full recovery is left to the offset")
    kernel = _Exponential(time, parameters.noise, parameters.most_relative_error, parameters.magnitude)
    return kernel, (said,)


@dataclass(frozen=True)
class _FlipAngle:
    angle: Floats
    repetition: float
    noise: float | None
    most: float

    def __call__(self, signal: Floats) -> Floats:
        time, error, good = flip_angle.fit(signal, self.angle, self.repetition, self.noise)
        return rows([time, error], good, self.most)


def flip_angles(data: xr.Dataset, run: Measurement, parameters: MapParameters, _: Floats) -> Made:
    """T1 by the signal over flip angles."""
    angle = column_of(data, run, "flip_angle", parameters.flip_angles_deg, "flip_angles_deg")
    enough(angle, 2, parameters, "flip angles")
    given = (parameters.repetition_time_s,) * data.sizes["volume"] if parameters.repetition_time_s else ()
    repetition = column_of(data, run, "repetition_time", given, "repetition_time_s")
    if np.ptp(repetition) > 1e-6 * repetition.max():
        raise VolumeError("the volumes differ in repetition time, where this method needs one")
    said = Flag.info(
        "flip_angle_as_stated", "flip angles are taken as stated: no map of the transmit field is used"
    )
    kernel = _FlipAngle(
        np.deg2rad(angle), float(repetition[0]), parameters.noise, parameters.most_relative_error
    )
    return kernel, (said,)

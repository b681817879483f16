"""How many protomers a particle holds, by its mass and that of one of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Count:
    """The likeliest number, its probability, how far (in standard errors) the mass lies from it, and all."""

    number: int
    probability: float
    deviation: float
    probabilities: Floats


def count(mass: float, mass_error: float, protomer: float, protomer_error: float, highest: int = 60) -> Count:
    """Probability of each number from 1 to `highest`, all equally likely before; masses in one unit.

    The mass is normally distributed about n protomers, with the variance of both.

    Raises
    ------
    ValueError
        If a mass is not positive, or neither has an uncertainty.
    """
    if mass <= 0 or protomer <= 0 or not mass_error + protomer_error > 0:
        raise ValueError("counting protomers needs two positive masses and an uncertainty")
    numbers = np.arange(1, highest + 1)
    errors = np.hypot(mass_error, numbers * protomer_error)
    distance = (mass - numbers * protomer) / errors
    log = -0.5 * distance**2 - np.log(errors)
    likely = np.exp(log - log.max())
    probabilities = likely / likely.sum()
    best = int(probabilities.argmax())
    return Count(best + 1, float(probabilities[best]), float(abs(distance[best])), probabilities)

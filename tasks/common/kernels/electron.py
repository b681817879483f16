"""What follows from the voltage of an electron microscope."""

from __future__ import annotations

import numpy as np


def electron_wavelength(voltage_kv: float) -> float:
    """De Broglie wavelength (angstrom) of electrons after `voltage_kv`, relativistic."""
    volts = 1000.0 * voltage_kv
    return float(12.2642596 / np.sqrt(volts * (1 + 0.978475e-6 * volts)))

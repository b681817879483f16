"""How strongly an atom with its hydrogens scatters X-rays in water: form factors and displaced solvent."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Electrons in a cubic angstrom of water at room temperature.
WATER_DENSITY = 0.334

# Four Gaussians and a constant for the form factors of neutral atoms: a1-a4, b1-b4, c.
GAUSSIANS: Mapping[str, tuple[float, ...]] = {
    "H": (0.493002, 0.322912, 0.140191, 0.04081, 10.5109, 26.1257, 3.14236, 57.7997, 0.003038),
    "C": (2.31, 1.02, 1.5886, 0.865, 20.8439, 10.2075, 0.5687, 51.6512, 0.2156),
    "N": (12.2126, 3.1322, 2.0125, 1.1663, 0.0057, 9.8933, 28.9975, 0.5826, -11.529),
    "O": (3.0485, 2.2868, 1.5463, 0.867, 13.2771, 5.7011, 0.3239, 32.9089, 0.2508),
    "F": (3.5392, 2.6412, 1.517, 1.0243, 10.2825, 4.2944, 0.2615, 26.1476, 0.2776),
    "NA": (4.7626, 3.1736, 1.2674, 1.1128, 3.285, 8.8422, 0.3136, 129.424, 0.676),
    "MG": (5.4204, 2.1735, 1.2269, 2.3073, 2.8275, 79.2611, 0.3808, 7.1937, 0.8584),
    "P": (6.4345, 4.1791, 1.78, 1.4908, 1.9067, 27.157, 0.526, 68.1645, 1.1149),
    "S": (6.9053, 5.2034, 1.4379, 1.5863, 1.4679, 22.2151, 0.2536, 56.172, 0.8669),
    "CL": (11.4604, 7.1964, 6.2556, 1.6455, 0.0104, 1.1662, 18.5194, 47.7784, -9.5574),
    "K": (8.2186, 7.4398, 1.0519, 0.8659, 12.7949, 0.7748, 213.187, 41.6841, 1.4228),
    "CA": (8.6266, 7.3873, 1.5899, 1.0211, 10.4421, 0.6599, 85.7484, 178.437, 1.3751),
    "MN": (11.2819, 7.3573, 3.0193, 2.2441, 5.3409, 0.3432, 17.8674, 83.7543, 1.0896),
    "FE": (11.7695, 7.3573, 3.5222, 2.3045, 4.7611, 0.3072, 15.3535, 76.8805, 1.0369),
    "CO": (12.2841, 7.3409, 4.0034, 2.3488, 4.2791, 0.2784, 13.5359, 71.1692, 1.0118),
    "NI": (12.8376, 7.292, 4.4438, 2.38, 3.8785, 0.2565, 12.1763, 66.3421, 1.0341),
    "CU": (13.338, 7.1676, 5.6158, 1.6735, 3.5828, 0.247, 11.3966, 64.8126, 1.191),
    "ZN": (14.0743, 7.0318, 5.1652, 2.41, 3.2655, 0.2333, 10.3163, 58.7097, 1.3041),
    "SE": (17.0006, 5.8196, 3.9731, 4.3543, 2.4098, 0.2726, 15.2372, 43.8163, 2.8409),
    "BR": (17.1789, 5.2358, 5.6377, 3.9851, 2.1723, 16.5796, 0.2609, 41.4328, 2.9557),
    "CD": (19.2214, 17.6444, 4.461, 1.6029, 0.5946, 6.9089, 24.7008, 87.4825, 5.0694),
    "I": (20.1472, 18.9949, 7.5138, 2.2735, 4.347, 0.3814, 27.766, 66.8776, 4.0712),
}
# Cubic angstrom of solvent that an atom displaces.
VOLUMES: Mapping[str, float] = {
    "H": 5.15, "C": 16.44, "N": 2.49, "O": 9.13, "S": 19.86, "P": 5.73, "SE": 28.73, "MG": 17.16, "CA": 31.89,
    "MN": 9.20, "FE": 7.99, "CU": 8.78, "ZN": 9.85, "NA": 49.0, "K": 87.0, "CL": 45.0, "CD": 16.0,
}  # fmt: skip
# Length of a bond to hydrogen, angstrom.
BOND = 1.05


def form_factor(element: str, q: Floats) -> Floats:
    """Electrons that a neutral atom shows at q (1/angstrom).

    Raises
    ------
    KeyError
        For an element that is not in the table.

    References
    ----------
    International Tables for Crystallography, Volume C, section 6.1.1: the
    nine-parameter fit in sin(theta)/lambda = q / 4 pi.
    """
    values = np.array(GAUSSIANS["H" if element == "D" else element])
    s2 = (np.asarray(q, float) / (4 * np.pi)) ** 2
    total = values[8] + (values[:4, None] * np.exp(-values[4:8, None] * s2.ravel())).sum(axis=0)
    return np.asarray(total.reshape(s2.shape))


def in_vacuum(element: str, hydrogens: int, q: Floats) -> Floats:
    """Electrons of a heavy atom with its hydrogens, averaged over orientation, at q (1/angstrom)."""
    q = np.asarray(q, float)
    heavy = form_factor(element, q)
    return heavy + hydrogens * form_factor("H", q) * np.sinc(q * BOND / np.pi) if hydrogens else heavy


def volume(element: str, hydrogens: int = 0) -> float:
    """Solvent volume (angstrom³) that an atom displaces together with its hydrogens.

    Elements without a tabulated volume take that of a sphere of 1.5 angstrom.

    References
    ----------
    R. D. B. Fraser, T. P. MacRae and E. Suzuki, J. Appl. Cryst. 11, 693 (1978).
    """
    own = VOLUMES.get("H" if element == "D" else element, 4 / 3 * np.pi * 1.5**3)
    return own + hydrogens * VOLUMES["H"]


def displaced(volumes: float | Floats, q: Floats, expansion: float = 1.0) -> Floats:
    """Electrons of the water in a Gaussian of that volume (angstrom³), its radius scaled by `expansion`."""
    volumes = np.asarray(volumes, float) * expansion**3
    return np.asarray(
        WATER_DENSITY * volumes * np.exp(-(np.asarray(q) ** 2) * volumes ** (2 / 3) / (4 * np.pi))
    )

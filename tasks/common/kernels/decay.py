"""From free induction decays to spectra: apodise, fill with zeros, transform, phase."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.optimize import minimize

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]


def exponential_window(points: int, broadening_hz: float, width_hz: float, late: float = 0.0) -> Floats:
    """Weights (points,) that widen lines by `broadening_hz`, 1 where the decay begins after `late` points."""
    time = np.maximum(np.arange(points) - late, 0.0) / width_hz
    weights: Floats = np.exp(-np.pi * broadening_hz * time)
    return weights


def sine_window(points: int, power: float = 1.0, start: float = 0.5) -> Floats:
    """A sine bell (points,) to a power, from `start` of half a turn (0.5 is a cosine) down to 0."""
    return np.sin(np.pi * np.linspace(start, 1.0, points)) ** power


def filled_size(points: int, factor: int) -> int:
    """The power of two that holds `points` at least `factor` times."""
    return 1 << int(np.ceil(np.log2(max(points, 2) * factor)))


def spectrum(decay: NDArray[Any], size: int, late: float = 0.0, first: float = 1.0) -> Complexes:
    r"""Transform decays along their last axis; frequencies fall, as spectra are shown.

    Parameters
    ----------
    decay : (..., n) complex
        Free induction decays, apodised.
    size : int
        Points of the spectrum, at least n: the decay is filled with zeros.
    late : float
        Points by which a digital filter delays the decay; may be fractional. The
        build-up before it is kept, and the delay is taken back as a phase that
        grows with frequency.
    first : float
        Weight of the first point; 0.5 takes away the offset that a decay sampled
        from its very start has in a discrete transform.

    Returns
    -------
    (..., size) complex
        Point k lies at the frequency (1/2 - k/size) of the width.
    """
    started = decay if first == 1.0 else np.concatenate([first * decay[..., :1], decay[..., 1:]], axis=-1)
    found = fft.fftshift(fft.fft(started, size, axis=-1), axes=-1)
    if late:
        found = found * np.exp(2j * np.pi * late * np.fft.fftshift(np.fft.fftfreq(size)))
    # The lowest frequency is also the highest one: it goes to the front, as spectrometers write it.
    return np.roll(found[..., ::-1], 1, axis=-1)


def offsets(size: int) -> Floats:
    """Frequencies (size,) of the points of :func:`spectrum` from the carrier, in widths."""
    return 0.5 - np.arange(size) / size


def phased(values: Complexes, zero: float, first: float) -> Complexes:
    """`values` (..., n) turned by `zero` degrees at their first point and `zero + first` after the last."""
    angle = np.deg2rad(zero + first * np.arange(values.shape[-1]) / values.shape[-1])
    turned: Complexes = values * np.exp(1j * angle)
    return turned


def automatic_phase(values: Complexes, most_points: int = 16384) -> tuple[float, float]:
    """Phases (degrees) that make the real part of one spectrum (n,) as simple as it can be.

    Minimises the entropy of the derivative with a penalty on negative signal.

    References
    ----------
    L. Chen et al., *J. Magn. Reson.* 158 (2002) 164.
    """
    some = _thinned(values, most_points)

    def badness(phases: Floats) -> float:
        return _badness(phased(some, *phases).real)

    starts = [(zero, 0.0) for zero in range(0, 360, 30)]
    best = min(starts, key=lambda start: badness(np.array(start, float)))
    found = minimize(
        badness,
        best,
        method="Nelder-Mead",
        options={
            "initial_simplex": [best, (best[0] + 20, 0), (best[0], 20)],
            "xatol": 0.01,
            "fatol": 1e-7,
            "maxiter": 600,
        },
    )
    zero, first = found.x
    return float((zero + 180) % 360 - 180), float(first)


def quarter_turns(values: Complexes, much: float, most_points: int = 16384) -> int:
    """Multiple of 90 degrees by which a spectrum (n,) is far from simple: 0 unless the gain is `much`."""
    some = _thinned(values, most_points)
    found = {turn: _badness(phased(some, turn, 0.0).real) for turn in (0, 90, 180, 270)}
    best = min(found, key=found.__getitem__)
    return best if found[0] - found[best] > much * abs(found[best]) else 0


def _thinned(values: Complexes, most_points: int) -> Complexes:
    step = max(1, len(values) // most_points)
    some = values[: len(values) // step * step].reshape(-1, step).mean(axis=1)
    scaled: Complexes = some / max(float(np.abs(some).max()), 1e-300)
    return scaled


def _badness(real: Floats) -> float:
    slope = np.abs(np.diff(real))
    share = slope / max(float(slope.sum()), 1e-300)
    entropy = -float((share * np.log(share + 1e-300)).sum())
    negative = np.minimum(real, 0.0)
    return entropy + 1000.0 * float((negative**2).sum()) / len(real)


def even_pairs(rows: Complexes, kind: str) -> tuple[Complexes, Complexes]:
    """Cosine and sine parts (m, n) of an indirect dimension, from its 2 m rows as acquired.

    Parameters
    ----------
    rows : (2 m, n) complex
    kind : str
        "states", "states_tppi" or "echo_antiecho".
    """
    one, two = rows[0::2], rows[1::2]
    if kind == "echo_antiecho":
        # A turn of 90 degrees beside, so that recorded phases of the direct dimension fit.
        one, two = 0.5j * (one + two), 0.5 * (two - one)
    if kind == "states_tppi":
        sign = np.where(np.arange(len(one)) % 2, -1.0, 1.0)[:, None]
        one, two = one * sign, two * sign
    return one, two

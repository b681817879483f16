"""Motion of a specimen during a movie: shifts of frames, and their sum in place, weighted by dose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Floats = NDArray[np.float64]
Complex = NDArray[np.complex128]


@dataclass(frozen=True)
class Motion:
    """Shift (y, x; pixels) of each frame from the first (n, 2), its error (n,), and rounds until settled."""

    shifts: Floats
    errors: Floats
    rounds: int


def cropped_transform(frame: NDArray[Any], binning: int) -> Complex:
    """Fourier terms (m, m // 2 + 1) of a frame (y, x), without the frequencies that binning loses."""
    whole = fft.rfft2(frame - frame.mean())
    rows, columns = frame.shape[0] // binning // 2 * 2, frame.shape[1] // binning // 2 * 2
    half = rows // 2
    return np.concatenate([whole[:half, : columns // 2 + 1], whole[-half:, : columns // 2 + 1]])


def align(
    terms: Complex, shape: tuple[int, int], blur: float = 3.0, most_rounds: int = 20, settled: float = 0.01
) -> Motion:
    """Shifts that bring frames upon each other, each against the sum of the others.

    Parameters
    ----------
    terms : (n, rows, columns // 2 + 1) complex
        Real transforms of the frames, as :func:`cropped_transform` gives them.
    shape : (rows, columns)
        Of the images they are transforms of.
    blur : float, pixels
        Standard width by which images are blurred, so that noise does not decide.
    most_rounds, settled : int, float
        Stop after so many rounds, or when no shift moves by `settled` pixels.

    Notes
    -----
    A frame is left out of the sum it is compared with, or it would find itself. The peak
    of the correlation is refined by a paraboloid over its neighbours. A constant pattern
    of the camera correlates at no shift; frames must be gain-corrected. The error is the
    scatter of the shifts about a smooth path, which is an upper bound if the path is not.

    References
    ----------
    X. Li et al., Nat. Methods 10, 584 (2013); T. Grant and N. Grigorieff, eLife 4, e06980 (2015).
    """
    count = len(terms)
    fy = fft.fftfreq(shape[0])[:, None]
    fx = fft.rfftfreq(shape[1])[None]
    weight = np.exp(-2 * (np.pi * blur) ** 2 * (fy**2 + fx**2))
    weight[0, 0] = 0.0
    shifts = np.zeros((count, 2))
    rounds = 0
    for _ in range(most_rounds):
        rounds += 1
        placed = np.stack([_moved(frame, fy, fx, shift) for frame, shift in zip(terms, shifts, strict=True)])
        total = placed.sum(axis=0)
        steps = np.array(
            [_peak(fft.irfft2(weight * frame * (total - frame).conj(), shape)) for frame in placed]
        )
        shifts = shifts + steps
        shifts -= shifts[0]
        if np.abs(steps - steps[0]).max() < settled:
            break
    return Motion(shifts, _scatter(shifts), rounds)


def _moved(terms: Complex, fy: Floats, fx: Floats, shift: Floats) -> Complex:
    """A frame brought back by `shift` (y, x) pixels."""
    return np.asarray(terms * np.exp(2j * np.pi * (fy * shift[0] + fx * shift[1])))


def _peak(correlation: Floats) -> Floats:
    """Place (y, x) of the maximum to a fraction of a pixel, by parabolas through its neighbours."""
    rows, columns = correlation.shape
    y, x = np.unravel_index(int(correlation.argmax()), correlation.shape)
    found = []
    for place, size, line in (
        (int(y), rows, correlation[:, x]),
        (int(x), columns, correlation[y]),
    ):
        before, at, after = line[(place - 1) % size], line[place], line[(place + 1) % size]
        bend = before - 2 * at + after
        part = 0.0 if bend == 0 else 0.5 * (before - after) / bend
        whole = place if place <= size // 2 else place - size
        found.append(whole + part)
    return np.array(found)


def _scatter(shifts: Floats) -> Floats:
    """Deviation of each shift from a cubic path, as one number for all frames."""
    count = len(shifts)
    if count < 6:
        return np.full(count, np.nan)
    time = np.linspace(-1, 1, count)
    away = [line - np.polynomial.Polynomial.fit(time, line, 3)(time) for line in shifts.T]
    return np.full(count, float(np.sqrt(np.mean(np.square(away)) * count / (count - 4))))


def critical_dose(frequency: NDArray[Any]) -> Floats:
    """Dose (e/angstrom²) after which a spacing fades by a factor e in amplitude, at 300 kV.

    References
    ----------
    T. Grant and N. Grigorieff, eLife 4, e06980 (2015), equation 3.
    """
    with np.errstate(divide="ignore"):
        return np.asarray(0.24499 * np.power(frequency, -1.6649) + 2.8141)


def dose_weight(shape: tuple[int, ...], pixel: float, dose: float, scale: float = 1.0) -> Floats:
    """Weight (y, x // 2 + 1) of a frame at whose end `dose` was spent, exp(-dose / (2 critical dose)).

    `pixel` is in angstrom; `scale` multiplies the critical dose at voltages other than 300 kV.
    """
    frequency = np.hypot(fft.fftfreq(shape[0], pixel)[:, None], fft.rfftfreq(shape[1], pixel)[None])
    return np.asarray(np.exp(-dose / (2 * scale * critical_dose(frequency))))


def moved(terms: Complex, shape: tuple[int, ...], shift: Floats) -> Complex:
    """The transform of a whole frame (y, x) brought back by `shift` (y, x) pixels."""
    return _moved(terms, fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])[None], shift)

"""The Debye sum over all pairs of scatterers, by a histogram of distances for each pair of kinds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.common.kernels.compiled import compiled

Floats = NDArray[np.float64]

BIN = 0.05


@dataclass(frozen=True)
class Partials:
    """`matrix` (n, k, k): sum of sin(qr)/qr over ordered pairs of kinds, self terms included, at `q` (n,).

    The intensity of amplitudes A (n, k) is the sum over both kinds of A A `matrix`.
    """

    q: Floats
    matrix: Floats

    def intensity(self, amplitudes: Floats) -> Floats:
        """I(q) (n,) for amplitudes (n, k) of each kind, in the square of their unit."""
        return np.asarray(np.einsum("nk,nkl,nl->n", amplitudes, self.matrix, amplitudes))


def partials(positions: Floats, kinds: NDArray[np.int_], count: int, q: Floats) -> Partials:
    r"""Partial Debye sums of `count` kinds of scatterers.

    .. math:: S_{kl}(q) = \sum_{i \in k} \sum_{j \in l} \frac{\sin q r_{ij}}{q r_{ij}}

    Parameters
    ----------
    positions : (n, 3) float, angstrom
    kinds : (n,) int
        Kind of each scatterer, 0 to `count` - 1.
    q : (m,) float, 1/angstrom, not negative

    Notes
    -----
    Distances are sorted into bins of 0.05 angstrom that count at their centres, so
    the relative error is about (0.05 q)² / 24, and distances below a bin do not matter.

    References
    ----------
    P. Debye, Ann. Phys. 351, 809 (1915).
    """
    order = np.argsort(kinds, kind="stable")
    sorted_positions = np.ascontiguousarray(positions[order], dtype=np.float64)
    ends = np.searchsorted(kinds[order], np.arange(count + 1))
    # The diagonal of the box bounds every distance.
    reach = float(np.linalg.norm(np.ptp(positions, axis=0))) if len(positions) else 0.0
    bins = int(reach / BIN) + 2
    matrix = np.zeros((len(q), count, count))
    waves = np.sinc(np.outer(q, (np.arange(bins) + 0.5) * BIN) / np.pi)
    for k in range(count):
        for m in range(k, count):
            pairs = _histogram(sorted_positions, ends[k], ends[k + 1], ends[m], ends[m + 1], bins, 1.0 / BIN)
            summed = waves @ pairs
            if k == m:
                matrix[:, k, k] = 2 * summed + (ends[k + 1] - ends[k])
            else:
                matrix[:, k, m] = matrix[:, m, k] = summed
    return Partials(np.asarray(q, float), matrix)


@compiled(fastmath=True)
def _histogram(positions, start, stop, other_start, other_stop, bins, per_bin):  # type: ignore[no-untyped-def]
    # Bins of a row are found in one vectorised sweep; two histograms in turn keep an
    # increment from waiting for the one before it.
    even, odd = np.zeros(bins, np.int64), np.zeros(bins, np.int64)
    places = np.empty(other_stop - other_start, np.int32)
    x = positions[other_start:other_stop, 0].copy()
    y = positions[other_start:other_stop, 1].copy()
    z = positions[other_start:other_stop, 2].copy()
    same = start == other_start
    for i in range(start, stop):
        a, b, c = positions[i, 0], positions[i, 1], positions[i, 2]
        first = i + 1 - start if same else 0
        for j in range(first, len(places)):
            dx, dy, dz = x[j] - a, y[j] - b, z[j] - c
            places[j] = np.int32(np.sqrt(dx * dx + dy * dy + dz * dz) * per_bin)
        last = first + (len(places) - first) // 2 * 2
        for j in range(first, last, 2):
            even[places[j]] += 1
            odd[places[j + 1]] += 1
        if last < len(places):
            even[places[last]] += 1
    return even + odd

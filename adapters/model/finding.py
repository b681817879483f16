"""A number that a product claims: the currency of fusion."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from adapters.model.unit import same_dimension
from adapters.model.vocabulary import QUANTITIES


@dataclass(frozen=True, slots=True)
class Finding:
    """A quantity of the vocabulary with value, standard uncertainty and how it was got.

    `uncertainty` is None only where `assumptions` say why there is none.
    """

    quantity: str
    value: float
    uncertainty: float | None
    unit: str
    method: str
    assumptions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.quantity not in QUANTITIES:
            raise ValueError(f"{self.quantity!r} is not in the vocabulary; add it with unit and meaning")
        expected = QUANTITIES[self.quantity].unit
        if expected != "any" and not same_dimension(self.unit, expected, self.quantity):
            raise ValueError(f"{self.quantity} is claimed in {self.unit!r}, not in {expected!r}")
        if not math.isfinite(self.value):
            raise ValueError(f"{self.quantity} by {self.method} is {self.value}; that is not a finding")
        if self.uncertainty is None and not self.assumptions:
            raise ValueError(f"{self.quantity} by {self.method} states neither uncertainty nor why not")
        if self.uncertainty is not None and not self.uncertainty >= 0:
            raise ValueError(f"{self.quantity} by {self.method} has the uncertainty {self.uncertainty}")

    def to_json(self) -> dict[str, Any]:
        """As it stands in manifests and in the output of commands."""
        return {**asdict(self), "assumptions": list(self.assumptions)}

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Finding:
        """The inverse of :meth:`to_json`."""
        return cls(**{**said, "assumptions": tuple(said.get("assumptions", ()))})


def rounded(value: float, uncertainty: float | None) -> str:
    """A number with its uncertainty, to two digits of the uncertainty."""
    if uncertainty is None or not math.isfinite(uncertainty) or uncertainty <= 0:
        return f"{value:.4g}"
    digits = 1 - math.floor(math.log10(uncertainty))
    if digits > 9 or abs(value) >= 1e6:
        return f"{value:.5g} ± {uncertainty:.2g}"
    places = max(0, digits)
    return f"{value:.{places}f} ± {uncertainty:.{places}f}"

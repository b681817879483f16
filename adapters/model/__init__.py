"""The words of HALOS as values: what readers fill, science uses and products carry."""

from adapters.model.finding import Finding, rounded
from adapters.model.flag import Flag, Severity, merged, worst
from adapters.model.geometry import Geometry, Orientation
from adapters.model.measurement import Measurement, Provenance
from adapters.model.metadata import Metadata
from adapters.model.product import Input, Manifest
from adapters.model.readiness import Readiness, State
from adapters.model.technique import TECHNIQUES, Technique, Variable, violations
from adapters.model.unit import convert, same_dimension
from adapters.model.vocabulary import QUANTITIES, Quantity

__all__ = [
    "QUANTITIES",
    "TECHNIQUES",
    "Finding",
    "Flag",
    "Geometry",
    "Input",
    "Manifest",
    "Measurement",
    "Metadata",
    "Orientation",
    "Provenance",
    "Quantity",
    "Readiness",
    "Severity",
    "State",
    "Technique",
    "Variable",
    "convert",
    "merged",
    "rounded",
    "same_dimension",
    "violations",
    "worst",
]

"""HALOS: one sample, many facilities, one answer.

What readers and analysts outside import stands here; each name is loaded when it is
first used, so that importing HALOS is quick and pulls in neither Prefect nor Dask.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PLACES = {
    "Adapter": "adapters.protocol",
    "AdapterConformance": "adapters.testing",
    "AdapterError": "adapters.errors",
    "Array": "adapters.formats.nexus",
    "Confidence": "adapters.protocol",
    "Finding": "adapters.model",
    "Flag": "adapters.model",
    "Geometry": "adapters.model",
    "Manifest": "adapters.model",
    "Measurement": "adapters.model",
    "Metadata": "adapters.model",
    "NexusLayout": "adapters.formats.nexus",
    "Number": "adapters.formats.nexus",
    "Orientation": "adapters.model",
    "Probe": "adapters.protocol",
    "ProductStore": "adapters.stores.products",
    "Provenance": "adapters.model",
    "QUANTITIES": "adapters.model",
    "Readiness": "adapters.model",
    "Sample": "adapters.testing",
    "Severity": "adapters.model",
    "TECHNIQUES": "adapters.model",
    "Text": "adapters.formats.nexus",
    "open_run": "adapters.registry",
}

__all__ = ["__version__", *sorted(_PLACES)]  # noqa: PLE0604 (the names are strings, made from the table)


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'halos' has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

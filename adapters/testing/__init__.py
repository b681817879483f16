"""What proves a reader right: the conformance kit and writers of small samples; the kit needs pytest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adapters.testing.checking import write_strangers
    from adapters.testing.conformance import AdapterConformance, Sample

__all__ = ["AdapterConformance", "Sample", "write_strangers"]


def __getattr__(name: str) -> Any:
    # Lazily, so that the command can use its neighbours where pytest is not installed.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import pytest

    # The kit's asserts explain themselves only if pytest rewrites them before they are imported.
    pytest.register_assert_rewrite("adapters.testing.conformance")
    from adapters.testing import conformance

    return getattr(conformance, name)

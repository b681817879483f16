"""What proves a reader right: the conformance kit and writers of small samples; needs pytest."""

import pytest

# The kit's asserts explain themselves only if pytest rewrites them before they are imported.
pytest.register_assert_rewrite("adapters.testing.conformance")

from adapters.testing.conformance import AdapterConformance, Sample, write_strangers  # noqa: E402

__all__ = ["AdapterConformance", "Sample", "write_strangers"]

"""Kernels work also where machine code cannot be kept."""

from numba.core.caching import CacheImpl

from tasks.common.kernels.compiled import compiled


def _twice(number):
    return 2 * number


def test_what_can_be_kept_nowhere_is_compiled_anew(monkeypatch):
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])

    assert compiled()(_twice)(21) == 42

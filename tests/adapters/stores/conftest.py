"""Products to send."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.testing.products import write_product


@pytest.fixture
def product(tmp_path: Path) -> Callable[..., Path]:
    """Make a committed product of so many bytes, with more files by name."""

    def make(size: int = 4000, **more: bytes) -> Path:
        return write_product(tmp_path / "products", size=size, more=more)

    return make

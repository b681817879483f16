"""What all tests share: where the measured data lie, if they do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def measured() -> Path:
    """The folder of measured data; tests that need it skip, with this reason, where it is absent."""
    root = Path(os.environ.get("HALOS_DATA", BESIDE))
    if not root.is_dir():
        pytest.skip("measured data absent: set HALOS_DATA to their folder")
    return root

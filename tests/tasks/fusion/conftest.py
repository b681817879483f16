"""Products made up for fusion: each a few findings with the files they rest on."""

from __future__ import annotations

import pytest

from tasks.fusion.claims import Source


@pytest.fixture
def product():
    """A source by label and technique; its data are its own unless `data` names them."""

    def make(label, *findings, technique="saxs", flags=(), data=None):
        files = (("sample", data or f"data of {label}"), ("product", f"file of {label}"))
        return Source(label, f"key of {label}", technique, technique, findings, tuple(flags), files)

    return make

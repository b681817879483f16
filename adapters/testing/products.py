"""Products without science, to send about: real manifests, real HDF5, content that nothing compresses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import h5py
import numpy as np

from adapters.model import Manifest
from adapters.stores.products import ProductStore

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
NONE: Mapping[str, bytes] = MappingProxyType({})


def write_product(
    root: Path, *, size: int = 4000, key: str = "ab" * 32, more: Mapping[str, bytes] = NONE
) -> Path:
    """A product of about `size` bytes committed below `root`, with `more` files by name; its folder."""
    store = ProductStore(root)
    with store.staging("saxs", key) as bench:
        with h5py.File(bench / "curve.nxs", "w") as file:
            file["noise"] = np.frombuffer(os.urandom(size), "u1")
        (bench / "01-curve.png").write_bytes(PNG)
        for name, content in more.items():
            (bench / name).write_bytes(content)
        said = Manifest(
            key=key,
            technique="saxs",
            recipe="saxs",
            inputs=(),
            parameters={},
            files={},
            product="curve.nxs",
            versions={},
            created="2026-01-01T00:00:00+00:00",
            plots=("01-curve.png",),
        )
        return store.commit(bench, said)

"""Frames from raw HDF5 chunks: read without decoding under the HDF5 lock, decode in this thread.

h5py holds one lock for all of HDF5, so decoding through its filters cannot use
two cores. Reading the stored chunk and decoding it here can, and the bitshuffle
package transposes with AVX2 where the HDF5 plugin does not.
"""

from __future__ import annotations

import struct
from typing import Any

import h5py
import numpy as np

BITSHUFFLE_ID = 32008
LZ4 = 2


def frames(dataset: h5py.Dataset, key: Any) -> np.ndarray[Any, Any] | None:
    """`dataset[key]` if `key` takes whole frames of a layout known here, else None."""
    span = _whole_frames(dataset, key)
    if span is None or not _decodable(dataset):
        return None
    found = np.empty((span.stop - span.start, *dataset.shape[1:]), dataset.dtype)
    for place, index in enumerate(range(span.start, span.stop)):
        if not _decode_into(dataset, index, found[place]):
            return None
    return found


def _whole_frames(dataset: h5py.Dataset, key: Any) -> range | None:
    if not isinstance(key, tuple) or len(key) != dataset.ndim or dataset.ndim < 2:
        return None
    if not all(isinstance(each, slice) for each in key):
        return None
    spans = [range(*each.indices(size)) for each, size in zip(key, dataset.shape, strict=True)]
    rest_whole = all(span == range(size) for span, size in zip(spans[1:], dataset.shape[1:], strict=True))
    return spans[0] if rest_whole and spans[0].step == 1 else None


def _decodable(dataset: h5py.Dataset) -> bool:
    if dataset.chunks != (1, *dataset.shape[1:]) or not dataset.dtype.isnative:
        return False
    filters = dataset.id.get_create_plist()
    if filters.get_nfilters() != 1:
        return False
    code, _, values, _ = filters.get_filter(0)
    if code != BITSHUFFLE_ID or len(values) < 5 or values[4] != LZ4:
        return False
    return _bitshuffle() is not None


def _bitshuffle() -> Any:
    # Optional: it has no wheel for some Python versions, and HDF5's filter then serves.
    try:
        import bitshuffle
    except ImportError:
        return None
    return bitshuffle


def _decode_into(dataset: h5py.Dataset, index: int, frame: np.ndarray[Any, Any]) -> bool:
    where = (index,) + (0,) * (dataset.ndim - 1)
    try:
        skipped, raw = dataset.id.read_direct_chunk(where)
    except (OSError, RuntimeError, ValueError):
        # A chunk that was never written has no bytes; HDF5 knows the fill value.
        return False
    if skipped or len(raw) < 12:
        return False
    size, block = struct.unpack(">QI", raw[:12])
    if size != frame.nbytes or block % frame.dtype.itemsize:
        return False
    packed = np.frombuffer(raw, np.uint8, offset=12)
    frame[...] = _bitshuffle().decompress_lz4(packed, frame.shape, frame.dtype, block // frame.dtype.itemsize)
    return True

"""Frames of a file as an array that keeps its path, and opens the file each time it is indexed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adapters.errors import NoSuchRunError


def state_of(path: Path | str) -> tuple[Any, ...]:
    """Path, time and size of a file: one that changed is another array, whose blocks dask must not reuse."""
    try:
        state = Path(path).stat()
    except FileNotFoundError as error:
        raise NoSuchRunError(path) from error
    return (str(path), state.st_mtime_ns, state.st_size)


class FramesByPath(ABC):
    """Frames (n, ...) of one file; a reader says how some of them are read."""

    def __init__(self, path: Path | str, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
        self.path, self.shape, self.dtype = str(path), tuple(shape), dtype
        self.ndim = len(self.shape)

    @abstractmethod
    def read(self, numbers: Sequence[int]) -> np.ndarray[Any, Any]:
        """The frames with these numbers, as (len(numbers), ...) of `dtype`."""

    def __getitem__(self, key: Any) -> np.ndarray[Any, Any]:
        first, *rest = key if isinstance(key, tuple) else (key,)
        wanted = np.arange(self.shape[0])[first]
        stack = self.read([int(each) for each in np.atleast_1d(wanted)])
        found = stack if np.ndim(wanted) else stack[0]
        lead = (slice(None),) if np.ndim(wanted) else ()
        chosen: np.ndarray[Any, Any] = found[(*lead, *rest)]
        return chosen

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return state_of(self.path)

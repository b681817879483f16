"""Apply kernels to blocks of frames on Dask: what a block gives is small, and lines up along frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import dask.array as da

BlockKernel = Callable[..., NDArray[np.float64]]


def each_frame(
    kernel: BlockKernel, frames: da.Array, plan: Any, shape: tuple[int, ...], *more: da.Array
) -> da.Array:
    """`kernel(block, plan, ...)` for every block of frames, lined up along the frame axis, lazily.

    Parameters
    ----------
    kernel : callable
        Takes (k, y, x) frames, the plan and a block of each of `more`; returns (k, *shape).
    frames : (n, y, x) dask array
        Blocks along other axes are joined first, so that a kernel sees whole frames.
    plan : any
        What all blocks share. It enters the graph once, not once a block.
    shape : tuple of int
        Shape of the result for one frame.
    more : (n, y, x) dask arrays
        Cut into the same blocks as `frames`.

    Returns
    -------
    (n, *shape) dask array
        Reading a block and the kernel on it are one task, so frames never travel.
    """
    import dask.array as da
    from dask.delayed import delayed

    whole = frames.rechunk(dict.fromkeys(range(1, frames.ndim), -1))
    results: da.Array = da.map_blocks(
        _apply,
        whole,
        *(other.rechunk(whole.chunks) for other in more),
        kernel=kernel,
        plan=delayed(plan, pure=True, traverse=False),
        drop_axis=list(range(1, frames.ndim)),
        new_axis=list(range(1, 1 + len(shape))),
        chunks=(whole.chunks[0], *shape),
        dtype=np.float64,
        meta=np.empty((0,) * (1 + len(shape))),
    )
    return results


def each_block(kernel: Callable[..., Any], frames: da.Array, plan: Any, *more: da.Array | None) -> da.Array:
    """`kernel(block, plan, ...)` for every block of frames, lazily: one object a block, to be added up.

    For what a kernel gives is not one row a frame, such as a sum of frames beside their
    curves. A place of `more` that is None is handed on as None.
    """
    import dask.array as da
    from dask.delayed import delayed

    whole = frames.rechunk(dict.fromkeys(range(1, frames.ndim), -1))
    there = [other.rechunk(whole.chunks) for other in more if other is not None]
    results: da.Array = da.map_blocks(
        _one_object,
        whole,
        *there,
        kernel=kernel,
        plan=delayed(plan, pure=True, traverse=False),
        given=tuple(other is not None for other in more),
        drop_axis=list(range(1, frames.ndim)),
        chunks=((1,) * len(whole.chunks[0]),),
        dtype=object,
        meta=np.empty(0, object),
    )
    return results


Arrived = Callable[[int, NDArray[Any]], None]
Compute = Callable[["da.Array", Arrived], None]
"""What computes a lazy array block by block along its first axis and hands on each: start, then block."""


def in_threads(lazy: da.Array, arrived: Arrived, at_once: int = 2) -> None:
    """Compute blocks in threads of this process, `at_once` at a time, so that few are in memory."""
    from dask.base import compute

    starts = np.concatenate([[0], np.cumsum(lazy.chunks[0])[:-1]]).astype(int)
    for first in range(0, len(starts), at_once):
        some = [lazy.blocks[place] for place in range(first, min(first + at_once, len(starts)))]
        for start, block in zip(
            starts[first : first + at_once], compute(*some, scheduler="threads"), strict=True
        ):
            arrived(int(start), block)


def each_block_at(kernel: Callable[..., Any], frames: da.Array, plan: Any) -> da.Array:
    """`kernel(block, plan, first)` for every block of frames, lazily: one object a block.

    `first` is the number of the block's first frame, for plans that differ with the frame.
    """
    import dask.array as da
    from dask.delayed import delayed

    whole = frames.rechunk(dict.fromkeys(range(1, frames.ndim), -1))
    results: da.Array = da.map_blocks(
        _one_object_at,
        whole,
        kernel=kernel,
        plan=delayed(plan, pure=True, traverse=False),
        drop_axis=list(range(1, frames.ndim)),
        chunks=((1,) * len(whole.chunks[0]),),
        dtype=object,
        meta=np.empty(0, object),
    )
    return results


def _one_object_at(
    frames: NDArray[Any], kernel: Callable[..., Any], plan: Any, block_info: Any = None
) -> NDArray[Any]:
    result = np.empty(1, object)
    result[0] = kernel(frames, plan, int(block_info[0]["array-location"][0][0]))
    return result


def _one_object(
    *blocks: NDArray[Any], kernel: Callable[..., Any], plan: Any, given: tuple[bool, ...]
) -> NDArray[Any]:
    frames, *there = blocks
    remaining = iter(there)
    result = np.empty(1, object)
    result[0] = kernel(frames, plan, *(next(remaining) if each else None for each in given))
    return result


def _apply(*blocks: NDArray[Any], kernel: BlockKernel, plan: Any) -> NDArray[np.float64]:
    frames, *more = blocks
    return kernel(frames, plan, *more)

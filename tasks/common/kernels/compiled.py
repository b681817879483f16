"""Compiling kernels: machine code is kept between runs where there is a place to keep it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A decorator like `numba.njit` that releases the GIL, for which `options` are meant.

    A service may run as a user who can write neither beside the code nor at home: then it is
    compiled anew in each process, which takes seconds, instead of failing.
    """

    def compile_(function: Callable[..., Any]) -> Any:
        try:
            return njit(nogil=True, cache=True, **options)(function)
        except RuntimeError as error:
            if "cannot cache" not in str(error):
                raise
            return njit(nogil=True, **options)(function)

    return compile_

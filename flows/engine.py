"""Steps and flows that run under Prefect where there is a server, and as plain Python where there is none.

A small job on a laptop need not start a server for seconds; the same functions run in
the same order either way, so the answer cannot differ.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext
from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger

from flows.telling import tell_in_words

P = ParamSpec("P")
R = TypeVar("R")

tell_in_words()


def step(name: str, *, retries: int = 0) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A step that a scientist would name: a Prefect task inside a flow run, a plain call outside.

    Results stay out of Prefect's storage: steps hand on names of files in the bench.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        tracked: Any = task(name=name, retries=retries, cache_policy=NO_CACHE, persist_result=False)(function)

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            result: R = tracked(*args, **kwargs) if in_flow_run() else function(*args, **kwargs)
            return result

        return call

    return decorate


def in_flow_run() -> bool:
    """Whether this is running inside a flow run that a server knows of."""
    return FlowRunContext.get() is not None


def logger() -> logging.Logger | logging.LoggerAdapter[Any]:
    """The run's own logger where there is a run, so that its lines show in the browser."""
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger("halos")

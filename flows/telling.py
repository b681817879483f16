"""How a failure is told in the browser: our own errors by their words, faults with their traceback."""

from __future__ import annotations

import logging

# An error defined in one of our rooms says what, where and what to do; how it got there helps nobody.
ROOMS = ("adapters", "configs", "flows", "tasks")
RUN_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")


class InWords(logging.Filter):
    """Turns a record about one of our own errors into the words of that error."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, ours without its traceback."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and type(error).__module__.split(".")[0] in ROOMS:
            record.msg, record.args = str(error), ()
            record.exc_info = record.exc_text = None
        return True


def tell_in_words() -> None:
    """Let the logs of runs tell our own errors in words; a second call changes nothing."""
    for name in RUN_LOGGERS:
        target = logging.getLogger(name)
        if not any(isinstance(each, InWords) for each in target.filters):
            target.addFilter(InWords())

"""What the parts of a hub are told by their environment: where they are, and to call nobody."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from deployments.home import Home

# A login and a database may be chosen by whoever starts the hub; all else of Prefect's is the hub's.
KEPT = (
    "PREFECT_SERVER_API_AUTH_STRING",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
    "PREFECT_SERVER_LOGGING_LEVEL",
    "PREFECT_LOGGING_LEVEL",
)
LOGIN = "PREFECT_SERVER_API_AUTH_STRING"


def login(environment: Mapping[str, str]) -> str | None:
    """The user and password that the hub asks for; None where it asks for none."""
    return environment.get(LOGIN) or None


def surroundings(
    given: Mapping[str, str], home: Home, host: str, *, inside: str, outside: str
) -> dict[str, str]:
    """The whole environment of the server and the worker, made from the one that was given.

    `inside` is where they reach the API, `outside` where a browser does.
    """
    kept = {name: value for name, value in given.items() if not name.startswith("PREFECT") or name in KEPT}
    told = {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # The newer page calls an analytics host even when told not to.
        "PREFECT_SERVER_UI_V2_ENABLED": "false",
        # They are not used here, and laying them out takes half of the first start.
        "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
        "PREFECT_SERVER_UI_API_URL": outside,
        "PREFECT_API_URL": inside,
        "PREFECT_HOME": str(home.server),
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "HALOS_RESULTS": str(home.results.resolve()),
        "NO_PROXY": _beside_proxy(given, host),
        "no_proxy": _beside_proxy(given, host),
        # A plot is drawn into a file; there is no screen to draw on.
        "MPLBACKEND": "Agg",
        "PATH": _with_interpreter(given),
    }
    if said := login(given):
        told["PREFECT_API_AUTH_STRING"] = said
    return {**kept, **told}


def _beside_proxy(given: Mapping[str, str], host: str) -> str:
    before = given.get("NO_PROXY") or given.get("no_proxy") or ""
    return ",".join(each for each in (before, host, "127.0.0.1", "localhost") if each)


def _with_interpreter(given: Mapping[str, str]) -> str:
    return os.pathsep.join([str(Path(sys.executable).parent), given.get("PATH", os.defpath)])

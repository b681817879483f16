"""Why a hub cannot be, or cannot go on: each says what, where and what to do."""

from __future__ import annotations


class HubError(Exception):
    """Something about the hub on this machine."""


class HomeInUseError(HubError):
    """Another hub keeps its books in this folder."""

    def __init__(self, home: str, process: int | None, url: str | None) -> None:
        super().__init__(home, process, url)
        self.home, self.process, self.url = home, process, url

    def __str__(self) -> str:
        where = f" at {self.url}" if self.url else ""
        who = f" (process {self.process})" if self.process else ""
        return f"a hub is running on {self.home} already{where}{who}; stop it first, or give another --home"


class HomeUnusableError(HubError):
    """The hub's folder cannot be written."""

    def __init__(self, home: str, reason: str) -> None:
        super().__init__(home, reason)
        self.home, self.reason = home, reason

    def __str__(self) -> str:
        remedy = "give another --home, --results or --incoming"
        return f"{self.home} cannot be used by a hub: {self.reason}; {remedy}"


class AddressError(HubError):
    """The hub cannot listen where it was asked to."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(host, port, reason)
        self.host, self.port, self.reason = host, port, reason

    def __str__(self) -> str:
        return f"cannot listen on {self.host}, port {self.port}: {self.reason}; give another --port or --host"


class PartFailedError(HubError):
    """The server or the worker did not come up, or ended by itself."""

    def __init__(self, part: str, reason: str, log: str, last: str) -> None:
        super().__init__(part, reason, log, last)
        self.part, self.reason, self.log, self.last = part, reason, log, last

    def __str__(self) -> str:
        said = "\n".join(f"  {line}" for line in self.last.splitlines()) or "  (nothing)"
        return f"the {self.part} {self.reason}; its log {self.log} ends with\n{said}"

"""What can be wrong at a site, and the one answer that every refused request gets."""

from __future__ import annotations


class SiteError(Exception):
    """Something about a site that its people can mend."""


class SiteFaultsError(SiteError):
    """A site is not fit to run; each fault is listed with its remedy."""

    def __init__(self, folder: str, faults: tuple[str, ...]) -> None:
        super().__init__(folder, tuple(faults))
        self.folder, self.faults = folder, tuple(faults)

    def __str__(self) -> str:
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        return f"the site in {self.folder} has {count}:\n  " + "\n  ".join(self.faults)


class SiteExistsError(SiteError):
    """A site is never laid over another."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self.folder = folder

    def __str__(self) -> str:
        return f"{self.folder} is not empty; give a new folder, so that no keys are overwritten"


class WatchedAlreadyError(SiteError):
    """Another process watches for this site."""

    def __init__(self, folder: str, process: int | None) -> None:
        super().__init__(folder, process)
        self.folder, self.process = folder, process

    def __str__(self) -> str:
        who = f" by process {self.process}" if self.process else ""
        return f"the site in {self.folder} is being watched already{who}; one watcher is enough"


class WorkedAlreadyError(SiteError):
    """Another process works for this site."""

    def __init__(self, folder: str, process: int | None) -> None:
        super().__init__(folder, process)
        self.folder, self.process = folder, process

    def __str__(self) -> str:
        who = f" as process {self.process}" if self.process else ""
        return f"the site in {self.folder} has a worker already{who}; one worker is enough"


class RefusedError(Exception):
    """The one answer to every request that is not allowed; why stands in the site's audit log only."""

    def __str__(self) -> str:
        return "refused by the site; its administrator can tell why"

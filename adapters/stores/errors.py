"""What can be wrong with a product or the place where products are kept."""

from __future__ import annotations

from pathlib import Path


class StoreError(Exception):
    """Root of what a product store may raise."""


class ProductError(StoreError):
    """A product whose manifest is missing or whose files do not match it."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(str(path), reason)
        self.path, self.reason = str(path), reason

    def __str__(self) -> str:
        return f"{self.path} is not a valid product: {self.reason}. Remove the folder and reduce again"


class BesideRawDataError(StoreError):
    """Results would be written beside or below the raw data, which are read-only."""

    def __init__(self, results: str | Path, raw: str | Path) -> None:
        super().__init__(str(results), str(raw))
        self.results, self.raw = str(results), str(raw)

    def __str__(self) -> str:
        return (
            f"results in {self.results} would lie among the raw data of {self.raw}; "
            "choose another folder with --out"
        )


class NotForCrossingError(StoreError):
    """A product holds something that never crosses a border."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(str(path), reason)
        self.path, self.reason = str(path), reason

    def __str__(self) -> str:
        return f"{self.path} does not leave: {self.reason}"


class SuspectError(StoreError):
    """What arrived is not a whole, unaltered product of the kinds that cross."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(str(path), reason)
        self.path, self.reason = str(path), reason

    def __str__(self) -> str:
        return f"{self.path} is not taken in: {self.reason}"


class LinkError(StoreError):
    """The receiving end cannot be reached now, or the link broke; what arrived is kept there."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(url, reason)
        self.url, self.reason = url, reason

    def __str__(self) -> str:
        return f"no link to {self.url}: {self.reason}; try again, it goes on where it stopped"


class TargetError(StoreError):
    """Products cannot go to this address as it is given; trying again does not help."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(url, reason)
        self.url, self.reason = url, reason

    def __str__(self) -> str:
        return f"nothing can be delivered to {self.url}: {self.reason}"

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

"""What can be wrong with patterns of a scanned beam."""

from __future__ import annotations


class PatternError(Exception):
    """Patterns do not give what a step needs; it says what is wrong and what to do."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}" if self.remedy else self.what

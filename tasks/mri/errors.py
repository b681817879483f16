"""What can be wrong with volumes and decays."""

from __future__ import annotations


class VolumeError(Exception):
    """Volumes do not give what a map needs; it says what is wrong and what to do."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy)
        self.what, self.remedy = what, remedy

    def __str__(self) -> str:
        return f"{self.what}. {self.remedy}" if self.remedy else self.what

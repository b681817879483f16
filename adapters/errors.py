"""What can be wrong with a run on disk, each with its own error.

Every error is built from facts that stay positional, so that it survives the
trip back from a worker process; the message says what, where, and what to do.
"""

from __future__ import annotations

from pathlib import Path


class AdapterError(Exception):
    """Root of everything a reader may raise."""


class PathError(AdapterError):
    """Something is wrong with what lies at a path."""

    what = "cannot be read"
    remedy = ""

    def __init__(self, path: str | Path, detail: str = "") -> None:
        super().__init__(str(path), detail)
        self.path, self.detail = str(path), detail

    def __str__(self) -> str:
        said = f"{self.path} {self.what}"
        if self.detail:
            said += f": {self.detail}"
        return f"{said}. {self.remedy}" if self.remedy else said


class NoSuchRunError(PathError):
    """Nothing lies at the path."""

    what = "does not exist"
    remedy = "Check the spelling, and that the file system is mounted"


class EmptyFileError(PathError):
    """The file has no bytes."""

    what = "is empty (0 bytes)"
    remedy = "Copy it again from where it was written"


class TruncatedFileError(PathError):
    """The file ends before its own header says it should."""

    what = "is truncated"
    remedy = "Copy it again from where it was written, and compare the sizes"


class StillWritingError(PathError):
    """Another process is writing the file."""

    what = "is still being written"
    remedy = "Look again when the acquisition has closed it"


class CorruptFileError(PathError):
    """The bytes contradict the format."""

    what = "is damaged"
    remedy = "Copy it again from where it was written"


class MissingFilterError(PathError):
    """The data are compressed with a filter that is not installed."""

    what = "is compressed with a filter that is not available here"
    remedy = "Install the HDF5 plugin for it (most are in the package hdf5plugin)"


class DanglingLinkError(PathError):
    """A link in the file leads to a file or object that is not there."""

    what = "has a link that leads nowhere"
    remedy = "Copy the linked files too, keeping their places relative to this one"


class MissingSourceError(PathError):
    """A virtual dataset lacks source files; HDF5 alone would return zeros for them."""

    what = "has a virtual dataset whose sources are missing"
    remedy = "Copy the source files too; until then the pixels they hold are unknown, not zero"


class LayoutError(PathError):
    """A known format, but not with the content this reader needs."""

    what = "does not hold what its format promises"


class UnsuitedError(LayoutError):
    """A sound run or file, but not one that the asked reduction takes."""

    what = "does not suit what was asked"


class UnitError(PathError):
    """A unit that is unknown or of the wrong kind."""

    what = "states a unit that does not fit"


class UnknownFormatError(PathError):
    """No adapter knows what lies at the path."""

    what = "is not recognised by any adapter"
    remedy = "`halos adapters list` shows what is known; `halos adapters new` starts a reader"


class AmbiguousAdapterError(AdapterError):
    """Two or more adapters claim a path with equal confidence."""

    def __init__(self, path: str | Path, names: tuple[str, ...]) -> None:
        super().__init__(str(path), tuple(names))
        self.path, self.names = str(path), tuple(names)

    def __str__(self) -> str:
        claimed = " and ".join(self.names)
        return f"{self.path} is claimed equally by {claimed}; name one of them as the adapter"


class MissingMetadataError(AdapterError):
    """The file does not say something this step needs."""

    def __init__(self, name: str, source: str, parameter: str = "") -> None:
        super().__init__(name, source, parameter)
        self.name, self.source, self.parameter = name, source, parameter

    def __str__(self) -> str:
        how = self.parameter or self.name
        return f"{self.source} did not record {self.name}; give it as the parameter {how!r}"


class UnknownAssumptionError(AdapterError):
    """A quantity was supplied that the reader of a run does not take."""

    def __init__(self, name: str, adapter: str, known: tuple[str, ...] = ()) -> None:
        super().__init__(name, adapter, tuple(known))
        self.name, self.adapter, self.known = name, adapter, tuple(known)

    def __str__(self) -> str:
        takes = f"it takes {', '.join(self.known)}" if self.known else "it takes none"
        return f"{self.adapter} does not take {self.name!r} as an assumption; {takes}"


class MissingExtraError(AdapterError):
    """An optional package that this reader wraps is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(package, extra)
        self.package, self.extra = package, extra

    def __str__(self) -> str:
        return f"this needs the package {self.package}; install it with: pip install 'halos[{self.extra}]'"


class NotReadyError(AdapterError):
    """A run is not complete yet; it carries the reason and when to look again."""

    def __init__(self, path: str | Path, reason: str, look_again_s: float) -> None:
        super().__init__(str(path), reason, look_again_s)
        self.path, self.reason, self.look_again_s = str(path), reason, look_again_s

    def __str__(self) -> str:
        return f"{self.path} is not ready: {self.reason}; look again in {self.look_again_s:g} s"


class BrokenRunError(AdapterError):
    """A run can never be read as it is; it carries the reason."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(str(path), reason)
        self.path, self.reason = str(path), reason

    def __str__(self) -> str:
        return f"{self.path} is broken: {self.reason}"

"""What a path within a Bruker TopSpin data set points at: never one of several experiments by guess."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from adapters.errors import LayoutError, NoSuchRunError

RAW = ("fid", "ser")
PROCESSED = ("1r", "2rr")
BESIDE_RAW = {"acqus", "acqu", "acqu2s", "acqu2", *RAW}
BESIDE_PROCESSED = {"procs", "proc", "proc2s", "proc2", "1i", *PROCESSED}
# More children than this is no data set of one sample.
MOST_CHILDREN = 2000


@dataclass(frozen=True)
class Place:
    """An experiment, and one of its processed spectra where that is what is meant."""

    experiment: Path
    processing: Path | None = None

    def file(self, name: str) -> Path:
        """A file of the experiment."""
        return self.experiment / name


def claims(path: Path) -> bool:
    """Whether `path` is an experiment, a spectrum of it, a folder of them, or a file to open one by."""
    if path.is_dir():
        return (
            (path / "acqus").is_file()
            or _is_processing(path)
            or bool(_experiments(path))
            or (any((path / name).is_file() for name in RAW) and (path / "pulseprogram").is_file())
        )
    if path.name in BESIDE_PROCESSED:
        return _is_processing(path.parent)
    return path.name in BESIDE_RAW and (path.parent / "acqus").is_file()


def beside(path: Path) -> bool:
    """Whether `path` is a file that lies in an experiment without being one to open it by."""
    return path.is_file() and ((path.parent / "acqus").is_file() or _is_processing(path.parent))


def find(path: Path) -> Place:
    """What `path` points at; a choice that only a person can make is an error that lists it."""
    if not path.exists():
        raise NoSuchRunError(path)
    if not path.is_dir():
        return _of_file(path)
    if _is_processing(path):
        return Place(path.parent.parent, path)
    if (path / "acqus").is_file():
        return _of_experiment(path)
    if any((path / name).is_file() for name in RAW):
        said = "there is no acqus beside the data, so their type, byte order and length are unknown"
        raise LayoutError(path, said)
    found = _experiments(path)
    if len(found) != 1:
        listed = ", ".join(each.name for each in found) or "none"
        raise LayoutError(path, f"it holds the experiments {listed}; open one of them")
    return _of_experiment(found[0])


def _of_file(path: Path) -> Place:
    if path.name in BESIDE_PROCESSED and _is_processing(path.parent):
        return Place(path.parent.parent.parent, path.parent)
    if path.name in BESIDE_RAW:
        return find(path.parent)
    said = f"it belongs to the Bruker experiment {path.parent} and is no data; open that folder"
    raise LayoutError(path, said)


def _of_experiment(folder: Path) -> Place:
    if any((folder / name).is_file() for name in RAW):
        return Place(folder)
    found = processings(folder)
    if len(found) == 1:
        return Place(folder, found[0])
    listed = ", ".join(f"pdata/{each.name}" for each in found) or "none"
    raise LayoutError(folder, f"it has no raw data, and the processed spectra {listed}; open one of them")


def processings(experiment: Path) -> list[Path]:
    """The processed spectra of an experiment, by number."""
    return _numbered(experiment / "pdata", "procs")


def _experiments(folder: Path) -> list[Path]:
    return _numbered(folder, "acqus")


def _numbered(folder: Path, holds: str) -> list[Path]:
    if not folder.is_dir():
        return []
    children = [each for _, each in zip(range(MOST_CHILDREN), folder.iterdir(), strict=False)]
    return sorted(
        (each for each in children if each.name.isdigit() and (each / holds).is_file()),
        key=lambda each: int(each.name),
    )


def _is_processing(folder: Path) -> bool:
    inside = folder.parent.name == "pdata" and (folder.parent.parent / "acqus").is_file()
    return inside and (folder / "procs").is_file()

"""Whether a folder lies on a file system that other machines may write too."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

# Names of Linux; macOS calls them alike.
SHARED = (
    "nfs",
    "cifs",
    "smb",
    "gpfs",
    "lustre",
    "beegfs",
    "ceph",
    "afs",
    "9p",
    "fuse.sshfs",
    "fuse.glusterfs",
)


def shared(folder: Path) -> bool:
    """Whether other machines may write into a folder as well."""
    import psutil

    mounts = ((Path(each.mountpoint), each.fstype) for each in psutil.disk_partitions(all=True))
    return kind_at(folder.resolve(), mounts).startswith(SHARED)


def kind_at(folder: Path, mounts: Iterable[tuple[Path, str]]) -> str:
    """The kind of file system that a folder lies on: that of the innermost mount, the last of equals."""
    around = [(len(place.parts), kind) for place, kind in mounts if folder.is_relative_to(place)]
    # A sort that keeps the order of equals.
    return sorted(around, key=lambda each: each[0])[-1][1] if around else ""

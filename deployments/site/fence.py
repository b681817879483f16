"""A fence that the system keeps around a job (Landlock, Linux 5.13): what is not named cannot be opened.

It holds for the process and all that it starts, whatever code runs in it and through
whatever links a file leads: the last word where our own checks might be wrong.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
ASK_VERSION, PATH_BENEATH, NO_NEW_PRIVILEGES = 1, 1, 38

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << bit for bit in range(6))
REFER, TRUNCATE, DEVICE = 1 << 13, 1 << 14, 1 << 15
READING = EXECUTE | READ_FILE | READ_DIR
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | DEVICE
# All rights over files that a version of Landlock knows; later ones know what the fifth does.
ALL = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
BIND_AND_CONNECT = 0b11

ROOMS = ("halos", "deployments", "flows", "tasks", "adapters", "configs")
# A worker should not be root. If it is, its reductions keep only the rights to read and own files:
# with others they could look into processes outside the fence.
CAPABILITIES, CAPABILITY_VERSION = 0b1111, 0x20080522
# Where libraries, fonts, time zones and what the machine says of itself lie.
SYSTEM = (
    *("/usr", "/lib", "/lib64", "/bin", "/proc", "/sys/devices", "/sys/fs/cgroup", "/nix"),
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/timezone", "/etc/fonts", "/etc/nsswitch.conf"),
    *("/etc/passwd", "/etc/hosts", "/etc/resolv.conf", "/etc/ssl", "/etc/mime.types", "/etc/host.conf"),
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/random", "/dev/shm")


def version() -> int:
    """The version of Landlock here; 0 where there is none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, int(_libc().syscall(CREATE_RULESET, None, 0, ASK_VERSION)))


def put_up(readable: Iterable[Path], writable: Iterable[Path], *, network: bool) -> bool:
    """From now on only these places can be opened, and no TCP without `network`; False where none can be.

    To be called while the process has one thread.
    """
    if (known := version()) == 0:
        return False
    handled = ALL[min(known, max(ALL))]
    ports = BIND_AND_CONNECT if known >= 4 and not network else 0
    said = struct.pack("=QQ", handled, ports)
    ruleset = _called(CREATE_RULESET, said, 16 if known >= 4 else 8, 0)
    try:
        for place in (*_own_code(), *map(Path, SYSTEM), *readable):
            _allow(ruleset, place, READING & handled)
        for place in (*map(Path, DEVICES), *writable):
            _allow(ruleset, place, handled)
        if _libc().prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
        _drop_capabilities()
        _called(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return True


def _drop_capabilities() -> None:
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    held = (ctypes.c_uint32 * 6)()
    libc = _libc()
    if libc.capget(header, held) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    kept = (ctypes.c_uint32 * 6)(held[0] & CAPABILITIES, held[1] & CAPABILITIES, 0, 0, 0, 0)
    if libc.capset(header, kept) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def _own_code() -> list[Path]:
    """Where Python, its libraries and HALOS lie."""
    rooms = (find_spec(name) for name in ROOMS)
    folders = [folder for room in rooms if room for folder in room.submodule_search_locations or ()]
    return [Path(each) for each in dict.fromkeys((sys.prefix, sys.base_prefix, *sys.path, *folders)) if each]


def _allow(ruleset: int, place: Path, rights: int) -> None:
    try:
        descriptor = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        # What is not there needs no rule.
        return
    try:
        given = rights if place.is_dir() else rights & OF_FILES
        _called(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", given, descriptor), 0)
    finally:
        os.close(descriptor)


def _called(number: int, *arguments: int | bytes) -> int:
    answer: int = _libc().syscall(number, *arguments)
    if answer < 0:
        raise OSError(ctypes.get_errno(), f"Landlock: {os.strerror(ctypes.get_errno())}")
    return answer


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)

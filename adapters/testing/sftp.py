"""A real OpenSSH server on a free port of this machine, and a wire to it that can be cut."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

SBIN = "/usr/sbin:/sbin:/usr/local/sbin"
SECONDS_TO_START = 15.0
CONFIGURATION = """\
Port {port}
ListenAddress {host}
HostKey {home}/host
PidFile none
AuthorizedKeysFile {home}/authorized
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
ForceCommand internal-sftp
"""


@dataclass(frozen=True)
class Door:
    """A server that lets one key in, and the file that vouches for its host key."""

    port: int
    key: Path
    known_hosts: Path
    log: Path
    host: str = "127.0.0.1"

    def url(self, folder: Path, port: int | None = None) -> str:
        """Of a folder on this machine, by way of the server."""
        return f"sftp://{getpass.getuser()}@{self.host}:{port or self.port}{folder}"

    def vouched(self, port: int, path: Path) -> Path:
        """Known hosts, written to `path`, for the same server behind another port."""
        path.write_text(self.known_hosts.read_text().replace(str(self.port), str(port)))
        return path


def missing() -> list[str]:
    """The programs of OpenSSH that are not here."""
    return [name for name in ("sshd", "ssh-keygen") if program(name) is None]


def program(name: str) -> str | None:
    """Where a program of this name is, also where only root looks."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{SBIN}")


@contextmanager
def served(home: Path, host: str = "127.0.0.1") -> Iterator[Door]:
    """A server with its keys in `home`, stopped at the end."""
    for name in ("host", "user"):
        made_key(home / name)
    (home / "authorized").write_text((home / "user.pub").read_text())
    if os.geteuid() == 0:
        # As root it goes where it can do no harm before it speaks with anyone.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    port = free_port(host)
    (home / "config").write_text(CONFIGURATION.format(port=port, host=host, home=home))
    known = home / "known_hosts"
    known.write_text(f"[{host}]:{port} {' '.join((home / 'host.pub').read_text().split()[:2])}\n")
    door = Door(port, home / "user", known, home / "log", host)
    command = [str(program("sshd")), "-D", "-e", "-f", str(home / "config")]
    with door.log.open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _await(process, door)
        yield door
    finally:
        process.terminate()
        process.wait()


def made_key(path: Path) -> Path:
    """A new Ed25519 key without passphrase."""
    command = [str(program("ssh-keygen")), "-q", "-t", "ed25519", "-N", "", "-C", "halos", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return path


def free_port(host: str) -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind((host, 0))
        return int(listener.getsockname()[1])


def _await(process: subprocess.Popen[bytes], door: Door) -> None:
    until = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection((door.host, door.port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"sshd did not start: {door.log.read_text()}")


@dataclass
class Wire:
    """Passes bytes on to a port, counts them, and can be cut or go dead after a number of them."""

    target: int
    cut_after: int | None = None
    dead_after: int | None = None
    passed: int = 0
    back: int = 0
    _listener: socket.socket = field(default_factory=socket.socket)
    _open: list[socket.socket] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Where to connect."""
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Wire:
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            # Closing alone would let one more in, for whom we are waiting already.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Close every connection at once."""
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._open.clear()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
                self._open += [near, far]
                threading.Thread(target=self._there, args=(near, far), daemon=True).start()
                threading.Thread(target=self._back, args=(far, near), daemon=True).start()

    def _there(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while block := near.recv(2**15):
                if self.cut_after is not None and self.passed + len(block) > self.cut_after:
                    self.cut_after = None
                    self.cut()
                    return
                if self.dead_after is not None and self.passed + len(block) > self.dead_after:
                    continue
                far.sendall(block)
                self.passed += len(block)
        far.close()

    def _back(self, far: socket.socket, near: socket.socket) -> None:
        with suppress(OSError):
            while block := far.recv(2**15):
                self.back += len(block)
                near.sendall(block)
        near.close()

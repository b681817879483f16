"""A folder at the receiving end, by URL: opened with checked host keys, bounded in time, errors in words."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem

from adapters.errors import MissingExtraError
from adapters.stores.errors import LinkError, StoreError, TargetError

BLOCK = 2**18
PORT = 22


@dataclass(frozen=True)
class Access:
    """How to get in: a key file and the known hosts for sftp, options of fsspec for the rest."""

    key: Path | None = None
    known_hosts: Path | None = None
    patience_s: float = 30.0
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """A folder at the receiving end.

    `renames`: a folder is moved by one step there, and files can be gone on with.
    `near`: reading back costs nothing.
    """

    fs: Any
    base: str
    url: str
    faults: tuple[type[Exception], ...]
    renames: bool = True
    near: bool = False

    def size(self, name: str) -> int | None:
        """Bytes of a file, None where there is none."""
        with self._in_words():
            try:
                said = self.fs.info(self._at(name))
            except FileNotFoundError:
                return None
            return int(said["size"]) if said["type"] == "file" else None

    def is_there(self, name: str) -> bool:
        """Whether there is a file or a folder of that name."""
        with self._in_words():
            return bool(self.fs.exists(self._at(name)))

    def names(self, folder: str = "") -> list[str]:
        """What lies in a folder; nothing where there is none."""
        with self._in_words():
            self.fs.invalidate_cache()
            try:
                return sorted(Path(each).name for each in self.fs.ls(self._at(folder), detail=False))
            except FileNotFoundError:
                return []

    def piece(self, name: str, start: int, count: int) -> bytes:
        """Some bytes of a file."""
        with self._in_words(), self.fs.open(self._at(name), "rb") as file:
            file.seek(start)
            return bytes(file.read(count))

    def write(self, name: str, source: Path, start: int) -> None:
        """The bytes of `source` from `start` on; what stands before that is kept.

        They are written at their places, not appended: should a connection that broke
        still deliver some of them, it writes the same bytes at the same places.
        """
        with self._in_words(), source.open("rb") as local:
            local.seek(start)
            with self.fs.open(self._at(name), "r+b" if start else "wb") as file:
                if start:
                    file.seek(start)
                if hasattr(file, "set_pipelined"):
                    file.set_pipelined(True)
                while block := local.read(BLOCK):
                    file.write(block)

    def make(self, folder: str) -> None:
        """A folder, if it is not there yet."""
        with self._in_words():
            self.fs.makedirs(self._at(folder), exist_ok=True)

    def rename(self, old: str, new: str) -> None:
        """Move a folder by one step."""
        with self._in_words():
            if isinstance(self.fs, LocalFileSystem):
                # Its own way would move the folder into one that is there.
                Path(self._at(old)).rename(self._at(new))
            else:
                self.fs.mv(self._at(old), self._at(new))

    def remove(self, name: str) -> None:
        """A file, if it is there."""
        with self._in_words(), suppress(FileNotFoundError):
            self.fs.rm_file(self._at(name))

    def _at(self, name: str) -> str:
        return f"{self.base}/{name}" if name else self.base

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except StoreError:
            raise
        except self.faults as error:
            raise LinkError(self.url, reason_of(error)) from error


@contextmanager
def opened(url: str, access: Access = Access()) -> Iterator[Place]:
    """The folder at `url`, connected inside; LinkError or TargetError where that fails."""
    parts = urlsplit(url)
    if parts.password is not None:
        safe = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        raise TargetError(safe, "a password stands in it; passwords end up in logs: use a key file")
    if parts.scheme == "file":
        yield Place(LocalFileSystem(), parts.path.rstrip("/"), url, (OSError,), near=True)
    elif parts.scheme == "sftp":
        with _sftp(url, parts, access) as place:
            yield place
    else:
        yield _other(url, access)


def _other(url: str, access: Access) -> Place:
    protocol = urlsplit(url).scheme
    if not protocol:
        raise TargetError(url, "it names no protocol; give file:///folder or sftp://user@host/folder")
    try:
        fs, base = fsspec.url_to_fs(url, **access.options)
    except (ValueError, ImportError) as error:
        raise TargetError(url, f"{protocol} cannot be used: {error}") from error
    # Each library has errors of its own, and none renames folders in one step.
    return Place(fs, base.rstrip("/"), url, (Exception,), renames=False)


@contextmanager
def _sftp(url: str, parts: SplitResult, access: Access) -> Iterator[Place]:
    try:
        import paramiko
        from fsspec.implementations.sftp import SFTPFileSystem
    except ImportError as error:
        raise MissingExtraError("paramiko", "sftp") from error
    if parts.hostname is None:
        raise TargetError(url, "it names no host; give sftp://user@host/folder")

    class Reject(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
        """Whoever is not known is not spoken to."""

        def missing_host_key(self, _: Any, hostname: str, key: Any) -> None:
            raise TargetError(url, unknown_host(hostname, key, access.known_hosts))

    class Checked(SFTPFileSystem):  # type: ignore[misc]
        """The file system of fsspec over a connection that was made with care."""

        cachable = False

        def _connect(self) -> None:
            self.client = client
            self.ftp = client.open_sftp()
            self.ftp.get_channel().settimeout(access.patience_s)

    faults = (OSError, EOFError, paramiko.SSHException)
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(Reject())
    try:
        _know_hosts(client, url, access.known_hosts)
        try:
            _connect(client, url, parts, access)
            fs = Checked(parts.hostname)
        except paramiko.BadHostKeyException as error:
            raise TargetError(url, f"another host answers there, or its key was changed: {error}") from error
        except paramiko.PasswordRequiredException as error:
            raise TargetError(url, f"the key {access.key} has a passphrase; give one without") from error
        except paramiko.AuthenticationException as error:
            raise TargetError(url, "the host does not let us in with this key and user") from error
        except faults as error:
            raise LinkError(url, reason_of(error)) from error
        yield Place(fs, unquote(parts.path).rstrip("/") or "/", url, faults)
    finally:
        client.close()


def unknown_host(hostname: str, key: Any, known_hosts: Path | None) -> str:
    """What to do about a host whose key nobody vouched for."""
    return (
        f"the host key of {hostname} is not in {known_hosts or '~/.ssh/known_hosts'}; it offers "
        f"{key.get_name()} {key.fingerprint}: compare that with the host's own, then add its key"
    )


def _know_hosts(client: Any, url: str, known_hosts: Path | None) -> None:
    try:
        if known_hosts is None:
            client.load_system_host_keys()
        else:
            client.load_host_keys(str(known_hosts))
    except OSError as error:
        raise TargetError(url, f"the known hosts {known_hosts} cannot be read: {error.strerror}") from error


def _connect(client: Any, url: str, parts: SplitResult, access: Access) -> None:
    if access.key is not None:
        _refuse_loose(url, access.key)
    address = (str(parts.hostname), parts.port or PORT)
    connection = socket.create_connection(address, timeout=access.patience_s)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Else a link that is cut under way is noticed after a quarter of an hour.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(access.patience_s * 1000))
    client.connect(
        *address,
        username=parts.username,
        sock=connection,
        key_filename=None if access.key is None else str(access.key),
        look_for_keys=access.key is None,
        allow_agent=access.key is None,
        timeout=access.patience_s,
        banner_timeout=access.patience_s,
        auth_timeout=access.patience_s,
        channel_timeout=access.patience_s,
    )


def _refuse_loose(url: str, key: Path) -> None:
    try:
        mode = key.stat().st_mode
    except OSError as error:
        raise TargetError(url, f"the key {key} cannot be read: {error.strerror}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise TargetError(url, f"others may read the key {key}; chmod 600 it")


def reason_of(error: Exception) -> str:
    """An error of the system or a library in few words."""
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, EOFError):
        return "the connection was closed"
    if isinstance(error, OSError) and error.errno is not None:
        said = error.strerror or os.strerror(error.errno)
        return f"{said} (no room left?)" if error.errno == errno.ENOSPC else said
    return str(error).rstrip(".") or type(error).__name__

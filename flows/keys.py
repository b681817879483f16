"""Ed25519 keys as small files in the format of OpenSSH, so that people and their tools know them."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PUBLIC = ".pub"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
NAME_TOLD = "letters, digits and . _ @ -, at most 64, beginning with a letter or a digit"


class KeyFileError(Exception):
    """A key file that cannot be used, with what to do."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class Trusted:
    """A public key and whose it is."""

    name: str
    fingerprint: str
    public: Ed25519PublicKey


@dataclass(frozen=True)
class Signer:
    """A private key and whose it is."""

    name: str
    fingerprint: str
    private: Ed25519PrivateKey

    def sign(self, data: bytes) -> bytes:
        """The signature of `data`."""
        return self.private.sign(data)


def laid(folder: Path, name: str) -> tuple[Path, Path]:
    """A new key pair of `name` in `folder`: the private file, for its owner alone, and the public one."""
    from cryptography.hazmat.primitives import serialization as forms
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if not NAME.fullmatch(name) or name.endswith(PUBLIC):
        raise KeyFileError(name, f"no name for a key; take {NAME_TOLD}")
    private, public = folder / name, folder / f"{name}{PUBLIC}"
    for path in (private, public):
        if path.exists():
            raise KeyFileError(
                str(path), "is there already; a key is never overwritten, so choose another name"
            )
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.OpenSSH, forms.NoEncryption())
    line = key.public_key().public_bytes(forms.Encoding.OpenSSH, forms.PublicFormat.OpenSSH)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(private, secret, 0o600)
    _write(public, line + f" {name}\n".encode(), 0o644)
    return private, public


def _write(path: Path, data: bytes, mode: int) -> None:
    # The file is never there with looser modes, not even for a moment.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def signer(path: Path) -> Signer:
    """The private key in a file; its owner's name is that of the file.

    Raises
    ------
    KeyFileError
        If there is none, it is no Ed25519 key, it asks for a passphrase, or others may read it.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    data = _read(path)
    if loose := path.stat().st_mode & 0o077:
        raise KeyFileError(str(path), f"others may use it (mode {loose:03o} for them): run chmod 600 {path}")
    try:
        key = load_ssh_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        said = "is no private key in the format of OpenSSH, or it asks for a passphrase"
        raise KeyFileError(str(path), f"{said}; `halos key new` makes one") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(str(path), "is not an Ed25519 key; `halos key new` makes one")
    return Signer(path.name, fingerprint(key.public_key()), key)


def trusted(path: Path) -> Trusted:
    """The public key in a file; its owner's name is that of the file without `.pub`."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    data = _read(path)
    try:
        key = load_ssh_public_key(data.strip())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError(str(path), "is no public key in the format of OpenSSH") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(str(path), "is not an Ed25519 key")
    return Trusted(path.name.removesuffix(PUBLIC), fingerprint(key), key)


def keyring(folder: Path) -> Mapping[str, Trusted]:
    """All public keys in a folder, by fingerprint; KeyFileError if one is unusable or there twice."""
    found: dict[str, Trusted] = {}
    for path in sorted(folder.glob(f"*{PUBLIC}")):
        key = trusted(path)
        if (other := found.get(key.fingerprint)) is not None:
            raise KeyFileError(str(path), f"is the same key as that of {other.name}; remove one of the two")
        if path.stat().st_mode & 0o022:
            raise KeyFileError(str(path), f"others may change it: run chmod 644 {path}")
        found[key.fingerprint] = key
    return found


def fingerprint(key: Ed25519PublicKey) -> str:
    """The fingerprint of a public key as `ssh-keygen -l` prints it."""
    from cryptography.hazmat.primitives import serialization as forms

    line = key.public_bytes(forms.Encoding.OpenSSH, forms.PublicFormat.OpenSSH)
    said = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
    return f"SHA256:{base64.b64encode(said).decode().rstrip('=')}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeyFileError(str(path), f"cannot be read: {error.strerror or error}") from error

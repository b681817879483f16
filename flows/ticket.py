"""A ticket: who asks which site for what, signed by the asker, checked by the site with nobody's help.

One line of text, `halos1.CLAIMS.SIGNATURE`: canonical JSON and an Ed25519 signature over
it, both in base64url. It holds for one site, one request and a short time.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from cryptography.exceptions import InvalidSignature

from flows.keys import Signer, Trusted

MARK = "halos1"
# What is signed begins with this, so that no signature made for something else can be a ticket.
MEANT_FOR = b"halos ticket 1\n"
LASTS_S = 15 * 60
# Clocks of two institutes differ; a ticket from this far in the future is still taken.
LEEWAY_S = 30
LONGEST = 4096
# Beyond this a whole number is not exact everywhere.
EXACT = 2**53


class TicketError(Exception):
    """A ticket that does not allow what is asked; for the site's audit log, not for the asker."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"the ticket {self.reason}"


@dataclass(frozen=True)
class Ticket:
    """What a ticket claims; times are whole seconds since 1970."""

    id: str
    asker: str
    key: str
    site: str
    recipe: str
    request: str
    issued: int
    expires: int


KINDS = {field.name: int if field.type == "int" else str for field in fields(Ticket)}


def canonical(value: Any) -> bytes:
    """`value` as JSON in the one form that is hashed and signed; ValueError where JSON cannot hold it."""
    plain = _plain(value)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _plain(value: Any) -> Any:
    """`value` with numbers as they come back from any database: PostgreSQL keeps no 1.0 and no 1e20."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is int and abs(value) > EXACT:
        return _as_double(value)
    return value


def _as_double(value: int) -> int:
    try:
        return int(float(value))
    except OverflowError as error:
        raise ValueError("a number in it is too large for JSON") from error


def digest(request: Mapping[str, Any]) -> str:
    """What a ticket says of a request: SHA-256 over its canonical form."""
    return hashlib.sha256(canonical(request)).hexdigest()


def signed(
    signer: Signer,
    site: str,
    request: Mapping[str, Any],
    *,
    lasts_s: int = LASTS_S,
    now: float | None = None,
) -> str:
    """A ticket for one request at one site; `request` is the plain JSON that is sent with it."""
    issued = int(time.time() if now is None else now)
    ticket = Ticket(
        id=uuid.uuid4().hex,
        asker=signer.name,
        key=signer.fingerprint,
        site=site,
        recipe=str(request["recipe"]),
        request=digest(request),
        issued=issued,
        expires=issued + lasts_s,
    )
    claims = canonical(asdict(ticket))
    return ".".join([MARK, _text(claims), _text(signer.sign(MEANT_FOR + claims))])


def opened(
    text: str,
    trusted: Mapping[str, Trusted],
    site: str,
    request: Mapping[str, Any],
    *,
    now: float,
    at_most_s: float,
    leeway_s: float = LEEWAY_S,
) -> Ticket:
    """The claims of a ticket that allows `request` at `site` now; TicketError with the reason else.

    `trusted` are the keys that the site knows, by fingerprint; `at_most_s` is how long a
    ticket may last here. Nothing is asked of anybody.
    """
    ticket = _signed_by_one_of(text, trusted)
    faults = {
        f"says it is from {ticket.asker}, whom the site does not know this key to be of": (
            ticket.asker != trusted[ticket.key].name
        ),
        f"is for site {ticket.site}": ticket.site != site,
        "is for another request": ticket.request != digest(request) or ticket.recipe != request.get("recipe"),
        "is not valid yet": ticket.issued > now + leeway_s,
        "has expired": ticket.expires <= now,
        "ends before it begins": ticket.expires <= ticket.issued,
        f"lasts longer than {at_most_s:g} s": ticket.expires - ticket.issued > at_most_s,
    }
    for reason, wrong in faults.items():
        if wrong:
            raise TicketError(reason)
    return ticket


def _signed_by_one_of(text: str, trusted: Mapping[str, Trusted]) -> Ticket:
    claims, signature = _parts(text)
    ticket = _claimed(claims)
    key = trusted.get(ticket.key)
    if key is None:
        raise TicketError(f"is signed with a key that the site does not know ({ticket.key})")
    try:
        key.public.verify(signature, MEANT_FOR + claims)
    except InvalidSignature as error:
        raise TicketError("bears a signature that does not fit") from error
    return ticket


def _parts(text: str) -> tuple[bytes, bytes]:
    if not isinstance(text, str) or not text:
        raise TicketError("is missing")
    parts = text.split(".") if len(text) <= LONGEST else []
    if len(parts) != 3 or parts[0] != MARK:
        raise TicketError(f"is no ticket; one begins with {MARK}")
    return _bytes(parts[1]), _bytes(parts[2])


def _claimed(claims: bytes) -> Ticket:
    try:
        said = json.loads(claims)
    except (ValueError, RecursionError) as error:
        raise TicketError("cannot be read") from error
    if not isinstance(said, dict) or {name: type(each) for name, each in said.items()} != KINDS:
        raise TicketError("does not claim what a ticket claims")
    if canonical(said) != claims:
        raise TicketError("is not written in the one form that is signed")
    return Ticket(**said)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise TicketError("cannot be read") from error
    # The last letter has bits to spare; only one way to write the same bytes is taken.
    if _text(data) != text:
        raise TicketError("cannot be read")
    return data

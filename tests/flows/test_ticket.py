"""A ticket opens for one request at one site in its time; anything else about it is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows import ticket as tickets
from flows.keys import KeyFileError, Signer, Trusted, keyring, laid, signer, trusted
from flows.ticket import TicketError, canonical, digest, opened, signed

NOW = 1_800_000_000.0
REQUEST = {"recipe": "saxs", "paths": ["beam/a.dat"], "parameters": {"q_min": 0.01}, "label": ""}


@pytest.fixture(scope="module")
def anna(tmp_path_factory) -> tuple[Signer, Trusted]:
    private, public = laid(tmp_path_factory.mktemp("keys"), "anna")
    return signer(private), trusted(public)


def shown(text, anna, site="siteA", request=REQUEST, now=NOW + 1, **limits):
    known = {anna[1].fingerprint: anna[1]}
    return opened(text, known, site, request, now=now, **{"at_most_s": 3600, **limits})


def test_a_ticket_opens_for_what_it_was_made_for(anna):
    found = shown(signed(anna[0], "siteA", REQUEST, now=NOW), anna)

    assert (found.asker, found.site, found.recipe) == ("anna", "siteA", "saxs")
    assert found.key == anna[1].fingerprint
    assert found.request == digest(REQUEST)
    assert found.expires - found.issued == tickets.LASTS_S


def test_each_ticket_has_an_id_of_its_own(anna):
    first, second = (shown(signed(anna[0], "siteA", REQUEST, now=NOW), anna) for _ in range(2))

    assert first.id != second.id


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_any_flipped_bit_is_refused(anna, data):
    text = bytearray(signed(anna[0], "siteA", REQUEST, now=NOW).encode())
    text[data.draw(st.integers(0, len(text) - 1))] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(TicketError):
        shown(text.decode("latin-1"), anna)


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_text_that_is_no_ticket_is_refused(anna, text):
    for each in (text, f"halos1.{text}", f"halos1.{text}.{text}"):
        with pytest.raises(TicketError):
            shown(each, anna)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"site": "siteB"}, "is for site siteA"),
        ({"request": REQUEST | {"paths": ["beam/b.dat"]}}, "another request"),
        ({"request": REQUEST | {"recipe": "waxs"}}, "another request"),
        ({"now": NOW - 31}, "not valid yet"),
        ({"now": NOW + 900}, "has expired"),
        ({"at_most_s": 899}, "lasts longer"),
    ],
)
def test_another_site_request_or_time_is_refused(anna, changes, reason):
    text = signed(anna[0], "siteA", REQUEST, now=NOW)

    with pytest.raises(TicketError, match=reason):
        shown(text, anna, **changes)


def test_a_clock_that_is_a_little_ahead_is_taken(anna):
    assert shown(signed(anna[0], "siteA", REQUEST, now=NOW), anna, now=NOW - 29)


def test_a_ticket_that_ends_before_it_begins_is_refused(anna):
    with pytest.raises(TicketError):
        shown(signed(anna[0], "siteA", REQUEST, now=NOW, lasts_s=-1), anna, now=NOW - 20)


def test_a_key_that_the_site_does_not_know_is_refused(anna, tmp_path):
    stranger = signer(laid(tmp_path, "anna")[0])

    with pytest.raises(TicketError, match="does not know"):
        shown(signed(stranger, "siteA", REQUEST, now=NOW), anna)


def test_a_known_key_under_another_name_is_refused(anna):
    with pytest.raises(TicketError, match="from bob"):
        shown(signed(replace(anna[0], name="bob"), "siteA", REQUEST, now=NOW), anna)


def test_a_known_fingerprint_on_a_foreign_signature_is_refused(anna, tmp_path):
    stranger = replace(signer(laid(tmp_path, "anna")[0]), fingerprint=anna[0].fingerprint)

    with pytest.raises(TicketError, match="signature"):
        shown(signed(stranger, "siteA", REQUEST, now=NOW), anna)


def test_a_signature_over_something_else_is_no_ticket(anna):
    mark, claims, _ = signed(anna[0], "siteA", REQUEST, now=NOW).split(".")
    plain = tickets._text(anna[0].sign(tickets._bytes(claims)))

    with pytest.raises(TicketError, match="signature"):
        shown(f"{mark}.{claims}.{plain}", anna)


@pytest.mark.parametrize("change", [{"more": 1}, {"issued": 1.5}, {"issued": True}, {"id": None}])
def test_claims_of_another_shape_are_refused_though_they_are_signed(anna, change):
    claims = tickets._bytes(signed(anna[0], "siteA", REQUEST, now=NOW).split(".")[1])
    odd = json.dumps({**json.loads(claims), **change}, sort_keys=True, separators=(",", ":")).encode()
    text = f"halos1.{tickets._text(odd)}.{tickets._text(anna[0].sign(tickets.MEANT_FOR + odd))}"

    with pytest.raises(TicketError, match="does not claim"):
        shown(text, anna)


numbers = st.integers(-(10**300), 10**300) | st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | st.text() | numbers,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None)
@given(plain)
def test_a_request_has_one_form_however_it_travelled(value):
    assert canonical(json.loads(canonical(value))) == canonical(value)
    assert canonical(json.loads(json.dumps(value))) == canonical(value)


@settings(max_examples=50, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_as_a_database_gives_them_back_are_the_same(value):
    # PostgreSQL writes all digits and no exponent.
    kept = json.loads(format(Decimal(repr(value)), "f"))

    assert canonical({"x": kept}) == canonical({"x": value})


def test_a_request_without_a_number_for_a_number_cannot_be_signed(anna):
    with pytest.raises(ValueError, match="JSON"):
        signed(anna[0], "siteA", REQUEST | {"parameters": {"q_min": float("nan")}})


def test_a_private_key_that_others_may_read_is_not_used(tmp_path):
    private, _ = laid(tmp_path, "anna")
    private.chmod(0o640)

    with pytest.raises(KeyFileError, match=f"chmod 600 {private}"):
        signer(private)


def test_a_new_key_is_for_its_owner_alone_and_never_overwrites(tmp_path):
    private, _ = laid(tmp_path, "anna")

    assert private.stat().st_mode & 0o777 == 0o600
    with pytest.raises(KeyFileError, match="is there already"):
        laid(tmp_path, "anna")


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "-o", "a b", "x.pub", "a\nb"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path, name):
    with pytest.raises(KeyFileError, match="no name for a key"):
        laid(tmp_path, name)


@pytest.mark.parametrize("text", [b"", b"nonsense", b"ssh-ed25519 AAAA", b"\xff\x00"])
def test_a_file_that_is_no_key_says_so(tmp_path, text):
    for name in ("a", "a.pub"):
        (tmp_path / name).write_bytes(text)
        (tmp_path / name).chmod(0o600)

    with pytest.raises(KeyFileError, match="private key"):
        signer(tmp_path / "a")
    with pytest.raises(KeyFileError, match="public key"):
        trusted(tmp_path / "a.pub")


def test_a_keyring_knows_each_key_once(tmp_path):
    _, public = laid(tmp_path, "anna")
    laid(tmp_path, "bob")

    assert {each.name for each in keyring(tmp_path).values()} == {"anna", "bob"}
    shutil.copy(public, tmp_path / "eve.pub")
    with pytest.raises(KeyFileError, match="same key as that of anna"):
        keyring(tmp_path)


def test_keys_of_openssh_are_keys_of_ours(tmp_path):
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "anna")], check=True)
    said = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(tmp_path / "anna.pub")], check=True, capture_output=True, text=True
    )
    mine = signer(tmp_path / "anna")

    assert mine.fingerprint == trusted(tmp_path / "anna.pub").fingerprint == said.stdout.split()[1]
    assert shown(signed(mine, "siteA", REQUEST, now=NOW), (mine, trusted(tmp_path / "anna.pub")))

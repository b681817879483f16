"""A product arrives whole or not at all, goes on where it was cut, and only with a host that is known."""

import time

import pytest

from adapters.stores.errors import LinkError, NotForCrossingError, ProductError, TargetError
from adapters.stores.link import Access, opened
from adapters.stores.products import MANIFEST, verified
from adapters.stores.transfer import send
from adapters.testing.sftp import Wire, made_key

MIB = 2**20


@pytest.fixture
def access(door):
    return Access(door.key, door.known_hosts, patience_s=5)


@pytest.fixture(params=["file", "sftp"])
def way(request, tmp_path):
    """A URL of a folder, and how to get in."""
    (tmp_path / "there").mkdir()
    if request.param == "file":
        return f"file://{tmp_path / 'there'}", Access()
    door = request.getfixturevalue("door")
    return door.url(tmp_path / "there"), Access(door.key, door.known_hosts, patience_s=5)


def arrived(tmp_path):
    return sorted(each.name for each in (tmp_path / "there").iterdir() if not each.name.startswith("."))


def test_a_product_arrives_whole_and_under_one_name(product, way, tmp_path):
    folder = product()
    sent = send(folder, *way)

    assert arrived(tmp_path) == [sent.name]
    assert verified(tmp_path / "there" / sent.name) == verified(folder)
    assert (tmp_path / "there" / sent.name / MANIFEST).read_bytes() == (folder / MANIFEST).read_bytes()
    assert (sent.sent, sent.kept) == (sent.bytes, 0)


def test_what_is_there_is_not_sent_again(product, way, tmp_path):
    folder = product()
    first = send(folder, *way)
    second = send(folder, *way)

    assert (second.name, second.sent, second.kept) == (first.name, 0, first.bytes)


def test_what_was_cut_goes_on_where_it_stopped(product, way, tmp_path):
    folder = product(MIB)
    name = send(folder, *way).name
    whole = tmp_path / "there" / name
    part = whole.rename(whole.with_name(f"{name}.part"))
    (part / MANIFEST).unlink()
    half = (part / "curve.nxs").read_bytes()[: MIB // 2]
    (part / "curve.nxs").write_bytes(half)
    again = send(folder, *way)

    assert again.sent < again.bytes - len(half) + 1
    assert again.kept >= len(half)
    assert verified(tmp_path / "there" / name) == verified(folder)


@pytest.mark.parametrize("harm", ["end", "longer"])
def test_the_right_size_alone_is_not_believed(product, way, tmp_path, harm):
    folder = product(MIB)
    name = send(folder, *way).name
    whole = tmp_path / "there" / name
    part = whole.rename(whole.with_name(f"{name}.part"))
    content = (part / "curve.nxs").read_bytes()
    (part / "curve.nxs").write_bytes(content[:-1000] + bytes(1000) if harm == "end" else content + b"more")
    send(folder, *way)

    assert verified(tmp_path / "there" / name) == verified(folder)


def test_a_part_with_strange_files_in_it_is_said_and_left(product, way, tmp_path):
    folder = product()
    name = send(folder, *way).name
    whole = tmp_path / "there" / name
    part = whole.rename(whole.with_name(f"{name}.part"))
    (part / "evil.nxs").write_bytes(b"x")

    with pytest.raises(LinkError, match=r"evil\.nxs"):
        send(folder, *way)
    assert arrived(tmp_path) == [f"{name}.part"]


def test_a_wire_cut_in_the_middle_costs_only_what_was_on_it(product, door, tmp_path):
    folder, size = product(8 * MIB), 8 * MIB
    (tmp_path / "there").mkdir()
    with Wire(door.port, cut_after=5 * MIB) as wire:
        access = Access(door.key, door.vouched(wire.port, tmp_path / "known"), patience_s=5)
        url = door.url(tmp_path / "there", wire.port)
        with pytest.raises(LinkError, match="goes on where it stopped"):
            send(folder, url, access)
        assert arrived(tmp_path) != []
        assert all(name.endswith(".part") for name in arrived(tmp_path))
        sent = send(folder, url, access)
        crossed = wire.passed + wire.back

    assert sent.kept > 3 * MIB
    # What was on its way when the wire was cut is lost; the rest crosses once.
    assert crossed < size + 3 * MIB
    assert verified(tmp_path / "there" / sent.name) == verified(folder)


def test_a_wire_that_goes_dead_is_given_up_in_bounded_time(product, door, tmp_path):
    folder = product(8 * MIB)
    (tmp_path / "there").mkdir()
    with Wire(door.port, dead_after=3 * MIB) as wire:
        access = Access(door.key, door.vouched(wire.port, tmp_path / "known"), patience_s=2)
        begun = time.monotonic()
        with pytest.raises(LinkError):
            send(folder, door.url(tmp_path / "there", wire.port), access)
        seconds = time.monotonic() - begun

    assert seconds < 10
    assert all(name.endswith(".part") for name in arrived(tmp_path))


def test_a_host_that_nobody_vouched_for_is_not_spoken_to(product, door, tmp_path):
    (tmp_path / "none").write_text("")

    with pytest.raises(TargetError, match=r"ssh-ed25519 SHA256:.*add its key"):
        send(product(), door.url(tmp_path), Access(door.key, tmp_path / "none", 5))


def test_another_host_at_a_known_address_is_not_spoken_to(product, door, tmp_path):
    other = made_key(tmp_path / "other").with_suffix(".pub").read_text()
    (tmp_path / "known").write_text(f"[127.0.0.1]:{door.port} {other}")

    with pytest.raises(TargetError, match="its key was changed"):
        send(product(), door.url(tmp_path), Access(door.key, tmp_path / "known", 5))


def test_a_key_that_the_host_does_not_know_does_not_get_in(product, door, tmp_path):
    with pytest.raises(TargetError, match="does not let us in"):
        send(product(), door.url(tmp_path), Access(made_key(tmp_path / "other"), door.known_hosts, 5))


def test_a_key_that_others_may_read_is_not_used(product, door, tmp_path):
    key = made_key(tmp_path / "loose")
    key.chmod(0o644)

    with pytest.raises(TargetError, match="chmod 600"):
        send(product(), door.url(tmp_path), Access(key, door.known_hosts, 5))


def test_passwords_are_refused_and_not_repeated(product):
    with pytest.raises(TargetError) as refused:
        send(product(), "sftp://me:hush@host/folder")

    assert "hush" not in str(refused.value)
    assert "hush" not in repr(refused.value)


@pytest.mark.parametrize("url", ["/plain/folder", "nonsense://there"])
def test_an_address_that_cannot_be_used_is_refused_in_words(product, url):
    with pytest.raises(TargetError, match="nothing can be delivered"):
        send(product(), url)


def test_nobody_there_is_a_link_that_may_come_back(product, door, tmp_path):
    from adapters.testing.sftp import free_port

    port = free_port("127.0.0.1")
    with pytest.raises(LinkError, match="Connection refused"):
        send(product(), door.url(tmp_path, port), Access(door.key, door.known_hosts, 5))


def test_a_store_that_cannot_rename_gets_the_manifest_last(product):
    folder = product()
    sent = send(folder, "memory://there")
    with opened("memory://there") as place:
        names = place.names(sent.name)
        again = send(folder, "memory://there")

    assert set(names) == {"manifest.json", "curve.nxs", "01-curve.png"}
    assert again.sent == 0


def test_a_product_that_was_altered_here_does_not_leave(product, tmp_path):
    folder = product()
    (folder / "curve.nxs").write_bytes(b"\x89HDF\r\n\x1a\nother")

    with pytest.raises(ProductError, match=r"curve\.nxs"):
        send(folder, f"file://{tmp_path}")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("model.pkl", b"\x80\x04", "do not cross"),
        ("run.sh", b"#!/bin/sh", "do not cross"),
        ("data.npy", b"\x93NUMPY", "do not cross"),
        ("more.nxs", b"\x80\x04 pickled", "no HDF5 file"),
        ("02-more.png", b"GIF89a", "no PNG picture"),
        ("facts.json", b"{oops", "no JSON"),
        ("notes.txt", b"\xff\xfe\x00", "no text"),
        ("page.html", b"<p onclick = 'x()'>", "more than text and pictures"),
        (".hidden.txt", b"x", "no plain name"),
    ],
)
def test_only_known_kinds_of_file_leave(product, tmp_path, name, content, reason):
    folder = product(**{name: content})

    with pytest.raises(NotForCrossingError, match=reason):
        send(folder, f"file://{tmp_path}")


def test_a_link_in_a_product_does_not_leave(product, tmp_path):
    folder = product()
    (tmp_path / "secret.nxs").write_bytes((folder / "curve.nxs").read_bytes())
    (folder / "curve.nxs").unlink()
    (folder / "curve.nxs").symlink_to(tmp_path / "secret.nxs")

    with pytest.raises(NotForCrossingError, match="it is a link"):
        send(folder, f"file://{tmp_path}")

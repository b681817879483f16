"""Names and users that exist inside the namespaces of the hosts only."""

from __future__ import annotations

from pathlib import Path

from tests.deployments.hosts.land import Land

# Numbers that no real user has; the names exist inside the hub's namespace only.
GROUP, FIRST_USER = 64100, 64101


def make_users(up: Land) -> None:
    """Names and users that exist on these hosts only: `ip netns exec` lays these files over those of /etc."""
    names = "".join(f"{host.address} {host.name}\n" for host in up.all)
    for host in up.all:
        own = Path("/etc/netns") / host.namespace
        own.mkdir(parents=True)
        (own / "hosts").write_text(f"127.0.0.1 localhost\n{names}")
        (own / "resolv.conf").write_text("")
    own = Path("/etc/netns") / up.hub.namespace
    users, groups = Path("/etc/passwd").read_text(), Path("/etc/group").read_text()
    for number, site in enumerate(up.sites, start=FIRST_USER):
        users += f"site-{site}:*:{number}:{GROUP}:products of site {site}:/:/usr/sbin/nologin\n"
    (own / "passwd").write_text(users)
    (own / "group").write_text(f"{groups}halos-sites:x:{GROUP}:\n")

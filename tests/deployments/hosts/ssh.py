"""The hub's OpenSSH, as the shipped configuration has it."""

from __future__ import annotations

import os
from pathlib import Path

from adapters.testing.sftp import made_key
from tests.deployments.hosts.land import Land
from tests.deployments.hosts.users import FIRST_USER

SHIPPED = Path(__file__).resolve().parents[3] / "deployments"


def make_ssh(up: Land) -> None:
    """A server as the shipped configuration has it, with a folder and a key for each site."""
    ssh = up.root / "ssh"
    (ssh / "authorized").mkdir(parents=True)
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    vouched = made_key(ssh / "host").with_suffix(".pub").read_text().split()[:2]
    sites = (SHIPPED / "ssh" / "halos-sites.conf").read_text()
    sites = sites.replace("/srv/halos/incoming", str(up.incoming))
    sites = sites.replace("/etc/ssh/halos-sites", str(ssh / "authorized"))
    main = [
        "Port 22",
        f"ListenAddress {up.hub.address}",
        f"HostKey {ssh / 'host'}",
        "PidFile none",
        "UsePAM no",
    ]
    main += ["Subsystem sftp internal-sftp", "LogLevel VERBOSE"]
    (ssh / "config").write_text("\n".join([*main, sites]))
    up.incoming.mkdir(mode=0o751)
    for number, (name, host) in enumerate(up.sites.items(), start=FIRST_USER):
        (host.home / "keys").mkdir(mode=0o700)
        public = made_key(up.key(name)).with_suffix(".pub").read_text()
        (ssh / "authorized" / f"site-{name}").write_text(public)
        up.known_hosts(name).write_text(f"{up.hub.address} {' '.join(vouched)}\n")
        own = up.incoming / f"site-{name}"
        own.mkdir()
        os.chown(own, number, 0)
        own.chmod(0o2770)

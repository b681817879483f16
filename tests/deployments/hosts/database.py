"""The hub's PostgreSQL, as a Prefect server wants it."""

from __future__ import annotations

import os
import pwd

from tests.deployments.hosts.hosts import Hosts


def make_database(up: Hosts) -> None:
    """A new PostgreSQL that is up, with the role and the database of the server."""
    user = pwd.getpwnam("postgres")
    (up.root / "pg").mkdir()
    os.chown(up.root / "pg", user.pw_uid, user.pw_gid)
    up.as_postgres("initdb", "-D", up.data, "-A", "trust", "-E", "UTF8", "--no-sync")
    up.start_database()
    psql = ("psql", "-h", "127.0.0.1", "-q", "-d")
    up.as_postgres(*psql, "postgres", "-c", "create role prefect login password 'p'")
    up.as_postgres(*psql, "postgres", "-c", "create database prefect owner prefect")
    up.as_postgres(*psql, "prefect", "-c", "create extension if not exists pg_trgm")

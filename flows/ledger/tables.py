"""The tables of the ledger; `migrations` lays them, step by step."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

METADATA = MetaData()
REASONED = "(state = 'done') = (reason = '')"

# What is asked: one row a request, by whoever asks however often. Times are seconds since 1970.
REQUESTS = Table(
    "requests",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("site", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("recipe", Text, nullable=False),
    Column("paths", JSON, nullable=False),
    Column("asked", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due", Double, nullable=False),
    Column("key", String(64), nullable=False),
    Column("product", Text, nullable=False),
    Column("notes", JSON, nullable=False),
    Column("asked_at", Double, nullable=False),
    Column("changed_at", Double, nullable=False),
    CheckConstraint(REASONED, name="requests_say_why"),
    Index("requests_by_site", "site", "state"),
    Index("requests_by_key", "key"),
)

# What is computed: one row a key and store. The token only grows; who bears the last one may commit.
PRODUCTS = Table(
    "products",
    METADATA,
    Column("store", Text, primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("recipe", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("token", Integer, nullable=False),
    Column("expires", Double, nullable=False),
    Column("computations", Integer, nullable=False),
    Column("commits", Integer, nullable=False),
    Column("product", Text, nullable=False),
    Column("changed_at", Double, nullable=False),
    CheckConstraint(REASONED, name="products_say_why"),
)

# What became of both, in order; never altered.
HISTORY = Table(
    "history",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("subject", String(64), nullable=False),
    Column("at", Double, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("token", Integer, nullable=False),
    Index("history_by_subject", "subject"),
)

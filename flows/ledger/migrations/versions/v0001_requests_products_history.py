"""The first layout: requests, products, history."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

REASONED = "(state = 'done') = (reason = '')"


def upgrade() -> None:
    """Lay the three tables."""
    op.create_table(
        "requests",
        sa.Column("id", sa.String(64), primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("site", "run", "recipe")),
        *(sa.Column(name, sa.JSON, nullable=False) for name in ("paths", "asked")),
        sa.Column("state", sa.String(16), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("reason", "kind")),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due", sa.Double, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("notes", sa.JSON, nullable=False),
        *(sa.Column(name, sa.Double, nullable=False) for name in ("asked_at", "changed_at")),
        sa.CheckConstraint(REASONED, name="requests_say_why"),
    )
    op.create_index("requests_by_site", "requests", ["site", "state"])
    op.create_index("requests_by_key", "requests", ["key"])
    op.create_table(
        "products",
        sa.Column("store", sa.Text, primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("recipe", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("reason", "owner")),
        sa.Column("token", sa.Integer, nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("computations", "commits")),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("changed_at", sa.Double, nullable=False),
        sa.CheckConstraint(REASONED, name="products_say_why"),
    )
    op.create_table(
        "history",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("token", sa.Integer, nullable=False),
    )
    op.create_index("history_by_subject", "history", ["subject"])


def downgrade() -> None:
    """Take them away."""
    for table in ("history", "products", "requests"):
        op.drop_table(table)

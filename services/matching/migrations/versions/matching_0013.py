"""A run keeps what else it looked at: free places, the programme's rules, and when; older runs do not know it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "matching_0013"
down_revision = "matching_0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; the version before leaves the new columns empty, which says that it is not known."""
    for column in (sa.Column("free", postgresql.JSONB(), nullable=True),
                   sa.Column("rules", postgresql.JSONB(), nullable=True),
                   sa.Column("read_at", sa.DateTime(timezone=True), nullable=True)):
        op.add_column("run_pool", column)

"""Groups and households pause, beside their state."""

import sqlalchemy as sa
from alembic import op

revision = "matching_0026"
down_revision = "matching_0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; until now nobody pauses but mentors."""
    for table in ("mentor_group", "household"):
        op.add_column(table, sa.Column("paused_on", sa.Date(), nullable=True))

"""A meeting says who recorded it for a side, and when it was noted; older ones do not."""

import sqlalchemy as sa
from alembic import op

revision = "matching_0010"
down_revision = "matching_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; versions before leave the columns empty."""
    op.add_column("meeting", sa.Column("recorded_by", sa.Text(), nullable=True))
    op.add_column("meeting", sa.Column("noted_at", sa.DateTime(timezone=True), nullable=True))

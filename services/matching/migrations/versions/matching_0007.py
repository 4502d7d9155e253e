"""Calendars: when a check-in last changed, as its entry in a calendar says."""

import sqlalchemy as sa
from alembic import op

revision = "matching_0007"
down_revision = "matching_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; what is there has changed by now at the latest."""
    op.add_column("checkin", sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.func.now(),
                                       nullable=False))


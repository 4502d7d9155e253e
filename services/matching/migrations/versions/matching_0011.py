"""Contacts of counselling that were struck, or moved to another case: when and why."""

import sqlalchemy as sa
from alembic import op

revision = "matching_0011"
down_revision = "matching_0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; of what is there nothing was struck. Who runs the version before counts what is struck meanwhile."""
    op.add_column("counselling_contact", sa.Column("mistaken", sa.String(40), nullable=True))
    op.add_column("counselling_contact", sa.Column("struck_at", sa.DateTime(timezone=True), nullable=True))

"""Trainings that a mentor who accompanies alone attended elsewhere, each with the code of its certificate."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "matching_0035"
down_revision = "matching_0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; none was noted so far."""
    op.add_column("mentor", sa.Column("trainings_shown", postgresql.JSONB(), server_default="[]", nullable=False))

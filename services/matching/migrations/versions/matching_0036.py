"""Until which day mentors and groups want somebody new."""

import sqlalchemy as sa
from alembic import op

revision = "matching_0036"
down_revision = "matching_0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; of nobody an end is known so far."""
    for table in ("mentor", "mentor_group"):
        op.add_column(table, sa.Column("available_until", sa.Date(), nullable=True))

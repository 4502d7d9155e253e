"""When a case was said to be opened is kept beside when it begins; of a check-in, how the talk was held."""

import sqlalchemy as sa
from alembic import op

revision = "matching_0019"
down_revision = "matching_0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.add_column("counselling_case", sa.Column("said_opened_on", sa.Date(), nullable=True))
    op.add_column("checkin", sa.Column("language", sa.Text(), nullable=True))
    op.add_column("checkin", sa.Column("interpreter", sa.Boolean(), nullable=True))

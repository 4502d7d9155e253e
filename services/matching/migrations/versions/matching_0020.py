"""As of which run the figures of fairness are told to who may read no household."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "matching_0020"
down_revision = "matching_0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; what was told of runs before stays told."""
    op.add_column("run", sa.Column("released", postgresql.JSONB(), nullable=True))

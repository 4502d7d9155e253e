"""Since when a mentor is registered: the rule set of that day says which trainings they must have attended."""

import sqlalchemy as sa
from alembic import op

revision = "matching_0034"
down_revision = "matching_0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; of those there are the id says it."""
    op.add_column("mentor", sa.Column("registered_on", sa.Date(), nullable=True))

"""When it was told what is known of rule sets and attended trainings, so that the past heard again changes nothing."""

import sqlalchemy as sa
from alembic import op

revision = "matching_0002"
down_revision = "matching_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; of what was heard before this it is not known, and the next fact holds."""
    op.add_column("attended_training", sa.Column("told_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("rule_set", sa.Column("told_at", sa.DateTime(timezone=True), nullable=True))

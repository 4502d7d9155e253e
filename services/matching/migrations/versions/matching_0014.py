"""What people decide is kept with its reason: weights, pairs wanted or ruled out, cancelling; and a run's rule set."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "matching_0014"
down_revision = "matching_0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward. What was decided before has no reason, and nobody makes one up."""
    op.add_column("weight_set", sa.Column("reason", sa.Text(), nullable=True))
    op.add_column("proposal", sa.Column("weights_version", sa.Text(), nullable=True))
    op.add_column("run", sa.Column("rules_valid_from", sa.Date(), nullable=True))
    op.add_column("run", sa.Column("cancelled_by", sa.Text(), nullable=True))
    op.add_column("run", sa.Column("cancelled_why", sa.String(40), nullable=True))
    for name in ("pinned_reasons", "forbidden_reasons"):
        op.add_column("run", sa.Column(name, postgresql.JSONB(), server_default="[]", nullable=False))

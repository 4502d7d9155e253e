"""A pair stands once: what a run proposed is told by its proposals, and only simulated runs keep pairs beside."""

import sqlalchemy as sa
from alembic import op

revision = "matching_0008"
down_revision = "matching_0007"
branch_labels = None
depends_on = None

PINNED = """
UPDATE proposal SET pinned = true FROM run_pair
WHERE run_pair.pinned AND run_pair.run_id = proposal.run_id AND run_pair.household_id = proposal.household_id
"""
STANDS_TWICE = """
DELETE FROM run_pair USING run WHERE run.id = run_pair.run_id AND NOT run.simulated
"""


def upgrade() -> None:
    """Go forward; each pair of a run that was not simulated has its proposal since there are pairs."""
    op.add_column("proposal", sa.Column("pinned", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute("SET LOCAL lotse.scope = 'all'")
    op.execute(PINNED)
    op.execute(STANDS_TWICE)

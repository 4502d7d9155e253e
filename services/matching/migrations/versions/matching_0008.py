"""A proposal says whether who started its run wanted the pair: only simulated runs keep pairs beside from now on."""

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


def upgrade() -> None:
    """Go forward. Pairs that stand twice stay, for who still runs the version before; nobody else looks at them."""
    op.add_column("proposal", sa.Column("pinned", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute("SET LOCAL lotse.scope = 'all'")
    op.execute(PINNED)

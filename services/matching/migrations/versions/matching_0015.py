"""A mentor group is held back for somebody's safety; and the time in a tandem that ended early is no waiting."""

import sqlalchemy as sa
from alembic import op

revision = "matching_0015"
down_revision = "matching_0014"
branch_labels = None
depends_on = None

# Until now the time in a tandem that ended early counted as waiting. Who is looked for no longer stays as noted.
WAITED = """
UPDATE household SET waiting_since = waiting_since + accompanied.lasted, version = household.version + 1
FROM (SELECT household_id, sum(ended_at - started_at) AS lasted FROM tandem WHERE state = 'ended_early'
      GROUP BY household_id) AS accompanied
WHERE accompanied.household_id = household.id AND household.state IN ('waiting', 'proposed', 'in_tandem')
"""


def upgrade() -> None:
    """Go forward; the version before leaves the new columns alone."""
    op.add_column("mentor_group", sa.Column("held_back_on", sa.Date(), nullable=True))
    for name in ("resumed_by", "resumed_why"):
        op.add_column("mentor_group", sa.Column(name, sa.Text(), nullable=True))
    op.execute("SET LOCAL lotse.scope = 'all'")
    op.execute(WAITED)

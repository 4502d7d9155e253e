"""Certificates go with the activity, a tandem without one is told, a pause for safety is known; trials fall due."""

import sqlalchemy as sa
from alembic import op

revision = "matching_0009"
down_revision = "matching_0008"
branch_labels = None
depends_on = None

# Nothing fell due until now for who left by taking the consent back; for who did long ago it does at once.
RECORDS_TO_GO = """
INSERT INTO due (kind, about, due_at)
SELECT 'record_deletion', id, left_at + interval '3 months'
FROM mentor WHERE state = 'left' AND record_seen_on IS NOT NULL
ON CONFLICT DO NOTHING
"""
NOT_SEEN_AGAIN = """
DELETE FROM due USING mentor WHERE due.kind = 'record_due' AND mentor.id = due.about AND mentor.state = 'left'
"""
# After a relevant entry nothing is noted of a certificate; where a tandem runs, that stands between the two from now on.
OBSTACLES = """
UPDATE tandem SET obstacles = array_prepend('not_vetted', obstacles), version = tandem.version + 1
FROM mentor WHERE mentor.id = tandem.mentor_id AND mentor.record_next_due IS NULL
    AND tandem.state IN ('trial', 'active', 'paused') AND NOT 'not_vetted' = ANY (tandem.obstacles)
"""
# From now on both sides are asked when their trial is over, also those whose trial was and who were never asked.
TRIALS = """
INSERT INTO due (kind, about, due_at) SELECT 'trial_over', id, trial_until FROM tandem WHERE state = 'trial'
ON CONFLICT DO NOTHING
"""


def upgrade() -> None:
    """Go forward; the version before leaves the new column alone."""
    op.add_column("mentor", sa.Column("held_back_on", sa.Date(), nullable=True))
    op.execute("SET LOCAL lotse.scope = 'all'")
    op.execute(RECORDS_TO_GO)
    op.execute(NOT_SEEN_AGAIN)
    op.execute(OBSTACLES)
    op.execute(TRIALS)

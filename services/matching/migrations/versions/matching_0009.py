"""What was noted of a certificate goes three months after the activity, also of who had taken the consent back."""

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


def upgrade() -> None:
    """Go forward; nothing but due work changes."""
    op.execute("SET LOCAL lotse.scope = 'all'")
    op.execute(RECORDS_TO_GO)
    op.execute(NOT_SEEN_AGAIN)

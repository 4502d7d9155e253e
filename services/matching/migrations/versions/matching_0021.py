"""Since when the consent to a referral is taken back, also of what was over by then."""

import sqlalchemy as sa
from alembic import op

revision = "matching_0021"
down_revision = "matching_0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; until now only what went on could be revoked, and ended so."""
    op.add_column("referral", sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("SET LOCAL lotse.scope = 'all'")
    op.execute("UPDATE referral SET revoked_at = ended_at WHERE state = 'revoked'")

"""Why a mentor or group is held back, or no longer is, is sealed with a person's key instead of standing as plain text.

A migration has no key. So what stands there now stays where it is for the moment and is still told from there, and
falls due to be sealed: the leader of the new version does so within a second of its start. The two columns are empty
from then on, and stay because the version before, which may run beside the new one, writes to them. Old pages of
PostgreSQL and backups hold the plain text until they are used again or deleted.
"""

import sqlalchemy as sa
from alembic import op

revision = "matching_0028"
down_revision = "matching_0027"
branch_labels = None
depends_on = None

TO_SEAL = """
INSERT INTO due (kind, about, due_at)
SELECT 'plain_why', id, now() FROM {table} WHERE held_back_why IS NOT NULL OR resumed_why IS NOT NULL
"""


def upgrade() -> None:
    """Go forward; nothing is sealed here."""
    op.execute("SET LOCAL lotse.scope = 'all'")
    for table in ("mentor", "mentor_group"):
        op.add_column(table, sa.Column("held_back_note", sa.LargeBinary(), nullable=True))
        op.add_column(table, sa.Column("held_back_ref", sa.Uuid(), nullable=True))
        op.execute(TO_SEAL.format(table=table))

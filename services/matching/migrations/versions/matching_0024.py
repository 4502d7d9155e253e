"""No reason is kept that nobody gave: as_proposed stood by default, and said nothing more than the approval itself."""

from alembic import op

revision = "matching_0024"
down_revision = "matching_0023"
branch_labels = None
depends_on = None

NOT_GIVEN = """
UPDATE proposal SET approved_reason = nullif(approved_reason, 'as_proposed'),
    proposed_reason = nullif(proposed_reason, 'as_proposed')
WHERE 'as_proposed' IN (approved_reason, proposed_reason)
"""


def upgrade() -> None:
    """Go forward; who wrote as_proposed themselves gave no other reason either."""
    op.execute("SET LOCAL lotse.scope = 'all'")
    op.execute(NOT_GIVEN)

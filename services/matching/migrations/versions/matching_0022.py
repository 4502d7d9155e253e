"""Who invited, and which coordinator noted what a side said on the telephone."""

import sqlalchemy as sa
from alembic import op

revision = "matching_0022"
down_revision = "matching_0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; of earlier invitations nobody knows."""
    for name in ("invited_by", "mentors_answer_noted_by", "household_answer_noted_by"):
        op.add_column("proposal", sa.Column(name, sa.String(), nullable=True))

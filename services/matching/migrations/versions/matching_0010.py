"""A meeting says who recorded it and when it was noted, a proposal which side its invitation did not reach."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "matching_0010"
down_revision = "matching_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; versions before leave the columns empty, and what they noted stays without."""
    op.add_column("meeting", sa.Column("recorded_by", sa.Text(), nullable=True))
    op.add_column("meeting", sa.Column("noted_at", sa.DateTime(timezone=True), nullable=True))
    for side in ("mentors", "household"):
        op.add_column("proposal", sa.Column(f"{side}_not_reached_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("proposal", sa.Column("unreached", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False))

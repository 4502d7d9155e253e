"""Concerns of who is in no tandem: about what they are here, by its id, instead of a tandem."""

import sqlalchemy as sa
from alembic import op

revision = "matching_0031"
down_revision = "matching_0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; all there are so far are about a tandem."""
    op.add_column("concern", sa.Column("about", sa.String(40), nullable=False, server_default="tandem"))
    op.add_column("concern", sa.Column("own_id", sa.Uuid(), nullable=True))
    op.alter_column("concern", "tandem_id", nullable=True)
    op.create_index(op.f("ix_concern_own_id"), "concern", ["own_id"])
    op.create_check_constraint(
        op.f("ck_concern_about_one_thing"), "concern",
        "(about = 'tandem') = (tandem_id IS NOT NULL) AND (about = 'tandem') = (own_id IS NULL)")

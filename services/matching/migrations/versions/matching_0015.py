"""A mentor group is held back for somebody's safety, until a coordinator says that it goes on, and why."""

import sqlalchemy as sa
from alembic import op

revision = "matching_0015"
down_revision = "matching_0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; the version before leaves the new columns alone."""
    op.add_column("mentor_group", sa.Column("held_back_on", sa.Date(), nullable=True))
    for name in ("resumed_by", "resumed_why"):
        op.add_column("mentor_group", sa.Column(name, sa.Text(), nullable=True))

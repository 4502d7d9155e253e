"""Who held a mentor or group back for somebody's safety, and why."""

import sqlalchemy as sa
from alembic import op

revision = "matching_0018"
down_revision = "matching_0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    for table in ("mentor", "mentor_group"):
        for name in ("held_back_by", "held_back_why"):
            op.add_column(table, sa.Column(name, sa.Text(), nullable=True))

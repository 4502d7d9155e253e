"""Who ended a mentor's pause for somebody's safety says why."""

import sqlalchemy as sa
from alembic import op

revision = "matching_0017"
down_revision = "matching_0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    for name in ("resumed_by", "resumed_why"):
        op.add_column("mentor", sa.Column(name, sa.Text(), nullable=True))

"""How often services have begun to compute a run: one that ends each of them is not begun for ever."""

import sqlalchemy as sa
from alembic import op

revision = "matching_0037"
down_revision = "matching_0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; of runs there are it is not known, and counted from now on."""
    op.add_column("run", sa.Column("begun", sa.Integer(), server_default="0", nullable=False))

"""Changes: what stands between the two of a pair since one of them has changed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "matching_0005"
down_revision = "matching_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; of what is under way nothing has been noted yet."""
    for table in ("proposal", "tandem"):
        op.add_column(table, sa.Column(
            "obstacles", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False))

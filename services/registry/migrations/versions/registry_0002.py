"""Rule sets say how many members' criminal-record certificates must have been seen."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0002"
down_revision = "registry_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; what is there asks for none."""
    op.add_column("rule_set", sa.Column("required_records", sa.Integer(), server_default="0", nullable=False))

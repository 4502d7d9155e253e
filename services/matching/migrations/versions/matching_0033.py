"""Decisions: who decided what about a mentor, a group, a household or a tandem, and why."""

import sqlalchemy as sa
from alembic import op

from libs.common.row_security import enable, scoped

revision = "matching_0033"
down_revision = "matching_0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; what was decided before is not known."""
    op.create_table(
        "decision",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("about", sa.String(40), nullable=False),
        sa.Column("about_id", sa.Uuid(), nullable=False),
        sa.Column("what", sa.String(40), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.Column("note_ref", sa.Uuid(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
    )
    op.create_index(op.f("ix_decision_region"), "decision", ["region"])
    op.create_index(op.f("ix_decision_about_id"), "decision", ["about_id"])
    for statement in enable("decision", using=scoped(), adding="true"):
        op.execute(statement)

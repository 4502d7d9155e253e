"""Runs are cancelled, simulated, compared and accounted for; pairs are pinned; decisions have who and why."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from libs.common.row_security import enable, scoped

revision = "matching_0002"
down_revision = "matching_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; of runs until now there are no pairs to compare but their proposals."""
    for column in (
        sa.Column("simulated", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("weights", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("pinned", postgresql.JSONB(), nullable=False, server_default="[]"),
        sa.Column("forbidden", postgresql.JSONB(), nullable=False, server_default="[]"),
        sa.Column("fairness", postgresql.JSONB(), nullable=False, server_default="[]"),
        sa.Column("step", sa.String(40), nullable=True),
        sa.Column("step_count", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("failed_pair", postgresql.JSONB(none_as_null=True), nullable=True),
    ):
        op.add_column("run", column)
    for name in ("simulated", "pinned", "forbidden", "fairness", "step_count"):
        op.alter_column("run", name, server_default=None)
    op.add_column("proposal", sa.Column("approved_reason", sa.String(40), nullable=True))
    op.add_column("proposal", sa.Column("dismissed_by", sa.Text(), nullable=True))
    op.create_table(
        "run_pair",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("household_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("worth", sa.Integer(), nullable=False),
        sa.Column("unit_price", sa.Integer(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("points", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["household_id"], ["household.id"], name=op.f("fk_run_pair_household_id_household")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_run_pair_run_id_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_pair")),
        sa.UniqueConstraint("run_id", "household_id", name=op.f("uq_run_pair_run_id_household_id")),
    )
    op.create_table(
        "run_pool",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("households", postgresql.JSONB(), nullable=False),
        sa.Column("units", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_pool")),
    )
    for table, name in (("run_pair", "region"), ("run_pair", "household_id"), ("run_pair", "unit_id"),
                        ("run_pool", "region")):
        op.create_index(op.f(f"ix_{table}_{name}"), table, [name], unique=False)
    for table in ("run_pair", "run_pool"):
        for statement in enable(table, using=scoped()):
            op.execute(statement)

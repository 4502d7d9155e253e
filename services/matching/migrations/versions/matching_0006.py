"""Options: prices of places, and which units have changed; a proposal need not come from a run."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from libs.common.row_security import enable

revision = "matching_0006"
down_revision = "matching_0005"
branch_labels = None
depends_on = None

# What a unit's options depend on, and how the unit is named there.
WATCHED = {"mentor": "id", "mentor_group": "id", "mentor_group_member": "mentor_group_id",
           "proposal": "coalesce(mentor_id, mentor_group_id)", "tandem": "coalesce(mentor_id, mentor_group_id)"}
NOTE = """
CREATE FUNCTION note_{table}_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO unit_change (id, version, unit_id, changed)
    SELECT gen_random_uuid(), 1, unit_id, pg_current_xact_id()::text::bigint
    FROM (SELECT DISTINCT {unit} AS unit_id FROM changed) AS units;
    RETURN NULL;
END $$
"""
TRIGGER = """
CREATE TRIGGER note_{event} AFTER {event} ON {table} REFERENCING {side} TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION note_{table}_change()
"""


def upgrade() -> None:
    """Go forward; prices are seen by all and set by the system, changes are noted by whoever changes a unit."""
    op.create_table(
        "price_set",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("programme_id", sa.Uuid(), nullable=False),
        sa.Column("prices", postgresql.JSONB(), nullable=False),
        sa.Column("past", sa.Integer(), nullable=False),
        sa.Column("counted_from", sa.BigInteger(), nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("awaited", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_set")),
        sa.UniqueConstraint("programme_id", name=op.f("uq_price_set_programme_id")),
    )
    op.create_table(
        "unit_change",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_change")),
    )
    op.create_index(op.f("ix_unit_change_changed"), "unit_change", ["changed"], unique=False)
    op.alter_column("proposal", "run_id", nullable=True)
    op.add_column("proposal", sa.Column("proposed_by", sa.Text(), nullable=True))
    op.add_column("proposal", sa.Column("proposed_reason", sa.String(40), nullable=True))
    system = "current_setting('lotse.scope', true) = 'all'"
    for statement in (*enable("price_set", using="true", check=system),
                      *enable("unit_change", using="true", check=system, adding="true"), *_watching()):
        op.execute(statement)


def _watching() -> list[str]:
    statements = []
    for table, unit in WATCHED.items():
        statements.append(NOTE.format(table=table, unit=unit))
        statements += [TRIGGER.format(table=table, event=event, side=side)
                       for event, side in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD"))]
    return statements

"""From when until when a counselling case was open: what was counted of the past stays when somebody comes again."""

import sqlalchemy as sa
from alembic import op

from libs.common.row_security import enable, scoped

revision = "matching_0023"
down_revision = "matching_0022"
branch_labels = None
depends_on = None

# Of earlier closings of what was reopened nobody knows: each case was open once.
FILL = """
INSERT INTO counselling_spell
    (id, version, counselling_case_id, region, partner_id, opened_on, said_opened_on, closed_on, result)
SELECT id, 1, id, region, partner_id, least(opened_on, closed_on), least(said_opened_on, opened_on, closed_on),
    closed_on, result
FROM counselling_case
"""


def upgrade() -> None:
    """Go forward; a partner's counsellors see what is the partner's."""
    op.create_table(
        "counselling_spell",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("counselling_case_id", sa.Uuid(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("said_opened_on", sa.Date(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("result", sa.String(40), nullable=True),
        sa.CheckConstraint("closed_on >= opened_on", name=op.f("ck_counselling_spell_days")),
        sa.ForeignKeyConstraint(["counselling_case_id"], ["counselling_case.id"],
                                name=op.f("fk_counselling_spell_counselling_case_id_counselling_case")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counselling_spell")))
    for name in ("counselling_case_id", "region", "partner_id"):
        op.create_index(op.f(f"ix_counselling_spell_{name}"), "counselling_spell", [name])
    op.create_index("uq_counselling_spell_open", "counselling_spell", ["counselling_case_id"], unique=True,
                    postgresql_where=sa.text("closed_on IS NULL"))
    for statement in enable("counselling_spell", using=scoped(partner="partner_id")):
        op.execute(statement)
    op.execute("SET LOCAL lotse.scope = 'all'")
    op.execute(FILL)

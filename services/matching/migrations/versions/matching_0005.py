"""Changes and consents: obstacles of a pair, a household's size, homes that lapse, and what a person agreed to."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from libs.common.row_security import enable, scoped

revision = "matching_0005"
down_revision = "matching_0004"
branch_labels = None
depends_on = None

# Who consented until now consented to the text by which networks have matched and asked how it goes. A group that has
# applied agreed to that. Nobody was asked about learnings before; they are asked at the closing talk.
CARRIED_OVER = """
INSERT INTO consent (id, version, region, partner_id, person_ref, purpose, text_version, language, given_on, given_by,
                     noted_by)
SELECT gen_random_uuid(), 1, region, partner_id, person_ref, purpose, text_version, 'de', consented_on, 'paper',
       'carried over'
FROM (
    SELECT region, partner_id, person_ref, coalesce(consent_version, 1) AS text_version, consented_on, false AS applied
    FROM household
    UNION ALL
    SELECT region, partner_id, person_ref, coalesce(consent_version, 1), consented_on, false FROM mentor
    UNION ALL
    SELECT m.region, g.partner_id, m.person_ref, 1, m.consented_on, g.state IN ('applied', 'listed')
    FROM mentor_group_member m JOIN mentor_group g ON g.id = m.mentor_group_id WHERE m.left_on IS NULL
) AS who CROSS JOIN (VALUES ('matching'), ('checkins'), ('authority')) AS asked (purpose)
WHERE consented_on IS NOT NULL AND (purpose <> 'authority' OR applied)
"""
# From today on it falls due when a certificate is to be seen again; so it does for those that were seen before.
RECORDS_DUE = """
INSERT INTO due (kind, about, due_at)
SELECT 'record_due', id, record_next_due::timestamp AT TIME ZONE 'Europe/Berlin'
FROM mentor WHERE record_next_due IS NOT NULL
ON CONFLICT DO NOTHING
"""


def upgrade() -> None:
    """Go forward; of what is under way nothing has been noted yet, and consents go on as they were understood."""
    for table in ("proposal", "tandem"):
        op.add_column(table, sa.Column(
            "obstacles", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False))
    op.add_column("mentor_group", sa.Column("housing_lapsed_on", sa.Date(), nullable=True))
    op.create_table('household_change',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('household_id', sa.Uuid(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('partner_id', sa.Uuid(), nullable=True),
    sa.Column('kind', sa.String(40), nullable=False),
    sa.Column('happened_on', sa.Date(), nullable=False),
    sa.Column('persons', sa.Integer(), nullable=False),
    sa.Column('noted_by', sa.Text(), nullable=False),
    sa.Column('noted_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['household_id'], ['household.id'], name=op.f('fk_household_change_household_id_household')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_household_change'))
    )
    op.create_index(op.f('ix_household_change_household_id'), 'household_change', ['household_id'], unique=False)
    op.create_index(op.f('ix_household_change_region'), 'household_change', ['region'], unique=False)
    op.create_table('consent',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('partner_id', sa.Uuid(), nullable=True),
    sa.Column('person_ref', sa.Uuid(), nullable=False),
    sa.Column('purpose', sa.String(40), nullable=False),
    sa.Column('text_version', sa.Integer(), nullable=False),
    sa.Column('language', sa.Text(), nullable=False),
    sa.Column('given_on', sa.Date(), nullable=False),
    sa.Column('given_by', sa.String(40), nullable=False),
    sa.Column('noted_by', sa.Text(), nullable=False),
    sa.Column('withdrawn_on', sa.Date(), nullable=True),
    sa.Column('replaced_on', sa.Date(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consent'))
    )
    op.create_index(op.f('ix_consent_person_ref'), 'consent', ['person_ref'], unique=False)
    op.create_index(op.f('ix_consent_region'), 'consent', ['region'], unique=False)
    op.create_index('uq_consent_holding', 'consent', ['person_ref', 'purpose'], unique=True, postgresql_where=sa.text("withdrawn_on IS NULL AND replaced_on IS NULL"))
    for table in ("consent", "household_change"):
        for statement in enable(table, using=scoped(partner="partner_id")):
            op.execute(statement)
    op.execute("SET LOCAL lotse.scope = 'all'")
    op.execute(CARRIED_OVER)
    op.execute(RECORDS_DUE)

"""Counselling: cases, contacts, and the history of what is true of somebody."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from libs.common.row_security import enable, scoped

revision = "matching_0003"
down_revision = "matching_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; a partner's counsellors see what is the partner's. A history is added to, and changed by nobody."""
    op.create_table('counselling_case',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('partner_id', sa.Uuid(), nullable=False),
    sa.Column('person_ref', sa.Uuid(), nullable=False),
    sa.Column('counsellor', sa.Text(), nullable=False),
    sa.Column('opened_by', sa.Text(), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('languages', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('gender', sa.String(40), nullable=False),
    sa.Column('age_band', sa.String(40), nullable=True),
    sa.Column('origin', sa.LargeBinary(), nullable=True),
    sa.Column('origin_region', sa.String(40), nullable=True),
    sa.Column('opened_on', sa.Date(), nullable=False),
    sa.Column('closed_on', sa.Date(), nullable=True),
    sa.Column('result', sa.String(40), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_counselling_case'))
    )
    op.create_index(op.f('ix_counselling_case_partner_id'), 'counselling_case', ['partner_id'], unique=False)
    op.create_index(op.f('ix_counselling_case_person_ref'), 'counselling_case', ['person_ref'], unique=False)
    op.create_index(op.f('ix_counselling_case_region'), 'counselling_case', ['region'], unique=False)
    op.create_index('uq_counselling_case_open', 'counselling_case', ['person_ref', 'partner_id'], unique=True, postgresql_where=sa.text("state <> 'closed'"))
    op.create_table('counselling_contact',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('counselling_case_id', sa.Uuid(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('partner_id', sa.Uuid(), nullable=False),
    sa.Column('held_on', sa.Date(), nullable=False),
    sa.Column('minutes', sa.Integer(), nullable=False),
    sa.Column('mode', sa.String(40), nullable=False),
    sa.Column('topics', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('results', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('held_by', sa.Text(), nullable=False),
    sa.Column('recorded_by', sa.Text(), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('note', sa.LargeBinary(), nullable=True),
    sa.CheckConstraint('cardinality(topics) > 0', name=op.f('ck_counselling_contact_topics')),
    sa.CheckConstraint('minutes BETWEEN 1 AND 1440', name=op.f('ck_counselling_contact_minutes')),
    sa.ForeignKeyConstraint(['counselling_case_id'], ['counselling_case.id'], name=op.f('fk_counselling_contact_counselling_case_id_counselling_case')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_counselling_contact'))
    )
    op.create_index(op.f('ix_counselling_contact_counselling_case_id'), 'counselling_contact', ['counselling_case_id'], unique=False)
    op.create_index(op.f('ix_counselling_contact_held_on'), 'counselling_contact', ['held_on'], unique=False)
    op.create_index(op.f('ix_counselling_contact_partner_id'), 'counselling_contact', ['partner_id'], unique=False)
    op.create_index(op.f('ix_counselling_contact_region'), 'counselling_contact', ['region'], unique=False)
    op.create_table('counselling_status',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('counselling_case_id', sa.Uuid(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('partner_id', sa.Uuid(), nullable=False),
    sa.Column('attribute', sa.String(40), nullable=False),
    sa.Column('value', sa.Text(), nullable=True),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('corrects', sa.Uuid(), nullable=True),
    sa.Column('entered_by', sa.Text(), nullable=False),
    sa.Column('entered_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['corrects'], ['counselling_status.id'], name=op.f('fk_counselling_status_corrects_counselling_status')),
    sa.ForeignKeyConstraint(['counselling_case_id'], ['counselling_case.id'], name=op.f('fk_counselling_status_counselling_case_id_counselling_case')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_counselling_status')),
    sa.UniqueConstraint('corrects', name=op.f('uq_counselling_status_corrects'))
    )
    op.create_index(op.f('ix_counselling_status_counselling_case_id'), 'counselling_status', ['counselling_case_id'], unique=False)
    op.create_index(op.f('ix_counselling_status_partner_id'), 'counselling_status', ['partner_id'], unique=False)
    op.create_index(op.f('ix_counselling_status_region'), 'counselling_status', ['region'], unique=False)
    own, system = scoped(partner="partner_id"), "current_setting('lotse.scope', true) = 'all'"
    for statement in (
        *enable("counselling_case", using=own),
        *enable("counselling_contact", using=own),
        *enable("counselling_status", using=own, check=system, adding=own),
    ):
        op.execute(statement)

"""Referrals: the copies of offers, and who is sent on to them with consent."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from libs.common.row_security import enable, scoped

revision = "matching_0004"
down_revision = "matching_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; offers are seen by all and written as the registry tells, referrals are the partner's."""
    op.create_table('known_offer',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('offered_by', sa.Uuid(), nullable=False),
    sa.Column('field', sa.String(40), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('available', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_known_offer'))
    )
    op.create_table('referral',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('counselling_case_id', sa.Uuid(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('partner_id', sa.Uuid(), nullable=False),
    sa.Column('offer_id', sa.Uuid(), nullable=False),
    sa.Column('offered_by', sa.Uuid(), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('proposed_by', sa.Text(), nullable=False),
    sa.Column('shared', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('consented_on', sa.Date(), nullable=True),
    sa.Column('consent_until', sa.Date(), nullable=True),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('declined_reason', sa.String(40), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('sent_at IS NULL OR (consented_on IS NOT NULL AND consent_until IS NOT NULL)', name=op.f('ck_referral_consented')),
    sa.ForeignKeyConstraint(['counselling_case_id'], ['counselling_case.id'], name=op.f('fk_referral_counselling_case_id_counselling_case')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_referral'))
    )
    op.create_index(op.f('ix_referral_counselling_case_id'), 'referral', ['counselling_case_id'], unique=False)
    op.create_index(op.f('ix_referral_offer_id'), 'referral', ['offer_id'], unique=False)
    op.create_index(op.f('ix_referral_partner_id'), 'referral', ['partner_id'], unique=False)
    op.create_index(op.f('ix_referral_region'), 'referral', ['region'], unique=False)
    for statement in (
        *enable("known_offer", using="true", check="current_setting('lotse.scope', true) = 'all'"),
        *enable("referral", using=scoped(partner="partner_id")),
    ):
        op.execute(statement)

"""Makes notify's recipients, consents, subscriptions, known registrations and deliveries."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from libs.common.row_security import enable, scoped

revision = "notify_0001"
down_revision = None
branch_labels = ('notify',)
depends_on = 'spine_0001'


def upgrade() -> None:
    """Go forward; rows are put behind row-level security."""
    op.create_table('consent',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('person_ref', sa.Uuid(), nullable=False),
    sa.Column('purpose', sa.Text(), nullable=False),
    sa.Column('text_version', sa.Integer(), nullable=False),
    sa.Column('language', sa.Text(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('given_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consent'))
    )
    op.create_index(op.f('ix_consent_person_ref'), 'consent', ['person_ref'], unique=False)
    op.create_table('delivery',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('cause', sa.Uuid(), nullable=False),
    sa.Column('speaker', sa.Text(), nullable=False),
    sa.Column('about', sa.Text(), nullable=False),
    sa.Column('person_ref', sa.Uuid(), nullable=False),
    sa.Column('subscription_id', sa.Uuid(), nullable=True),
    sa.Column('template', sa.Text(), nullable=False),
    sa.Column('template_version', sa.Text(), nullable=True),
    sa.Column('channel', sa.String(40), nullable=False),
    sa.Column('region', sa.Text(), nullable=True),
    sa.Column('correlation', sa.Text(), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('reason', sa.String(40), nullable=True),
    sa.Column('missing', sa.Text(), nullable=True),
    sa.Column('language', sa.Text(), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('not_before', sa.DateTime(timezone=True), nullable=True),
    sa.Column('delayed_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('uncertain', sa.Boolean(), nullable=False),
    sa.Column('to_forget', sa.Boolean(), nullable=False),
    sa.Column('queued_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_delivery')),
    sa.UniqueConstraint('cause', 'person_ref', 'template', 'channel', name=op.f('uq_delivery_cause_person_ref_template_channel'))
    )
    op.create_index(op.f('ix_delivery_person_ref'), 'delivery', ['person_ref'], unique=False)
    op.create_index(op.f('ix_delivery_region'), 'delivery', ['region'], unique=False)
    op.create_index('ix_delivery_to_forget', 'delivery', ['id'], unique=False, postgresql_where=sa.text('to_forget'))
    op.create_index('ix_delivery_unfinished', 'delivery', ['id'], unique=False, postgresql_where=sa.text("state IN ('queued', 'sending', 'failed')"))
    op.create_table('known_registration',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('registration_id', sa.Uuid(), nullable=False),
    sa.Column('event_id', sa.Uuid(), nullable=False),
    sa.Column('person_ref', sa.Uuid(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_known_registration')),
    sa.UniqueConstraint('registration_id', name=op.f('uq_known_registration_registration_id'))
    )
    op.create_index(op.f('ix_known_registration_event_id'), 'known_registration', ['event_id'], unique=False)
    op.create_index(op.f('ix_known_registration_person_ref'), 'known_registration', ['person_ref'], unique=False)
    op.create_table('recipient',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('person_ref', sa.Uuid(), nullable=False),
    sa.Column('languages', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('quiet_from', sa.Integer(), nullable=True),
    sa.Column('quiet_until', sa.Integer(), nullable=True),
    sa.Column('opted_out_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('erased_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_recipient')),
    sa.UniqueConstraint('person_ref', name=op.f('uq_recipient_person_ref'))
    )
    op.create_table('subscription',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('person_ref', sa.Uuid(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('fields', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('languages', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('text_version', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_subscription'))
    )
    op.create_index(op.f('ix_subscription_person_ref'), 'subscription', ['person_ref'], unique=False)
    op.create_index(op.f('ix_subscription_region'), 'subscription', ['region'], unique=False)
    # What persons have said is for their own links and for this service's own work, not for lists.
    everything = "current_setting('lotse.scope', true) = 'all'"
    for statement in (
        *enable("recipient", using=everything),
        *enable("consent", using=everything),
        *enable("known_registration", using=everything),
        *enable("subscription", using=scoped(), adding=f"state = 'pending' OR {scoped()}"),
        *enable("delivery", using=scoped()),
    ):
        op.execute(statement)

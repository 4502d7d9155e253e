"""The spine's tables: outbox, inbox, waiting facts, due work, keys and grants, persons' keys, audit, the network."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from libs.common.row_security import FUNCTIONS, enable, scoped

revision = "spine_0001"
down_revision = None
branch_labels = ("spine",)
depends_on = None


def upgrade() -> None:
    """Make the tables and the functions of row-level security; the audit can only grow."""
    _tables()
    for function in FUNCTIONS:
        op.execute(function)
    public = "current_setting('lotse.scope', true) = 'public'"
    for statement in enable("person", using=scoped(partner="partner_id"), adding=f"{public} OR {scoped(partner='partner_id')}"):
        op.execute(statement)
    op.execute("INSERT INTO relay (published) VALUES (0)")
    op.execute("""
        CREATE FUNCTION lotse_append_only() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'this table can only grow'; END $$
    """)
    op.execute(GROWS_ONLY)
    for table in ("audit", "audit_link"):
        op.execute(f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} EXECUTE FUNCTION lotse_append_only()")


# The service's role got every right by default; what it must not do with the audit is taken away again.
GROWS_ONLY = """
    DO $$ DECLARE grantee text; BEGIN
        FOR grantee IN SELECT DISTINCT g.grantee FROM information_schema.role_table_grants g
            WHERE g.table_name IN ('audit', 'audit_link') AND g.grantee <> current_user
        LOOP
            EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE, TRIGGER ON audit, audit_link FROM %I', grantee);
        END LOOP;
    END $$
"""


def _tables() -> None:
    op.create_table('audit',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('principal', sa.Text(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('action', sa.Text(), nullable=False),
    sa.Column('about', sa.Text(), nullable=False),
    sa.Column('person_ref', sa.Uuid(), nullable=True),
    sa.Column('correlation', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit'))
    )
    op.create_index(op.f('ix_audit_person_ref'), 'audit', ['person_ref'], unique=False)
    op.create_table('audit_link',
    sa.Column('position', sa.BigInteger(), nullable=False),
    sa.Column('audit_id', sa.BigInteger(), nullable=False),
    sa.Column('mac', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('position', name=op.f('pk_audit_link')),
    sa.UniqueConstraint('audit_id', name=op.f('uq_audit_link_audit_id'))
    )
    op.create_table('due',
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('about', sa.Uuid(), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('attempts', sa.SmallInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('not_before', sa.DateTime(timezone=True), nullable=True),
    sa.Column('parked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('raised', sa.Text(), server_default=sa.text("''"), nullable=False),
    sa.PrimaryKeyConstraint('kind', 'about', name=op.f('pk_due'))
    )
    op.create_index(op.f('ix_due_due_at'), 'due', ['due_at'], unique=False)
    op.create_table('heard',
    sa.Column('speaker', sa.Text(), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('speaker', name=op.f('pk_heard'))
    )
    op.create_table('idempotency',
    sa.Column('principal', sa.Text(), nullable=False),
    sa.Column('route', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('body_mac', sa.LargeBinary(), nullable=False),
    sa.Column('created_id', sa.Uuid(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.PrimaryKeyConstraint('principal', 'route', 'key', name=op.f('pk_idempotency'))
    )
    op.create_index(op.f('ix_idempotency_at'), 'idempotency', ['at'], unique=False)
    op.create_table('inbox',
    sa.Column('fact_id', sa.Uuid(), nullable=False),
    sa.Column('speaker', sa.Text(), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('fact_id', name=op.f('pk_inbox'))
    )
    op.create_table('known_grant',
    sa.Column('grant_id', sa.Uuid(), nullable=False),
    sa.Column('principal', sa.Uuid(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('region', sa.Text(), nullable=True),
    sa.Column('partner_id', sa.Uuid(), nullable=True),
    sa.Column('project_id', sa.Uuid(), nullable=True),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('grant_id', name=op.f('pk_known_grant'))
    )
    op.create_index(op.f('ix_known_grant_principal'), 'known_grant', ['principal'], unique=False)
    op.create_table('known_key',
    sa.Column('key_id', sa.Uuid(), nullable=False),
    sa.Column('hash', sa.Text(), nullable=False),
    sa.Column('principal', sa.Uuid(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('key_id', name=op.f('pk_known_key')),
    sa.UniqueConstraint('hash', name=op.f('uq_known_key_hash'))
    )
    op.create_table('network',
    sa.Column('one', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('slug', sa.Text(), nullable=False),
    sa.Column('demonstration', sa.Boolean(), nullable=False),
    sa.Column('ahead', sa.Interval(), server_default=sa.text("interval '0'"), nullable=False),
    sa.PrimaryKeyConstraint('one', name=op.f('pk_network'))
    )
    op.create_table('outbox',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('fact_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=True),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('about', sa.Text(), nullable=False),
    sa.Column('headers', postgresql.JSONB(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('announced_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox')),
    sa.UniqueConstraint('fact_id', name=op.f('uq_outbox_fact_id')),
    sa.UniqueConstraint('number', name=op.f('uq_outbox_number'))
    )
    op.create_index('ix_outbox_unnumbered', 'outbox', ['id'], unique=False, postgresql_where=sa.text('number IS NULL'))
    op.create_table('person',
    sa.Column('person_ref', sa.Uuid(), nullable=False),
    sa.Column('region', sa.Text(), nullable=True),
    sa.Column('partner_id', sa.Uuid(), nullable=True),
    sa.Column('languages', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('details', sa.LargeBinary(), nullable=True),
    sa.Column('email_index', sa.LargeBinary(), nullable=True),
    sa.Column('phone_index', sa.LargeBinary(), nullable=True),
    sa.Column('erased_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('person_ref', name=op.f('pk_person'))
    )
    op.create_index(op.f('ix_person_email_index'), 'person', ['email_index'], unique=False)
    op.create_index(op.f('ix_person_phone_index'), 'person', ['phone_index'], unique=False)
    op.create_table('person_key',
    sa.Column('person_ref', sa.Uuid(), nullable=False),
    sa.Column('wrapped', sa.LargeBinary(), nullable=True),
    sa.Column('destroyed_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('person_ref', name=op.f('pk_person_key'))
    )
    op.create_table('relay',
    sa.Column('one', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('published', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('refills', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.PrimaryKeyConstraint('one', name=op.f('pk_relay'))
    )
    op.create_table('waiting',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('speaker', sa.Text(), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=True),
    sa.Column('fact_id', sa.Uuid(), nullable=True),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('about', sa.Text(), nullable=False),
    sa.Column('headers', postgresql.JSONB(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('attempts', sa.SmallInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('next_try_at', sa.DateTime(timezone=True), server_default=sa.text('clock_timestamp()'), nullable=False),
    sa.Column('parked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('raised', sa.Text(), server_default=sa.text("''"), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_waiting'))
    )
    op.create_index('ix_waiting_speaker_about', 'waiting', ['speaker', 'about', 'id'], unique=False)

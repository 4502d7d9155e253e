"""Destroyed keys are wiped from the server's files: which ones have been, and the right to rewrite their table."""

import sqlalchemy as sa
from alembic import op

revision = "spine_0002"
down_revision = "spine_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Note per key whether it was wiped; none since before this migration."""
    op.add_column("person_key", sa.Column("wiped_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_person_key_unwiped", "person_key", ["person_ref"], unique=False,
                    postgresql_where=sa.text("destroyed_at IS NOT NULL AND wiped_at IS NULL"))
    # ANALYZE would copy keys into the planner's statistics, where nobody destroys them; the type "changes" because
    # that drops those which are there.
    op.execute("ALTER TABLE person_key ALTER COLUMN wrapped TYPE bytea, ALTER COLUMN wrapped SET STATISTICS 0")
    op.execute(MAY_REWRITE)


# Whoever may write the table is the service's role: its name is the installation's affair.
MAY_REWRITE = """
    DO $$ DECLARE grantee text; BEGIN
        FOR grantee IN SELECT DISTINCT g.grantee FROM information_schema.role_table_grants g
            WHERE g.table_name = 'person_key' AND g.privilege_type = 'UPDATE' AND g.grantee <> current_user
        LOOP
            EXECUTE format('GRANT MAINTAIN ON person_key TO %I', grantee);
        END LOOP;
    END $$
"""

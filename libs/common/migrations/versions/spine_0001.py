"""The spine's tables: outbox, inbox, waiting facts, due work, keys and grants, persons' keys, audit, the network."""

from alembic import op

from libs.common.row_security import FUNCTIONS
from libs.common.tables import SPINE

revision = "spine_0001"
down_revision = None
branch_labels = ("spine",)
depends_on = None


def upgrade() -> None:
    """Make the tables and the functions of row-level security; the audit can only grow."""
    SPINE.create_all(op.get_bind())
    for function in FUNCTIONS:
        op.execute(function)
    op.execute("INSERT INTO relay (published) VALUES (0)")
    op.execute("""
        CREATE FUNCTION lotse_append_only() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'this table can only grow'; END $$
    """)
    for table in ("audit", "audit_link"):
        op.execute(f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} EXECUTE FUNCTION lotse_append_only()")

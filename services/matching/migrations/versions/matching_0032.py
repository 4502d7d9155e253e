"""What the version before writes in plain text while it runs beside the new one is sealed as what it left there is.

Its reason takes the place of an earlier, sealed one, which would be told of another time otherwise; and a hold-back that
it begins or ends without a reason leaves none behind.
"""

from alembic import op

revision = "matching_0032"
down_revision = "matching_0031"
branch_labels = None
depends_on = None

TO_SEAL = """
CREATE FUNCTION lotse_seal_why() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.held_back_note IS NOT DISTINCT FROM OLD.held_back_note THEN
        NEW.held_back_note := NULL;
        NEW.held_back_ref := NULL;
    END IF;
    IF NEW.held_back_why IS NOT NULL OR NEW.resumed_why IS NOT NULL THEN
        INSERT INTO due (kind, about, due_at) VALUES ('plain_why', NEW.id, now())
        ON CONFLICT (kind, about) DO UPDATE
        SET due_at = now(), attempts = 0, not_before = NULL, parked_at = NULL, raised = '';
    END IF;
    RETURN NEW;
END $$
"""
WRITTEN = """
CREATE TRIGGER seal_why BEFORE UPDATE ON {table} FOR EACH ROW WHEN (
    NEW.held_back_on IS DISTINCT FROM OLD.held_back_on OR NEW.held_back_why IS DISTINCT FROM OLD.held_back_why
    OR NEW.resumed_why IS DISTINCT FROM OLD.resumed_why)
EXECUTE FUNCTION lotse_seal_why()
"""


def upgrade() -> None:
    """Go forward; what is there already falls due since the two columns are sealed."""
    op.execute(TO_SEAL)
    for table in ("mentor", "mentor_group"):
        op.execute(WRITTEN.format(table=table))

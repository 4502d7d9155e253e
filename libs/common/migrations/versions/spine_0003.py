"""Due work has an id by which it is named when it is parked, from the same numbers as facts that wait."""

from alembic import op

revision = "spine_0003"
down_revision = "spine_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Number what is there; an older version that runs beside this one leaves the number to the default."""
    op.execute("ALTER TABLE due ADD COLUMN id bigint NOT NULL DEFAULT nextval('waiting_id_seq')")

"""Of a group's members: that a certificate was seen, which a rule set may ask for; and trainings attended elsewhere."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "matching_0012"
down_revision = "matching_0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward; what is there asks for none, and nothing is known of any."""
    op.add_column("rule_set", sa.Column("required_records", sa.Integer(), server_default="0", nullable=False))
    for name, kind in (("record_seen_on", sa.Date()), ("record_certificate_date", sa.Date()),
                       ("record_relevant_entry", sa.Boolean()), ("record_next_due", sa.Date())):
        op.add_column("mentor_group_member", sa.Column(name, kind, nullable=True))
    op.add_column("mentor_group_member", sa.Column(
        "trainings_shown", postgresql.JSONB(), server_default="[]", nullable=False))
    op.create_check_constraint(op.f("ck_mentor_group_member_no_relevant_entry_kept"), "mentor_group_member",
                               "record_relevant_entry IS NOT TRUE")

"""Counselling and referrals are counted by the partner, for the projects that it carries."""

import sqlalchemy as sa
from alembic import op

revision = "registry_0003"
down_revision = "registry_0002"
branch_labels = None
depends_on = None

SYSTEM = "current_setting('lotse.scope', true) = 'all'"
OF_OWN_PROJECTS = """EXISTS (
    SELECT FROM project WHERE project.id = counted_fact.project_id
    AND lotse_covers(project.region, project.carrier_id, project.id))"""
# What counts for every project of its partner is seen by whoever sees one of them.
OF_OWN_CARRIERS = """counted_fact.project_id IS NULL AND EXISTS (
    SELECT FROM project WHERE project.carrier_id = counted_fact.partner_id
    AND lotse_covers(project.region, project.carrier_id, project.id))"""


def upgrade() -> None:
    """Go forward; what has been counted stays a fact of its project."""
    op.alter_column("counted_fact", "project_id", nullable=True)
    op.add_column("counted_fact", sa.Column("partner_id", sa.Uuid(), nullable=True))
    op.create_index(op.f("ix_counted_fact_partner_id"), "counted_fact", ["partner_id"], unique=False)
    op.execute(f"ALTER POLICY scope ON counted_fact USING ({SYSTEM} OR {OF_OWN_PROJECTS} OR ({OF_OWN_CARRIERS}))")

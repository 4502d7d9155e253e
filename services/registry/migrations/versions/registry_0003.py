"""Counselling and referrals are counted by the partner, for the projects that it carries; offers receive referrals."""

import sqlalchemy as sa
from alembic import op

from libs.common.row_security import enable, scoped

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
    op.create_table(
        "received_referral",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("referred_by", sa.Uuid(), nullable=True),
        sa.Column("sent_on", sa.Date(), nullable=False),
        sa.Column("holds_place", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["offer_id"], ["offer.id"], name=op.f("fk_received_referral_offer_id_offer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_received_referral")))
    for column in ("offer_id", "partner_id"):
        op.create_index(op.f(f"ix_received_referral_{column}"), "received_referral", [column], unique=False)
    for statement in enable("received_referral", using=scoped(partner="partner_id")):
        op.execute(statement)

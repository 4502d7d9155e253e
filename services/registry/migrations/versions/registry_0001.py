"""Keys, grants, partners, offers, programmes, projects with indicators, consultations, observations, erasures."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from libs.common.row_security import enable, scoped

revision = "registry_0001"
down_revision = None
branch_labels = ('registry',)
depends_on = 'spine_0001'

SYSTEM = "current_setting('lotse.scope', true) = 'all'"
PUBLIC = "current_setting('lotse.scope', true) = 'public'"
# Whoever looks after a partner's offer may know whom at that partner to tell.
OF_OWN_OFFERS = """EXISTS (
    SELECT FROM offer WHERE offer.partner_id = partner_contact.partner_id AND lotse_covers(offer.region, NULL, NULL))"""
# Open projects are seen by all who may count for them; who reads for a funder sees the own project only.
OPEN = "(state = 'open' AND current_setting('lotse.scope', true) <> 'funder_reader')"
# One project at a time is held open by whoever counts for it (countable_project).
COUNTED_FOR = "id::text = current_setting('lotse.project', true)"
OF_OWN_PROJECTS = """EXISTS (
    SELECT FROM project WHERE project.id = counted_fact.project_id
    AND lotse_covers(project.region, project.carrier_id, project.id))"""


def upgrade() -> None:
    """Go forward; rows are put behind row-level security."""
    op.create_table('access_key',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('principal', sa.Uuid(), nullable=False),
    sa.Column('label', sa.Text(), nullable=False),
    sa.Column('region', sa.Text(), nullable=True),
    sa.Column('hash', sa.Text(), nullable=False),
    sa.Column('issued_by', sa.Text(), nullable=False),
    sa.Column('issued_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_access_key')),
    sa.UniqueConstraint('hash', name=op.f('uq_access_key_hash'))
    )
    op.create_index(op.f('ix_access_key_principal'), 'access_key', ['principal'], unique=False)
    op.create_table('body',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('sort_key', sa.Text(), nullable=False),
    sa.Column('kind', sa.String(40), nullable=False),
    sa.Column('region', sa.Text(), nullable=True),
    sa.Column('contact_ref', sa.Uuid(), nullable=True),
    sa.Column('contact_set_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_body'))
    )
    op.create_index(op.f('ix_body_region'), 'body', ['region'], unique=False)
    op.create_index(op.f('ix_body_sort_key'), 'body', ['sort_key'], unique=False)
    op.create_table('counted_fact',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(40), nullable=False),
    sa.Column('project_id', sa.Uuid(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('occurred_on', sa.Date(), nullable=False),
    sa.Column('told_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('source_id', sa.Uuid(), nullable=False),
    sa.Column('value', sa.Integer(), nullable=False),
    sa.Column('subject_kind', sa.Text(), nullable=True),
    sa.Column('subject_key', sa.Text(), nullable=True),
    sa.Column('random_key', sa.Boolean(), nullable=False),
    sa.Column('event_id', sa.Uuid(), nullable=True),
    sa.Column('event_kind', sa.Text(), nullable=True),
    sa.Column('training_code', sa.Text(), nullable=True),
    sa.Column('home_region', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_counted_fact'))
    )
    op.create_index(op.f('ix_counted_fact_project_id'), 'counted_fact', ['project_id'], unique=False)
    op.create_table('erasure',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('region', sa.Text(), nullable=True),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('person_refs', postgresql.ARRAY(sa.Uuid()), nullable=False),
    sa.Column('requested_by', sa.Text(), nullable=False),
    sa.Column('requested_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('reminders', sa.Integer(), nullable=False),
    sa.Column('completed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('receipt', sa.Text(), nullable=True),
    sa.Column('signature', sa.Text(), nullable=True),
    sa.Column('receipt_hash', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_erasure'))
    )
    op.create_table('given_grant',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('principal', sa.Uuid(), nullable=False),
    sa.Column('role', sa.String(40), nullable=False),
    sa.Column('scope_region', sa.Text(), nullable=True),
    sa.Column('partner_id', sa.Uuid(), nullable=True),
    sa.Column('project_id', sa.Uuid(), nullable=True),
    sa.Column('region', sa.Text(), nullable=True),
    sa.Column('given_by', sa.Text(), nullable=False),
    sa.Column('given_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('withdrawn_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_given_grant'))
    )
    op.create_index(op.f('ix_given_grant_principal'), 'given_grant', ['principal'], unique=False)
    op.create_table('learning',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('field', sa.Text(), nullable=True),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=True),
    sa.Column('language', sa.Text(), nullable=True),
    sa.Column('captured_on', sa.Date(), nullable=True),
    sa.Column('observation_id', sa.Uuid(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_learning'))
    )
    op.create_index(op.f('ix_learning_region'), 'learning', ['region'], unique=False)
    op.create_table('partner',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('sort_key', sa.Text(), nullable=False),
    sa.Column('kind', sa.String(40), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('region', sa.Text(), nullable=True),
    sa.Column('postcode', sa.Text(), nullable=True),
    sa.Column('languages', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('fields_of_action', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('described_as', sa.Text(), nullable=True),
    sa.Column('listed_only', sa.Boolean(), nullable=False),
    sa.Column('new_to_field', sa.Boolean(), nullable=False),
    sa.Column('first_contact_on', sa.Date(), nullable=True),
    sa.Column('joined_on', sa.Date(), nullable=True),
    sa.Column('verified_by', sa.Text(), nullable=True),
    sa.Column('verified_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_partner'))
    )
    op.create_index(op.f('ix_partner_region'), 'partner', ['region'], unique=False)
    op.create_index(op.f('ix_partner_sort_key'), 'partner', ['sort_key'], unique=False)
    op.create_table('erasure_part',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('erasure_id', sa.Uuid(), nullable=False),
    sa.Column('region', sa.Text(), nullable=True),
    sa.Column('service', sa.Text(), nullable=False),
    sa.Column('stores', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('erased_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['erasure_id'], ['erasure.id'], name=op.f('fk_erasure_part_erasure_id_erasure')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_erasure_part')),
    sa.UniqueConstraint('erasure_id', 'service', name=op.f('uq_erasure_part_erasure_id_service'))
    )
    op.create_table('observation',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(40), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('partner_id', sa.Uuid(), nullable=True),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('affected_group', sa.Text(), nullable=True),
    sa.Column('submitter_ref', sa.Uuid(), nullable=True),
    sa.Column('learning_id', sa.Uuid(), nullable=True),
    sa.Column('body_id', sa.Uuid(), nullable=True),
    sa.Column('forwarded_on', sa.Date(), nullable=True),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('answer', sa.Text(), nullable=True),
    sa.Column('answered_on', sa.Date(), nullable=True),
    sa.ForeignKeyConstraint(['body_id'], ['body.id'], name=op.f('fk_observation_body_id_body')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_observation')),
    sa.UniqueConstraint('learning_id', name=op.f('uq_observation_learning_id'))
    )
    op.create_index(op.f('ix_observation_region'), 'observation', ['region'], unique=False)
    op.create_index(op.f('ix_observation_submitter_ref'), 'observation', ['submitter_ref'], unique=False)
    op.create_table('offer',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('partner_id', sa.Uuid(), nullable=False),
    sa.Column('region', sa.Text(), nullable=True),
    sa.Column('field', sa.String(40), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('translations', postgresql.JSONB(), nullable=False),
    sa.Column('sort_key', sa.Text(), nullable=False),
    sa.Column('languages', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('topics', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('women_only', sa.Boolean(), nullable=False),
    sa.Column('childcare', sa.Boolean(), nullable=False),
    sa.Column('barrier_free', sa.Boolean(), nullable=False),
    sa.Column('online', sa.Boolean(), nullable=False),
    sa.Column('free_of_charge', sa.Boolean(), nullable=True),
    sa.Column('german_level', sa.Text(), nullable=True),
    sa.Column('min_age', sa.Integer(), nullable=True),
    sa.Column('max_age', sa.Integer(), nullable=True),
    sa.Column('residence_statuses', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('schedule', sa.Text(), nullable=True),
    sa.Column('postcode', sa.Text(), nullable=True),
    sa.Column('funding_note', sa.Text(), nullable=True),
    sa.Column('valid_until', sa.Date(), nullable=True),
    sa.Column('capacity', postgresql.JSONB(), nullable=True),
    sa.Column('review_note', sa.Text(), nullable=True),
    sa.Column('revision', postgresql.JSONB(), nullable=True),
    sa.Column('revision_state', sa.String(40), nullable=True),
    sa.Column('assured_on', sa.DateTime(timezone=True), nullable=True),
    sa.Column('assurance_due', sa.DateTime(timezone=True), nullable=True),
    sa.Column('published_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['partner_id'], ['partner.id'], name=op.f('fk_offer_partner_id_partner')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_offer'))
    )
    op.create_index(op.f('ix_offer_partner_id'), 'offer', ['partner_id'], unique=False)
    op.create_index(op.f('ix_offer_region'), 'offer', ['region'], unique=False)
    op.create_index(op.f('ix_offer_sort_key'), 'offer', ['sort_key'], unique=False)
    op.create_table('partner_contact',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('partner_id', sa.Uuid(), nullable=False),
    sa.Column('region', sa.Text(), nullable=True),
    sa.Column('person_ref', sa.Uuid(), nullable=False),
    sa.Column('public', sa.Boolean(), nullable=False),
    sa.ForeignKeyConstraint(['partner_id'], ['partner.id'], name=op.f('fk_partner_contact_partner_id_partner')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_partner_contact')),
    sa.UniqueConstraint('person_ref', name=op.f('uq_partner_contact_person_ref'))
    )
    op.create_index(op.f('ix_partner_contact_partner_id'), 'partner_contact', ['partner_id'], unique=False)
    op.create_table('programme',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('sort_key', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('carrier_id', sa.Uuid(), nullable=True),
    sa.Column('contact_line', sa.Text(), nullable=True),
    sa.Column('region', sa.Text(), nullable=True),
    sa.Column('rules_changed_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['carrier_id'], ['partner.id'], name=op.f('fk_programme_carrier_id_partner')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_programme'))
    )
    op.create_index(op.f('ix_programme_sort_key'), 'programme', ['sort_key'], unique=False)
    op.create_table('project',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('sort_key', sa.Text(), nullable=False),
    sa.Column('programme_id', sa.Uuid(), nullable=True),
    sa.Column('carrier_id', sa.Uuid(), nullable=False),
    sa.Column('funder_id', sa.Uuid(), nullable=True),
    sa.Column('region', sa.Text(), nullable=True),
    sa.Column('starts', sa.Date(), nullable=False),
    sa.Column('ends', sa.Date(), nullable=False),
    sa.Column('target_regions', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('count_secret', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['carrier_id'], ['partner.id'], name=op.f('fk_project_carrier_id_partner')),
    sa.ForeignKeyConstraint(['funder_id'], ['partner.id'], name=op.f('fk_project_funder_id_partner')),
    sa.ForeignKeyConstraint(['programme_id'], ['programme.id'], name=op.f('fk_project_programme_id_programme')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_project'))
    )
    op.create_index(op.f('ix_project_carrier_id'), 'project', ['carrier_id'], unique=False)
    op.create_index(op.f('ix_project_region'), 'project', ['region'], unique=False)
    op.create_index(op.f('ix_project_sort_key'), 'project', ['sort_key'], unique=False)
    op.create_table('rule_set',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('programme_id', sa.Uuid(), nullable=False),
    sa.Column('region', sa.Text(), nullable=True),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_until', sa.Date(), nullable=True),
    sa.Column('min_members', sa.Integer(), nullable=False),
    sa.Column('main_contacts', sa.Integer(), nullable=False),
    sa.Column('rent_months', sa.Integer(), nullable=False),
    sa.Column('support_months', sa.Integer(), nullable=False),
    sa.Column('trial_days', sa.Integer(), nullable=False),
    sa.Column('checkin_days', postgresql.ARRAY(sa.Integer()), nullable=False),
    sa.Column('required_trainings', postgresql.JSONB(), nullable=False),
    sa.Column('required_documents', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('chooser', sa.String(40), nullable=False),
    sa.Column('statutory_status', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['programme_id'], ['programme.id'], name=op.f('fk_rule_set_programme_id_programme')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rule_set')),
    sa.UniqueConstraint('programme_id', 'valid_from', name=op.f('uq_rule_set_programme_id_valid_from'))
    )
    op.create_table('consultation',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('project_id', sa.Uuid(), nullable=True),
    sa.Column('partner_id', sa.Uuid(), nullable=True),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('subject_kind', sa.String(40), nullable=False),
    sa.Column('subject_key', sa.Text(), nullable=True),
    sa.Column('random_key', sa.Boolean(), nullable=False),
    sa.Column('person_ref', sa.Uuid(), nullable=True),
    sa.Column('topics', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('planned_for', sa.Date(), nullable=False),
    sa.Column('held_on', sa.Date(), nullable=True),
    sa.Column('minutes', sa.Integer(), nullable=True),
    sa.Column('note', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['partner_id'], ['partner.id'], name=op.f('fk_consultation_partner_id_partner')),
    sa.ForeignKeyConstraint(['project_id'], ['project.id'], name=op.f('fk_consultation_project_id_project')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consultation'))
    )
    op.create_index(op.f('ix_consultation_partner_id'), 'consultation', ['partner_id'], unique=False)
    op.create_index(op.f('ix_consultation_person_ref'), 'consultation', ['person_ref'], unique=False)
    op.create_index(op.f('ix_consultation_project_id'), 'consultation', ['project_id'], unique=False)
    op.create_index(op.f('ix_consultation_region'), 'consultation', ['region'], unique=False)
    op.create_table('indicator',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('project_id', sa.Uuid(), nullable=False),
    sa.Column('partner_id', sa.Uuid(), nullable=False),
    sa.Column('region', sa.Text(), nullable=True),
    sa.Column('label', postgresql.JSONB(), nullable=False),
    sa.Column('metric', sa.String(40), nullable=False),
    sa.Column('facts', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('event_kinds', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('training_code', sa.Text(), nullable=True),
    sa.Column('regions', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('rural_only', sa.Boolean(), nullable=False),
    sa.Column('min_per_event', sa.Integer(), nullable=True),
    sa.Column('min_rural_regions', sa.Integer(), nullable=True),
    sa.Column('target', sa.Integer(), nullable=False),
    sa.Column('deadline', sa.Date(), nullable=False),
    sa.Column('reached_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('at_risk_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['project_id'], ['project.id'], name=op.f('fk_indicator_project_id_project')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_indicator'))
    )
    op.create_index(op.f('ix_indicator_project_id'), 'indicator', ['project_id'], unique=False)
    for statement in (
        *enable("access_key", using=scoped()),
        *enable("given_grant", using=scoped()),
        *enable("partner", using=f"state = 'verified' OR {scoped(partner='id')}",
                check=scoped(partner="id"), adding=f"state = 'applied' OR {scoped(partner='id')}"),
        *enable("partner_contact", using=f"{scoped(partner='partner_id')} OR {OF_OWN_OFFERS}",
                check=scoped(partner="partner_id"), adding=f"{PUBLIC} OR {scoped(partner='partner_id')}"),
        *enable("offer", using=f"state IN ('published', 'stale') OR {scoped(partner='partner_id')}", check=scoped(partner="partner_id")),
        *enable("programme", using="true", check=scoped()),
        *enable("rule_set", using="true", check=scoped()),
        *enable("project", using=f"{OPEN} OR {scoped(partner='carrier_id', project='id')}",
                check=f"{COUNTED_FOR} OR {scoped()}", adding=scoped()),
        *enable("indicator", using=scoped(partner="partner_id", project="project_id"), check=scoped()),
        *enable("counted_fact", using=f"{SYSTEM} OR {OF_OWN_PROJECTS}", check=SYSTEM,
                adding=f"{SYSTEM} OR kind = 'consultation'"),
        *enable("consultation", using=scoped(partner="partner_id")),
        *enable("body", using="true", check=scoped()),
        *enable("observation", using=scoped(partner="partner_id"), adding=f"state = 'received' OR {scoped(partner='partner_id')}"),
        *enable("learning", using=scoped()),
        *enable("erasure", using=scoped()),
        *enable("erasure_part", using=scoped()),
    ):
        op.execute(statement)

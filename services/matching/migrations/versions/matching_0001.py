"""Mentors, groups, households, runs, proposals, tandems and what belongs to them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from libs.common.row_security import enable, scoped

revision = "matching_0001"
down_revision = None
branch_labels = ('matching',)
depends_on = 'spine_0001'


def upgrade() -> None:
    """Go forward; rows are put behind row-level security."""
    op.create_table('attended_training',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('person_ref', sa.Uuid(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('training_code', sa.Text(), nullable=False),
    sa.Column('attended_on', sa.Date(), nullable=True),
    sa.Column('counts', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attended_training'))
    )
    op.create_index(op.f('ix_attended_training_person_ref'), 'attended_training', ['person_ref'], unique=False)
    op.create_table('household',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('languages', postgresql.JSONB(), nullable=False),
    sa.Column('slots', sa.Integer(), nullable=False),
    sa.Column('radius_km', sa.Integer(), nullable=True),
    sa.Column('postcode', sa.Text(), nullable=True),
    sa.Column('lat', sa.Float(), nullable=True),
    sa.Column('lon', sa.Float(), nullable=True),
    sa.Column('interests', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('conflict_groups', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('partner_id', sa.Uuid(), nullable=True),
    sa.Column('programme_id', sa.Uuid(), nullable=False),
    sa.Column('person_ref', sa.Uuid(), nullable=False),
    sa.Column('registered_by', sa.Text(), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('members', postgresql.JSONB(), nullable=False),
    sa.Column('least_level', sa.Text(), nullable=False),
    sa.Column('interpreter', sa.Boolean(), nullable=False),
    sa.Column('kinds', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('contact_genders', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('must_haves', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('wishes', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('vetoed_units', postgresql.ARRAY(sa.Uuid()), nullable=False),
    sa.Column('vetoed_persons', postgresql.ARRAY(sa.Uuid()), nullable=False),
    sa.Column('vetoed_partners', postgresql.ARRAY(sa.Uuid()), nullable=False),
    sa.Column('urgency', sa.Integer(), nullable=False),
    sa.Column('arrived_on', sa.Date(), nullable=True),
    sa.Column('note', sa.LargeBinary(), nullable=True),
    sa.Column('consented_on', sa.Date(), nullable=True),
    sa.Column('consent_version', sa.Integer(), nullable=True),
    sa.Column('waiting_since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_reason', sa.Text(), nullable=True),
    sa.CheckConstraint("state NOT IN ('waiting', 'proposed', 'in_tandem') OR consented_on IS NOT NULL", name=op.f('ck_household_consented')),
    sa.CheckConstraint("state NOT IN ('waiting', 'proposed', 'in_tandem') OR waiting_since IS NOT NULL", name=op.f('ck_household_waiting_since')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_household')),
    sa.UniqueConstraint('person_ref', name=op.f('uq_household_person_ref'))
    )
    op.create_index(op.f('ix_household_partner_id'), 'household', ['partner_id'], unique=False)
    op.create_index(op.f('ix_household_programme_id'), 'household', ['programme_id'], unique=False)
    op.create_index(op.f('ix_household_region'), 'household', ['region'], unique=False)
    op.create_table('known_project',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('starts', sa.Date(), nullable=False),
    sa.Column('ends', sa.Date(), nullable=False),
    sa.Column('regions', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('closed', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_known_project'))
    )
    op.create_table('mentor',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('languages', postgresql.JSONB(), nullable=False),
    sa.Column('slots', sa.Integer(), nullable=False),
    sa.Column('radius_km', sa.Integer(), nullable=True),
    sa.Column('postcode', sa.Text(), nullable=True),
    sa.Column('lat', sa.Float(), nullable=True),
    sa.Column('lon', sa.Float(), nullable=True),
    sa.Column('interests', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('conflict_groups', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('largest', sa.Integer(), nullable=False),
    sa.Column('offers', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('accepts_genders', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('accepts_bands', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('childcare', sa.Boolean(), nullable=False),
    sa.Column('step_free', sa.Boolean(), nullable=False),
    sa.Column('vetoed_households', postgresql.ARRAY(sa.Uuid()), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('partner_id', sa.Uuid(), nullable=True),
    sa.Column('programme_id', sa.Uuid(), nullable=False),
    sa.Column('person_ref', sa.Uuid(), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('gender', sa.String(40), nullable=False),
    sa.Column('capacity', sa.Integer(), nullable=False),
    sa.Column('consented_on', sa.Date(), nullable=True),
    sa.Column('consent_version', sa.Integer(), nullable=True),
    sa.Column('record_seen_on', sa.Date(), nullable=True),
    sa.Column('record_certificate_date', sa.Date(), nullable=True),
    sa.Column('record_relevant_entry', sa.Boolean(), nullable=True),
    sa.Column('record_next_due', sa.Date(), nullable=True),
    sa.Column('active_since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('left_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("state NOT IN ('ready', 'active', 'paused') OR consented_on IS NOT NULL", name=op.f('ck_mentor_consented')),
    sa.CheckConstraint('capacity >= 1', name=op.f('ck_mentor_capacity')),
    sa.CheckConstraint('record_relevant_entry IS NOT TRUE', name=op.f('ck_mentor_no_relevant_entry_kept')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mentor')),
    sa.UniqueConstraint('person_ref', name=op.f('uq_mentor_person_ref'))
    )
    op.create_index(op.f('ix_mentor_programme_id'), 'mentor', ['programme_id'], unique=False)
    op.create_index(op.f('ix_mentor_region'), 'mentor', ['region'], unique=False)
    op.create_table('mentor_group',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('languages', postgresql.JSONB(), nullable=False),
    sa.Column('slots', sa.Integer(), nullable=False),
    sa.Column('radius_km', sa.Integer(), nullable=True),
    sa.Column('postcode', sa.Text(), nullable=True),
    sa.Column('lat', sa.Float(), nullable=True),
    sa.Column('lon', sa.Float(), nullable=True),
    sa.Column('interests', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('conflict_groups', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('largest', sa.Integer(), nullable=False),
    sa.Column('offers', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('accepts_genders', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('accepts_bands', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('childcare', sa.Boolean(), nullable=False),
    sa.Column('step_free', sa.Boolean(), nullable=False),
    sa.Column('vetoed_households', postgresql.ARRAY(sa.Uuid()), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('partner_id', sa.Uuid(), nullable=True),
    sa.Column('programme_id', sa.Uuid(), nullable=False),
    sa.Column('label', sa.Text(), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('interested_on', sa.Date(), nullable=False),
    sa.Column('housing', postgresql.JSONB(none_as_null=True), nullable=True),
    sa.Column('documents_seen', postgresql.JSONB(), nullable=False),
    sa.Column('end_reason', sa.Text(), nullable=True),
    sa.Column('ready_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("housing IS NULL OR jsonb_typeof(housing) = 'object'", name=op.f('ck_mentor_group_housing')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mentor_group'))
    )
    op.create_index(op.f('ix_mentor_group_programme_id'), 'mentor_group', ['programme_id'], unique=False)
    op.create_index(op.f('ix_mentor_group_region'), 'mentor_group', ['region'], unique=False)
    op.create_table('rule_set',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('programme_id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('valid_until', sa.Date(), nullable=True),
    sa.Column('min_members', sa.Integer(), nullable=False),
    sa.Column('main_contacts', sa.Integer(), nullable=False),
    sa.Column('rent_months', sa.Integer(), nullable=False),
    sa.Column('support_months', sa.Integer(), nullable=False),
    sa.Column('trial_days', sa.Integer(), nullable=False),
    sa.Column('checkin_days', postgresql.JSONB(), nullable=False),
    sa.Column('required_trainings', postgresql.JSONB(), nullable=False),
    sa.Column('required_documents', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('chooser', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_rule_set')),
    sa.UniqueConstraint('programme_id', 'valid_from', name=op.f('uq_rule_set_programme_id_valid_from'))
    )
    op.create_index(op.f('ix_rule_set_programme_id'), 'rule_set', ['programme_id'], unique=False)
    op.create_table('run',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('programme_id', sa.Uuid(), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('started_by', sa.Text(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('today', sa.Date(), nullable=True),
    sa.Column('households', sa.Integer(), nullable=False),
    sa.Column('units', sa.Integer(), nullable=False),
    sa.Column('inputs_hash', sa.Text(), nullable=True),
    sa.Column('computing_version', sa.Text(), nullable=True),
    sa.Column('weights_version', sa.Text(), nullable=True),
    sa.Column('solver', sa.Text(), nullable=True),
    sa.Column('numpy', sa.Text(), nullable=True),
    sa.Column('possible_pairs', sa.Integer(), nullable=True),
    sa.Column('objective', sa.BigInteger(), nullable=True),
    sa.Column('bound', sa.BigInteger(), nullable=True),
    sa.Column('certified', sa.Boolean(), nullable=True),
    sa.Column('unit_prices', postgresql.JSONB(), nullable=False),
    sa.Column('household_values', postgresql.JSONB(), nullable=False),
    sa.Column('proposed', sa.Integer(), nullable=False),
    sa.Column('dropped', sa.Integer(), nullable=False),
    sa.Column('failed_with', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_run'))
    )
    op.create_index(op.f('ix_run_region'), 'run', ['region'], unique=False)
    op.create_table('weight_set',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('programme_id', sa.Uuid(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('language', sa.Integer(), nullable=False),
    sa.Column('distance', sa.Integer(), nullable=False),
    sa.Column('needs', sa.Integer(), nullable=False),
    sa.Column('interests', sa.Integer(), nullable=False),
    sa.Column('availability', sa.Integer(), nullable=False),
    sa.Column('base', sa.Integer(), nullable=False),
    sa.Column('min_common_slots', sa.Integer(), nullable=False),
    sa.Column('waiting_per_week', sa.Integer(), nullable=False),
    sa.Column('waiting_most', sa.Integer(), nullable=False),
    sa.Column('urgency_bonus', sa.Integer(), nullable=False),
    sa.Column('far_km', sa.Integer(), nullable=False),
    sa.Column('enough_slots', sa.Integer(), nullable=False),
    sa.Column('set_by', sa.Text(), nullable=False),
    sa.Column('set_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('language + distance + needs + interests + availability = 1000', name=op.f('ck_weight_set_sum')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_weight_set')),
    sa.UniqueConstraint('programme_id', 'number', name=op.f('uq_weight_set_programme_id_number'))
    )
    op.create_table('mentor_group_member',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('mentor_group_id', sa.Uuid(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('person_ref', sa.Uuid(), nullable=False),
    sa.Column('is_main_contact', sa.Boolean(), nullable=False),
    sa.Column('gender', sa.String(40), nullable=False),
    sa.Column('consented_on', sa.Date(), nullable=True),
    sa.Column('joined_on', sa.Date(), nullable=False),
    sa.Column('left_on', sa.Date(), nullable=True),
    sa.ForeignKeyConstraint(['mentor_group_id'], ['mentor_group.id'], name=op.f('fk_mentor_group_member_mentor_group_id_mentor_group')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_mentor_group_member')),
    sa.UniqueConstraint('person_ref', name=op.f('uq_mentor_group_member_person_ref'))
    )
    op.create_index(op.f('ix_mentor_group_member_mentor_group_id'), 'mentor_group_member', ['mentor_group_id'], unique=False)
    op.create_table('prerequisite',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('mentor_group_id', sa.Uuid(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('demand', sa.String(40), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('needed', sa.Integer(), nullable=False),
    sa.Column('there', sa.Integer(), nullable=False),
    sa.Column('standing', sa.String(40), nullable=False),
    sa.Column('evidence', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('fulfilled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('waived_by', sa.Text(), nullable=True),
    sa.Column('waived_why', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['mentor_group_id'], ['mentor_group.id'], name=op.f('fk_prerequisite_mentor_group_id_mentor_group')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_prerequisite')),
    sa.UniqueConstraint('mentor_group_id', 'demand', 'subject', name=op.f('uq_prerequisite_mentor_group_id_demand_subject'))
    )
    op.create_index(op.f('ix_prerequisite_region'), 'prerequisite', ['region'], unique=False)
    op.create_table('proposal',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('run_id', sa.Uuid(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('programme_id', sa.Uuid(), nullable=False),
    sa.Column('household_id', sa.Uuid(), nullable=False),
    sa.Column('mentor_id', sa.Uuid(), nullable=True),
    sa.Column('mentor_group_id', sa.Uuid(), nullable=True),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('score', sa.Integer(), nullable=False),
    sa.Column('bonus', sa.Integer(), nullable=False),
    sa.Column('worth', sa.Integer(), nullable=False),
    sa.Column('unit_price', sa.Integer(), nullable=False),
    sa.Column('points', postgresql.JSONB(), nullable=False),
    sa.Column('reasons', postgresql.JSONB(), nullable=False),
    sa.Column('besides', postgresql.JSONB(), nullable=False),
    sa.Column('shared', postgresql.JSONB(), nullable=False),
    sa.Column('next_best', postgresql.JSONB(none_as_null=True), nullable=True),
    sa.Column('approved_by', sa.Text(), nullable=True),
    sa.Column('approved_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decided_on', sa.Date(), nullable=True),
    sa.Column('decision_reference', sa.Text(), nullable=True),
    sa.Column('dismissed_reason', sa.String(40), nullable=True),
    sa.Column('invited_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('mentors_accepted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('household_accepted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('declined_side', sa.String(40), nullable=True),
    sa.Column('declined_reason', sa.String(40), nullable=True),
    sa.Column('first_meeting_on', sa.Date(), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('(mentor_id IS NULL) <> (mentor_group_id IS NULL)', name=op.f('ck_proposal_one_unit')),
    sa.ForeignKeyConstraint(['household_id'], ['household.id'], name=op.f('fk_proposal_household_id_household')),
    sa.ForeignKeyConstraint(['mentor_group_id'], ['mentor_group.id'], name=op.f('fk_proposal_mentor_group_id_mentor_group')),
    sa.ForeignKeyConstraint(['mentor_id'], ['mentor.id'], name=op.f('fk_proposal_mentor_id_mentor')),
    sa.ForeignKeyConstraint(['run_id'], ['run.id'], name=op.f('fk_proposal_run_id_run')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_proposal'))
    )
    op.create_index(op.f('ix_proposal_household_id'), 'proposal', ['household_id'], unique=False)
    op.create_index(op.f('ix_proposal_mentor_group_id'), 'proposal', ['mentor_group_id'], unique=False)
    op.create_index(op.f('ix_proposal_mentor_id'), 'proposal', ['mentor_id'], unique=False)
    op.create_index(op.f('ix_proposal_region'), 'proposal', ['region'], unique=False)
    op.create_index(op.f('ix_proposal_run_id'), 'proposal', ['run_id'], unique=False)
    op.create_index('uq_proposal_open_group', 'proposal', ['mentor_group_id'], unique=True, postgresql_where=sa.text("state IN ('invited', 'accepted_one', 'accepted_both', 'first_meeting')"))
    op.create_index('uq_proposal_live_household', 'proposal', ['household_id'], unique=True, postgresql_where=sa.text("state IN ('proposed', 'approved', 'invited', 'accepted_one', 'accepted_both', 'first_meeting')"))
    op.create_table('unserved',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('run_id', sa.Uuid(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('household_id', sa.Uuid(), nullable=False),
    sa.Column('possible', sa.Integer(), nullable=False),
    sa.Column('removed', postgresql.JSONB(), nullable=False),
    sa.Column('alone', postgresql.JSONB(), nullable=False),
    sa.Column('missing', postgresql.JSONB(), nullable=False),
    sa.ForeignKeyConstraint(['household_id'], ['household.id'], name=op.f('fk_unserved_household_id_household')),
    sa.ForeignKeyConstraint(['run_id'], ['run.id'], name=op.f('fk_unserved_run_id_run')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_unserved')),
    sa.UniqueConstraint('run_id', 'household_id', name=op.f('uq_unserved_run_id_household_id'))
    )
    op.create_index(op.f('ix_unserved_household_id'), 'unserved', ['household_id'], unique=False)
    op.create_index(op.f('ix_unserved_region'), 'unserved', ['region'], unique=False)
    op.create_table('tandem',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('proposal_id', sa.Uuid(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('programme_id', sa.Uuid(), nullable=False),
    sa.Column('project_id', sa.Uuid(), nullable=True),
    sa.Column('household_id', sa.Uuid(), nullable=False),
    sa.Column('mentor_id', sa.Uuid(), nullable=True),
    sa.Column('mentor_group_id', sa.Uuid(), nullable=True),
    sa.Column('kind', sa.String(40), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('goals', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('trial_until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('planned_until', sa.Date(), nullable=False),
    sa.Column('mentors_consented_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('household_consented_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('agreement_signed_on', sa.Date(), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('end_reason', sa.String(40), nullable=True),
    sa.CheckConstraint('(mentor_id IS NULL) <> (mentor_group_id IS NULL)', name=op.f('ck_tandem_one_unit')),
    sa.ForeignKeyConstraint(['household_id'], ['household.id'], name=op.f('fk_tandem_household_id_household')),
    sa.ForeignKeyConstraint(['mentor_group_id'], ['mentor_group.id'], name=op.f('fk_tandem_mentor_group_id_mentor_group')),
    sa.ForeignKeyConstraint(['mentor_id'], ['mentor.id'], name=op.f('fk_tandem_mentor_id_mentor')),
    sa.ForeignKeyConstraint(['proposal_id'], ['proposal.id'], name=op.f('fk_tandem_proposal_id_proposal')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tandem')),
    sa.UniqueConstraint('proposal_id', name=op.f('uq_tandem_proposal_id'))
    )
    op.create_index(op.f('ix_tandem_household_id'), 'tandem', ['household_id'], unique=False)
    op.create_index(op.f('ix_tandem_mentor_group_id'), 'tandem', ['mentor_group_id'], unique=False)
    op.create_index(op.f('ix_tandem_mentor_id'), 'tandem', ['mentor_id'], unique=False)
    op.create_index(op.f('ix_tandem_region'), 'tandem', ['region'], unique=False)
    op.create_index('uq_tandem_running_group', 'tandem', ['mentor_group_id'], unique=True, postgresql_where=sa.text("state IN ('trial', 'active', 'paused')"))
    op.create_index('uq_tandem_running_household', 'tandem', ['household_id'], unique=True, postgresql_where=sa.text("state IN ('trial', 'active', 'paused')"))
    op.create_table('checkin',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('tandem_id', sa.Uuid(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('side', sa.String(40), nullable=False),
    sa.Column('day', sa.Integer(), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('mood', sa.Integer(), nullable=True),
    sa.Column('meetings_since', sa.Integer(), nullable=True),
    sa.Column('note', sa.LargeBinary(), nullable=True),
    sa.Column('answered_by', sa.Uuid(), nullable=True),
    sa.Column('recorded_by', sa.Text(), nullable=True),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('escalated_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('handled_by', sa.Text(), nullable=True),
    sa.CheckConstraint('mood BETWEEN 1 AND 5', name=op.f('ck_checkin_mood')),
    sa.ForeignKeyConstraint(['tandem_id'], ['tandem.id'], name=op.f('fk_checkin_tandem_id_tandem')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_checkin')),
    sa.UniqueConstraint('tandem_id', 'day', 'side', name=op.f('uq_checkin_tandem_id_day_side'))
    )
    op.create_index(op.f('ix_checkin_region'), 'checkin', ['region'], unique=False)
    op.create_table('closing',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('tandem_id', sa.Uuid(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('person_ref', sa.Uuid(), nullable=False),
    sa.Column('held_on', sa.Date(), nullable=False),
    sa.Column('mentors_rating', sa.Integer(), nullable=True),
    sa.Column('household_rating', sa.Integer(), nullable=True),
    sa.Column('goals_reached', postgresql.ARRAY(sa.Text()), nullable=False),
    sa.Column('learning_state', sa.String(40), nullable=False),
    sa.Column('learning_kind', sa.String(40), nullable=True),
    sa.Column('learning_field', sa.Text(), nullable=True),
    sa.Column('learning_language', sa.Text(), nullable=True),
    sa.Column('draft', sa.LargeBinary(), nullable=True),
    sa.Column('learning', sa.Text(), nullable=True),
    sa.Column('approved_by', sa.Text(), nullable=True),
    sa.Column('approved_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("learning IS NULL OR learning_state = 'approved'", name=op.f('ck_closing_learning_approved')),
    sa.ForeignKeyConstraint(['tandem_id'], ['tandem.id'], name=op.f('fk_closing_tandem_id_tandem')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_closing')),
    sa.UniqueConstraint('tandem_id', name=op.f('uq_closing_tandem_id'))
    )
    op.create_index(op.f('ix_closing_region'), 'closing', ['region'], unique=False)
    op.create_table('concern',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('tandem_id', sa.Uuid(), nullable=False),
    sa.Column('checkin_id', sa.Uuid(), nullable=True),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('person_ref', sa.Uuid(), nullable=False),
    sa.Column('side', sa.String(40), nullable=False),
    sa.Column('state', sa.String(40), nullable=False),
    sa.Column('text', sa.LargeBinary(), nullable=True),
    sa.Column('outcome', sa.LargeBinary(), nullable=True),
    sa.Column('raised_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('taken_up_by', sa.Text(), nullable=True),
    sa.Column('resolved_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['tandem_id'], ['tandem.id'], name=op.f('fk_concern_tandem_id_tandem')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_concern'))
    )
    op.create_index(op.f('ix_concern_person_ref'), 'concern', ['person_ref'], unique=False)
    op.create_index(op.f('ix_concern_region'), 'concern', ['region'], unique=False)
    op.create_index(op.f('ix_concern_tandem_id'), 'concern', ['tandem_id'], unique=False)
    op.create_table('meeting',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('tandem_id', sa.Uuid(), nullable=False),
    sa.Column('region', sa.Text(), nullable=False),
    sa.Column('project_id', sa.Uuid(), nullable=True),
    sa.Column('side', sa.String(40), nullable=False),
    sa.Column('person_ref', sa.Uuid(), nullable=False),
    sa.Column('met_on', sa.Date(), nullable=False),
    sa.Column('minutes', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['tandem_id'], ['tandem.id'], name=op.f('fk_meeting_tandem_id_tandem')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_meeting')),
    sa.UniqueConstraint('tandem_id', 'met_on', name=op.f('uq_meeting_tandem_id_met_on'))
    )
    op.create_index(op.f('ix_meeting_region'), 'meeting', ['region'], unique=False)
    system = "current_setting('lotse.scope', true) = 'all'"
    neutral = "current_setting('lotse.scope', true) IN ('all', 'neutral_contact')"
    own_region = ("mentor_group_member", "prerequisite", "attended_training", "run", "unserved", "proposal", "tandem",
                  "meeting", "checkin", "closing")
    for statement in (
        *enable("rule_set", using="true", check=system),
        *enable("known_project", using="true", check=system),
        *enable("weight_set", using="true", check=system),
        *(one for table in ("mentor", "mentor_group", "household")
          for one in enable(table, using=scoped(partner="partner_id"))),
        *(one for table in own_region for one in enable(table, using=scoped())),
        # A coordinator of the same region is not among those who may see a concern.
        *enable("concern", using=f"{neutral} AND {scoped()}"),
    ):
        op.execute(statement)

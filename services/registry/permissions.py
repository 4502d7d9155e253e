"""Who may call which route of the registry, by the name of the route; the scope comes from the grant."""

from collections.abc import Mapping

from libs.common.callers import Role

ADMIN, COORDINATOR, EDITOR, FUNDER = Role.NETWORK_ADMIN, Role.COORDINATOR, Role.PARTNER_EDITOR, Role.FUNDER_READER
EVERYONE = frozenset(Role) - {Role.LINK, Role.SYSTEM}
GIVING = frozenset({ADMIN, COORDINATOR})
# Everyone else applies and submits as the public does.
APPLYING = frozenset({Role.PUBLIC, COORDINATOR})
SUBMITTING = frozenset({Role.PUBLIC, EDITOR})
OF_PARTNER = frozenset({EDITOR, COORDINATOR})
REVIEWING = frozenset({COORDINATOR})
OF_PROJECT = GIVING | {EDITOR}
OF_FUNDER = OF_PROJECT | {FUNDER}
ERASING = GIVING | {Role.AUDITOR}
BY_LINK = frozenset({Role.LINK})

PERMISSIONS: Mapping[str, frozenset[Role]] = {
    "issue_access_key": GIVING, "list_access_keys": GIVING, "revoke_access_key": GIVING,
    "give_grant": GIVING, "list_grants": GIVING, "withdraw_grant": GIVING,
    "apply_partner": APPLYING, "list_partners": EVERYONE, "read_partner": EVERYONE,
    "list_contacts": OF_PARTNER, "add_contact": OF_PARTNER,
    "verify_partner": REVIEWING, "suspend_partner": REVIEWING, "leave_network": OF_PARTNER,
    "draft_offer": OF_PARTNER, "change_offer": OF_PARTNER, "submit_offer": OF_PARTNER,
    "review_offer": REVIEWING, "request_changes": REVIEWING, "reject_offer": REVIEWING, "publish_offer": REVIEWING,
    "assure_offer": OF_PARTNER, "pause_offer": OF_PARTNER, "resume_offer": OF_PARTNER, "withdraw_offer": OF_PARTNER,
    "set_capacity": OF_PARTNER, "list_offers": EVERYONE, "read_offer": EVERYONE,
    "show_assurance": BY_LINK, "assure_by_link": BY_LINK,
    "enter_programme": GIVING, "change_programme": GIVING, "set_rules": GIVING,
    "list_programmes": EVERYONE, "read_programme": EVERYONE,
    "plan_project": GIVING, "change_project": GIVING, "open_project": GIVING, "close_project": GIVING,
    "list_projects": OF_FUNDER, "read_project": OF_FUNDER, "read_report": OF_FUNDER, "export_report": OF_FUNDER,
    "add_indicator": GIVING, "change_indicator": GIVING, "read_indicator": OF_FUNDER, "list_counted_facts": OF_PROJECT,
    "plan_consultation": OF_PARTNER, "hold_consultation": OF_PARTNER, "cancel_consultation": OF_PARTNER,
    "list_consultations": OF_PARTNER, "read_consultation": OF_PARTNER,
    "enter_body": GIVING, "change_body": GIVING, "list_bodies": EVERYONE, "read_body": EVERYONE,
    "read_body_contact": REVIEWING,
    "submit_observation": SUBMITTING, "list_observations": OF_PROJECT, "read_observation": OF_PROJECT,
    "take_up_observation": REVIEWING, "forward_observation": REVIEWING, "keep_back_observation": REVIEWING,
    "answer_observation": REVIEWING, "close_observation": REVIEWING,
    "list_learnings": GIVING, "read_learning": GIVING, "observe_learning": REVIEWING,
    "request_erasure": GIVING, "list_erasures": ERASING, "read_erasure": ERASING,
}

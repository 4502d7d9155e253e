"""Who may call which route of the registry, by the name of the route; the scope comes from the grant."""

from collections.abc import Mapping

from libs.common.callers import Role

ADMIN, COORDINATOR, EDITOR = Role.NETWORK_ADMIN, Role.COORDINATOR, Role.PARTNER_EDITOR
EVERYONE = frozenset(Role) - {Role.LINK, Role.SYSTEM}
GIVING = frozenset({ADMIN, COORDINATOR})
OF_PARTNER = frozenset({EDITOR, COORDINATOR})
REVIEWING = frozenset({COORDINATOR})

PERMISSIONS: Mapping[str, frozenset[Role]] = {
    "issue_access_key": GIVING, "list_access_keys": GIVING, "revoke_access_key": GIVING,
    "give_grant": GIVING, "list_grants": GIVING, "withdraw_grant": GIVING,
    "apply_partner": EVERYONE, "list_partners": EVERYONE, "read_partner": EVERYONE,
    "list_contacts": OF_PARTNER, "add_contact": OF_PARTNER,
    "verify_partner": REVIEWING, "suspend_partner": REVIEWING, "leave_network": OF_PARTNER,
    "draft_offer": OF_PARTNER, "change_offer": OF_PARTNER, "submit_offer": OF_PARTNER,
    "review_offer": REVIEWING, "request_changes": REVIEWING, "reject_offer": REVIEWING, "publish_offer": REVIEWING,
    "assure_offer": OF_PARTNER, "pause_offer": OF_PARTNER, "resume_offer": OF_PARTNER, "withdraw_offer": OF_PARTNER,
    "set_capacity": OF_PARTNER, "list_offers": EVERYONE, "read_offer": EVERYONE,
}

"""Who may call which route of events, by the name of the route; the scope comes from the grant."""

from collections.abc import Mapping

from libs.common.callers import Role

EVERYONE = frozenset(Role) - {Role.LINK, Role.SYSTEM}
LINK = frozenset({Role.LINK})
# Coordinators in their region, partner editors for what their partner organises: they alone read names.
MANAGING = frozenset({Role.COORDINATOR, Role.PARTNER_EDITOR})
# Whom another service knows is registered by who works with them.
KNOWING = frozenset({Role.COORDINATOR, Role.COUNSELLOR})

PERMISSIONS: Mapping[str, frozenset[Role]] = {
    "list_events": EVERYONE, "read_event": EVERYONE, "read_calendar": EVERYONE, "read_event_calendar": EVERYONE,
    "draft_event": MANAGING, "change_event": MANAGING, "publish_event": MANAGING, "open_registration": MANAGING,
    "close_registration": MANAGING, "hold_event": MANAGING, "report_event": MANAGING, "cancel_event": MANAGING,
    "start_series": MANAGING, "list_series": MANAGING, "read_series": MANAGING, "publish_series": MANAGING,
    "extend_series": MANAGING, "leave_out_day": MANAGING, "cancel_series": MANAGING,
    "register_party": MANAGING | {Role.COUNSELLOR, Role.PUBLIC}, "register_known_person": KNOWING,
    "list_participants": MANAGING, "read_registration": MANAGING | KNOWING,
    "approve_registration": MANAGING, "decline_registration": MANAGING,
    "accept_offered_seat": MANAGING | KNOWING, "cancel_registration": MANAGING | KNOWING,
    "show_cancellation": LINK, "cancel_by_link": LINK, "show_offer": LINK, "accept_by_link": LINK,
    "record_attendance": MANAGING, "record_walk_in": MANAGING, "record_known_walk_in": frozenset({Role.COORDINATOR}),
    "list_attendance": MANAGING, "correct_attendance": MANAGING, "tally_event": MANAGING, "read_tally": MANAGING,
    "read_certificate": EVERYONE,
}

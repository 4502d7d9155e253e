"""Who may call which route of notify, by the name of the route; the scope comes from the grant."""

from collections.abc import Mapping

from libs.common.callers import Role

# Who brings a key subscribes as anyone does: a wish is no work in the own scope.
ANYONE = frozenset({Role.PUBLIC})
BY_LINK = frozenset({Role.LINK})
LOOKING = frozenset({Role.OPS, Role.COORDINATOR})
OPS = frozenset({Role.OPS})

PERMISSIONS: Mapping[str, frozenset[Role]] = {
    "subscribe": ANYONE,
    "show_confirmation": BY_LINK, "confirm_subscription": BY_LINK, "show_unsubscribe": BY_LINK, "unsubscribe": BY_LINK,
    "show_preferences": BY_LINK, "choose_languages": BY_LINK, "choose_quiet_hours": BY_LINK,
    "opt_out": BY_LINK, "opt_in": BY_LINK,
    "list_templates": LOOKING, "list_gaps": LOOKING, "preview_template": LOOKING,
    "list_deliveries": LOOKING, "read_delivery": LOOKING,
    "suppress_delivery": OPS, "retry_delivery": OPS, "report_outcome": OPS,
}

"""Every operation of the four services, what it is about in the small world, and a request that gets through.

The request is made of the OpenAPI document's own examples, with ids of the world and today's date put in.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import import_module
from typing import Any
from uuid import uuid4

from libs.common import operations
from libs.common.callers import Role
from libs.common.facts import SERVICES
from tests.contract.apps import app_of, operations_of
from tests.harness import in_days
from tests.network.world import HERE, World

Json = dict[str, Any]
Table = dict[tuple[str, str], frozenset[Role]]
# A draft, one that is shown to the network, and one that is shown to all.
EVENTS = ("event", "network_event", "public_event")
# What an operation is about; else by the name in its path: `{offer_id}` is the world's offer, shown by its id.
ABOUT: dict[str, tuple[str, ...]] = {
    "list_access_keys": ("access_key",), "list_grants": ("grant",),
    "list_partners": ("applicant", "shown_partner"), "read_partner": ("applicant", "shown_partner"),
    "verify_partner": ("applicant",), "suspend_partner": ("applicant",),
    "list_offers": ("offer", "published_offer"), "read_offer": ("offer", "published_offer"),
    "assure_offer": ("published_offer",), "pause_offer": ("published_offer",), "resume_offer": ("published_offer",),
    "list_programmes": ("programme",),
    "list_projects": ("planned_project", "open_project"), "read_project": ("planned_project", "open_project"),
    "change_project": ("planned_project",), "open_project": ("planned_project",),
    "read_report": ("report",), "export_report": ("report",),
    "list_counted_facts": ("counted",), "list_consultations": ("consultation",), "list_bodies": ("body",),
    "read_body_contact": ("body_contact",), "list_observations": ("observation",), "list_learnings": ("learning",),
    "list_erasures": ("erasure",),
    "list_events": EVENTS, "read_event": EVENTS, "read_event_calendar": EVENTS, "read_calendar": EVENTS[1:],
    "open_registration": ("listed_event",), "close_registration": ("listed_event",), "report_event": ("held_event",),
    "list_series": ("series",), "register_party": EVENTS, "register_known_person": EVENTS,
    "list_participants": ("listed_event",),
    "record_attendance": ("held_event",), "record_walk_in": ("held_event",), "record_known_walk_in": ("held_event",),
    "read_certificate": ("certificate",), "list_attendance": ("held_event",),
    "tally_event": ("tallied_event",), "read_tally": ("tallied_event",),
    "list_mentors": ("mentor",), "read_mentor_contact": ("mentor_contact",),
    "list_mentor_groups": ("mentor_group",), "list_members": ("members",), "list_prerequisites": ("prerequisites",),
    "list_households": ("household",), "read_household_contact": ("household_contact",), "list_weights": ("weights",),
    "list_decisions": ("decision",), "list_consents": ("consents",), "list_household_changes": ("household_changes",),
    "list_runs": ("run",), "list_unserved": ("unserved_run",), "list_pairs": ("paired_run",),
    "list_changes": ("paired_run",), "list_options": ("matched_household",),
    "list_unserved_runs": ("unserved_household",),
    "export_decisions": ("proposal_run",), "export_option_decisions": ("chosen_option",),
    "list_proposals": ("proposal",), "read_checkin_calendar": ("checkin_calendar",),
    "list_tandems": ("tandem",), "list_meetings": ("meetings",), "list_checkins": ("checkin",),
    "list_concerns": ("concern",), "find_tandems": ("tandem",), "list_closings": ("closing",),
    "list_counselling_cases": ("counselling_case",), "find_counselling_cases": ("counselling_case",),
    **dict.fromkeys(("read_counselled_person", "read_own_data_of_counselled"), ("counselled_person",)),
    "read_standing": ("standing",), "list_counselling_contacts": ("counselling_contact",),
    "list_statuses": ("history",), "read_counselling_figures": ("counselled_topic",),
    "export_counselling_figures": ("counselled_topic_named",), "read_workload": ("counselled_topic_by",),
    "read_demand": ("counselled_topic",), "list_referrals": ("referral",), "read_handover": ("handover",),
    "list_templates": ("template",), "preview_template": ("template",), "list_gaps": ("gap",),
    "list_deliveries": ("delivery",),
    "read_clock": ("* clock",), "list_facts": ("* fact",), "list_parked": ("* parked",),
    "replay_parked": ("* parked",), "discard_parked": ("* parked_too",), "verify_audit": ("* chain",),
}
# Which link an operation is opened by.
OPENED_BY = {
    "show_assurance": "assure-offer", "assure_by_link": "assure-offer",
    "show_cancellation": "cancel-registration", "cancel_by_link": "cancel-registration",
    "show_offer": "accept-seat", "accept_by_link": "accept-seat",
    "show_invitation": "answer-invitation", "accept_invitation": "answer-invitation",
    "decline_invitation": "answer-invitation", "show_consent": "trial-consent", "give_consent": "trial-consent",
    "refuse_consent": "trial-consent", "show_meetings": "meetings", "document_meeting": "meetings",
    "take_meeting_back": "meetings",
    "show_checkin": "check-in", "answer_checkin": "check-in", "show_concern": "concern", "raise_concern": "concern",
    **dict.fromkeys(("show_own_data", "download_own_data", "change_own_availability", "change_own_contact",
                     "pause_by_link", "resume_by_link", "ask_to_leave", "leave_by_link", "ask_to_withdraw_consent",
                     "withdraw_consent_by_link"), "own-data"),
    "read_own_checkin_calendar": "checkin-calendar",
    "show_confirmation": "subscription-confirm", "confirm_subscription": "subscription-confirm",
    "show_unsubscribe": "unsubscribe", "unsubscribe": "unsubscribe", "show_preferences": "preferences",
    "choose_languages": "preferences", "choose_quiet_hours": "preferences", "opt_out": "preferences",
    "opt_in": "preferences",
}
# What lies in a path and is no thing of the world.
IN_PATHS = {"valid_from": "2030-01-01"}
# The names under which a body or query refers to a thing, where they are not those of the thing.
CALLED = {"carrier_id": "partner", "funder_id": "partner", "mentor_group_id": "mentor_group", "waiting_id": "",
          "other": "run"}

# What to do about an operation that is new.
MISSING = {
    "link": "{name} of {service} is opened by a link: say by which in OPENED_BY of tests/network/doors.py, and give the"
            " world one (World.link in tests/network/world.py).",
    "list": "{name} of {service} lists something: say in ABOUT of tests/network/doors.py what it must show, and seed"
            " such a thing in tests/network/world.py.",
    "thing": "{name} of {service} has no seeded thing for {{{part}}}: seed {one!r} in tests/network/world.py, or say in"
             " ABOUT of tests/network/doors.py what the operation is about.",
}


@dataclass(frozen=True, eq=False)
class Request:
    """What is sent, but for who sends it; version_of names the table and the row whose version If-Match takes."""

    method: str
    path: str
    query: Json
    body: Any = None
    version_of: tuple[str, str] | None = None


@cache
def table_of(service: str) -> dict[str, frozenset[Role]]:
    """The service's permission table, with what operations may do in every service."""
    own: dict[str, frozenset[Role]] = import_module(f"services.{service}.permissions").PERMISSIONS
    return {**own, **operations.PERMISSIONS}


@cache
def described(service: str) -> dict[str, tuple[str, str, Json]]:
    """The service's operations by name: method, path, and what the OpenAPI document says of each."""
    return operations_of(app_of(service))


def every_operation() -> list[tuple[str, str]]:
    """Service and name of every operation of the four services: what reads, then what changes."""
    found = [(service, name) for service in SERVICES for name in table_of(service)]
    return sorted(found, key=lambda one: not reads(*one))


def reads(service: str, name: str) -> bool:
    """Whether an operation changes nothing."""
    method, _, _ = described(service).get(name, ("GET", "", {}))
    return method == "GET"


def things_of(service: str, name: str) -> tuple[str, ...]:
    """What an operation is about, by the names in the world; nothing when it begins something new or needs a link."""
    method, path, _ = described(service)[name]
    if name in ABOUT:
        return tuple(one.replace("*", service) for one in ABOUT[name])
    placed = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    if "token" in placed:
        assert name in OPENED_BY, MISSING["link"].format(name=name, service=service)
        return ()
    assert placed or method != "GET", MISSING["list"].format(name=name, service=service)
    return (placed[0].removesuffix("_id"),) if placed else ()


def request_of(world: World, service: str, name: str, about: str = "", token: str = "") -> Request:
    """The request of an operation about a thing of the world, or by a link's token."""
    method, path, operation = described(service)[name]
    parameters = operation.get("parameters", ())
    filling = Filling(world, app_of(service).openapi(), about)
    for part in (one["name"] for one in parameters if one["in"] == "path"):
        path = path.replace(f"{{{part}}}", token if part == "token" else filling.of_path(service, name, part))
    query = {one["name"]: filling.of(one["name"], one["schema"]) for one in parameters
             if one["in"] == "query" and one.get("required")}
    query |= {"limit": 100} if "limit" in {one["name"] for one in parameters} else {}
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    asks_version = any(one["name"].lower() == "if-match" for one in parameters)
    thing = world.things.get(about)
    return Request(method, path, query, _body(world, name, filling, content),
                   (thing.table, thing.id) if asks_version and thing else None)


def _body(world: World, name: str, filling: "Filling", schema: Json | None) -> Any:
    own: dict[str, Json] = {
        "issue_access_key": {"expires": in_days(9).isoformat()},
        "give_grant": {"principal": str(uuid4()), "role": "partner_editor", "region": None},
        "request_erasure": {"person_refs": [str(uuid4())]},
        "record_consent": {"person_ref": world.things["consenting"].id, "given_on": world.now().date().isoformat()},
        "join_household": {"gender": "f"}, "leave_household": {"gender": "f"},
        "move_clock": {"now": (world.now() + timedelta(seconds=1)).isoformat()},
        "record_attendance": {"present": [{"registration_id": world.things["attended"].id}]},
        "plan_project": {"target_regions": [HERE]}, "change_project": {"target_regions": [HERE]},
        "plan_consultation": {"planned_for": world.now().date().isoformat()},
        "hold_consultation": {"held_on": world.now().date().isoformat()},
        "open_counselling_case": {"person": {"name": "Amina Beispiel"}},
        "record_counselling_contact": {"counselling_case_id": world.things["counselling_case"].id},
        "enter_status": {"value": "subsidiary"},
        "note_concern": {"tandem_id": world.things["tandem"].id, "side": "household"},
        "note_referral_consent": {"to_whom": str(world.partner_id)},
    }
    if schema is None:
        return None
    filled = filling.of("", schema)
    return {**filled, **own.get(name, {})} if isinstance(filled, dict) else filled


@dataclass(frozen=True)
class Filling:
    """Fills in what the OpenAPI document asks for: its examples, the world's ids, today."""

    world: World
    document: Json
    about: str

    def of_path(self, service: str, name: str, part: str) -> str:
        """What stands in a path."""
        thing = self.world.things.get(self.about)
        assert part in IN_PATHS or thing, MISSING["thing"].format(name=name, service=service, part=part, one=self.about)
        return IN_PATHS.get(part) or (thing.id if thing else "")

    def of(self, name: str, schema: Json) -> Any:
        """A value for a field or parameter of this name."""
        schema = self._resolved(schema)
        if schema.get("format") == "uuid":
            return self._id(name)
        if name == "region":
            return HERE
        if schema.get("examples"):
            return schema["examples"][0]
        if "enum" in schema or "const" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        if "properties" in schema:
            return self._object(schema)
        return self._plain(schema)

    def _object(self, schema: Json) -> Json:
        wanted = {*schema.get("required", ()), *({"region", "partner_id"} & schema["properties"].keys())}
        return {name: self.of(name, one) for name, one in schema["properties"].items() if name in wanted}

    def _plain(self, schema: Json) -> Any:
        kind = schema.get("type")
        if kind == "array":
            return [self.of("", schema["items"]) for _ in range(schema.get("minItems", 0))]
        if kind == "integer":
            return schema.get("minimum", 1)
        if kind == "string":
            today = self.world.now().date().isoformat()
            return {"date": today, "date-time": in_days(60).isoformat()}.get(schema.get("format", ""), "Ein Wort")
        return {"boolean": True, "object": {}}.get(str(kind))

    def _id(self, name: str) -> str:
        about, own = self.world.things.get(self.about), name.removesuffix("_id")
        thing = about if about and about.table == own else self.world.things.get(CALLED.get(name, own))
        return thing.id if thing else str(uuid4())

    def _resolved(self, schema: Json) -> Json:
        """What a reference leads to, and of alternatives the first."""
        while "$ref" in schema or "anyOf" in schema:
            own = {key: value for key, value in schema.items() if key not in {"$ref", "anyOf"}}
            if "$ref" in schema:
                schema = {**self.document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], **own}
            else:
                schema = {**schema["anyOf"][0], **own}
        return schema

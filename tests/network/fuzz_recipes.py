"""For each operation of the four services a request that must go well: its example, about rows made for it alone."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

from libs.common.callers import Role
from services.events.registrations.queries import ACCEPT, CANCEL
from services.matching.links.queries import ANSWER, CALENDAR, CHECKIN, CONCERN, CONSENT, MEETINGS, OWN_DATA
from tests.harness import new_idempotency_key
from tests.network.fuzz_world import (
    HERE,
    NEW_WAITING,
    REGION,
    TODAY,
    Json,
    Need,
    Operation,
    Request,
    World,
    document_of,
)

# As the registry would tell of it; what it tells itself keeps its numbers.
NEW_OFFER = """
INSERT INTO known_offer (id, version, offered_by, field, region, available)
VALUES ($1, 1, $2, 'language', '15087', true)
"""
Recipe = Callable[[World], Awaitable[Need]]


def example_of(document: Json, schema: Json) -> Any:
    """An example that a schema gives, or one made of the required parts, and of those that give one themselves."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]] | schema
    if "examples" in schema:
        return schema["examples"][0]
    if "anyOf" in schema:
        return example_of(document, schema["anyOf"][0])
    if "properties" in schema:
        wanted = {name: one for name, one in schema["properties"].items()
                  if name in schema.get("required", ()) or one.get("examples", [None])[0] is not None}
        return {name: example_of(document, one) for name, one in wanted.items()}
    if schema.get("minItems"):
        return [example_of(document, schema["items"])]
    plain = {"integer": schema.get("minimum", 1), "boolean": True, "array": []}.get(schema.get("type", ""), "Beispiel")
    told = {"uuid": str(uuid4()), "date": TODAY.isoformat()}.get(schema.get("format", ""), plain)
    return schema["enum"][0] if "enum" in schema else told


async def nothing(_world: World | None = None) -> Need:
    """What needs no row of its own."""
    return {}


async def with_(need: Awaitable[Need], **body: Any) -> Need:
    """The same, with what the example of the body does not say."""
    return await need | {"body": body}


async def linked(world: World, purpose: Any, need: Awaitable[Need], **more: Any) -> Need:
    """The link of matching, events or notify for what the row is about."""
    found = await need
    service = "notify" if purpose in {"preferences", "unsubscribe", "subscription-confirm"} else (
        "events" if purpose in {CANCEL, ACCEPT} else "matching")
    about = found.get("registration_id") or found["about"]
    return await world.token(service, getattr(purpose, "name", purpose), about, found["person_ref"]) | more


def of(maker: str, *arguments: Any, **body: Any) -> Recipe:
    """A recipe: the row that a maker makes, and what the body says besides its example."""
    return lambda world: with_(getattr(world, maker)(*arguments), **body)


def by_link(purpose: Any, maker: str, *arguments: Any, query: Json | None = None) -> Recipe:
    """A recipe: the link for this purpose, about the row that a maker makes."""
    return lambda world: linked(world, purpose, getattr(world, maker)(*arguments), query=query or {})


async def mentor(world: World, *verbs: str, **columns: Any) -> Need:
    """A mentor after these steps."""
    made = await world.field.create("/mentors", world.field.mentor_body())
    day = world.today
    shown = {"record": {"seen_on": day, "certificate_date": day, "relevant_entry": False},
             "trainings": {"training_code": "basic_training", "attended_on": day, "certificate": "ZKS-1"}}
    for verb in verbs:
        await world.field.act(f"/mentors/{made['id']}/{verb}", shown.get(verb))
    return {"mentor_id": await world.become("matching", "mentor", made["id"], **columns)}


async def with_own_link(world: World, *verbs: str) -> Need:
    """The link to the own data of a mentor after these steps."""
    mentor_id = (await mentor(world, *verbs))["mentor_id"]
    person_ref = (await world.field.get(f"/mentors/{mentor_id}"))["person_ref"]
    return await world.token("matching", OWN_DATA.name, mentor_id, person_ref)


async def calendar_of(need: Awaitable[Need]) -> Need:
    """Whose calendar it is: a link's person, about nobody else."""
    person_ref = (await need)["person_ref"]
    return {"about": person_ref, "person_ref": person_ref}


async def household(world: World, *verbs: str) -> Need:
    """A household after these steps."""
    made = await world.field.create("/households", world.field.household_body(partner_id=world.partner_id))
    for verb in verbs:
        body = {"given_on": "2024-01-08", "text_version": 1} if verb == "consent" else None
        await world.field.act(f"/households/{made['id']}/{verb}", body)
    return {"household_id": made["id"]}


async def counselled(world: World, *, closed: bool = False) -> Need:
    """Somebody who was counselled once."""
    made = await world.field.counselled(case=world.field.case_body(partner_id=world.partner_id))
    if closed:
        await world.field.act(f"/counselling_cases/{made['counselling_case_id']}/close", {"result": "granted"})
    return {"counselling_case_id": made["counselling_case_id"], "counselling_contact_id": made["id"]}


async def moved(world: World) -> Need:
    """Somebody who was counselled once, and the case of another to which the contact belongs."""
    return await counselled(world) | {"body": {
        "counselling_case_id": (await counselled(world))["counselling_case_id"], "reason": "wrong_person"}}


async def referral(world: World, *verbs: str) -> Need:
    """Somebody who is referred to an offer of the partner, after these steps."""
    offer = uuid4()
    await world.sql("matching", NEW_OFFER, offer, UUID(world.partner_id))
    body = {"counselling_case_id": (await counselled(world))["counselling_case_id"], "offer_id": str(offer)}
    made = await world.field.create("/referrals", body)
    consent = {"what": ["name"], "to_whom": world.partner_id, "until": "2099-12-31"}
    bodies: Json = {"consent": consent, "answer": {"accepted": True}}
    for verb in verbs:
        await world.field.act(f"/referrals/{made['id']}/{verb}", bodies.get(verb))
    return {"referral_id": made["id"], "offer_id": str(offer)}


async def offer_in_body(world: World) -> Need:
    """What names a case, and an offer to refer it to."""
    offer = (await referral(world))["offer_id"]
    return {"body": {**(await case_in_body(world))["body"], "offer_id": offer}}


async def case_in_body(world: World) -> Need:
    """What names a case in which something is entered."""
    return {"body": {"counselling_case_id": (await counselled(world))["counselling_case_id"]}}


async def consent(world: World) -> Need:
    """A consent that a household has given."""
    made = await world.field.get(f"/households/{(await household(world, 'interview', 'consent'))['household_id']}")
    (found, *_) = (await world.field.get(f"/consents?person_ref={made['person_ref']}"))["items"]
    return {"consent_id": found["id"]}


async def consented(world: World) -> Need:
    """A household that has given a consent, by its contact."""
    made = await world.field.get(f"/households/{(await household(world, 'interview', 'consent'))['household_id']}")
    return {"query": {"person_ref": made["person_ref"]}}


async def consenting(world: World) -> Need:
    """What names somebody who consents."""
    made = await world.field.get(f"/households/{(await household(world))['household_id']}")
    return {"body": {"person_ref": made["person_ref"], "given_on": world.today}}


async def run(world: World) -> Need:
    """A run that is done."""
    return {"run_id": (await world.field.run())["id"]}


async def unfinished_run(world: World) -> Need:
    """A run that only tries, and that nobody has begun to compute."""
    run_id = (await run(world))["run_id"]
    return {"run_id": await world.become("matching", "run", run_id, state="waiting", simulated=True)}


async def run_to_approve(world: World) -> Need:
    """A run with a proposal, which the body names."""
    proposal_id = (await world.proposal())["proposal_id"]
    found = await world.field.get(f"/proposals/{proposal_id}")
    return {"run_id": found["run_id"], "body": {"proposal_ids": [proposal_id]}}


async def run_to_release(world: World) -> Need:
    """A run with a proposal that nobody has decided on."""
    return {"run_id": (await run_to_approve(world))["run_id"]}


async def optional(world: World) -> Need:
    """Somebody who waits, and a mentor who is an option for them."""
    waits, ready = await world.field.waiting_household(), await world.field.ready_mentor()
    return {"query": {"household_id": waits["id"]}, "body": {"household_id": waits["id"], "unit_id": ready["id"]}}


async def two_runs(world: World) -> Need:
    """A run, and another one to compare it with."""
    return await run(world) | {"query": {"other": (await run(world))["run_id"]}}


async def meeting_to_note(world: World) -> Need:
    """A tandem that met today."""
    tandem_id = (await world.tandem())["tandem_id"]
    return {"body": {"tandem_id": tandem_id, "on": world.today, "minutes": 60, "side": "household"}}


async def noted_meeting(world: World) -> Need:
    """A tandem whose meeting of today was noted."""
    need = await world.tandem()
    body = {"tandem_id": need["tandem_id"], "on": str(world.field.day), "minutes": 60, "side": "household"}
    return need | {"meeting_id": (await world.field.create("/meetings", body))["id"]}


async def meeting_noted_by_link(world: World) -> Need:
    """The same, as the mentor noted it, whose link it is."""
    need = await noted_meeting(world)
    await world.become("matching", "meeting", need["meeting_id"], recorded_by=None, side="mentors")
    return need


async def query_of(need: Awaitable[Need], name: str) -> Need:
    """A list that wants to know of what."""
    return {"query": {name: (await need)[name]}}


def editing(world: World) -> Json:
    """A new principal's grant to edit the partner."""
    return {"principal": str(uuid4()), "role": "partner_editor", "partner_id": world.partner_id}


async def constant(value: str) -> str:
    """A value that nothing has to be made for."""
    return value


async def named(name: str, value: Awaitable[str]) -> Need:
    """One path parameter."""
    return {name: await value}


async def query(**parameters: Any) -> Need:
    """A query alone."""
    return {"query": parameters}


async def consultation(world: World) -> Need:
    """A consultation that is planned."""
    body = {"region": REGION, "partner_id": world.partner_id, "planned_for": world.today,
            "subject": {"kind": "group", "name": "Patenkreis"}}
    answer = await world.network["registry"].client.post(
        "/v1/consultations", json=body, headers=world.keys[Role.COORDINATOR])
    assert answer.is_success, answer.text
    return {"consultation_id": answer.json()["id"]}


async def project_in_body(world: World) -> Need:
    """What names a new project."""
    return {"body": await world.project()}


async def forwarded(world: World) -> Need:
    """An observation that somebody looks at, and the body that it is to be put before."""
    return await world.observation("in_review") | {"body": await world.body()}


async def present(world: World) -> Need:
    """An event that has begun, and who is registered for it."""
    need = await world.registration()
    await world.become("events", "event", need["event_id"], state="running", **world.begun)
    return need | {"body": {"present": [{"registration_id": need["registration_id"]}]}}


async def tallied(world: World) -> Need:
    """A drop-in event that has been tallied."""
    need = await world.event("running", registration_mode="none", capacity=None)
    await world.call("events", "PUT", f"/events/{need['event_id']}/tally", {"total": 5})
    return need


async def group_in_body(world: World) -> Need:
    """What names a new group."""
    return {"body": {"mentor_group_id": (await world.group())["mentor_group_id"], "consented_on": "2024-01-08"}}


async def tandem_in_body(world: World, **more: Any) -> Need:
    """What names a new tandem."""
    return {"body": {"tandem_id": (await world.tandem("active"))["tandem_id"], **more}}


async def met(world: World) -> Need:
    """What names a pair that has met for the first time."""
    return {"body": {"proposal_id": (await world.proposal("first_meeting"))["proposal_id"]}}


async def later(world: World, service: str) -> Need:
    """A minute from now."""
    return {"body": {"now": world.in_days(service, 1 / 1440).isoformat()}}


async def parked(world: World, service: str) -> Need:
    """A fact that failed for good."""
    return {"waiting_id": (await world.sql(service, NEW_WAITING, uuid4(), f"nothing/{uuid4()}"))[0]["id"]}


async def access_key(world: World) -> Need:
    """A key of an interface."""
    body = {"label": "CRM", "region": REGION, "expires": world.in_days("registry", 9).isoformat()}
    return await world.made("/access_keys", body, "access_key_id")


SPINE: dict[str, Callable[[World, str], Awaitable[Need]]] = {
    "move_clock": later, "replay_parked": parked, "discard_parked": parked}
RECIPES: dict[str, Recipe] = {
    # registry
    "issue_access_key": lambda w: with_(nothing(), expires=w.in_days("registry", 30).isoformat()),
    "revoke_access_key": access_key,
    "give_grant": lambda w: with_(nothing(), **editing(w)),
    "withdraw_grant": lambda w: w.made("/grants", editing(w), "grant_id"),
    **dict.fromkeys(("show_assurance", "assure_by_link"), of("assurance")),
    **dict.fromkeys(("enter_body", "submit_observation", "apply_partner"), nothing),
    **dict.fromkeys(("change_body", "read_body", "read_body_contact"), of("body")),
    "plan_consultation": lambda w: with_(nothing(), partner_id=w.partner_id, planned_for=w.today),
    **dict.fromkeys(("read_consultation", "cancel_consultation"), consultation),
    "hold_consultation": lambda w: with_(consultation(w), held_on=w.today),
    "request_erasure": lambda w: with_(nothing(), address="niemand@example.org", region=REGION),
    "read_erasure": lambda w: w.made("/erasures", {"person_refs": [str(uuid4())]}, "erasure_id"),
    "add_indicator": project_in_body,
    **dict.fromkeys(("change_indicator", "read_indicator", "list_counted_facts"), of("indicator")),
    **dict.fromkeys(("read_learning", "observe_learning"), of("learning")),
    **dict.fromkeys(("read_observation", "take_up_observation"), of("observation")),
    "forward_observation": forwarded,
    "keep_back_observation": of("observation", "in_review"), "answer_observation": of("observation", "forwarded"),
    "close_observation": of("observation", "answered"),
    "draft_offer": lambda w: with_(nothing(), partner_id=w.partner_id),
    **dict.fromkeys(("change_offer", "submit_offer"), of("offer")),
    "review_offer": of("offer", "submitted"), "resume_offer": of("offer", "paused"),
    **dict.fromkeys(("publish_offer", "reject_offer", "request_changes"), of("offer", "in_review")),
    **dict.fromkeys(("assure_offer", "pause_offer", "withdraw_offer", "read_offer"), of("offer", "published")),
    "set_capacity": of("offer", "published", maximum=12, available=3),
    "verify_partner": lambda w: named("partner_id", w.partner(verified=False)),
    **dict.fromkeys(("read_partner", "list_contacts", "add_contact", "suspend_partner", "leave_network"),
                    lambda w: named("partner_id", w.partner())),
    "enter_programme": lambda w: with_(nothing(), code=f"p{uuid4().hex}", region=REGION),
    **dict.fromkeys(("read_programme", "change_programme"), lambda w: w.programme()),
    "set_rules": lambda w: w.programme(valid_from="2027-01-01"),
    "plan_project": lambda w: with_(nothing(), carrier_id=w.partner_id, **HERE),
    "change_project": lambda w: with_(w.project(), carrier_id=w.partner_id, **HERE),
    **dict.fromkeys(("open_project", "read_project"), of("project")),
    **dict.fromkeys(("close_project", "read_report", "export_report"), lambda w: w.project(opened=True)),
    # events
    "draft_event": lambda w: with_(nothing(), partner_id=w.partner_id, kind="language_cafe"),
    "start_series": lambda w: with_(nothing(), partner_id=w.partner_id),
    **dict.fromkeys(("change_event", "publish_event"), of("event", "draft")),
    **dict.fromkeys(("read_event", "cancel_event", "close_registration", "read_event_calendar", "list_participants",
                     "list_attendance", "register_party"), of("event")),
    "register_known_person": lambda w: with_(w.event(), person_ref=str(uuid4())),
    "open_registration": of("event", "published"), "hold_event": of("event", "running"),
    "report_event": of("event", "held"), "record_walk_in": of("event", "running"),
    "record_known_walk_in": lambda w: with_(w.event("running"), person_ref=str(uuid4())),
    "record_attendance": present,
    **dict.fromkeys(("read_certificate", "correct_attendance"), of("attendance")),
    **dict.fromkeys(("tally_event", "read_tally"), tallied),
    **dict.fromkeys(("read_registration", "cancel_registration"), of("registration")),
    **dict.fromkeys(("approve_registration", "decline_registration"), of("registration", "pending")),
    "accept_offered_seat": of("offered"),
    **dict.fromkeys(("show_cancellation", "cancel_by_link"), by_link(CANCEL, "registration")),
    **dict.fromkeys(("show_offer", "accept_by_link"), by_link(ACCEPT, "offered")),
    **dict.fromkeys(("read_series", "publish_series", "cancel_series", "extend_series", "leave_out_day"), of("series")),
    # matching
    **dict.fromkeys(("register_mentor", "register_interest", "set_weights"),
                    lambda w: with_(nothing(), programme_id=w.programmes["coordinator"])),
    **dict.fromkeys(("start_run", "simulate_run"),
                    lambda w: with_(nothing(), programme_id=w.programmes["of nobody"])),
    "register_household": lambda w: with_(nothing(), programme_id=w.programmes["coordinator"], partner_id=w.partner_id),
    "record_consent": consenting, "withdraw_consent": consent, "list_consents": consented,
    "list_weights": lambda w: query(programme_id=w.programmes["coordinator"]),
    **dict.fromkeys(("read_mentor", "read_mentor_contact", "change_mentor", "change_mentor_contact", "screen_mentor",
                     "note_mentor_consent", "leave_mentor", "move_mentor", "note_mentor_training"), mentor),
    "withdraw_mentor_training": lambda w: mentor(w, "trainings"),
    "note_record": lambda w: with_(mentor(w, "screen"), relevant_entry=False),
    **dict.fromkeys(("approve_mentor", "withdraw_record"), lambda w: mentor(w, "screen", "record")),
    **dict.fromkeys(("pause_mentor", "hold_mentor_back"), lambda w: mentor(w, "screen", "record", "approve")),
    "resume_mentor": lambda w: mentor(w, "screen", "record", "approve", "pause"),
    **dict.fromkeys(("read_household", "read_household_contact", "change_household", "change_household_contact",
                     "interview_household", "list_household_changes", "note_consent", "close_household",
                     "replace_household_contact", "pause_household", "move_household"), household),
    "join_household": lambda w: with_(household(w), on=w.today, change="joined"),
    "leave_household": lambda w: with_(household(w), on=w.today, age_band="0-5", gender="f"),
    "await_mentor": lambda w: household(w, "interview", "consent"), "resume_household": lambda w: household(w, "pause"),
    **dict.fromkeys(("read_mentor_group", "change_mentor_group", "set_housing", "note_document", "form_mentor_group",
                     "prepare_mentor_group", "reject_mentor_group", "withdraw_mentor_group", "change_member",
                     "leave_group", "waive_prerequisite", "hold_mentor_group_back", "pause_mentor_group",
                     "move_mentor_group", "note_training_shown"), of("group")),
    **dict.fromkeys(("withdraw_housing", "withdraw_document", "withdraw_member_record", "withdraw_training_shown"),
                    of("evidence")),
    "note_member_record": of("group", relevant_entry=False),
    "resume_mentor_group": lambda w: w.group(held_back_on=w.field.day),
    "apply_mentor_group": of("group", "ready"), "list_for_placement": of("group", "applied"),
    **dict.fromkeys(("list_members", "list_prerequisites"), lambda w: query_of(w.group(), "mentor_group_id")),
    "add_member": group_in_body, "demand_prerequisite": of("waived"),
    **dict.fromkeys(("read_run", "list_unserved", "list_pairs", "read_changed_since", "read_fairness", "read_account",
                     "export_decisions", "read_run_inputs"), run),
    **dict.fromkeys(("cancel_run", "cancel_simulation"), unfinished_run), "approve_some": run_to_approve,
    "release_rest": run_to_release, "list_unserved_runs": lambda w: query_of(household(w), "household_id"),
    **dict.fromkeys(("compare_runs", "list_changes"), two_runs),
    **dict.fromkeys(("list_options", "propose_option"), optional), "export_option_decisions": nothing,
    **dict.fromkeys(("read_proposal", "approve_proposal", "dismiss_proposal"), of("proposal")),
    "invite_both": of("proposal", "approved"), "note_answer": of("proposal", "invited"),
    "note_first_meeting": of("proposal", "accepted_both"),
    **dict.fromkeys(("show_invitation", "accept_invitation", "decline_invitation"),
                    by_link(ANSWER, "proposal", "invited")),
    "start_tandem": met, "change_tandem": lambda w: with_(w.tandem(), planned_until="2099-12-31"),
    **dict.fromkeys(("read_tandem", "end_tandem_early"), of("tandem")),
    "note_agreement": lambda w: with_(w.tandem(), signed_on=w.today), "show_meetings": by_link(MEETINGS, "tandem"),
    "note_consent_of_side": of("trial_over"), "pause_tandem": of("tandem", "active"),
    "resume_tandem": of("tandem", "paused"), "list_meetings": lambda w: query_of(w.tandem(), "tandem_id"),
    "document_meeting": lambda w: linked(w, MEETINGS, w.tandem(), body={"on": w.today, "minutes": 60}),
    "note_meeting": meeting_to_note, **dict.fromkeys(("correct_meeting", "withdraw_meeting"), noted_meeting),
    "take_meeting_back": lambda w: linked(w, MEETINGS, meeting_noted_by_link(w), body={"on": w.today}),
    **dict.fromkeys(("show_consent", "give_consent", "refuse_consent"), by_link(CONSENT, "trial_over")),
    **dict.fromkeys(("show_concern", "raise_concern"), by_link(CONCERN, "tandem")),
    "note_concern": lambda w: tandem_in_body(w, side="household"),
    **dict.fromkeys(("read_concern", "take_up_concern"), of("concern", "raised")),
    "resolve_concern": of("concern", "taken_up"),
    **dict.fromkeys(("read_checkin", "record_checkin"), of("checkin", "due")),
    "handle_checkin": of("checkin", "escalated"),
    **dict.fromkeys(("show_checkin", "answer_checkin"), by_link(CHECKIN, "checkin", "due")),
    **dict.fromkeys(("show_own_data", "download_own_data", "change_own_availability", "change_own_contact",
                     "ask_to_leave", "leave_by_link", "ask_to_withdraw_consent", "withdraw_consent_by_link"),
                    with_own_link),
    "pause_by_link": lambda w: with_own_link(w, "screen", "record", "approve"),
    "resume_by_link": lambda w: with_own_link(w, "screen", "record", "approve", "pause"),
    "read_own_checkin_calendar": lambda w: linked(w, CALENDAR, calendar_of(w.tandem())),
    "offer_own_data_to_mentor": mentor, "offer_own_data_to_household": household,
    "offer_own_data_to_member": of("group"), "hold_closing": lambda w: tandem_in_body(w, held_on=w.today),
    **dict.fromkeys(("read_closing", "add_to_closing", "write_learning", "approve_learning", "discard_learning"),
                    of("closing")),
    "open_counselling_case": lambda w: with_(
        nothing(), partner_id=w.partner_id, person={"name": "Amina Beispiel"}),
    **dict.fromkeys(("find_counselling_cases", "find_tandems"), nothing),
    **dict.fromkeys(("record_counselling_contact", "enter_status"), case_in_body),
    **dict.fromkeys(("read_counselling_case", "read_counselled_person", "read_own_data_of_counselled",
                     "read_standing", "change_counselling_case", "change_counselled_person", "close_counselling_case",
                     "read_counselling_contact", "correct_counselling_contact", "strike_counselling_contact"),
                    counselled),
    "propose_referral": offer_in_body, **dict.fromkeys(("read_referral", "revoke_referral"), referral),
    "note_referral_consent": lambda w: with_(referral(w), to_whom=w.partner_id),
    **dict.fromkeys(("read_handover", "send_referral"), lambda w: referral(w, "consent")),
    "note_referral_answer": lambda w: with_(referral(w, "consent", "send"), accepted=True),
    **dict.fromkeys(("finish_referral", "note_referral_not_taken_up"),
                    lambda w: referral(w, "consent", "send", "answer")),
    **dict.fromkeys(("reopen_counselling_case", "correct_case_closing", "withdraw_case_closing"),
                    lambda w: counselled(w, closed=True)),
    "move_counselling_contact": moved, "list_statuses": lambda w: query_of(counselled(w), "counselling_case_id"),
    # notify
    "subscribe": nothing,
    **dict.fromkeys(("show_confirmation", "confirm_subscription"), by_link("subscription-confirm", "subscription")),
    **dict.fromkeys(("show_unsubscribe", "unsubscribe"), by_link("unsubscribe", "subscription")),
    **dict.fromkeys(("show_preferences", "opt_in", "opt_out", "choose_quiet_hours"),
                    by_link("preferences", "subscription")),
    "choose_languages": by_link("preferences", "subscription", query={"language": ["ar", "de"]}),
    "preview_template": lambda w: named("key", constant("offer_new")),
    "read_delivery": of("delivery", "dead"), "retry_delivery": of("delivery", "dead"),
    "suppress_delivery": of("delivery", "queued"), "report_outcome": of("delivery", "sent"),
}


# What to do about an operation that is new.
MISSING = ("{0.name} of {0.service} ({0.method} {0.path}) has no recipe: say in RECIPES of"
           " tests/network/fuzz_recipes.py which rows its request is about, in the state that it begins with, and what"
           " its example leaves open.")


async def needed_by(world: World, operation: Operation) -> Need:
    """What the operation needs, made anew: by its recipe; only what reads and asks for nothing goes without."""
    if operation.name in SPINE:
        return await SPINE[operation.name](world, operation.service)
    asks = any(one.get("required") for one in operation.told.get("parameters", ()))
    assert operation.name in RECIPES or (operation.method == "GET" and not asks), MISSING.format(operation)
    return await RECIPES.get(operation.name, nothing)(world)


async def request_of(world: World, operation: Operation, need: Need | None = None) -> Request:
    """A request that must go well, about rows that nobody has touched since they were made, or these."""
    need = await needed_by(world, operation) if need is None else need
    path = {one["name"]: need[one["name"]] for one in operation.parameters("path")}
    headers = world.headers_of(operation)
    if operation.has_header("if-match"):
        headers["If-Match"] = await world.etag(operation.service, *next(iter(path.items())))
    if operation.has_header("idempotency-key"):
        headers |= new_idempotency_key()
    body, schema = None, operation.body_schema
    if schema:
        headers["Content-Type"] = "application/json"
        body = example_of(document_of(operation.service), schema) | need.get("body", {})
        body = {name: value for name, value in body.items() if value is not None}
    return Request(operation, path, need.get("query", {}), headers, body)

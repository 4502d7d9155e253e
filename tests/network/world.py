"""A small world in one district, with at least one thing of every kind in each of the four services."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from libs.common.callers import Role
from libs.common.facts import HEARS, SERVICES
from libs.common.links import Link
from services.events.registrations.queries import ACCEPT, CANCEL
from services.matching.links.queries import ANSWER, CALENDAR, CHECKIN, CONCERN, CONSENT, MEETINGS, OWN_DATA
from services.matching.profiles.rules import BERLIN
from services.registry.assurances.rules import PURPOSE as ASSURE
from tests.events.stage import Stage
from tests.harness import Network, in_days
from tests.matching.field import SLOTS, Field, Json, addressed
from tests.notify.post import until
from tests.registry.steps import OFFER, PARTNER, PROJECT, a_verified_partner, id_of, matching, ok

HERE, ELSEWHERE = "15087", "15084"
# Whom the example of looking for a case finds.
FOUND = {"name": "Amina Beispiel", "email": "amina@example.org"}
Headers = dict[str, str]
NEEDS = {"min_members": 4, "required_trainings": [{"training_code": "basic", "members": 2}], "chooser": "coordinator"}


@dataclass(frozen=True)
class Thing:
    """A row that a request can be about: where it lies, and by what an answer is seen to show it (else by its id).

    open: shown to whoever may call the route at all, but for the roles that it is hidden from; only_inside: what is
    shown of it to those alone in whose scope it lies.
    """

    id: str
    table: str = ""
    region: str | None = HERE
    partner_id: UUID | None = None
    project_id: UUID | None = None
    open: bool = False
    hidden_from: frozenset[Role] = frozenset()
    shown_by: str = ""
    only_inside: str = ""

    @property
    def mark(self) -> str:
        """What stands in an answer that shows it."""
        return self.shown_by or self.id


@dataclass
class World:
    """The services, and everything in them that a request can be about."""

    network: Network
    admin: Headers
    coordinator: Headers
    partner_id: UUID = field(default_factory=uuid4)
    project_id: UUID = field(default_factory=uuid4)
    things: dict[str, Thing] = field(default_factory=dict)
    links: dict[str, tuple[str, Link]] = field(default_factory=dict)

    def add(self, name: str, row_id: Any, **told: Any) -> str:
        """Remember a thing of this world by name; returns its id. Its table is called as the thing unless told."""
        self.things[name] = Thing(str(row_id), **{"table": name} | told)
        return str(row_id)

    def link(self, service: str, purpose: str, about: Any, person_ref: Any) -> None:
        """Remember what the link of this purpose is about, and for whom."""
        self.links[purpose] = (service, Link(purpose, UUID(str(about)), UUID(str(person_ref))))

    def token(self, purpose: str, *, signed_as: str | None = None, valid: timedelta = timedelta(days=1)) -> str:
        """A token for the link of this purpose; signed for another purpose or expired if so wished."""
        service, link = self.links[purpose]
        links = self.network[service].running.database.links
        return links.token(replace(link, purpose=signed_as or purpose), valid=valid)

    def now(self) -> datetime:
        """What time it is in this network."""
        return self.network["registry"].running.database.clock.now()

    async def post(
        self, service: str, path: str, body: Any = None, *, headers: Headers | None = None, at: str | None = None,
    ) -> Any:
        """POST as the coordinator unless headers are given, and as the thing at the address `at` is now."""
        client, sent = self.network[service].client, headers or self.coordinator
        if at:
            sent = sent | matching(await client.get(f"/v1/{at}", headers=sent))
        return ok(await client.post(f"/v1/{path}", json=body, headers=sent))

    async def get(self, service: str, path: str) -> Any:
        """What the coordinator reads there."""
        return ok(await self.network[service].client.get(f"/v1/{path}", headers=self.coordinator))

    async def row(self, service: str, query: str, *values: Any) -> Any:
        """The first value of a query's first row, beyond row-level security."""
        return (await self.network.rows(service, query, *values))[0][0]


async def a_world(network: Network, folder: Path) -> World:
    """Start the four services and seed them through their own doors; what is heard of others comes over the bus."""
    await network.start("registry", "events", "matching")
    await network.start("notify", mail_folder=folder, mail_retry_seconds=0.05)
    world = World(network, await network.key(Role.NETWORK_ADMIN), await network.key(Role.COORDINATOR, region=HERE))
    programmes = await _first_in_registry(world)
    await network.settled()
    stage = _stage(world)
    begun = await _before_events_begin(world, stage)
    around = Field(network, network["matching"].client, world.coordinator, **programmes)
    tandems = [await around.tandem(partner_id=str(world.partner_id)) for _ in range(3)]
    await network.move(timedelta(minutes=1), days=28)
    await _in_events(world, stage, *begun)
    await _units_and_households(world, around)
    await _pairs(world, around)
    await _tandems(world, around, *tandems)
    await _counselling(world, around)
    await _in_registry(world)
    await _in_notify(world)
    await network.settled()
    for service in SERVICES:
        await _parked(world, service)
    await until(lambda: _is_quiet(world))
    return world


async def _first_in_registry(world: World) -> dict[str, UUID]:
    """What the other services must hear of: partners, a project and programmes; returns the programmes' ids."""
    partner, _, _ = await a_verified_partner(world.network)
    (contact, *_) = await world.get("registry", f"partners/{partner['id']}/contacts")
    world.partner_id = UUID(partner["id"])
    await a_verified_partner(world.network, name="Verein nebenan (Demo)", region=ELSEWHERE)
    world.add("partner", partner["id"], partner_id=world.partner_id, shown_by=contact["person_ref"])
    world.add("shown_partner", partner["id"], table="partner", partner_id=world.partner_id, open=True)
    applied = await world.post("registry", "partners", PARTNER | {"name": "Neuer Verein (Demo)"})
    world.add("applicant", applied["id"], table="partner", partner_id=UUID(applied["id"]))
    term = {"starts": world.now().date().isoformat(), "ends": in_days(900).date().isoformat(), "region": HERE,
            "target_regions": [HERE]}
    for name in ("planned_project", "project"):
        body = PROJECT | term | {"carrier_id": partner["id"], "name": f"{name} (Demo)"}
        planned = await world.post("registry", "projects", body)
        world.add(name, planned["id"], table="project", partner_id=world.partner_id, project_id=UUID(planned["id"]))
    world.project_id = world.things["project"].project_id or uuid4()
    address = f"projects/{world.project_id}"
    await world.post("registry", f"{address}/open", at=address)
    return {code: await _programme(world, code, needs) for code, needs in (
        ("programme", {"min_members": 0, "main_contacts": 0, "chooser": "coordinator"}), ("sponsorship", NEEDS))}


async def _programme(world: World, code: str, needs: Json) -> UUID:
    entered = await world.post("registry", "programmes", {"name": code, "code": code, "region": HERE})
    world.add(code, entered["id"], table="programme", open=True)
    address = f"/v1/programmes/{entered['id']}"
    client = world.network["registry"].client
    there = await client.get(address, headers=world.coordinator)
    ok(await client.put(f"{address}/rule_sets/2023-01-01", json=needs, headers=world.coordinator | matching(there)))
    return id_of(address)


def _stage(world: World) -> Stage:
    network = world.network
    return Stage(network, network["events"].client, world.partner_id, world.coordinator, world.coordinator)


async def _before_events_begin(world: World, stage: Stage) -> tuple[str, str, Json]:
    """Two events that are about to begin, and who is registered for one; what became of them is seen afterwards."""
    project = {"project_id": str(world.project_id)}
    training = await stage.published(kind="training", training_code="basic_training", **project)
    tallied = await stage.published(registration_mode="none", capacity=None)
    return training, tallied, await stage.register(training)


async def _in_events(world: World, stage: Stage, training: str, tallied: str, came: Json) -> None:
    own: Json = {"partner_id": world.partner_id}
    (there,) = ok(await stage.client.post(f"{training}/attendance", headers=world.coordinator, json={
        "present": [{"registration_id": came["id"]}]}))
    world.add("attended", came["id"], table="registration", **own)
    world.add("held_event", id_of(training), table="event", project_id=world.project_id, shown_by=there["id"], **own)
    world.add("attendance", there["id"], project_id=world.project_id, **own)
    world.add("certificate", there["certificate"], open=True, shown_by="basic_training")
    ok(await stage.tally(tallied, {"total": 7}, headers=world.coordinator))
    world.add("tallied_event", id_of(tallied), table="event", **own)
    starts = world.now().replace(microsecond=0) + timedelta(days=9)
    ahead: Json = {"starts": starts.isoformat(), "ends": (starts + timedelta(hours=2)).isoformat()}
    drafted = (await stage.draft(project_id=str(world.project_id), **ahead)).json()
    world.add("event", drafted["id"], project_id=world.project_id, **own)
    known = await stage.published(visibility="network", **ahead)
    world.add("network_event", id_of(known), table="event", open=True, hidden_from=frozenset({Role.PUBLIC}), **own)
    room = f"https://meet.example.org/{uuid4().hex}"
    public = await stage.published(registration_mode="approval", online_url=room, **ahead)
    world.add("public_event", id_of(public), table="event", open=True, only_inside=room, **own)
    asked = await stage.register(public)
    world.add("registration", asked["id"], **own)
    world.add("listed_event", id_of(public), table="event", shown_by=asked["id"], **own)
    for purpose in (CANCEL, ACCEPT):
        world.link("events", purpose, asked["id"], asked["person_ref"])
    series = await world.post("events", "series", stage.event(rrule=f"FREQ=WEEKLY;BYDAY={_weekday(starts)};COUNT=3")
                              | ahead)
    world.add("series", series["id"], **own)


def _weekday(day: datetime) -> str:
    return ("MO", "TU", "WE", "TH", "FR", "SA", "SU")[day.astimezone(BERLIN).weekday()]


async def _nobody_for(world: World, around: Field, household: Json) -> None:
    """A run that finds nobody for the household."""
    run = await around.run()
    world.add("run", run["id"])
    world.add("unserved_run", run["id"], shown_by=household["id"])
    world.add("unserved_household", household["id"], table="household", shown_by=run["id"])


async def _units_and_households(world: World, around: Field) -> None:
    """A run that finds nobody for a household, and then mentors, groups with members and lines, and a household."""
    own: Json = {"partner_id": world.partner_id}
    named: Json = {"partner_id": str(world.partner_id)}
    alone = await around.waiting_household(**named)
    await _nobody_for(world, around, alone)
    mentor = await around.create("/mentors", around.mentor_body(**named))
    world.add("mentor", mentor["id"], **own)
    await _consents(world, around, alone["person_ref"])
    household = await around.create("/households", around.household_body(**named))
    world.add("household", household["id"], **own)
    world.add("household_changes", household["id"], table="household", shown_by='"kind":"registered"', **own)
    for name, read in (("mentor", "mentors"), ("household", "households")):
        contact = await around.get(f"/{read}/{world.things[name].id}/contact")
        world.add(f"{name}_contact", world.things[name].id, table=name, shown_by=contact["person_ref"], **own)
    group = await around.create("/mentor_groups", around.group_body(**named))
    world.add("mentor_group", group["id"], **own)
    members = await around.get(f"/members?mentor_group_id={group['id']}")
    world.add("member", members[1]["id"], table="mentor_group_member")
    world.add("members", group["id"], shown_by=members[1]["id"], **own)
    (line, *_) = await around.get(f"/prerequisites?mentor_group_id={group['id']}")
    world.add("prerequisite", line["id"])
    world.add("prerequisites", group["id"], shown_by=line["id"], **own)
    tried = {"programme_id": str(around.programme), "reason": "Versuch"}
    weights = await world.post("matching", "weights", tried, headers=world.admin)
    world.add("weights", weights["id"], open=True)


async def _consents(world: World, around: Field, person_ref: str) -> None:
    """A household that consents to what is said at the end, and may consent anew."""
    (found,) = (await around.get(f"/consents?person_ref={person_ref}&purpose=learnings"))["items"]
    world.add("consent", found["id"], partner_id=world.partner_id)
    world.add("consents", person_ref, table="person_ref", shown_by=found["id"], partner_id=world.partner_id)
    world.add("consenting", person_ref, open=True)


async def _pairs(world: World, around: Field) -> None:
    """A run that found somebody, a proposal that nobody has been invited to, and one that both have been."""
    mentor, household = await around.ready_mentor(slots=SLOTS), await around.waiting_household()
    (approved,) = (await around.get(f"/decisions?about_id={mentor['id']}"))["items"]
    world.add("decision", approved["id"])
    paired = await around.run(simulate=True)
    (pair,) = (await around.get(f"/runs/{paired['id']}/pairs"))["items"]
    world.add("paired_run", paired["id"], table="run", shown_by=pair["household_id"])
    world.add("matched_household", pair["household_id"], table="household")
    waiting, ready = await around.waiting_household(), await around.ready_mentor(slots=SLOTS)
    chosen = await around.create("/options/propose", {
        "household_id": waiting["id"], "unit_id": ready["id"], "reason": "known_to_fit"})
    world.add("chosen_option", chosen["id"], table="proposal")
    proposal = await around.proposed(household, mentor=mentor)
    world.add("proposal", proposal["id"])
    world.add("proposal_run", proposal["run_id"], table="run", shown_by=proposal["id"])
    invited = await around.invited()
    person_ref, _ = await around.refs(invited)
    world.link("matching", ANSWER.name, invited["id"], person_ref)


async def _tandems(world: World, around: Field, first: Json, second: Json, third: Json) -> None:
    """A tandem whose trial is over, with a meeting and a concern; two that have ended, each with a learning."""
    world.add("tandem", first["id"])
    mentor, household = await around.refs(first)
    client = around.client
    for purpose in (CONSENT, MEETINGS, CONCERN):
        world.link("matching", purpose.name, first["id"], mentor)
    own_data = Link(OWN_DATA.name, UUID(first["mentor_id"]), UUID(mentor))
    world.links[OWN_DATA.name] = ("matching", await addressed(world.network["matching"].running.database, own_data))
    world.link("matching", CALENDAR.name, mentor, mentor)
    noted = f"{await around.link(MEETINGS, first['id'], mentor)}?on={around.day}&minutes=60"
    meeting = world.add("meeting", ok(await client.post(noted))["id"])
    world.add("meetings", first["id"], shown_by=meeting)
    raised = ok(await client.post(await around.link(CONCERN, first["id"], household), json={"text": "Es ist etwas."}))
    world.add("concern", raised["concern_id"])
    (checkin, *_) = (await around.get(f"/checkins?tandem_id={first['id']}&state=due"))["items"]
    world.add("checkin", checkin["id"])
    world.add("checkin_calendar", checkin["id"], table="checkin", shown_by=f"checkin-{checkin['id']}")
    world.link("matching", CHECKIN.name, checkin["id"], mentor if checkin["side"] == "mentors" else household)
    learning = {"text": "Feste Treffen am selben Wochentag haben geholfen."}
    for name, tandem in (("learning", second), ("closing", third)):
        await around.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved", "rematch": False})
        body = {"tandem_id": tandem["id"], "held_on": str(around.day), "learning": learning}
        closing = await around.create("/closings", body)
        world.add(name, closing["id"])
    await around.act(f"/closings/{world.things['learning'].id}/approve")
    await world.network.settled()


async def _counselling(world: World, around: Field) -> None:
    """Somebody who is counselled, what is known of them, and figures in which the topic, though hidden, is named."""
    own: Json = {"partner_id": world.partner_id}
    contact = await around.counselled(
        held_on=str(around.last_quarter),
        case=around.case_body(partner_id=str(world.partner_id), person=FOUND), topics=["discrimination"])
    case = world.add("counselling_case", contact["counselling_case_id"], **own)
    world.add("counselling_contact", contact["id"], **own)
    person = (await around.get(f"/counselling_cases/{case}"))["person_ref"]
    world.add("counselled_person", case, table="counselling_case", shown_by=person, **own)
    entered = await around.create("/counselling_statuses", {
        "counselling_case_id": case, "value": "subsidiary", "valid_from": str(around.day)})
    world.add("history", case, table="counselling_case", shown_by=entered["id"], **own)
    world.add("standing", case, table="counselling_case", shown_by='"residence_status":"subsidiary"', **own)
    await _referral(world, around, case)
    for name, shown_by in (("counselled_topic", "discrimination"), ("counselled_topic_named", "Diskriminierung"),
                           ("counselled_topic_by", contact["held_by"])):
        world.add(name, "", shown_by=shown_by, **own)


async def _referral(world: World, around: Field, case: str) -> None:
    """A referral with a consent that holds, to an offer that the registry tells of on its own."""
    own: Json = {"partner_id": world.partner_id}
    offer = await world.post("registry", "offers", OFFER | {"partner_id": str(world.partner_id)})
    for step in ("submit", "publish"):
        await world.post("registry", f"offers/{offer['id']}/{step}", at=f"offers/{offer['id']}")
    await world.network.settled()
    body = {"counselling_case_id": case, "offer_id": offer["id"]}
    referral = (await around.create("/referrals", body))["id"]
    await around.act(f"/referrals/{referral}/consent", {
        "what": ["name"], "to_whom": str(world.partner_id), "until": "2099-12-31"})
    world.add("referral", referral, **own)
    world.add("handover", referral, table="referral", shown_by="Amina Beispiel", **own)


async def _in_registry(world: World) -> None:
    own: Json = {"partner_id": world.partner_id}
    offer = OFFER | {"partner_id": str(world.partner_id)}
    world.add("offer", (await world.post("registry", "offers", offer))["id"], **own)
    published = (await world.post("registry", "offers", offer))["id"]
    for step in ("submit", "publish"):
        await world.post("registry", f"offers/{published}/{step}", at=f"offers/{published}")
    client, address = world.network["registry"].client, f"/v1/offers/{published}"
    revision = {name: OFFER[name] for name in ("field", "languages")} | {
        "translations": {"de": {"title": "Neue Fassung", "description": "Noch ungeprüft."}}}
    there = await client.get(address, headers=world.coordinator)
    ok(await client.put(address, json=revision, headers=world.coordinator | matching(there)))
    world.add("published_offer", published, table="offer", open=True, only_inside="Neue Fassung", **own)
    contact = await world.row("registry", "SELECT person_ref FROM partner_contact WHERE partner_id = $1",
                              world.partner_id)
    world.link("registry", ASSURE, published, contact)
    await _of_project(world)
    office = {"name": "Geschäftsstelle Beispiel", "email": "beirat@example.org"}
    made: dict[str, Json] = {
        "access_key": {"label": "CRM", "region": HERE, "expires": in_days(90).isoformat()},
        "grant": {"principal": str(uuid4()), "role": "partner_editor", "partner_id": str(world.partner_id)},
        "erasure": {"person_refs": [str(uuid4())], "region": HERE},
        "body": {"name": "Beirat", "kind": "council", "region": HERE, "contact": office}}
    for name, body in made.items():
        path = {"body": "bodies"}.get(name, f"{name}s")
        world.add(name, (await world.post("registry", path, body))["id"], open=name == "body")
    world.add("body_contact", world.things["body"].id, shown_by=office["name"])
    editor = await world.network.key(Role.PARTNER_EDITOR, partner_id=world.partner_id)
    seen = {"kind": "need", "region": HERE, "description": "Es fehlen Räume."}
    world.add("observation", (await world.post("registry", "observations", seen, headers=editor))["id"], **own)


async def _of_project(world: World) -> None:
    """An indicator with a fact behind its figure, and consultations: one held, one agreed on."""
    own: Json = {"partner_id": world.partner_id}
    indicator = await world.post("registry", "indicators", {
        "project_id": str(world.project_id), "label": {"de": "Beratungen"}, "metric": "distinct_subjects",
        "target": 9, "filter": {"facts": ["consultation"]}})
    today = world.now().date().isoformat()
    planned = {"partner_id": str(world.partner_id), "region": HERE, "subject": {"kind": "group"}, "planned_for": today,
               "project_id": str(world.project_id)}
    held, agreed = [(await world.post("registry", "consultations", planned))["id"] for _ in range(2)]
    await world.post("registry", f"consultations/{held}/hold", {"held_on": today, "minutes": 30, "topics": ["start"]},
                     at=f"consultations/{held}")
    world.add("consultation", agreed, **own)
    world.add("indicator", indicator["id"], project_id=world.project_id, **own)
    world.add("counted", indicator["id"], project_id=world.project_id, shown_by=held, **own)
    world.add("report", world.project_id, project_id=world.project_id, shown_by="Beratungen", **own)
    world.add("open_project", world.project_id, project_id=world.project_id, open=True,
              hidden_from=frozenset({Role.FUNDER_READER}), **own)


async def _in_notify(world: World) -> None:
    """A subscription, a delivery that was sent, and one that died of a gap in this region."""
    wish = {"email": "fatima@example.org", "region": HERE, "languages": ["de"]}
    subscription = ok(await world.network["notify"].client.post("/v1/subscriptions", json=wish))
    person_ref = await world.row("notify", "SELECT person_ref FROM subscription")
    for purpose in ("subscription-confirm", "unsubscribe", "preferences"):
        world.link("notify", purpose, subscription["id"], person_ref)
    delivery = await until(lambda: world.network.rows(
        "notify", "SELECT id FROM delivery WHERE region = $1 AND state = 'sent'", HERE))
    world.add("delivery", delivery[0]["id"])
    await world.network.rows(
        "notify", "INSERT INTO delivery SELECT (jsonb_populate_record(d, jsonb_build_object('id', $2::uuid, 'cause',"
        " $2::uuid, 'state', 'dead', 'reason', 'missing_variable', 'missing', 'gap_of_here'))).*"
        " FROM delivery d WHERE id = $1", delivery[0]["id"], uuid4())
    world.add("gap", "gap_of_here")
    world.add("template", "offer_new", open=True)


async def _parked(world: World, service: str) -> None:
    """Two facts of a speaker that this service hears, as if they had failed for good; and what operations read."""
    speaker = HEARS[service][0]
    fact = (await world.network.rows(speaker, "SELECT * FROM outbox WHERE number = 1"))[0]
    for name in ("parked", "parked_too"):
        about = f"{service}/{name}"
        rows = await world.network.rows(
            service, "INSERT INTO waiting (speaker, fact_id, subject, about, headers, body, parked_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, now()) RETURNING id",
            speaker, uuid4(), fact["subject"], about, json.dumps(json.loads(fact["headers"])), fact["body"].encode())
        world.add(f"{service} {name}", rows[0]["id"], open=True, shown_by=about)
    first = await world.row(service, "SELECT fact_id FROM outbox WHERE number = 1")
    world.add(f"{service} fact", first, open=True)
    world.add(f"{service} clock", "", open=True, shown_by=datetime.now(UTC).strftime('"now":"%Y')[:9])
    world.add(f"{service} chain", "", open=True, shown_by='"wrong":[]')


async def _is_quiet(world: World) -> bool:
    """Whether nothing is on its way to a mailbox any more."""
    return not await world.network.rows(
        "notify", "SELECT FROM delivery WHERE state IN ('queued', 'sending', 'failed')")

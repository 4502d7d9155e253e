"""A world with a row of every kind in it: for each operation of the four services a request that must go well."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx

from libs.common.callers import Role
from libs.common.links import Link
from services.matching.links.queries import CONCERN
from services.registry.assurances.rules import PURPOSE as ASSURANCE
from tests.events.stage import Stage
from tests.harness import Network
from tests.matching.field import Field, addressed
from tests.registry.steps import OFFER, PARTNER, PROJECT

DOCUMENTS = Path(__file__).resolve().parents[1] / "contract" / "openapi"
SERVICES = ("registry", "events", "matching", "notify")
REGION = "15087"
# Whose key is taken, of those who may call an operation; for what only the public or a link may, none.
ACTING = (Role.NETWORK_ADMIN, Role.COORDINATOR, Role.NEUTRAL_CONTACT, Role.OPS)
# A project that its region's coordinator plans for this region alone.
HERE = {"region": REGION, "target_regions": [REGION]}
TABLES = {"member_id": "mentor_group_member"}
TODAY = datetime.now(UTC).date()
# What changes without anyone asking (the mark of what was heard, the chain of the audit) is no effect of a request.
TABLES_OF = """
SELECT relname AS name, CASE WHEN EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'version')
    THEN 'coalesce(sum(version), 0)' ELSE '0' END AS versions
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE relkind = 'r' AND nspname = 'public' AND relname NOT IN ('heard', 'relay', 'inbox', 'audit_link', 'waiting',
    'due')
ORDER BY relname
"""
NEW_WAITING = """
INSERT INTO waiting (speaker, fact_id, subject, about, headers, body, parked_at)
VALUES ('registry', $1, 'registry.nothing.happened.v1', $2, '{}', '{}', now()) RETURNING id
"""
NEW_DELIVERY = """
INSERT INTO delivery (id, version, cause, speaker, about, person_ref, template, channel, correlation, state, attempts,
    not_before, delayed_until, uncertain, to_forget, queued_at, region)
VALUES (gen_random_uuid(), 1, $1::uuid, 'registry', 'offer/' || $1::text, $3, 'offer_new', 'email', '', $2, 0,
    $4, $4, false, false, now(), '15087') RETURNING id
"""
Json = dict[str, Any]
# What an operation needs: its path parameters by name, besides `query`, and `body` with what its example leaves open.
Need = dict[str, Any]


@cache
def document_of(service: str) -> Json:
    """The OpenAPI document of a service as it is told to others."""
    found: Json = json.loads((DOCUMENTS / f"{service}.json").read_text(encoding="utf-8"))
    return found


@dataclass(frozen=True, eq=False)
class Operation:
    """An operation as its document describes it."""

    service: str
    name: str
    method: str
    path: str
    told: Json

    def parameters(self, place: str) -> list[Json]:
        """Its parameters in the path, the query or the headers."""
        return [one for one in self.told.get("parameters", []) if one["in"] == place]

    def has_header(self, name: str) -> bool:
        """Whether it reads this header."""
        return any(one["name"] == name for one in self.parameters("header"))

    @property
    def body_schema(self) -> Json | None:
        """What its body is made of, if it has one."""
        content = self.told.get("requestBody", {}).get("content", {})
        return content["application/json"]["schema"] if content else None

    @property
    def roles(self) -> set[str]:
        """Who may call it, as its description says."""
        return set(self.told["description"].rsplit("May be called by:", 1)[1].replace("`", "").strip(" .").split(", "))


@cache
def operations() -> tuple[Operation, ...]:
    """Every operation of the four services."""
    return tuple(Operation(service, told["operationId"], method.upper(), path, told) for service in SERVICES
                 for path, methods in document_of(service)["paths"].items() for method, told in methods.items())


@dataclass(frozen=True)
class Request:
    """A request of an operation; content stands in for a body that no JSON library would write."""

    operation: Operation
    path: Json
    query: Json
    headers: dict[str, str]
    body: Any = None
    content: bytes | None = None

    def but(self, **changes: Any) -> "Request":
        """The same with something else in it; a header that is None is left out."""
        headers = self.headers | changes.pop("headers", {})
        return replace(self, headers={name: value for name, value in headers.items() if value is not None}, **changes)


@dataclass
class World:
    """The four services, who acts in them, and makers of rows in the state that an operation begins with."""

    network: Network
    keys: dict[str, dict[str, str]]
    everywhere: dict[str, str]
    stranger: dict[str, str]
    partner_id: str = ""
    programmes: dict[str, str] = field(default_factory=dict)
    asked: dict[Operation, Request] = field(default_factory=dict)
    tables: dict[str, list[asyncpg.Record]] = field(default_factory=dict)
    connections: dict[str, Any] = field(default_factory=dict)

    async def sql(self, service: str, query: str, *values: Any) -> list[asyncpg.Record]:
        """What a query says in a service's database, beyond row-level security."""
        if service not in self.connections:
            url = self.network.cluster.superuser_url(self.network.databases[service])
            self.connections[service] = await asyncpg.connect(url)
        found: list[asyncpg.Record] = await self.connections[service].fetch(query, *values)
        return found

    async def end(self) -> None:
        """Leave the databases."""
        for connection in self.connections.values():
            await connection.close()

    async def send(self, request: Request) -> httpx.Response:
        """Send a request as it is."""
        operation = request.operation
        path = operation.path.format(**request.path)
        sent: Json = {"content": request.content} if request.content is not None else {"json": request.body}
        return await self.network[operation.service].client.request(
            operation.method, path, params=request.query, headers=request.headers, **sent)

    def in_days(self, service: str, days: float) -> datetime:
        """A time this many days from now, by the service's clock: a test may have moved it."""
        now: datetime = self.network[service].running.database.clock.now()
        return now + timedelta(days=days)

    @property
    def today(self) -> str:
        """What day it is in this network, and in Germany."""
        return self.field.day.isoformat()

    def headers_of(self, operation: Operation) -> dict[str, str]:
        """The key of one who may call it; none for the public and the holder of a link."""
        return dict(next((self.keys[role.value] for role in ACTING if role.value in operation.roles), {}))

    async def etag(self, service: str, parameter: str, row_id: Any) -> str:
        """The version of what a path is about; that of nothing, once it has been removed."""
        table = TABLES.get(parameter, parameter.removesuffix("_id"))
        rows = await self.sql(service, f'SELECT version FROM "{table}" WHERE id = $1', UUID(str(row_id)))
        return f'"{rows[0]["version"] if rows else 0}"'

    async def call(self, service: str, method: str, path: str, body: Any = None, *, etag: str = "") -> Json:
        """A step that must go well, as a coordinator of the whole country."""
        headers = self.everywhere
        if "/" in path.strip("/") and not etag:
            noun, row_id = path.strip("/").split("/")[:2]
            etag = await self.etag(service, "body_id" if noun == "bodies" else f"{noun.removesuffix('s')}_id", row_id)
        answer = await self.network[service].client.request(
            method, f"/v1{path}", json=body, headers=headers | {"If-Match": etag})
        assert answer.is_success, (path, answer.text)
        found: Json = answer.json()
        return found

    async def become(self, service: str, table: str, row_id: Any, **columns: Any) -> str:
        """Put a row into a state that it would come into by time or many steps; returns its id."""
        assigned = ", ".join(f'"{name}" = ${number}' for number, name in enumerate(columns, 2))
        query = f'UPDATE "{table}" SET {assigned} WHERE id = $1' if columns else "SELECT $1::uuid"
        await self.sql(service, query, UUID(str(row_id)), *columns.values())
        return str(row_id)

    async def token(self, service: str, purpose: str, about: Any, person_ref: Any) -> Need:
        """The path's token of a link."""
        database = self.network[service].running.database
        link = await addressed(database, Link(purpose, UUID(str(about)), UUID(str(person_ref))))
        return {"token": database.links.token(link, valid=timedelta(days=1))}

    async def fingerprint(self, service: str) -> dict[str, tuple[int, int]]:
        """How many rows each table of the service has, and the sum of their versions."""
        if service not in self.tables:
            self.tables[service] = await self.sql(service, TABLES_OF)
        queries = [f"SELECT '{row['name']}', count(*), {row['versions']} AS versions FROM \"{row['name']}\""
                   for row in self.tables[service]]
        found = await self.sql(service, " UNION ALL ".join(queries))
        return {name: (count, versions) for name, count, versions in found}


    @property
    def stage(self) -> Stage:
        """Events, with the verified partner and its coordinator."""
        coordinator = self.keys[Role.COORDINATOR]
        return Stage(self.network, self.network["events"].client, UUID(self.partner_id), coordinator, coordinator)

    @property
    def field(self) -> Field:
        """Matching, with its two programmes."""
        return Field(self.network, self.network["matching"].client, self.keys[Role.COORDINATOR],
                     programme=UUID(self.programmes["coordinator"]), sponsorship=UUID(self.programmes["authority"]))

    async def partner(self, *, verified: bool = True) -> str:
        """A partner that has applied."""
        partner_id = str((await self.call("registry", "POST", "/partners", PARTNER))["id"])
        if verified:
            await self.call("registry", "POST", f"/partners/{partner_id}/verify")
        return partner_id

    async def offer(self, state: str = "draft", **columns: Any) -> Need:
        """An offer of the partner in this state."""
        made = await self.call("registry", "POST", "/offers", OFFER | {"partner_id": self.partner_id})
        now = self.in_days("registry", 0)
        out = {"assured_on": now, "assurance_due": now + timedelta(days=60), "published_at": now}
        columns = (out if state in {"published", "paused"} else {}) | columns
        return {"offer_id": await self.become("registry", "offer", made["id"], state=state, **columns)}

    async def assurance(self) -> Need:
        """The link by which the partner's contact confirms an offer."""
        offer = (await self.offer("published"))["offer_id"]
        contacts = await self.sql("registry", "SELECT person_ref FROM partner_contact WHERE partner_id = $1",
                                  UUID(self.partner_id))
        return await self.token("registry", ASSURANCE, offer, contacts[0]["person_ref"])

    async def project(self, *, opened: bool = False) -> Need:
        """A project of the partner."""
        body = PROJECT | HERE | {"carrier_id": self.partner_id, "starts": self.today,
                                 "ends": self.in_days("registry", 900).date().isoformat()}
        project_id = (await self.call("registry", "POST", "/projects", body))["id"]
        if opened:
            await self.call("registry", "POST", f"/projects/{project_id}/open")
        return {"project_id": project_id}

    async def indicator(self) -> Need:
        """An indicator of a project that is open."""
        body = {**(await self.project(opened=True)), "label": {"de": "Teilnahmen"}, "metric": "attendances",
                "target": 9, "filter": {"facts": ["attendance"]}}
        return {"indicator_id": (await self.call("registry", "POST", "/indicators", body))["id"]}

    async def programme(self, **path: str) -> Need:
        """A programme without rules."""
        body = {"name": "Programm", "code": f"p{uuid4().hex}", "region": REGION}
        return await self.made("/programmes", body, "programme_id") | path

    async def observation(self, state: str = "received") -> Need:
        """An observation in this state."""
        body = {"kind": "need", "region": REGION, "description": "Es fehlen Räume."}
        answer = await self.network["registry"].client.post("/v1/observations", json=body)
        assert answer.is_success, answer.text
        return {"observation_id": await self.become("registry", "observation", answer.json()["id"], state=state)}

    async def made(self, path: str, body: Json, name: str) -> Need:
        """A thing of the registry that is created by one request."""
        return {name: (await self.call("registry", "POST", path, body))["id"]}

    async def body(self) -> Need:
        """A body with somebody who takes what is put before it."""
        contact = {"name": "Geschäftsstelle", "email": "beirat@example.org"}
        return await self.made("/bodies", {
            "name": "Beirat", "kind": "council", "region": REGION, "contact": contact}, "body_id")

    async def learning(self) -> Need:
        """A learning that the registry has heard of, and whose text matching keeps."""
        learning_id = (await self.closing())["closing_id"]
        await self.call("matching", "POST", f"/closings/{learning_id}/approve")
        await self.network.settled()
        return {"learning_id": learning_id}

    async def event(self, state: str = "", **fields: Any) -> Need:
        """An event of the partner: a draft, published, or moved on to this state; running and later it has begun."""
        starts = self.in_days("events", 7).replace(microsecond=0)
        ahead: Json = {"starts": starts.isoformat(), "ends": (starts + timedelta(hours=2)).isoformat()}
        if state == "draft":
            return {"event_id": (await self.stage.draft(**ahead | fields)).json()["id"]}
        event_id = (await self.stage.published(**ahead | fields)).rsplit("/", 1)[1]
        columns = ({"state": state} if state else {}) | (self.begun if state in {"running", "held"} else {})
        return {"event_id": await self.become("events", "event", event_id, **columns)}

    @property
    def begun(self) -> Json:
        """The times of an event that takes place just now."""
        return {"starts": self.in_days("events", -0.1), "ends": self.in_days("events", 0.1)}

    async def registration(self, state: str = "confirmed", **columns: Any) -> Need:
        """A registration in this state at an event that lies ahead, with the links of who registered."""
        event_id = (await self.event())["event_id"]
        told = await self.stage.register(f"/v1/events/{event_id}")
        await self.become("events", "registration", told["id"], state=state, **columns)
        row = (await self.sql("events", "SELECT person_ref FROM registration WHERE id = $1", UUID(told["id"])))[0]
        return {"registration_id": told["id"], "event_id": event_id, "person_ref": row["person_ref"]}

    async def offered(self) -> Need:
        """A registration that is offered a seat."""
        return await self.registration("offered", offer_expires=self.in_days("events", 1))

    async def attendance(self) -> Need:
        """Somebody who came without registration."""
        need = await self.event("running")
        answer = await self.network["events"].client.post(
            f"/v1/events/{need['event_id']}/attendance/walk_in", json={}, headers=self.keys[Role.COORDINATOR])
        assert answer.is_success, answer.text
        return need | {"attendance_id": answer.json()[0]["id"], "code": answer.json()[0]["certificate"]}

    async def series(self) -> Need:
        """A weekly series of drafts."""
        starts = datetime(2031, 3, 4, 16, tzinfo=UTC)
        body = self.stage.event(starts=starts.isoformat(), ends=(starts + timedelta(hours=2)).isoformat())
        answer = await self.call("events", "POST", "/series", body | {"rrule": "FREQ=WEEKLY;BYDAY=TU;COUNT=10"})
        return {"series_id": answer["id"]}

    async def subscription(self) -> Need:
        """Somebody who wants news, and has not confirmed it yet."""
        body = {"email": f"{uuid4().hex}@example.org", "region": REGION, "languages": ["ar", "de"]}
        answer = await self.network["notify"].client.post("/v1/subscriptions", json=body)
        assert answer.is_success, answer.text
        row = (await self.sql("notify", "SELECT id, person_ref FROM subscription WHERE id = $1",
                              UUID(answer.json()["id"])))[0]
        return {"about": row["id"], "person_ref": row["person_ref"]}

    async def delivery(self, state: str) -> Need:
        """A mail on its way in this state, which nobody sends before next year."""
        need = await self.subscription()
        made = await self.sql("notify", NEW_DELIVERY, uuid4(), state, need["person_ref"],
                              self.in_days("notify", 360))
        return {"delivery_id": str(made[0]["id"])}

    async def group(self, state: str = "interested", **columns: Any) -> Need:
        """A mentor group in this state, its members, and a line of its checklist."""
        made = await self.field.create("/mentor_groups", self.field.group_body())
        members = await self.field.get(f"/members?mentor_group_id={made['id']}")
        lines = await self.field.get(f"/prerequisites?mentor_group_id={made['id']}")
        still_open = next(line for line in lines if line["standing"] == "open")
        return {"mentor_group_id": await self.become("matching", "mentor_group", made["id"], state=state, **columns),
                "member_id": members[0]["id"], "prerequisite_id": still_open["id"]}

    async def evidence(self) -> Need:
        """A group with a home and a document, and a member who showed a certificate and that of a training."""
        need, today = await self.group(), str(self.field.day)
        group, member = f"/mentor_groups/{need['mentor_group_id']}", f"/members/{need['member_id']}"
        for path, body in (
            (f"{group}/documents", {"document": "support_plan", "seen_on": today}),
            (f"{member}/record", {"seen_on": today, "certificate_date": today, "relevant_entry": False}),
            (f"{member}/trainings", {"training_code": "basic_training", "attended_on": today, "certificate": "ZKS-1"}),
        ):
            await self.field.act(path, body)
        await self.field.act(f"{group}/housing", self.field.housing(), method="PUT")
        return need

    async def waived(self) -> Need:
        """A line of a checklist that was waived."""
        need = await self.group()
        await self.call("matching", "POST", f"/prerequisites/{need['prerequisite_id']}/waive", {"why": "Anderswo."})
        return need

    async def pair(self) -> tuple[Json, Json]:
        """A mentor who has been screened, and a household that waits."""
        now, today = self.in_days("matching", 0), self.field.day
        mentor = await self.field.create("/mentors", self.field.mentor_body())
        record = {"record_seen_on": today, "record_certificate_date": today, "record_relevant_entry": False}
        await self.become("matching", "mentor", mentor["id"], state="ready", **record,
                          record_next_due=today + timedelta(days=1000))
        household = await self.field.create("/households", self.field.household_body(partner_id=self.partner_id))
        consent = {"given_on": str(today), "besides": ["checkins", "learnings"]}
        await self.field.act(f"/households/{household['id']}/consent", consent)
        await self.become("matching", "household", household["id"], state="waiting", waiting_since=now)
        return mentor, household

    async def proposal(self, state: str = "proposed") -> Need:
        """A pair that a run found, or that is further on its way, with the mentor's person."""
        mentor, household = await self.pair()
        proposal_id = (await self.field.proposed(household, mentor=mentor))["id"]
        asked = {"invited_at": self.in_days("matching", 0), "expires_at": self.in_days("matching", 14)}
        columns = asked if state in {"invited", "accepted_both", "first_meeting"} else {}
        await self.become("matching", "proposal", proposal_id, state=state, **columns)
        return {"proposal_id": proposal_id, "about": proposal_id, "person_ref": mentor["person_ref"]}

    async def tandem(self, state: str = "trial", **columns: Any) -> Need:
        """A tandem in this state, with the mentor's person and a check-in that is asked for."""
        pair = await self.proposal("first_meeting")
        body = {"proposal_id": pair["proposal_id"], "kind": "everyday"}
        tandem_id = (await self.field.create("/tandems", body))["id"]
        await self.become("matching", "tandem", tandem_id, state=state, **columns)
        rows = await self.sql("matching", "SELECT id FROM checkin WHERE tandem_id = $1 AND side = 'mentors'",
                              UUID(tandem_id))
        return pair | {"tandem_id": tandem_id, "about": tandem_id, "checkin_id": str(rows[0]["id"])}

    async def trial_over(self) -> Need:
        """A tandem whose trial is over, so that both are asked whether they go on."""
        return await self.tandem(trial_until=self.in_days("matching", -1))

    async def checkin(self, state: str) -> Need:
        """A check-in in this state."""
        need = await self.tandem()
        await self.become("matching", "checkin", need["checkin_id"], state=state)
        return need | {"about": need["checkin_id"]}

    async def closing(self) -> Need:
        """A closing talk whose learning waits for approval."""
        learning = {"text": "Feste Treffen am selben Wochentag haben geholfen."}
        tandem = await self.tandem("active")
        body = {"tandem_id": tandem["tandem_id"], "held_on": str(self.field.day), "learning": learning}
        return {"closing_id": (await self.field.create("/closings", body))["id"]}

    async def concern(self, state: str) -> Need:
        """A concern in this state."""
        need = await self.tandem()
        path = await self.field.link(CONCERN, need["tandem_id"], str(need["person_ref"]))
        answer = await self.network["matching"].client.post(path, json={"text": "Es passt nicht."})
        assert answer.is_success, answer.text
        return {"concern_id": await self.become("matching", "concern", answer.json()["concern_id"], state=state)}


async def set_up(network: Network) -> World:
    """Start the four services, with a verified partner and programmes that all of them know."""
    await network.start(*SERVICES[:-1])
    await network.start("notify", mail_folder=network.cluster.state / "fuzzed-mail")
    return await in_network(network)


async def in_network(network: Network, partner_id: str = "") -> World:
    """The same in a network that runs: its rows are of this partner of the region, else of a new one."""
    keys = {role: await network.key(role, region=REGION if role is Role.COORDINATOR else None) for role in ACTING}
    world = World(network, {role.value: headers for role, headers in keys.items()},
                  await network.key(Role.COORDINATOR), await network.key(Role.COORDINATOR, region="05"), partner_id)
    world.partner_id = partner_id or await world.partner()
    # Nobody is in the third: a run there finds nobody while a recipe brings two together.
    for name, chooser in (("coordinator", "coordinator"), ("authority", "authority"), ("of nobody", "coordinator")):
        programme_id = (await world.programme())["programme_id"]
        await world.call("registry", "PUT", f"/programmes/{programme_id}/rule_sets/2023-01-01",
                         {"min_members": 6, "main_contacts": 1, "chooser": chooser})
        world.programmes[name] = programme_id
    await network.settled()
    return world

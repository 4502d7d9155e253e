"""What the tests of matching's doors share: programmes, mentors, groups and households as a coordinator enters them."""

import asyncio
import json
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import insert, text, update
from uuid_utils.compat import uuid7

from libs.common.db import Database
from libs.common.facts.events import AttendanceRecorded
from libs.common.facts.registry import OfferPublished, ProgrammeRulesChanged, RequiredTraining
from libs.common.links import Link
from services.matching.counselling_figures.rules import period
from services.matching.households.model import Household
from services.matching.households.rules import HouseholdFields
from services.matching.links.queries import OWN_DATA, Purpose
from services.matching.mentors.routes import MentorFields
from services.matching.profiles.queries import address_mark
from services.matching.profiles.rules import today
from services.matching.proposals.model import Proposal
from services.matching.runs.model import Run, RunState
from services.matching.runs.queries import load_pool
from services.matching.runs.reactions import take_over
from services.matching.runs.solving import solved
from tests.harness import Network, new_idempotency_key

REGION = "15087"
PARTNER = UUID("0190c0de-0000-7000-8000-000000000001")
SLOTS = ["tue_evening", "sat_morning", "sat_afternoon"]
LANGUAGES = {"de": "B1", "ar": "C2"}
LONG_AGO = "2024-01-08"
BESIDES = ["checkins", "learnings", "authority"]
Headers = dict[str, str]
Json = dict[str, Any]


async def addressed(database: Database, link: Link) -> Link:
    """The link as it is sent: one to own data knows the address that it goes to."""
    if link.purpose != OWN_DATA.name:
        return link
    async with database.transaction() as transaction:
        return replace(link, sent_to=await address_mark(transaction, link.person_ref))


def rules(programme_id: UUID, **given: Any) -> ProgrammeRulesChanged:
    """A programme of tandems without a checklist, but for what is given."""
    usual: Json = {
        "programme_id": programme_id, "code": "tandems", "valid_from": date(2023, 1, 1), "min_members": 0,
        "main_contacts": 0, "rent_months": 0, "support_months": 12, "trial_days": 28, "checkin_days": (28, 182, 364),
        "chooser": "coordinator"}
    return ProgrammeRulesChanged(**usual | given)


def sponsorship(programme_id: UUID, **given: Any) -> ProgrammeRulesChanged:
    """The community sponsorship of 2023: four members, one of them a main contact, two trained, rent for a year."""
    demands: Json = {"code": "sponsorship", "min_members": 4, "main_contacts": 1, "rent_months": 12,
                     "required_trainings": (RequiredTraining(training_code="basic", members=2),)}
    return rules(programme_id, **demands | given)


def a_person(name: str, **given: Any) -> Json:
    """Somebody with a mail address."""
    usual = {"name": name, "email": f"{name.partition(' ')[0].lower()}@example.org", "written_in": ["de"]}
    return usual | given


def quarter(day: date) -> str:
    """As figures name it."""
    return f"{day.year}-Q{1 + (day.month - 1) // 3}"


@dataclass
class Field:
    """A running matching service, a coordinator who works with it, and the programmes of one test."""

    network: Network
    client: httpx.AsyncClient
    coordinator: Headers
    programme: UUID = field(default_factory=uuid4)
    sponsorship: UUID = field(default_factory=uuid4)

    @property
    def day(self) -> date:
        """Today, by the network's clock."""
        return today(self.network["matching"].running.database.clock.now())

    @property
    def last_quarter(self) -> date:
        """The last day of the last quarter that is over."""
        return period(None, None, self.day)[1]

    def mentor_body(self, **given: Any) -> Json:
        """A mentor in Eisleben who suits `household_body`."""
        usual = {"region": REGION, "programme_id": str(self.programme), "contact": a_person("Mira Beispiel"),
                 "gender": "f", "languages": LANGUAGES, "slots": SLOTS, "postcode": "06295", "radius_km": 40,
                 "consented_on": LONG_AGO, "consented_besides": BESIDES}
        return usual | given

    def mentor_fields(self, **given: Any) -> Json:
        """What a mentor of `mentor_body` says of themselves, as a change of it is sent."""
        body = self.mentor_body(**given)
        return {name: value for name, value in body.items() if name in MentorFields.model_fields}

    def household_fields(self, **given: Any) -> Json:
        """What a household of `household_body` says of itself, as a change of it is sent."""
        body = self.household_body(**given)
        return {name: value for name, value in body.items() if name in HouseholdFields.model_fields}

    def household_body(self, **given: Any) -> Json:
        """A mother with two children in Sangerhausen who suits `mentor_body`."""
        usual = {"region": REGION, "programme_id": str(self.programme),
                 "contact": a_person("Samira Demo", written_in=["ar", "de"]),
                 "members": [{"age_band": "27-44", "gender": "f"}, {"age_band": "6-13", "gender": "m"},
                             {"age_band": "0-5", "gender": "f"}],
                 "languages": {"ar": "C2", "de": "A1"}, "slots": SLOTS, "postcode": "06526"}
        return usual | given

    def group_body(self, members: int = 4, **given: Any) -> Json:
        """A group with so many members, the first of them a main contact."""
        persons = [{"contact": a_person(f"Person{number} Gruppe"), "gender": "f", "is_main_contact": number == 0,
                    "consented_on": LONG_AGO, "consented_besides": BESIDES} for number in range(members)]
        usual = {"region": REGION, "programme_id": str(self.sponsorship), "label": "Gruppe Kupferkreis",
                 "languages": LANGUAGES, "slots": SLOTS, "postcode": "06295", "radius_km": 40, "members": persons}
        return usual | given

    def housing(self, **given: Any) -> Json:
        """A home for four whose rent is secured for a year."""
        usual = {"rooms": 3, "max_persons": 4, "barrier_free": True, "net_cold_rent": 58000, "secured_months": 12,
                 "available_from": str(self.day)}
        return usual | given

    def case_body(self, **given: Any) -> Json:
        """Somebody whom the counsellors of a partner advise for the first time."""
        usual = {"region": REGION, "partner_id": str(PARTNER),
                 "person": a_person("Amina Beispiel", email=f"amina.{uuid4().hex}@example.org"),
                 "languages": ["ar"], "gender": "f", "age_band": "27-44", "origin": "SY"}
        return usual | given

    async def counselled(self, *, headers: Headers | None = None, **given: Any) -> Json:
        """A contact of a case, which is new unless its id is given."""
        usual: Json = {"minutes": 45, "topics": ["housing"], "results": ["informed"]}
        new = {} if "counselling_case_id" in given or "case" in given else {"case": self.case_body()}
        return await self.create("/counselling_contacts", usual | new | given, headers=headers)

    async def offer(self, **given: Any) -> UUID:
        """An offer that the registry told of."""
        usual: Json = {"offer_id": uuid4(), "partner_id": uuid4(), "field": "language", "region": REGION}
        published = OfferPublished(**usual | given)
        await self.network.tell("matching", published)
        return published.offer_id

    async def send(
        self, method: str, path: str, body: Any = None, *, headers: Headers | None = None, etag: str | None = None,
    ) -> httpx.Response:
        """Send as the coordinator unless headers are given; If-Match only when an ETag is."""
        sent = (self.coordinator if headers is None else headers) | ({"If-Match": etag} if etag else {})
        return await self.client.request(method, f"/v1{path}", json=body, headers=sent)

    async def get(self, path: str, *, headers: Headers | None = None) -> Any:
        """What a GET answers."""
        answer = await self.send("GET", path, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def create(self, path: str, body: Json, *, headers: Headers | None = None) -> Json:
        """Create a thing that must be created."""
        answer = await self.send("POST", path, body, headers=(headers or self.coordinator) | new_idempotency_key())
        assert answer.status_code in {201, 202}, answer.text
        created: Json = answer.json()
        return created

    async def etag(self, noun: str, thing: str) -> str:
        """The version of a thing as it stands in the database."""
        table = {"members": "mentor_group_member"}.get(noun, noun.removesuffix("s"))
        async with self.network["matching"].running.database.transaction() as transaction:
            version = await transaction.scalar(text(f"SELECT version FROM {table} WHERE id = :id"), {"id": UUID(thing)})
        return f'"{version}"'

    async def act(self, path: str, body: Any = None, *, method: str = "POST", headers: Headers | None = None) -> Json:
        """Change a thing as it is now: what the path `/<noun>/<id>/<verb>` says must succeed."""
        answer = await self.attempt(path, body, method=method, headers=headers)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def attempt(
        self, path: str, body: Any = None, *, method: str = "POST", headers: Headers | None = None,
    ) -> httpx.Response:
        """The same, whatever comes of it."""
        noun, thing = path.strip("/").split("/")[:2]
        return await self.send(method, path, body, headers=headers, etag=await self.etag(noun, thing))

    async def refused(
        self, path: str, body: Any = None, *, method: str = "POST", headers: Headers | None = None,
    ) -> tuple[int, str]:
        """The same, and it must be refused: status and slug."""
        answer = await self.attempt(path, body, method=method, headers=headers)
        return answer.status_code, answer.json().get("slug", "")

    async def ready_mentor(self, **given: Any) -> Json:
        """A mentor who has been screened."""
        mentor = await self.create("/mentors", self.mentor_body(**given))
        await self.act(f"/mentors/{mentor['id']}/screen")
        record = {"seen_on": str(self.day), "certificate_date": str(self.day), "relevant_entry": False}
        await self.act(f"/mentors/{mentor['id']}/record", record)
        return await self.act(f"/mentors/{mentor['id']}/approve")

    async def waiting_household(self, *, besides: Any = BESIDES, **given: Any) -> Json:
        """A household that consented, to all that there is unless told, and waits."""
        household = await self.create("/households", self.household_body(**given))
        address = f"/households/{household['id']}"
        await self.act(f"{address}/interview")
        await self.act(f"{address}/consent", {"given_on": LONG_AGO, "text_version": 1, "besides": besides})
        return await self.act(f"{address}/wait")

    async def ready_group(self, **given: Any) -> Json:
        """A group of the sponsorship whose checklist is done."""
        group = await self.create("/mentor_groups", self.group_body(**given))
        address = f"/mentor_groups/{group['id']}"
        members = await self.get(f"/members?mentor_group_id={group['id']}")
        await self.network.tell("matching", *(self.attended(member["person_ref"]) for member in members[:2]))
        await self.act(f"{address}/housing", self.housing(), method="PUT")
        return await self.act(f"{address}/prepare")

    def attended(self, person_ref: str, training: str = "basic") -> AttendanceRecorded:
        """That a person attended a training."""
        return AttendanceRecorded(
            attendance_id=uuid4(), event_id=uuid4(), kind="training", region=REGION, on=self.day,
            person_ref=UUID(person_ref), training_code=training)

    async def run(self, programme: UUID | None = None, region: str = REGION, **given: Any) -> Json:
        """A run that is done."""
        ended = await self.ended_run(programme_id=str(programme or self.programme), region=region, **given)
        assert ended["state"] == "done", ended
        return ended

    async def ended_run(self, **given: Any) -> Json:
        """A run that has come to its end, whatever that is."""
        started = await self.create("/runs", {"programme_id": str(self.programme), "region": REGION} | given)
        async with asyncio.timeout(30):
            while (found := await self.get(f"/runs/{started['id']}"))["state"] in {"waiting", "running"}:
                await asyncio.sleep(0.02)
        ended: Json = found
        return ended

    async def found_by_a_run(self, **given: Any) -> tuple[UUID, Json, Json]:
        """A run that has found whom to propose and has not taken it over: its id, what it looked at, what it found."""
        async with self.network["matching"].running.database.transaction() as transaction:
            run = Run(region=REGION, programme_id=self.programme, started_by="test", state=RunState.RUNNING,
                      started_at=transaction.clock.now(), **given)
            transaction.add(run)
            await transaction.flush()
            pool = await load_pool(transaction, run)
        return run.id, pool, solved(pool)

    async def taken_over(self, run_id: UUID, pool: Json, found: Json) -> Json:
        """The same run, once its result is taken over."""
        async with self.network["matching"].running.database.transaction() as transaction:
            await take_over(transaction, await transaction.get_one(Run, run_id), pool, found)
        ended: Json = await self.get(f"/runs/{run_id}")
        return ended

    async def proposed(self, household: Json, *, mentor: Json | None = None, group: Json | None = None) -> Json:
        """A proposal of these two, as a run writes it, without computing anything."""
        run_id, proposal_id = uuid7(), uuid7()
        async with self.network["matching"].running.database.transaction() as transaction:
            await transaction.execute(insert(Run).values(
                id=run_id, version=1, region=REGION, programme_id=UUID(household["programme_id"]), state="done",
                started_by="test", started_at=transaction.clock.now(), households=1, units=1, proposed=1, dropped=0,
                simulated=False, pinned=[], forbidden=[], fairness=[], step_count=0, unit_prices={},
                household_values={}))
            await transaction.execute(insert(Proposal).values(
                id=proposal_id, version=1, run_id=run_id, region=household["region"], state="proposed", score=700,
                programme_id=UUID(household["programme_id"]), household_id=UUID(household["id"]),
                mentor_id=UUID(mentor["id"]) if mentor else None, points={"language": 700}, reasons=[], besides={},
                mentor_group_id=UUID(group["id"]) if group else None, bonus=0, worth=1700, unit_price=0,
                shared={"languages": {"ar": "C2"}, "interpreter": False, "metres": 17_400, "slots": 3, "interests": 0}))
            await transaction.execute(update(Household).where(
                Household.id == UUID(household["id"])).values(  # type: ignore[arg-type]
                    state="proposed", version=Household.version + 1))
        found: Json = await self.get(f"/proposals/{proposal_id}")
        return found

    async def invited(self, *, mentor: Json | None = None, group: Json | None = None, **household: Any) -> Json:
        """A pair that has been invited: of a ready mentor unless one is given, and a household."""
        mentor = mentor or (None if group else await self.ready_mentor())
        programme = {"programme_id": str(self.sponsorship)} if group else {}
        proposal = await self.proposed(
            await self.waiting_household(**programme | household), mentor=mentor, group=group)
        await self.act(f"/proposals/{proposal['id']}/approve", {})
        return await self.act(f"/proposals/{proposal['id']}/invite")

    async def accepted(self, **given: Any) -> Json:
        """A pair that both have said yes to."""
        proposal = await self.invited(**given)
        for side in ("mentors", "household"):
            proposal = await self.act(f"/proposals/{proposal['id']}/answers", {"side": side, "accepted": True})
        return proposal

    async def tandem(self, **given: Any) -> Json:
        """A tandem on trial."""
        proposal = await self.accepted(**given)
        await self.act(f"/proposals/{proposal['id']}/first_meeting", {"on": str(self.day)})
        return await self.create("/tandems", {"proposal_id": proposal["id"], "kind": "everyday"})

    async def active(self, **given: Any) -> Json:
        """A tandem that both have consented to after its trial."""
        tandem = await self.tandem(**given)
        await self.network.move(timedelta(minutes=1), days=28)
        for side in ("mentors", "household"):
            tandem = await self.act(f"/tandems/{tandem['id']}/consents", {"side": side})
        return tandem

    async def link(self, purpose: Purpose, about: str, person_ref: str, *, days: float = 1) -> str:
        """The path that a link of this purpose has, as its holder finds it in a mail."""
        database = self.network["matching"].running.database
        link = await addressed(database, Link(purpose.name, UUID(about), UUID(person_ref)))
        url = database.links.url(purpose.path, link, valid=timedelta(days=days))
        return url.removeprefix("http://matching.test")

    async def refs(self, pair: Json) -> tuple[str, str]:
        """The person_refs of the mentor (or main contact) and of the household of a proposal or tandem."""
        household = await self.get(f"/households/{pair['household_id']}")
        if pair["mentor_id"]:
            return (await self.get(f"/mentors/{pair['mentor_id']}"))["person_ref"], household["person_ref"]
        members = await self.get(f"/members?mentor_group_id={pair['mentor_group_id']}")
        return next(one["person_ref"] for one in members if one["is_main_contact"]), household["person_ref"]

    async def told(self, about: str, *, kind: str = "") -> list[Json]:
        """The facts that matching announced in which an id occurs, the first first."""
        rows = await self.network.rows(
            "matching", "SELECT subject, body FROM outbox WHERE body LIKE $1 AND subject LIKE $2 ORDER BY id",
            f"%{about}%", f"%{kind}%")
        return [{"subject": row["subject"].removeprefix("matching.").removesuffix(".v1"), **json.loads(row["body"])}
                for row in rows]

    async def subjects(self, about: str) -> list[str]:
        """The subjects of those facts, without service and version."""
        return [one["subject"] for one in await self.told(about)]

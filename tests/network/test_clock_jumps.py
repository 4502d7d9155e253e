"""Matching's clock jumps while those of the other services stay: nothing is lost, nothing done twice, all goes on."""

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from libs.common.callers import Role
from libs.common.clock import Clock
from services.matching.links.queries import ANSWER, CHECKIN, CONSENT
from tests.harness import Network, new_idempotency_key
from tests.matching.field import REGION, Field, Json, a_person, rules

pytestmark = pytest.mark.slow

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
JUMPS = pytest.mark.parametrize("jump", [-HOUR, -DAY, DAY], ids=["an hour back", "a day back", "a day ahead"])


class Jumping:
    """A service's clock that somebody sets wrong, and right again."""

    def __init__(self, clock: Clock) -> None:
        """It is right at first."""
        self._right, self._wrong = clock.now, timedelta()

    def now(self) -> datetime:
        """The time that it shows."""
        return self._right() + self._wrong

    def set(self, wrong: timedelta) -> None:
        """Let it show a time that is so far from the right one."""
        self._wrong = wrong

    def set_right(self) -> None:
        """Let it show the right time again."""
        self._wrong = timedelta()


@pytest_asyncio.fixture
async def field(network: Network, tmp_path: Path) -> Field:
    """Matching and notify, and a programme; no answer of matching is ever a fault."""
    await network.start("matching")
    await network.start("notify", mail_folder=tmp_path, mail_retry_seconds=0.05)
    found = Field(network, network["matching"].client, await network.key(Role.COORDINATOR, region=REGION))
    found.client.event_hooks["response"].append(_no_fault)
    await network.tell("matching", rules(found.programme))
    return found


@pytest.fixture
def clock(field: Field, monkeypatch: pytest.MonkeyPatch) -> Jumping:
    """Matching's clock."""
    shown = field.network["matching"].running.database.clock
    found = Jumping(shown)
    monkeypatch.setattr(shown, "now", found.now)
    return found


async def _no_fault(answer: httpx.Response) -> None:
    assert answer.status_code != 500, answer.request.url


async def settled(field: Field) -> None:
    """Everything has been told, and due work has been looked for more than once."""
    await asyncio.sleep(1.2)
    await field.network.settled()


async def mailed(field: Field, template: str) -> Counter[UUID]:
    """How many mails of a kind each person has been sent."""
    rows = await field.network.rows(
        "notify", "SELECT person_ref FROM delivery WHERE template = $1 AND state = 'sent'", template)
    return Counter(row["person_ref"] for row in rows)


async def in_order(field: Field) -> bool:
    """Facts have gapless numbers in the order in which they were committed, and notify has heard each of them once."""
    told = await field.network.rows("matching", "SELECT number FROM outbox ORDER BY id")
    heard = await field.network.rows("notify", "SELECT number FROM heard WHERE speaker = 'matching'")
    numbers = [row["number"] for row in told]
    return numbers == list(range(1, len(told) + 1)) and [row["number"] for row in heard] == numbers[-1:]


async def rival(field: Field, mentor: Json) -> Json:
    """Another household that is approved for the same mentor."""
    household = await field.waiting_household(contact=a_person("Rana Demo", written_in=["de"]))
    proposal = await field.proposed(household, mentor=mentor)
    return await field.act(f"/proposals/{proposal['id']}/approve", {})


@JUMPS
async def test_a_place_is_given_once_and_everybody_invited_once(
    field: Field, clock: Jumping, jump: timedelta,
) -> None:
    """One side answers while the clock is wrong, the other once it is right."""
    mentor = await field.ready_mentor()
    invited = await field.invited(mentor=mentor)
    refs = await field.refs(invited)
    clock.set(jump)
    other = await rival(field, mentor)
    assert await field.refused(f"/proposals/{other['id']}/invite") == (409, "slot-taken")
    path = await field.link(ANSWER, invited["id"], refs[1])
    assert (await field.client.post(f"{path}/accept")).status_code == 200
    await settled(field)
    clock.set_right()
    await settled(field)
    assert (await field.client.post(f"{path}/accept")).json()["slug"] == "invitation-answered"
    path = await field.link(ANSWER, invited["id"], refs[0])
    assert (await field.client.post(f"{path}/accept")).json()["state"] == "accepted_both"
    assert await field.refused(f"/proposals/{other['id']}/invite") == (409, "slot-taken")
    await field.act(f"/proposals/{invited['id']}/first_meeting", {"on": str(field.day)})
    await field.create("/tandems", {"proposal_id": invited["id"], "kind": "everyday"})
    await settled(field)

    told = await field.subjects(invited["id"])
    assert told == ["proposal.approved", "proposal.invited", "proposal.accepted", "proposal.accepted"]
    assert await mailed(field, "proposal_invited") == Counter(map(UUID, refs))
    assert await in_order(field)


@JUMPS
async def test_a_request_that_is_sent_again_is_known(field: Field, clock: Jumping, jump: timedelta) -> None:
    """Whatever the clock showed the first time, and shows now; the mail with the link to the own data comes once."""
    headers, body = field.coordinator | new_idempotency_key(), field.mentor_body()
    first = await field.send("POST", "/mentors", body, headers=headers)
    clock.set(jump)
    second = await field.send("POST", "/mentors", body, headers=headers)
    household = await field.waiting_household()
    clock.set_right()
    third = await field.send("POST", "/mentors", body, headers=headers)
    await settled(field)

    assert {one.json()["id"] for one in (first, second, third)} == {first.json()["id"]}
    sent = await mailed(field, "own_data_offered")
    assert sent == Counter([UUID(household["person_ref"])])
    assert await in_order(field)


@JUMPS
async def test_an_invitation_sent_at_a_wrong_time_arrives_and_ends_once(
    field: Field, clock: Jumping, jump: timedelta,
) -> None:
    """Seven days after the time that it was sent at; its place is then free, and is given to somebody else."""
    mentor = await field.ready_mentor()
    clock.set(jump)
    invited = await field.invited(mentor=mentor)
    refs = await field.refs(invited)
    await settled(field)
    clock.set_right()
    await settled(field)
    assert await mailed(field, "proposal_invited") == Counter(map(UUID, refs))

    await field.network.move(7 * DAY + jump - HOUR)
    assert (await field.get(f"/proposals/{invited['id']}"))["state"] == "invited"
    await field.network.move(2 * HOUR)
    assert (await field.get(f"/proposals/{invited['id']}"))["state"] == "expired"
    clock.set(-DAY)
    await settled(field)
    late = await field.client.post(f"{await field.link(ANSWER, invited['id'], refs[1])}/accept")
    other = await rival(field, mentor)
    await field.act(f"/proposals/{other['id']}/invite")
    clock.set_right()
    await settled(field)

    assert (late.status_code, late.json()["slug"]) == (409, "invitation-over")
    assert (await field.subjects(invited["id"])).count("proposal.expired") == 1
    assert (await field.get(f"/proposals/{other['id']}"))["state"] == "invited"
    assert await in_order(field)


async def test_who_was_asked_how_it_goes_is_not_asked_again(field: Field, clock: Jumping) -> None:
    """Not when the clock is set back behind that day, nor when they then take back their consent and give it anew."""
    tandem = await field.tandem()
    mentor, household = await field.refs(tandem)
    await field.network.move(28 * DAY + HOUR)
    clock.set(-DAY)
    await settled(field)
    (former,) = (await field.get(f"/consents?person_ref={household}&purpose=checkins"))["items"]
    await field.act(f"/consents/{former['id']}/withdraw")
    await field.create("/consents", {"person_ref": household, "purpose": "checkins", "given_on": str(field.day)})
    early = await field.client.post(f"{await field.link(CONSENT, tandem['id'], mentor)}/give")
    clock.set_right()
    await settled(field)
    given = await field.client.post(f"{await field.link(CONSENT, tandem['id'], mentor)}/give")
    (due,) = (await field.get(f"/checkins?tandem_id={tandem['id']}&state=due"))["items"]
    answered = await field.client.post(f"{await field.link(CHECKIN, due['id'], mentor)}?mood=4")

    assert (early.status_code, early.json()["slug"]) == (409, "trial-not-over")
    assert (given.status_code, answered.json()["state"]) == (200, "done")
    asked = [one for one in await field.told(tandem["id"]) if one["subject"] == "checkin.due"]
    assert sorted((one["side"], *one["person_refs"]) for one in asked) == [
        ("household", household), ("mentors", mentor)]
    assert (await field.subjects(tandem["id"])).count("tandem.trial_ended") == 1
    assert await mailed(field, "checkin_due") == Counter([UUID(mentor), UUID(household)])
    assert await in_order(field)


async def test_who_was_approved_on_a_day_that_lies_ahead_meets_today(field: Field, clock: Jumping) -> None:
    """Else they could not before that day, and to decline would bar them for good; what they then begin goes on."""
    clock.set(300 * DAY)
    proposal = await field.accepted()
    clock.set_right()
    met = f"/proposals/{proposal['id']}/first_meeting"
    assert await field.refused(met, {"on": str(field.day - DAY)}) == (422, "day-too-early")
    await field.act(met, {"on": str(field.day)})
    tandem = await field.create("/tandems", {"proposal_id": proposal["id"], "kind": "everyday"})
    noted = {"tandem_id": tandem["id"], "side": "mentors", "on": str(field.day), "minutes": 60}
    await field.create("/meetings", noted)
    await field.network.move(28 * DAY + HOUR)
    for side in ("mentors", "household"):
        tandem = await field.act(f"/tandems/{tandem['id']}/consents", {"side": side})
    await settled(field)

    assert tandem["state"] == "active"
    assert await in_order(field)


@JUMPS
async def test_nobody_has_waited_for_less_than_nothing(field: Field, clock: Jumping, jump: timedelta) -> None:
    """Who waits since a day that lies ahead is matched, also by a run that ends before it began."""
    mentor = await field.ready_mentor()
    clock.set(jump)
    waiting = [await field.waiting_household(contact=a_person(f"Haus{number}halt Demo")) for number in range(3)]
    run_id, pool, found = await field.found_by_a_run()
    clock.set(-jump)
    assert len((await field.get(f"/options?household_id={waiting[0]['id']}"))["options"]) == 1
    run = await field.taken_over(run_id, pool, found)
    stale = await field.get(f"/runs/{run_id}/changed_since")
    clock.set_right()
    again = await field.run()
    (proposal,) = (await field.get(f"/proposals?run_id={run_id}"))["items"]
    invited = await field.act(f"/proposals/{proposal['id']}/approve", {})
    invited = await field.act(f"/proposals/{proposal['id']}/invite")
    await settled(field)

    assert (run["state"], run["proposed"], again["proposed"]) == ("done", 1, 0)
    assert stale["changed"] is False
    assert (proposal["bonus"], invited["state"], proposal["mentor_id"]) == (0, "invited", mentor["id"])
    rows = await field.network.rows("matching", "SELECT fairness FROM run")
    assert all((row[name] or 0) >= 0 for fairness in rows for row in json.loads(fairness["fairness"])
               for name in ("median_before", "p95_before", "median_after", "p95_after"))
    assert await in_order(field)


@pytest.mark.parametrize("awaited", [False, True], ids=["computed", "not computed yet"])
async def test_prices_of_a_day_that_lies_ahead_are_computed_anew(
    field: Field, clock: Jumping, *, awaited: bool,
) -> None:
    """Else they would stand for as long as the clock had been ahead; after that every night comes as usual."""
    await field.ready_mentor()
    household = await field.waiting_household()
    clock.set(300 * DAY)
    ahead = await priced(field, household, after=datetime.now(UTC))
    await field.network.rows("matching", "UPDATE price_set SET awaited = $1", awaited)
    clock.set_right()
    back = await priced(field, household, after=datetime.min.replace(tzinfo=UTC), before=ahead)
    (due,) = await field.network.rows("matching", "SELECT due_at FROM due WHERE kind = 'prices'")

    assert back <= clock.now()
    assert clock.now() < due["due_at"] < clock.now() + 2 * DAY


async def priced(field: Field, household: Json, *, after: datetime, before: datetime | None = None) -> datetime:
    """When the prices were computed with which a question is answered; once that lies after, and before another."""
    async with asyncio.timeout(20):
        while True:
            found = (await field.get(f"/options?household_id={household['id']}"))["priced_at"]
            at = datetime.fromisoformat(found) if found else None
            if at and after < at and (before is None or at < before):
                return at
            await asyncio.sleep(0.1)

"""Options through the door: the best for one household at once, from what is committed now, whoever committed it."""

import asyncio
import csv
import io
import multiprocessing
import os
import signal
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from libs.common.callers import Role
from services.matching.options import queries, reactions
from services.matching.options.model import REST
from services.matching.options.queries import whole_pool
from services.matching.runs.live_worker import MOST_WAITING
from tests.matching.field import REGION, Field, Json

ELSEWHERE = "15084"


@pytest.fixture
async def at_work(field: Field, matching: Field) -> Field:
    """Matching with its leader."""
    field.client = matching.network["matching"].client
    return field


class Held:
    """Pools are read as ever, and handed on once they are let go."""

    def __init__(self) -> None:
        """Nothing has begun."""
        self.begun, self.let_go, self.times = asyncio.Event(), asyncio.Event(), 0

    async def read(self, *given: Any) -> Any:
        """Read one, and wait."""
        self.times += 1
        whole = await whole_pool(*given)
        self.begun.set()
        await self.let_go.wait()
        return whole


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    """Whoever reads a whole pool waits until it is let go."""
    reading = Held()
    monkeypatch.setattr(queries, "whole_pool", reading.read)
    return reading


async def options(field: Field, household: Json, **more: object) -> Json:
    """The household's options."""
    asked = "".join(f"&{name}={value}" for name, value in more.items())
    found: Json = await field.get(f"/options?household_id={household['id']}{asked}")
    return found


async def units(field: Field, household: Json) -> list[str]:
    """Who they are, the best first."""
    return [one["unit_id"] for one in (await options(field, household))["options"]]


async def test_the_best_come_first_with_reasons_in_both_languages(field: Field) -> None:
    """Whoever meets the wish before whoever does not; why, what the place is worth, and what is advised."""
    plain, helpful = await field.ready_mentor(), await field.ready_mentor(offers=["school"])
    household = await field.waiting_household(wishes=["school"])
    found = await options(field, household)

    assert [one["unit_id"] for one in found["options"]] == [helpful["id"], plain["id"]]
    best = found["options"][0]
    assert sum(best["points"].values()) == best["score"]
    assert best["gain"] == best["worth"] - best["unit_price"]
    assert {one["criterion"] for one in best["reasons"]} == set(best["points"])
    assert all(one["de"] and one["en"] for one in best["reasons"])
    assert (found["advice"], found["possible"], best["scarcity"]) == ("propose", 2, "plenty")
    assert found["said"]["de"].startswith("Jetzt vorschlagen")
    assert best["besides"]["en"][0].startswith("Places like this one")
    assert len((await options(field, household, top=1))["options"]) == 1


async def test_where_nobody_suits_it_says_what_is_missing(field: Field) -> None:
    """An empty programme first, then somebody who speaks another language."""
    household = await field.waiting_household()
    assert (await options(field, household))["advice"] == "nobody"
    await field.ready_mentor(languages={"tr": "C2"})
    found = await options(field, household)

    assert (found["advice"], found["options"]) == ("nobody", [])
    assert any("Sprache" in sentence for sentence in found["missing"]["de"])


async def test_options_are_those_of_now(field: Field) -> None:
    """A mentor pauses and comes back, changes what they speak, is proposed to somebody else; a group becomes ready."""
    household, other = await field.waiting_household(), await field.waiting_household()
    assert await units(field, household) == []
    mentor = await field.ready_mentor()
    assert await units(field, household) == [mentor["id"]]
    await field.act(f"/mentors/{mentor['id']}/pause")
    assert await units(field, household) == []
    await field.act(f"/mentors/{mentor['id']}/resume")
    assert await units(field, household) == [mentor["id"]]
    await field.act(f"/mentors/{mentor['id']}", {"languages": {"tr": "C2"}}, method="PUT")
    assert await units(field, household) == []
    await field.act(f"/mentors/{mentor['id']}", {"languages": {"ar": "B1"}, "slots": ["tue_evening", "sat_morning"],
                                                 "postcode": "06295", "radius_km": 40}, method="PUT")
    assert await units(field, household) == [mentor["id"]]
    await field.proposed(other, mentor=mentor)
    assert await units(field, household) == []


async def test_a_group_is_an_option_once_its_checklist_is_done(field: Field) -> None:
    """Also when it was a member who changed, and not the group's own row."""
    household = await field.waiting_household(programme_id=str(field.sponsorship))
    assert await units(field, household) == []
    group = await field.ready_group()
    assert await units(field, household) == [group["id"]]
    (first, *_) = await field.get(f"/members?mentor_group_id={group['id']}")
    veto = field.household_body() | {"vetoed_persons": [first["person_ref"]]}
    body = {name: value for name, value in veto.items() if name not in {"region", "programme_id", "contact"}}
    await field.act(f"/households/{household['id']}", body, method="PUT")
    assert await units(field, household) == []


async def test_a_second_instance_sees_what_the_first_one_did(field: Field) -> None:
    """Each has a pool of its own in memory; both answer from what is committed."""
    household, mentor = await field.waiting_household(), await field.ready_mentor()
    assert await units(field, household) == [mentor["id"]]
    another, first = await field.network.instance("matching"), field.client
    second = another.client
    field.client = second
    assert await units(field, household) == [mentor["id"]]
    field.client = first
    await field.act(f"/mentors/{mentor['id']}/pause")
    field.client = second
    assert await units(field, household) == []
    newcomer = await field.ready_mentor()
    field.client = first
    assert await units(field, household) == [newcomer["id"]]
    field.network.services.remove(another)
    await another.stop()


async def test_what_commits_late_is_not_missed(field: Field) -> None:
    """A change with a low number that is committed after one with a high number has been read."""
    household = await field.waiting_household()
    early, late = await field.ready_mentor(), await field.ready_mentor()
    assert len(await units(field, household)) == 2
    network = field.network
    connection = await asyncpg.connect(network.cluster.superuser_url(network.databases["matching"]))
    try:
        slow = connection.transaction()
        await slow.start()
        await connection.execute("UPDATE mentor SET state = 'paused' WHERE id = $1", UUID(early["id"]))
        await field.act(f"/mentors/{late['id']}/pause")
        assert await units(field, household) == [early["id"]]
        await slow.commit()
        assert await units(field, household) == []
    finally:
        await connection.close()


async def test_a_killed_live_process_is_replaced(field: Field) -> None:
    """kill -9: the next question is answered from a new one, which reads everything again."""
    household, mentor = await field.waiting_household(), await field.ready_mentor()
    assert await units(field, household) == [mentor["id"]]
    for process in multiprocessing.active_children():
        os.kill(process.pid or 0, signal.SIGKILL)

    assert await units(field, household) == [mentor["id"]]


async def test_a_pool_is_read_once_for_all_who_wait_and_to_its_end(
    field: Field, held: Held,
) -> None:
    """It may take longer than a request lasts: who asks is told to try again, and is answered as soon as it is read."""
    household, mentor = await field.waiting_household(), await field.ready_mentor()
    hasty = await field.network.instance("matching", request_seconds=0.5)
    field.client = hasty.client
    question = f"/v1/options?household_id={household['id']}"
    first, second = await asyncio.gather(*(field.client.get(question, headers=field.coordinator) for _ in range(2)))
    assert {first.status_code, second.status_code} == {503}
    assert first.json()["slug"] == "took-too-long"
    held.let_go.set()
    async with asyncio.timeout(20):
        while (found := await field.client.get(question, headers=field.coordinator)).status_code != 200:
            await asyncio.sleep(0.1)

    assert [one["unit_id"] for one in found.json()["options"]] == [mentor["id"]]
    assert held.times == 1
    field.network.services.remove(hasty)
    await hasty.stop()


async def test_only_a_few_wait_for_a_pool(field: Field, held: Held) -> None:
    """Each who waits holds a connection of the service: one too many is refused, and the others are answered."""
    household, mentor = await field.waiting_household(), await field.ready_mentor()

    async def ask() -> httpx.Response:
        return await field.client.get(f"/v1/options?household_id={household['id']}", headers=field.coordinator)

    asking = [asyncio.create_task(ask())]
    await asyncio.wait_for(held.begun.wait(), 10)
    asking += [asyncio.create_task(ask()) for _ in range(MOST_WAITING)]
    (refused,), waiting = await asyncio.wait(asking, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    held.let_go.set()
    answers = await asyncio.gather(*waiting)

    assert (refused.result().status_code, refused.result().json()["slug"]) == (503, "pool-being-read")
    assert [[one["unit_id"] for one in answer.json()["options"]] for answer in answers] == [
        [mentor["id"]]] * MOST_WAITING


async def test_rules_that_change_while_a_pool_is_read_hold_for_all_who_wait(
    field: Field, held: Held,
) -> None:
    """Who had asked before is answered by the weights of now; nobody reads the pool for rules that are over."""
    household, mentor = await field.waiting_household(), await field.ready_mentor()
    admin = await field.network.key(Role.NETWORK_ADMIN)
    asking = [asyncio.create_task(options(field, household)) for _ in range(2)]
    await asyncio.wait_for(held.begun.wait(), 10)
    only_language = {"language": 1000, "distance": 0, "needs": 0, "interests": 0, "availability": 0,
                     "reason": "Versuch"}
    await field.create("/weights", only_language | {"programme_id": str(field.programme)}, headers=admin)
    held.let_go.set()
    answers = await asyncio.gather(*asking)

    for answer in answers:
        (one,) = answer["options"]
        assert (one["unit_id"], one["points"]["language"]) == (mentor["id"], one["score"])
    assert held.times == 2


async def test_only_who_is_inside_the_scope_is_shown(field: Field) -> None:
    """Neither somebody else's household, nor a mentor of the next district, who suits all the same."""
    household = await field.waiting_household()
    mentor = await field.ready_mentor()
    headers = await field.network.key(Role.COORDINATOR, region="15")
    far = await field.create("/mentors", field.mentor_body(region=ELSEWHERE), headers=headers)
    await field.act(f"/mentors/{far['id']}/screen", headers=headers)
    record = {"seen_on": str(field.day), "certificate_date": str(field.day), "relevant_entry": False}
    await field.act(f"/mentors/{far['id']}/record", record, headers=headers)
    await field.act(f"/mentors/{far['id']}/approve", headers=headers)

    assert await units(field, household) == [mentor["id"]]
    both = await field.get(f"/options?household_id={household['id']}", headers=headers)
    assert {one["unit_id"] for one in both["options"]} == {mentor["id"], far["id"]}
    stranger = await field.network.key(Role.COORDINATOR, region=ELSEWHERE)
    assert (await field.send("GET", f"/options?household_id={household['id']}", headers=stranger)).status_code == 404
    assert await proposed(field, household, far) == (404, "not-found")


async def test_nobody_is_looked_for_without_consent_or_after_the_end(field: Field) -> None:
    """Refused, and said why."""
    household = await field.create("/households", field.household_body())
    answer = await field.send("GET", f"/options?household_id={household['id']}")
    assert (answer.status_code, answer.json()["slug"]) == (409, "consent-missing")
    waiting = await field.waiting_household()
    await field.act(f"/households/{waiting['id']}/close", {"reason": "moved"})
    answer = await field.send("GET", f"/options?household_id={waiting['id']}")
    assert (answer.status_code, answer.json()["slug"]) == (409, "household-closed")
    assert (await field.send("GET", f"/options?household_id={uuid4()}")).status_code == 404


async def proposed(field: Field, household: Json, unit: Json) -> tuple[int, str]:
    """Propose a pair; status and slug."""
    answer = await field.send("POST", "/options/propose", {
        "household_id": household["id"], "unit_id": unit["id"], "reason": "known_to_fit"})
    return answer.status_code, answer.json().get("slug", "")


async def test_an_option_becomes_a_proposal_like_any_other(field: Field) -> None:
    """With its reasons, without a run or a word about whom else there is; it is approved and both are invited."""
    household, mentor, _ = await field.waiting_household(), await field.ready_mentor(), await field.ready_mentor()
    made = await field.create("/options/propose", {
        "household_id": household["id"], "unit_id": mentor["id"], "reason": "known_to_fit"})

    assert (made["run_id"], made["state"], made["mentor_id"]) == (None, "proposed", mentor["id"])
    assert sum(made["points"].values()) == made["score"]
    (only,) = made["besides"]["en"]
    assert only.startswith("Places like this one")
    assert (await field.get(f"/households/{household['id']}"))["state"] == "proposed"
    assert "proposal.created" in await field.subjects(made["id"])
    await field.act(f"/proposals/{made['id']}/approve", {"reason": "wish_of_both"})
    assert (await field.act(f"/proposals/{made['id']}/invite"))["state"] == "invited"
    assert await proposed(field, household, mentor) == (409, "household-state")


async def test_a_pair_that_a_hard_constraint_forbids_is_not_proposed(field: Field) -> None:
    """Neither one without a common language, nor one that declined before, nor somebody who has left."""
    household, mentor = await field.waiting_household(), await field.ready_mentor(languages={"tr": "C2"})
    answer = await field.send("POST", "/options/propose", {
        "household_id": household["id"], "unit_id": mentor["id"], "reason": "known_to_fit"})
    assert (answer.status_code, answer.json()["slug"]) == (409, "pair-not-possible")
    assert answer.json()["codes"] == {"why": ["no_common_language"]}
    assert answer.json()["detail"].endswith("There is no common language that both speak well enough.")
    gone = await field.ready_mentor()
    invited = await field.proposed(household, mentor=gone)
    await field.act(f"/proposals/{invited['id']}/dismiss", {"reason": "not_suitable"})
    assert await proposed(field, household, gone) == (409, "pair-not-possible")
    await field.act(f"/mentors/{gone['id']}/leave")
    assert await proposed(field, household, gone) == (409, "pair-not-possible")
    assert await proposed(field, household, {"id": str(uuid4())}) == (404, "not-found")
    assert (await field.get(f"/households/{household['id']}"))["state"] == "waiting"


async def test_of_two_who_want_the_last_place_one_gets_it(field: Field) -> None:
    """Proposed at the same moment by two coordinators: the place is given once, the other household goes on waiting."""
    first, second = await field.waiting_household(), await field.waiting_household()
    mentor = await field.ready_mentor()
    answers = await asyncio.gather(*(proposed(field, one, mentor) for one in (first, second)))

    assert sorted(answers) == [(201, ""), (409, "pair-not-possible")]
    states = [(await field.get(f"/households/{one['id']}"))["state"] for one in (first, second)]
    assert sorted(states) == ["proposed", "waiting"]


async def test_prices_are_computed_beside_and_used_at_once(at_work: Field) -> None:
    """Who asks first starts it. A mentor whom all who came needed has a price; the other one costs nothing."""
    field = at_work
    needed = await field.ready_mentor()
    spare = await field.ready_mentor(postcode=None, region=REGION, accepts_bands=["65+"])
    household = await field.waiting_household()
    for _ in range(3):
        await field.waiting_household()
    assert (await options(field, household))["priced_at"] is None
    async with asyncio.timeout(20):
        while (found := await options(field, household))["priced_at"] is None:
            await asyncio.sleep(0.05)

    (only,) = found["options"]
    assert only["unit_id"] == needed["id"] != spare["id"]
    assert (found["advice"], only["scarcity"]) == ("only_option", "scarce")
    (kept,) = await field.network.rows(
        "matching", "SELECT prices, past FROM price_set WHERE programme_id = $1", field.programme)
    assert kept["past"] == 4
    (again,) = await field.network.rows(
        "matching", "SELECT due_at FROM due WHERE kind = 'prices' AND about = $1", field.programme)
    assert again["due_at"] > field.network["matching"].running.database.clock.now()


async def test_who_asks_while_prices_are_computed_does_not_begin_them_anew(
    at_work: Field, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many ask, and whatever changes: else they would never be done."""
    field, household = at_work, await at_work.waiting_household()
    begun, let_go, asked = asyncio.Event(), asyncio.Event(), []

    async def held(pool: Json) -> dict[str, int]:
        asked.append(pool)
        begun.set()
        await let_go.wait()
        return {}

    monkeypatch.setattr(reactions, "price", held)
    monkeypatch.setattr(queries, "CHANGES", 0)
    await options(field, household)
    await asyncio.wait_for(begun.wait(), 10)
    for _ in range(3):
        await field.ready_mentor()
        await options(field, household)
    let_go.set()
    async with asyncio.timeout(10):
        while (await options(field, household))["priced_at"] is None:
            await asyncio.sleep(0.05)
    assert len(asked) <= 2, "once, and once more for what changed meanwhile"


async def test_after_many_changes_prices_are_computed_anew(at_work: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only at night; a few changes are not worth it, and they rest in between."""
    field, household = at_work, await at_work.waiting_household()
    await field.ready_mentor()

    async def computed(after: str | None) -> str:
        async with asyncio.timeout(20):
            while (priced_at := (await options(field, household))["priced_at"]) in {None, after}:
                await asyncio.sleep(0.05)
        found: str = priced_at
        return found

    first = await computed(None)
    await field.ready_mentor()
    assert (await options(field, household))["priced_at"] == first
    monkeypatch.setattr(queries, "CHANGES", 0)
    assert (await options(field, household))["priced_at"] == first
    (work,) = await field.network.rows(
        "matching", "SELECT due_at FROM due WHERE kind = 'prices' AND about = $1", field.programme)
    assert work["due_at"] == datetime.fromisoformat(first) + REST
    await field.network.move(REST)
    assert await computed(first) > first


async def test_the_prices_of_the_last_run_are_the_start(field: Field) -> None:
    """Until there are others."""
    await field.ready_mentor()
    households = [await field.waiting_household() for _ in range(2)]
    run = await field.run()
    (priced,) = (await field.get(f"/runs/{run['id']}"))["unit_prices"].items()
    (household,) = [one for one in households if (await field.get(f"/households/{one['id']}"))["state"] == "waiting"]
    await options(field, household)
    (kept,) = await field.network.rows(
        "matching", "SELECT prices FROM price_set WHERE programme_id = $1", field.programme)

    assert kept["prices"] == f'{{"{priced[0]}": {priced[1]}}}'


async def test_after_very_many_changes_the_pool_is_read_anew(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    """One by one that would take longer; the answer is the same."""
    household, mentor = await field.waiting_household(), await field.ready_mentor()
    assert await units(field, household) == [mentor["id"]]
    monkeypatch.setattr(queries, "MOST_NEWS", 0)
    await field.act(f"/mentors/{mentor['id']}/pause")
    newcomer = await field.ready_mentor()

    assert await units(field, household) == [newcomer["id"]]


async def test_prices_that_nobody_asked_for_lately_are_computed_when_somebody_does(at_work: Field) -> None:
    """They rested; they are due once more, and not waited for in vain."""
    field, household = at_work, await at_work.waiting_household()
    await options(field, household)
    rows = field.network.rows
    async with asyncio.timeout(20):
        while not await rows("matching", "SELECT 1 FROM price_set WHERE programme_id = $1 AND NOT awaited",
                             field.programme):
            await asyncio.sleep(0.05)
    await rows("matching", "UPDATE price_set SET awaited = true, computed_at = NULL, asked_at = asked_at - interval"
               " '8 days' WHERE programme_id = $1 RETURNING id", field.programme)
    await rows("matching", "UPDATE due SET due_at = now() - interval '1 minute' WHERE kind = 'prices' AND about = $1"
               " RETURNING about", field.programme)
    async with asyncio.timeout(20):
        while await rows("matching", "SELECT 1 FROM price_set WHERE programme_id = $1 AND awaited", field.programme):
            await asyncio.sleep(0.05)
        assert (await options(field, household))["priced_at"] is None
        while (await options(field, household))["priced_at"] is None:
            await asyncio.sleep(0.05)


async def test_a_run_leaves_alone_whom_somebody_proposed_meanwhile(field: Field) -> None:
    """It had looked at the mentor's only place before; nobody's waiting ends for nothing."""
    mentor = await field.ready_mentor()
    first, second = await field.waiting_household(), await field.waiting_household()
    run_id, pool, found = await field.found_by_a_run()
    (served,) = found["proposals"]["household_id"]
    other = second if served == first["id"] else first
    await field.create("/options/propose", {
        "household_id": other["id"], "unit_id": mentor["id"], "reason": "known_to_fit"})
    ended = await field.taken_over(run_id, pool, found)

    assert (await field.get(f"/households/{served}"))["state"] == "waiting"
    assert ended["dropped"] == 1


async def test_nobody_is_chosen_without_a_reason(field: Field) -> None:
    """No run proposed the pair: who wants it says why."""
    household, mentor = await field.waiting_household(), await field.ready_mentor()
    pair = {"household_id": household["id"], "unit_id": mentor["id"]}
    for reason in ({}, {"reason": None}, {"reason": "as_proposed"}):
        answer = await field.send("POST", "/options/propose", pair | reason)
        assert (answer.status_code, answer.json()["slug"]) == (422, "invalid-request")

    assert (await field.get(f"/households/{household['id']}"))["state"] == "waiting"


async def test_what_was_chosen_without_a_run_can_be_looked_up(field: Field) -> None:
    """Who proposed and approved whom, why, and how many points; no names. Also where the network's clock is ahead."""
    household, mentor = await field.waiting_household(), await field.ready_mentor()
    chosen = await field.create("/options/propose", {
        "household_id": household["id"], "unit_id": mentor["id"], "reason": "known_to_fit"})
    await field.act(f"/proposals/{chosen['id']}/approve", {"reason": "wish_of_both"})
    await field.network.move(days=400)
    address = f"/options/decisions.csv?programme_id={field.programme}"
    (line,) = csv.DictReader(io.StringIO((await field.send("GET", address)).text.removeprefix("\ufeff")))

    assert (line["proposal_id"], line["proposed_reason"], line["approved_reason"]) == (
        chosen["id"], "known_to_fit", "wish_of_both")
    assert line["proposed_by"] == line["approved_by"] != ""
    assert (await field.send("GET", f"{address}&since=2099-01-01")).text.count("\n") == 1
    assert (await field.send("GET", f"{address}&since=1900-01-01")).text.count("\n") == 2
    assert (await field.send("GET", f"{address}&since=0001-01-01")).json()["slug"] == "invalid-request"


async def test_another_day_is_another_pool(field: Field) -> None:
    """A mentor whose certificate is due tomorrow is an option today, and none when the day has come."""
    household, mentor = await field.waiting_household(), await field.ready_mentor()
    await field.network.rows("matching", "UPDATE mentor SET record_next_due = $2 WHERE id = $1 RETURNING id",
                             UUID(mentor["id"]), field.day + timedelta(days=1))
    assert await units(field, household) == [mentor["id"]]
    await field.network.move(days=1)
    assert await units(field, household) == []

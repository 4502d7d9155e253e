"""Due work that failed for good stands beside parked facts: listed, tried again at once, given up."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.common import due
from libs.common.callers import Role
from libs.common.clock import real_now
from libs.common.db import OpenTransaction
from libs.common.due import schedule
from libs.common.reactions import when_due
from tests.common.stage import effects, on_stage
from tests.common.test_due import note, set_due
from tests.harness import Network, Service

WAITING = """
INSERT INTO waiting (speaker, number, fact_id, subject, about, headers, body, attempts, parked_at, raised)
VALUES ('registry', 7, gen_random_uuid(), 'registry.thing.moved.v1', $1, '{}', '{}', 5, now(), 'Bug at here')
RETURNING id
"""
NEITHER = (404, "not-parked")


class Breakable:
    """Due work that fails as long as it is told to; what it raises quotes what nobody may read."""

    def __init__(self) -> None:
        self.broken = True
        self.tries = 0

    def reaction(self) -> Any:
        """The reaction itself, of the kind `fails`."""

        @when_due("fails")
        async def fails(transaction: OpenTransaction, about: UUID) -> None:
            self.tries += 1
            await note(transaction, about)
            if self.broken:
                raise RuntimeError("Amina Beispiel, born 1990")

        return fails


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "FIRST_PAUSE", timedelta(milliseconds=1))
    monkeypatch.setattr(due, "POLL_SECONDS", 0.02)


@pytest.fixture
def breakable() -> Breakable:
    """What fails."""
    return Breakable()


@pytest.fixture
async def notify(network: Network, breakable: Breakable) -> Service:
    """A service whose due work can be broken."""
    return await on_stage(network, "notify", breakable.reaction())


async def listed(network: Network, one: Service) -> list[dict[str, Any]]:
    """What operations is shown."""
    answer = await one.client.get("/v1/parked", headers=await network.key(Role.OPS))
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()
    return found


async def decide(network: Network, one: Service, parked_id: int | str, decision: str) -> tuple[int, str]:
    """What is answered to a decision of operations: status and slug."""
    answer = await one.client.post(f"/v1/parked/{parked_id}/{decision}", headers=await network.key(Role.OPS))
    return answer.status_code, answer.json()["slug"] if answer.content else ""


async def park(network: Network, one: Service, about: UUID) -> dict[str, Any]:
    """Let the work about this fall due, and fail until it is parked; as it is shown then."""
    await set_due(one, "fails", about)
    async with asyncio.timeout(5):
        while not (found := [each for each in await listed(network, one) if each["about"] == str(about)]):
            await asyncio.sleep(0.01)
    return found[0]


async def until_effects(network: Network, count: int) -> list[tuple[UUID, int]]:
    """The effects once there are so many."""
    async with asyncio.timeout(5):
        while len(found := await effects(network, "notify")) < count:
            await asyncio.sleep(0.01)
    return found


async def test_parked_due_work_is_listed_beside_parked_facts(network: Network, notify: Service) -> None:
    """Told apart, each under a number of its own; what was raised by its kind, never by its words."""
    fact_id = (await network.rows("notify", WAITING, f"thing/{uuid4()}"))[0]["id"]
    about = uuid4()

    work = await park(network, notify, about)

    fact, again = await listed(network, notify)
    assert (fact["id"], fact["what"], fact["speaker"], fact["next_try_at"]) == (fact_id, "fact", "registry", None)
    assert again == work
    assert {name: work[name] for name in ("what", "speaker", "number", "subject", "about", "attempts", "behind")} == {
        "what": "due_work", "speaker": "", "number": None, "subject": "fails", "about": str(about), "attempts": 5,
        "behind": 0}
    assert work["id"] != fact_id
    assert work["raised"].startswith("RuntimeError at ")
    assert "Amina" not in str(work)
    pause = datetime.fromisoformat(work["next_try_at"]) - datetime.fromisoformat(work["parked_at"])
    assert timedelta(minutes=59) < pause < timedelta(minutes=61)
    assert (await notify.running.condition())["parked"] == 2


async def test_how_long_it_has_been_parked_is_not_forgotten_when_it_fails_again(
    network: Network, notify: Service, breakable: Breakable, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its hourly try counts one up, and it has been parked since the first time."""
    monkeypatch.setattr(due, "PARKED_PAUSE", timedelta(milliseconds=20))

    before = await park(network, notify, uuid4())
    async with asyncio.timeout(5):
        while breakable.tries < 8:
            await asyncio.sleep(0.01)

    after = (await listed(network, notify))[0]
    assert (after["id"], after["parked_at"]) == (before["id"], before["parked_at"])
    assert after["attempts"] >= 7


async def test_replayed_due_work_is_done_at_once(network: Network, notify: Service, breakable: Breakable) -> None:
    """What operations does once the cause is mended; a second time there is nothing to replay."""
    about = uuid4()
    work = await park(network, notify, about)
    breakable.broken = False

    assert await decide(network, notify, work["id"], "replay") == (204, "")

    assert await until_effects(network, 1) == [(about, 0)]
    assert await network.rows("notify", "SELECT 1 FROM due") == []
    assert await decide(network, notify, work["id"], "replay") == NEITHER
    assert await decide(network, notify, work["id"], "discard") == NEITHER


async def test_replayed_due_work_that_fails_again_has_all_its_tries(
    network: Network, notify: Service, breakable: Breakable,
) -> None:
    """Then it is parked anew, under the same number."""
    work = await park(network, notify, uuid4())

    assert await decide(network, notify, work["id"], "replay") == (204, "")
    async with asyncio.timeout(5):
        while not (found := await listed(network, notify)):
            await asyncio.sleep(0.01)

    assert (found[0]["id"], found[0]["attempts"], breakable.tries) == (work["id"], 5, 10)
    assert found[0]["parked_at"] > work["parked_at"]


async def test_discarded_due_work_is_never_done(network: Network, notify: Service, breakable: Breakable) -> None:
    """It is gone without an effect, other work is not; who gave it up stands in the audit."""
    about, other = uuid4(), uuid4()
    work, kept = await park(network, notify, about), await park(network, notify, other)
    tried, breakable.broken = breakable.tries, False

    assert await decide(network, notify, work["id"], "discard") == (204, "")

    assert [one["id"] for one in await listed(network, notify)] == [kept["id"]]
    await asyncio.sleep(0.1)
    assert breakable.tries == tried
    assert await effects(network, "notify") == []
    assert await decide(network, notify, work["id"], "discard") == NEITHER
    rows = await network.rows("notify", "SELECT role, action, about, person_ref FROM audit")
    assert [tuple(row) for row in rows] == [("ops", "discard", f"due_work/fails/{about}", None)]


async def test_a_discarded_fact_stands_in_the_audit_too(network: Network, notify: Service) -> None:
    """With its subject and aggregate; one that was replayed does not."""
    about = f"thing/{uuid4()}"
    fact_id = (await network.rows("notify", WAITING, about))[0]["id"]

    assert await decide(network, notify, fact_id, "discard") == (204, "")

    rows = await network.rows("notify", "SELECT role, action, about FROM audit")
    assert [tuple(row) for row in rows] == [("ops", "discard", f"fact/registry.thing.moved.v1/{about}")]


@pytest.mark.parametrize("decision", ["replay", "discard"])
async def test_of_two_decisions_at_once_one_is_taken(network: Network, notify: Service, decision: str) -> None:
    """The other is told that nothing is parked any more, for due work as for a fact."""
    work = await park(network, notify, uuid4())
    fact_id = (await network.rows("notify", WAITING, f"thing/{uuid4()}"))[0]["id"]

    for parked_id in (work["id"], fact_id):
        answers = await asyncio.gather(*(decide(network, notify, parked_id, decision) for _ in range(5)))
        assert sorted(answers) == [(204, ""), *[NEITHER] * 4]


@pytest.mark.parametrize("decision", ["replay", "discard"])
async def test_what_is_not_parked_is_refused_and_left_alone(
    network: Network, notify: Service, decision: str,
) -> None:
    """Due work that waits for its day or for another try, set anew meanwhile, or never there; and no number at all."""
    work = await park(network, notify, uuid4())
    tomorrow = real_now() + timedelta(days=1)
    async with notify.running.database.transaction() as transaction:
        await schedule(transaction, "fails", UUID(work["about"]), tomorrow)
    waiting_for_its_day = (await network.rows("notify", "SELECT id FROM due"))[0]["id"]
    assert waiting_for_its_day == work["id"]

    assert await decide(network, notify, work["id"], decision) == NEITHER
    assert await decide(network, notify, 2**62, decision) == NEITHER
    assert (await decide(network, notify, f"fails/{work['about']}", decision))[0] == 404
    assert await decide(network, notify, "fails", decision) == (422, "invalid-request")

    row = (await network.rows("notify", "SELECT due_at, attempts FROM due"))[0]
    assert (row["due_at"], row["attempts"]) == (tomorrow, 0)


async def test_the_refusal_is_in_german_too(network: Network, notify: Service) -> None:
    """It names the number and says nothing of facts, since it may have been due work."""
    headers = await network.key(Role.OPS) | {"Accept-Language": "de"}

    answer = await notify.client.post("/v1/parked/4711/discard", headers=headers)

    assert answer.json()["detail"] == "Unter der Nummer 4711 ist nichts abgestellt."


async def test_only_operations_decide_about_due_work(network: Network, notify: Service) -> None:
    """Whoever else knows the number is refused, and the work stays."""
    work = await park(network, notify, uuid4())
    headers = await network.key(Role.NETWORK_ADMIN)

    for decision in ("replay", "discard"):
        answer = await notify.client.post(f"/v1/parked/{work['id']}/{decision}", headers=headers)
        assert (answer.status_code, answer.json()["slug"]) == (403, "not-allowed")

    assert [one["id"] for one in await listed(network, notify)] == [work["id"]]


async def test_work_that_is_given_up_while_it_is_being_done_has_no_effect(network: Network) -> None:
    """Its hourly try has begun when operations discards it: what was done is undone."""
    begun, go_on, tries = asyncio.Event(), asyncio.Event(), 0

    @when_due("slow")
    async def slow(transaction: OpenTransaction, about: UUID) -> None:
        nonlocal tries
        tries += 1
        await note(transaction, about)
        if tries == 1:
            begun.set()
            await go_on.wait()

    one, about = await on_stage(network, "notify", slow), uuid4()
    parked = "UPDATE due SET parked_at = now(), attempts = 5 RETURNING id"
    await set_due(one, "slow", about)
    await begun.wait()
    parked_id = (await network.rows("notify", parked))[0]["id"]

    assert await decide(network, one, parked_id, "discard") == (204, "")
    go_on.set()
    await asyncio.sleep(0.1)

    assert await effects(network, "notify") == []
    assert (tries, await network.rows("notify", "SELECT 1 FROM due")) == (1, [])

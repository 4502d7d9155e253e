"""Facts that fail: tried again, parked with their aggregate, listed, replayed and discarded; the others go on."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.common import waiting
from libs.common.callers import Role
from libs.common.db import OpenTransaction
from libs.common.reactions import reacts_to
from libs.common.refusals import Unavailable
from tests.common.stage import ThingMoved, effects, heard, note_effect, on_stage
from tests.harness import Network, Service

SPEAKER = "registry"


class Bug(Exception):
    """What a reaction raises when it is wrong; its message quotes what nobody may read."""


class Breakable:
    """A reaction that fails as long as it is told to."""

    def __init__(self) -> None:
        self.broken: set[UUID] = set()
        self.raises: Callable[[], Exception] = lambda: Bug("Amina Beispiel, born 1990")
        self.tries: list[tuple[UUID, int]] = []

    def mended(self) -> Exception:
        """What is raised once, and not again."""
        self.broken = set()
        return Bug()

    def reaction(self) -> Any:
        """The reaction itself."""

        @reacts_to(ThingMoved)
        async def breaks(transaction: OpenTransaction, fact: ThingMoved) -> None:
            self.tries.append((fact.thing_id, fact.step))
            await note_effect(transaction, fact)
            if fact.thing_id in self.broken:
                raise self.raises()

        return breaks


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "FIRST_PAUSE_SECONDS", 0.005)
    monkeypatch.setattr(waiting, "GROWTH", 2)
    monkeypatch.setattr(waiting, "AWAY_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(waiting, "POLL_SECONDS", 0.01)


@pytest.fixture
def breakable() -> Breakable:
    """What fails."""
    return Breakable()


@pytest.fixture
async def notify(network: Network, breakable: Breakable) -> Service:
    """A listener whose reaction can be broken."""
    return await on_stage(network, "notify", breakable.reaction())


async def parked(network: Network, notify: Service, count: int) -> list[dict[str, Any]]:
    """The list of parked facts once there are so many."""
    ops = await network.key(Role.OPS)
    async with asyncio.timeout(5):
        while True:
            listed: list[dict[str, Any]] = (await notify.client.get("/v1/parked", headers=ops)).json()
            if len(listed) == count:
                return listed
            await asyncio.sleep(0.01)


async def until_effects(network: Network, count: int) -> list[tuple[UUID, int]]:
    """The effects once there are so many."""
    async with asyncio.timeout(5):
        while len(found := await effects(network, "notify")) < count:
            await asyncio.sleep(0.01)
    return found


async def test_one_raise_loses_nothing_and_does_not_spin(
    network: Network,
    notify: Service,
    breakable: Breakable,
) -> None:
    """The fact is tried again and has its effect once; the others of its batch had theirs at once."""
    bad, good = uuid4(), uuid4()
    breakable.broken = {bad}
    breakable.raises = breakable.mended

    await notify.running.inbox.take(SPEAKER, [heard(1, good, 1), heard(2, bad, 2), heard(3, good, 3)])

    found = await until_effects(network, 3)
    assert sorted(found) == sorted([(good, 1), (good, 3), (bad, 2)])
    await asyncio.sleep(0.1)
    assert len(breakable.tries) <= 5


async def test_poison_is_parked_after_five_tries_and_the_others_go_on(
    network: Network,
    notify: Service,
    breakable: Breakable,
) -> None:
    """Later facts of its aggregate wait behind it; those of others had their effects meanwhile."""
    bad, good = uuid4(), uuid4()
    breakable.broken = {bad}
    facts = [heard(1, bad, 1), heard(2, good, 2), heard(3, bad, 3), heard(4, good, 4)]

    await notify.running.inbox.take(SPEAKER, facts)

    assert await effects(network, "notify") == [(good, 2), (good, 4)]
    listed = await parked(network, notify, 1)
    assert (listed[0]["about"], listed[0]["attempts"], listed[0]["behind"]) == (f"thing/{bad}", 5, 1)
    assert breakable.tries.count((bad, 1)) - 1 == 5  # once in the batch, then by itself
    assert (bad, 3) not in breakable.tries
    assert "Amina" not in str(listed)
    assert "Bug" in listed[0]["raised"]
    lags = await notify.running.condition()
    assert (lags["parked"], lags["waiting"]) == (1, 1)


async def test_a_replayed_fact_and_those_behind_it_have_their_effects_in_order(
    network: Network,
    notify: Service,
    breakable: Breakable,
) -> None:
    """What operations does once the bug is mended; a second time there is nothing to replay."""
    bad = uuid4()
    breakable.broken = {bad}
    await notify.running.inbox.take(SPEAKER, [heard(number, bad, number) for number in (1, 2, 3)])
    one = (await parked(network, notify, 1))[0]
    breakable.broken = set()
    ops = await network.key(Role.OPS)

    replayed = await notify.client.post(f"/v1/parked/{one['id']}/replay", headers=ops)

    assert replayed.status_code == 204
    assert await until_effects(network, 3) == [(bad, 1), (bad, 2), (bad, 3)]
    again = await notify.client.post(f"/v1/parked/{one['id']}/replay", headers=ops)
    assert (again.status_code, again.json()["slug"]) == (404, "not-parked")


async def test_a_discarded_fact_lets_those_behind_it_go_on(
    network: Network,
    notify: Service,
    breakable: Breakable,
) -> None:
    """It is given up without an effect, nothing else is."""
    bad = uuid4()
    breakable.broken = {bad}
    await notify.running.inbox.take(SPEAKER, [heard(number, bad, number) for number in (1, 2)])
    one = (await parked(network, notify, 1))[0]
    breakable.broken = set()
    ops = await network.key(Role.OPS)

    discarded = await notify.client.post(f"/v1/parked/{one['id']}/discard", headers=ops)

    assert discarded.status_code == 204
    assert await until_effects(network, 1) == [(bad, 2)]


async def test_facts_that_wait_let_new_ones_of_their_aggregate_wait_too(
    network: Network,
    notify: Service,
    breakable: Breakable,
) -> None:
    """Also when they come in a later batch."""
    bad, good = uuid4(), uuid4()
    breakable.broken = {bad}
    await notify.running.inbox.take(SPEAKER, [heard(1, bad, 1)])
    await parked(network, notify, 1)

    await notify.running.inbox.take(SPEAKER, [heard(2, bad, 2), heard(3, good, 3)])

    assert await effects(network, "notify") == [(good, 3)]
    assert (await parked(network, notify, 1))[0]["behind"] == 1


@pytest.mark.parametrize(
    "body", [b'{"thing_id": "%s", "colour": "violet"}', b'{"thing_id": "no id"}', b"{", b"\xff\xfe", b"", b"null"]
)
async def test_what_cannot_be_read_is_parked_at_once(
    network: Network,
    notify: Service,
    breakable: Breakable,
    body: bytes,
) -> None:
    """An unknown value of a code list, a broken body: trying again cannot help; nothing crashes."""
    bad, good = uuid4(), uuid4()

    await notify.running.inbox.take(
        SPEAKER, [heard(1, bad, body=body.replace(b"%s", str(bad).encode())), heard(2, good, 2)]
    )

    assert (await parked(network, notify, 1))[0]["about"] == f"thing/{bad}"
    assert await until_effects(network, 1) == [(good, 2)]
    assert (bad, 0) not in breakable.tries


async def test_a_fact_with_fields_of_a_later_version_is_heard(network: Network, notify: Service) -> None:
    """What is unknown in it is ignored; what an older version did not have yet has its default."""
    newer, older = uuid4(), uuid4()

    await notify.running.inbox.take(
        SPEAKER,
        [
            heard(1, newer, body=b'{"thing_id": "%s", "step": 1, "added": {"later": true}}' % str(newer).encode()),
            heard(2, older, body=b'{"thing_id": "%s"}' % str(older).encode()),
        ],
    )

    assert await effects(network, "notify") == [(newer, 1), (older, 0)]


async def test_an_owner_that_is_away_parks_nothing(
    network: Network,
    notify: Service,
    breakable: Breakable,
) -> None:
    """A reaction asks another service, which does not answer: it is tried until it does, however long."""
    asking = uuid4()
    breakable.broken = {asking}
    breakable.raises = lambda: Unavailable("owner-away", "The {owner} service does not answer.", owner="matching")
    await notify.running.inbox.take(SPEAKER, [heard(1, asking, 1)])
    async with asyncio.timeout(5):
        while len(breakable.tries) < 12:
            await asyncio.sleep(0.01)
    assert await network.rows("notify", "SELECT 1 FROM waiting WHERE parked_at IS NOT NULL") == []

    breakable.broken = set()

    assert await until_effects(network, 1) == [(asking, 1)]


async def test_a_reaction_that_raises_like_a_lost_connection_is_parked_too(
    network: Network,
    notify: Service,
    breakable: Breakable,
) -> None:
    """While the database answers, an OSError is the reaction's own: it must not hold up all others for ever."""
    bad, good = uuid4(), uuid4()
    breakable.broken = {bad}
    breakable.raises = lambda: PermissionError("mail folder")

    await notify.running.inbox.take(SPEAKER, [heard(1, bad, 1), heard(2, good, 2)])

    assert await effects(network, "notify") == [(good, 2)]
    await parked(network, notify, 1)


async def test_two_workers_try_a_waiting_fact_once_at_a_time(
    network: Network,
    notify: Service,
    breakable: Breakable,
) -> None:
    """A second leader by mistake: the row is locked by the one that tries it, and the effect is there once."""
    bad = uuid4()
    breakable.broken = {bad}
    await notify.running.inbox.take(SPEAKER, [heard(number, bad, number) for number in range(1, 11)])
    one = (await parked(network, notify, 1))[0]
    breakable.broken = set()
    other = waiting.Waiting(notify.running.database, notify.running.inbox)
    task = asyncio.create_task(other.run())
    try:
        await notify.client.post(f"/v1/parked/{one['id']}/replay", headers=await network.key(Role.OPS))
        assert await until_effects(network, 10) == [(bad, number) for number in range(1, 11)]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert len(await effects(network, "notify")) == 10

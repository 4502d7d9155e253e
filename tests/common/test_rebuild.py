"""A service's copies are made anew by its image's verb, while it runs: nothing is lost, overtaken or told twice."""

import asyncio
import runpy
import sys
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from libs.common import rebuild as module
from libs.common.callers import Role
from libs.common.copies import REBUILD
from libs.common.db import OpenTransaction
from libs.common.facts import SERVICES
from libs.common.facts.registry import AccessKeyIssued, AccessKeyRevoked, GrantGiven, GrantWithdrawn
from libs.common.outbox import announce
from libs.common.reactions import copies_made_anew, keeps_copy, reacts_to
from libs.common.rebuild import NotThrough, rebuild
from tests.common.stage import ThingEchoed, ThingMoved, effects, note_effect, on_stage, tell_moves
from tests.common.verbs import said_by
from tests.harness import Network, Service
from tests.registry.steps import a_project, ok, step

pytestmark = pytest.mark.slow

COPIED = "SELECT id, starts, ends, regions, open FROM known_project ORDER BY id"
PARTNERS = "SELECT id, standing FROM known_partner ORDER BY id"
KEYS = "SELECT key_id, hash, principal, expires_at, revoked_at IS NULL FROM known_key ORDER BY key_id"
GRANTS = "SELECT grant_id, principal, role, region, withdrawn_at IS NULL FROM known_grant ORDER BY grant_id"
DONE = "has made its copies and figures anew, from the first fact on"
FIRST = date(2026, 1, 1)
KEEP = text(
    "INSERT INTO known_project (id, version, starts, ends, regions, open)"
    " VALUES (:thing, 1, :starts, :starts, '{}', true) ON CONFLICT (id) DO UPDATE SET starts = EXCLUDED.starts")

KEEP_ONE = "INSERT INTO known_project (id, version, starts, ends, regions, open) VALUES ($1, 1, $2, $2, '{}', true)"


@keeps_copy(ThingMoved)
async def _copies(transaction: OpenTransaction, fact: ThingMoved) -> None:
    await transaction.execute(KEEP, {"thing": fact.thing_id, "starts": FIRST + timedelta(days=fact.step)})


@keeps_copy(ThingMoved)
async def _is_poison(transaction: OpenTransaction, fact: ThingMoved) -> None:
    await note_effect(transaction, fact)
    if fact.step == 2:
        raise RuntimeError


@reacts_to(ThingMoved)
async def _acts(transaction: OpenTransaction, fact: ThingMoved) -> None:
    await note_effect(transaction, fact)


async def test_a_running_service_makes_its_copies_anew(network: Network) -> None:
    """Copies that are wrong or gone are as their owner tells them, and events announces nothing for it."""
    await network.start("registry", "events")
    address, coordinator, _ = await a_project(network)
    await a_project(network)
    ok(await step(network, f"{address}/close", coordinator))
    await network.settled()
    before = [await network.rows("events", query) for query in (COPIED, PARTNERS)]
    assert [len(rows) for rows in before] == [2, 2]
    await network.rows("events", "UPDATE known_project SET open = true, starts = starts - 1")
    await network.rows("events", "DELETE FROM known_partner")

    assert await rebuild(network["events"].running.database) == DONE

    assert [await network.rows("events", query) for query in (COPIED, PARTNERS)] == before
    await network.settled()
    assert await network.rows("events", "SELECT 1 FROM outbox") == []
    assert (await network["events"].running.condition())["reasons"] == []


async def test_keys_and_grants_are_as_the_registry_told_and_never_unknown(network: Network) -> None:
    """One that nobody gave is gone, one that is missing is there; meanwhile all that hold are known as before."""
    speaker, gate, there = await on_stage(network, "registry"), asyncio.Event(), []

    @keeps_copy(ThingMoved)
    async def looks(_transaction: OpenTransaction, _fact: ThingMoved) -> None:
        if gate.is_set():
            there.append([await network.rows("events", query) for query in (KEYS, GRANTS)])

    listener = await on_stage(network, "events", looks)
    ids = [uuid4() for _ in range(4)]
    async with speaker.running.database.transaction() as transaction:
        for one in ids:
            announce(transaction, AccessKeyIssued(
                access_key_id=one, hash=one.hex, principal=one, expires=datetime(2030, 1, 1, tzinfo=UTC)))
            announce(transaction, GrantGiven(grant_id=one, principal=one, role=Role.AUDITOR, region="15087"))
        announce(transaction, AccessKeyRevoked(access_key_id=ids[0]))
        announce(transaction, GrantWithdrawn(grant_id=ids[0]))
        announce(transaction, ThingMoved(thing_id=uuid4()))
    await network.settled()
    right = [await network.rows("events", query) for query in (KEYS, GRANTS)]
    await network.key(Role.NETWORK_ADMIN)
    await network.rows("events", "UPDATE known_key SET revoked_at = NULL")
    await network.rows("events", "DELETE FROM known_grant WHERE grant_id = $1", ids[1])
    wrong = [await network.rows("events", query) for query in (KEYS, GRANTS)]
    gate.set()

    await rebuild(listener.running.database)

    assert there == [wrong]
    assert [await network.rows("events", query) for query in (KEYS, GRANTS)] == right


async def test_rebuilding_amid_facts_loses_none_and_lets_none_be_overtaken(
    network: Network, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Again and again while facts come in: each copy ends as the last fact about it says, all else is done once."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    speaker = await on_stage(network, "registry")
    listener = await on_stage(network, "events", _copies, _acts, copies=["known_project"])
    things, last = [uuid4() for _ in range(3)], 20

    async def tell() -> None:
        for number in range(1, last + 1):
            for thing in things:
                await tell_moves(speaker, thing, [number])
            await asyncio.sleep(0.05)

    telling, times = asyncio.create_task(tell()), 0
    while not telling.done():
        await rebuild(listener.running.database)
        times += 1
    await telling
    await network.settled()

    rows = await network.rows("events", COPIED)
    assert {row["id"]: row["starts"] for row in rows} == dict.fromkeys(things, FIRST + timedelta(days=last))
    assert await effects(network, "events") == [(thing, step) for step in range(1, last + 1) for thing in things]
    assert times > 1
    assert await network.rows("events", "SELECT 1 FROM waiting") == []


async def test_what_is_parked_stays_parked_and_is_not_copied(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came before it of its aggregate is copied again, what waits behind it is not; what was given up fails again.

    None of this keeps back the others.
    """
    monkeypatch.setattr("libs.common.waiting.FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr("libs.common.waiting.POLL_SECONDS", 0.01)
    speaker, listener = await on_stage(network, "registry"), await on_stage(network, "notify", _is_poison)
    bad, good = uuid4(), uuid4()
    for thing, number in ((bad, 1), (bad, 2), (good, 1), (bad, 3), (good, 3)):
        await tell_moves(speaker, thing, [number])
    before = await parked(network, listener)
    await network.settled()

    await rebuild(listener.running.database)

    assert await effects(network, "notify") == [(bad, 1), (good, 1), (good, 3)] * 2
    assert await parked(network, listener) == before
    headers = await network.key(Role.OPS)
    given_up = await listener.client.post(f"/v1/parked/{before[0]['id']}/discard", headers=headers)
    assert given_up.status_code == 204
    await network.settled()
    await rebuild(listener.running.database)
    assert (await effects(network, "notify"))[6:] == [(bad, 3), (bad, 1), (good, 1), (bad, 3), (good, 3)]


async def test_what_ends_it_in_the_middle_leaves_all_as_it_was(
    network: Network, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is tried again, and done then, as due work is."""
    monkeypatch.setattr("libs.common.due.FIRST_PAUSE", timedelta(seconds=0.05))
    speaker, tries, thing = await on_stage(network, "registry"), [], uuid4()

    @copies_made_anew
    async def ends(transaction: OpenTransaction) -> None:
        tries.append((await transaction.execute(text(COPIED))).all())
        if len(tries) == 1:
            assert len(await network.rows("events", COPIED)) == 2
            raise ConnectionError

    listener = await on_stage(network, "events", _copies, ends, copies=["known_project"])
    await tell_moves(speaker, thing, [1])
    await network.settled()
    await network.rows("events", KEEP_ONE, uuid4(), FIRST)

    assert await rebuild(listener.running.database) == DONE

    assert [[row.id for row in rows] for rows in tries] == [[thing], [thing]]
    assert [row["id"] for row in await network.rows("events", COPIED)] == [thing]


async def test_a_copy_that_announces_something_is_no_copy(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever marks the wrong reaction is told of it, and nobody else of anything."""
    monkeypatch.setattr(module, "WAIT_SECONDS", 1)

    @keeps_copy(ThingMoved)
    async def echoes(transaction: OpenTransaction, fact: ThingMoved) -> None:
        announce(transaction, ThingEchoed(thing_id=fact.thing_id))

    speaker, listener = await on_stage(network, "registry"), await on_stage(network, "notify", echoes)
    await tell_moves(speaker, uuid4(), [1])
    await network.settled()

    with pytest.raises(NotThrough, match="RuntimeError"):
        await rebuild(listener.running.database)

    assert len(await network.rows("notify", "SELECT 1 FROM outbox")) == 1


async def parked(network: Network, one: Service) -> list[dict[str, Any]]:
    """What is shown as parked, once anything is."""
    async with asyncio.timeout(10):
        while True:
            answer = await one.client.get("/v1/parked", headers=await network.key(Role.OPS))
            found: list[dict[str, Any]] = answer.json()
            if found:
                return found
            await asyncio.sleep(0.05)


async def test_a_service_that_counts_by_itself_and_does_not_run_is_told_of(
    network: Network, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is not waited for without end, and does it when it comes."""
    monkeypatch.setattr(module, "WAIT_SECONDS", 1)
    one = await on_stage(network, "registry")

    with pytest.raises(NotThrough, match="it has not begun"):
        await rebuild(one.running.database)

    assert [row["kind"] for row in await network.rows("registry", "SELECT kind FROM due")] == [REBUILD]


async def test_the_verb_ends_with_69_in_anothers_database(network: Network) -> None:
    """With a line in the log that says why, and nothing falls due."""
    code, said, log = await said_by(network, "notify", "rebuild", LOTSE_NETWORK="halle")

    assert (code, said) == (69, "")
    assert "of the network 'test', the settings say 'halle'" in log
    assert await network.rows("notify", "SELECT 1 FROM due") == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_knows_the_verb(
    service: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:
    """Its usage says so; a wrong word ends with 64."""
    monkeypatch.setattr(sys, "argv", [service, "rebuilt"])

    with pytest.raises(SystemExit) as ended:
        runpy.run_module(f"services.{service}", run_name="__main__")

    assert ended.value.code == 64
    assert "serve|migrate|provision|rebuild" in capsys.readouterr().err

"""A service's copies are made anew by its image's verb, while it runs: nothing is lost, overtaken or told twice."""

import asyncio
import runpy
import sys
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from libs.common import rebuild as module
from libs.common.callers import Role
from libs.common.db import OpenTransaction
from libs.common.facts import SERVICES
from libs.common.reactions import reacts_to
from libs.common.rebuild import NotThrough, hear_again, rebuild
from tests.common.stage import ThingMoved, effects, heard, note_effect, on_stage, tell_moves
from tests.common.verbs import said_by
from tests.harness import Network, Service
from tests.registry.steps import a_project, ok, step

COPIED = "SELECT id, starts, ends, regions, open FROM known_project ORDER BY id"
PARTNERS = "SELECT id, standing FROM known_partner ORDER BY id"
FIRST = date(2026, 1, 1)
KEEP = text(
    "INSERT INTO known_project (id, version, starts, ends, regions, open)"
    " VALUES (:thing, 1, :starts, :starts, '{}', true) ON CONFLICT (id) DO UPDATE SET starts = EXCLUDED.starts")


@reacts_to(ThingMoved)
async def _copies(transaction: OpenTransaction, fact: ThingMoved) -> None:
    await transaction.execute(KEEP, {"thing": fact.thing_id, "starts": FIRST + timedelta(days=fact.step)})


@reacts_to(ThingMoved)
async def _is_poison(transaction: OpenTransaction, fact: ThingMoved) -> None:
    await note_effect(transaction, fact)
    if fact.step == 2:
        raise RuntimeError


async def test_a_running_service_hears_everything_again(network: Network) -> None:
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
    told = await network.rows("registry", "SELECT count(*) FROM outbox")

    assert await said_by(network, "events", "rebuild") == (0, f"events hears {told[0][0]} facts again.\n", "")

    async with asyncio.timeout(10):
        while [await network.rows("events", query) for query in (COPIED, PARTNERS)] != before:
            await asyncio.sleep(0.05)
    await network.settled()
    assert await network.rows("events", "SELECT 1 FROM outbox") == []
    assert (await network["events"].running.condition())["reasons"] == []


async def test_rebuilding_amid_facts_loses_none_and_lets_none_be_overtaken(network: Network) -> None:
    """Again and again while facts come in: each copy ends as the last fact about it says."""
    speaker = await on_stage(network, "registry")
    listener = await on_stage(network, "events", _copies)
    things, last = [uuid4() for _ in range(5)], 60

    async def tell() -> None:
        for number in range(1, last + 1):
            for thing in things:
                await tell_moves(speaker, thing, [number])

    telling = asyncio.create_task(tell())
    while not telling.done():
        await hear_again(listener.running.database, ["known_project"])
        await asyncio.sleep(0.05)
    await telling
    # Those that were put back to nothing a moment ago are heard within the second.
    async with asyncio.timeout(15):
        while {row["starts"] for row in await network.rows("events", COPIED)} != {FIRST + timedelta(days=last)}:
            await asyncio.sleep(0.05)
    await network.settled()

    rows = await network.rows("events", COPIED)
    assert {row["id"]: row["starts"] for row in rows} == dict.fromkeys(things, FIRST + timedelta(days=last))
    assert await network.rows("events", "SELECT 1 FROM waiting") == []


async def test_what_is_parked_is_heard_in_its_turn(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Earlier facts of its aggregate come before it, later ones wait behind it again, and it is parked once."""
    monkeypatch.setattr("libs.common.waiting.FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr("libs.common.waiting.POLL_SECONDS", 0.01)
    speaker, listener = await on_stage(network, "registry"), await on_stage(network, "notify", _is_poison)
    bad, good = uuid4(), uuid4()
    for thing, number in ((bad, 1), (bad, 2), (good, 1), (bad, 3), (good, 3)):
        await tell_moves(speaker, thing, [number])
    before = await parked(network, listener)
    await network.settled()

    assert await hear_again(listener.running.database, []) == 5

    async with asyncio.timeout(10):
        while len(found := await effects(network, "notify")) < 6:
            await asyncio.sleep(0.05)
    await network.settled()
    (again,) = await parked(network, listener)
    assert found == [(bad, 1), (good, 1), (good, 3)] * 2
    assert again["id"] > before[0]["id"]
    assert (again["number"], again["about"], again["behind"]) == (2, f"thing/{bad}", 1)


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
        await rebuild(one.running.database, kind="figures_rebuild")

    assert [row["kind"] for row in await network.rows("registry", "SELECT kind FROM due")] == ["figures_rebuild"]


async def test_the_verb_ends_with_69_in_anothers_database(network: Network) -> None:
    """With a line in the log that says why, and nothing is put back."""
    listener = await on_stage(network, "notify")
    await listener.running.inbox.take("registry", [heard(1, uuid4())])

    code, said, log = await said_by(network, "notify", "rebuild", LOTSE_NETWORK="halle")

    assert (code, said) == (69, "")
    assert "of the network 'test', the settings say 'halle'" in log
    assert len(await network.rows("notify", "SELECT 1 FROM inbox")) == 1


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

"""A service's copies made anew from nothing must be what they were."""

from importlib import import_module
from typing import Any

from libs.common.facts import HEARS
from tests.chaos.invariants import COPIES
from tests.chaos.probes import state_of
from tests.chaos.promises import Promise, some_of
from tests.chaos.world import World

# How often a row was written is not what it says.
NOT_COMPARED = {"version"}
SECONDS = 30.0
# Who hears again that somebody is to be erased does it again, and says so again.
SAID_AGAIN = "%.person.erased.v1"


async def rebuilt_equals_heard(world: World) -> None:
    """Empty the copies and the inbox of one listener after the other, let it hear everything again, and compare."""
    for listener in world.services:
        if "registry" in HEARS[listener]:
            await _rebuild(world, listener)


async def _rebuild(world: World, listener: str) -> None:
    tables = (*COPIES, *getattr(import_module(f"services.{listener}.tables"), "COPIES", ()))
    before, told = await _copies(world, listener, tables), (await state_of(world.stage, listener)).last
    await world.stage.execute(listener, _forget(tables, world))
    world.instance(listener).kill()
    _, left = await world.settled(SECONDS)
    if left:
        world.violated(Promise.REBUILT, f"{listener} did not hear everything again: {'; '.join(left)}")
        return
    after = await _copies(world, listener, tables)
    for table in tables:
        if wrong := set(before[table]) ^ set(after[table]):
            world.violated(Promise.REBUILT, f"{table} of {listener} differs in {some_of(list(wrong))}")
    query = "SELECT subject, about FROM outbox WHERE number > $1 AND subject NOT LIKE $2"
    rows = await world.stage.rows(listener, query, told, SAID_AGAIN)
    if rows:
        world.violated(Promise.REBUILT,
                       f"{listener}, hearing the past, announced {some_of([tuple(row) for row in rows])}")


async def _copies(world: World, service: str, tables: tuple[str, ...]) -> dict[str, list[str]]:
    found = {}
    for table in tables:
        rows = await world.stage.rows(service, COPIES.get(table) or f'SELECT * FROM "{table}"')
        found[table] = sorted(str(_compared(table, dict(row))) for row in rows)
    return found


def _compared(table: str, row: dict[str, Any]) -> dict[str, Any]:
    # A copy that names its original beside its own id got that id when it was heard.
    own = {"id"} if f"{table.removeprefix('known_')}_id" in row else set()
    return {name: str(value) for name, value in row.items() if name not in NOT_COMPARED | own}


def _forget(tables: tuple[str, ...], world: World) -> str:
    """The operator's key and grants are no facts: they stay, or nobody could look after this service any more."""
    operator = f"(SELECT principal FROM known_key WHERE hash = '{world.stage.operator_hash}')"
    own = [f'DELETE FROM "{table}" WHERE principal <> {operator}' for table in ("known_grant", "known_key")]
    other = [f'DELETE FROM "{table}"' for table in tables if table not in COPIES]
    return ";".join([*own, *other, "DELETE FROM inbox", "UPDATE heard SET number = 0"])

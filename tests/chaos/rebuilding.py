"""A service's copies made anew from nothing must be what they were."""

from importlib import import_module
from typing import Any

from libs.common.copies import NOBODY, REBUILD
from libs.common.facts import HEARS
from tests.chaos.invariants import COPIES
from tests.chaos.probes import settle, state_of
from tests.chaos.promises import Promise, some_of
from tests.chaos.world import World

# How often a row was written is not what it says; nor which id one got that is found by something else.
NOT_COMPARED = {"version"}
IDS_OF_THEIR_OWN = {"rule_set", "known_registration"}
SECONDS = 30.0


async def rebuilt_equals_heard(world: World) -> None:
    """Spoil the copies of one listener after the other, let it make them anew, kill it in that moment, and compare."""
    for listener in world.services:
        if "registry" in HEARS[listener]:
            await _rebuild(world, listener)


async def _rebuild(world: World, listener: str) -> None:
    tables = getattr(import_module(f"services.{listener}.tables"), "COPIES", ())
    before, told = await _copies(world, listener, tables), (await state_of(world.stage, listener)).last
    await world.stage.execute(listener, _spoil(tables))
    world.instance(listener).kill()
    _, left = await settle(world.stage, world.services, SECONDS)
    if left:
        world.violated(Promise.REBUILT, f"{listener} did not make its copies anew: {'; '.join(left)}")
        return
    after = await _copies(world, listener, tables)
    # The operator's key and grants are no facts: without them nobody could look after this service any more.
    await world.stage.introduce_operator([listener])
    for table, rows in before.items():
        if wrong := set(rows) ^ set(after[table]):
            world.violated(Promise.REBUILT, f"{table} of {listener} differs in {some_of(list(wrong))}")
    announced = await world.stage.rows(listener, "SELECT subject, about FROM outbox WHERE number > $1", told)
    if announced:
        world.violated(Promise.REBUILT,
                       f"{listener}, hearing the past, announced {some_of([tuple(row) for row in announced])}")


async def _copies(world: World, service: str, tables: tuple[str, ...]) -> dict[str, list[str]]:
    operator = f"(SELECT principal FROM known_key WHERE hash = '{world.stage.operator_hash}')"
    queries = {table: f"{query} WHERE principal NOT IN {operator}" for table, query in COPIES.items()}
    found = {}
    for table, query in (queries | {table: f'SELECT * FROM "{table}"' for table in tables}).items():
        rows = await world.stage.rows(service, query)
        found[table] = sorted(str(_compared(table, dict(row))) for row in rows)
    return found


def _compared(table: str, row: dict[str, Any]) -> dict[str, Any]:
    own = {"id"} if table in IDS_OF_THEIR_OWN else set()
    return {name: str(value) for name, value in row.items() if name not in NOT_COMPARED | own}


def _spoil(tables: tuple[str, ...]) -> str:
    """A grant that nobody gave, and nothing where most copies were; then the rebuild falls due."""
    return ";".join([
        "INSERT INTO known_grant (grant_id, principal, role) VALUES (gen_random_uuid(), gen_random_uuid(), 'auditor')",
        *(f'DELETE FROM "{table}"' for table in tables),
        f"INSERT INTO due (kind, about, due_at) VALUES ('{REBUILD}', '{NOBODY}', now())"])

"""What the database counts of an event's registrations, whatever becomes of them."""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from libs.common.callers import Caller, Role, Scope
from services.events.registrations.model import HOLDING, RegistrationState
from tests.events.stage import Stage

COUNTS = ("seats_taken", "childcare_taken", "waiting", "arrivals")
INSERT = """
INSERT INTO registration (id, version, event_id, region, partner_id, person_ref, known_elsewhere, state, place, seats,
    childcare, adults, children, registered_at)
VALUES ($1, 1, $2, '15087', $3, $1, false, $4, $5, $6, $7, 1, '{}', now())
"""
Kept = tuple[RegistrationState, int, int]


def counted(registrations: Sequence[Kept]) -> tuple[int, ...]:
    """The four counts as they are to be, of registrations given by state, seats and childcare places."""
    holding = [one for one in registrations if one[0] in HOLDING]
    return (sum(seats for _, seats, _ in holding), sum(childcare for _, _, childcare in holding),
            sum(1 for state, *_ in registrations if state is RegistrationState.WAITLISTED), len(registrations))


async def in_the_database(connection: asyncpg.Connection, event_id: UUID) -> tuple[int, ...]:
    """The same as the event's row says."""
    return tuple(await connection.fetchrow(f"SELECT {', '.join(COUNTS)} FROM event WHERE id = $1", event_id))


async def entered(connection: asyncpg.Connection, event_id: UUID, kept: Iterable[Kept]) -> list[UUID]:
    """Registrations in these states, as rows; returns their ids."""
    ids = []
    for place, (state, seats, childcare) in enumerate(kept, start=1):
        ids.append(uuid4())
        await connection.execute(INSERT, ids[-1], event_id, uuid4(), state.value, place, seats, childcare)
    return ids


async def test_every_change_of_every_state_is_counted(stage: Stage) -> None:
    """From each state to each, also with another number of places; and all of them as they arrive."""
    event_id = UUID((await stage.published(capacity=None, childcare={"places": 500})).rsplit("/", 1)[1])
    changes = list(product(RegistrationState, RegistrationState))
    before: list[Kept] = [(one, 2, 1) for one, _ in changes]
    after: list[Kept] = [(other, 3, 0) if at % 2 else (other, 2, 1) for at, (_, other) in enumerate(changes)]
    connection = await asyncpg.connect(stage.network.cluster.superuser_url(stage.network.databases["events"]))
    try:
        ids = await entered(connection, event_id, before)
        assert await in_the_database(connection, event_id) == counted(before)
        for at, (state, seats, childcare) in enumerate(after):
            await connection.execute("UPDATE registration SET state = $2, seats = $3, childcare = $4 WHERE id = $1",
                                     ids[at], state.value, seats, childcare)
            assert await in_the_database(connection, event_id) == counted(after[: at + 1] + before[at + 1 :])
    finally:
        await connection.close()


async def test_who_has_not_opened_the_list_changes_no_count(stage: Stage) -> None:
    """Whoever registered someone elsewhere may touch that row; a count that could not follow undoes the change."""
    address = await stage.published()
    elsewhere = await stage.network.key(Role.COUNSELLOR, partner_id=uuid4())
    body: dict[str, Any] = {"person_ref": str(uuid4())}
    made = await stage.client.post(f"{address}/registrations/known", json=body, headers=elsewhere)
    assert made.status_code == 201, made.text
    rows = await stage.network.rows("events", "SELECT made_by FROM registration")
    caller = Caller(rows[0]["made_by"], Role.COUNSELLOR, Scope())

    with pytest.raises(ProgrammingError, match="not open to this transaction"):
        async with stage.network["events"].running.database.transaction(caller) as transaction:
            await transaction.execute(text("UPDATE registration SET state = 'cancelled'"))

    assert (await stage.read(address))["seats_taken"] == 1

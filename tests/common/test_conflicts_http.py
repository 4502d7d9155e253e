"""Two requests that stand in each other's way: one is done, the other is told so, and may be sent again."""

import asyncio
from uuid import UUID

import pytest
from asyncpg.exceptions import DeadlockDetectedError, SerializationError
from fastapi import APIRouter
from sqlalchemy import text

from libs.common.db import is_away, is_conflict, is_transient
from libs.common.dependencies import Transaction
from tests.common.stage import on_stage
from tests.common.things import EVERYONE
from tests.harness import Network, Service

router = APIRouter(prefix="/conflicts", tags=["conflicts"])
PERMISSIONS = {"rename_both": EVERYONE}
BOTH = asyncio.Barrier(2)


@router.post("/both")
async def rename_both(first: UUID, second: UUID, name: str, transaction: Transaction) -> None:
    """Take one, then, once the other request has its own first, the other."""
    for place, thing_id in enumerate((first, second)):
        await transaction.execute(
            text("UPDATE scratch.thing SET name = :name WHERE id = :id"), {"name": name, "id": thing_id})
        if place == 0:
            await BOTH.wait()


@pytest.fixture
async def stage(network: Network) -> Service:
    """A service whose requests meet."""
    return await on_stage(network, "registry", router=router, permissions=PERMISSIONS)


async def test_one_of_two_is_done_and_the_other_told_to_try_again(network: Network, stage: Service) -> None:
    """A deadlock is neither a bug nor an absent database: the one goes through, of the other nothing is left."""
    ids = [UUID(int=1), UUID(int=2)]
    for one in ids:
        await network.rows("registry", "INSERT INTO scratch.thing (id, version, name, made_on)"
                           " VALUES ($1, 1, 'a', '2026-01-01') RETURNING 1", one)
    first, second = map(str, ids)
    ways = [{"first": first, "second": second, "name": "b"}, {"first": second, "second": first, "name": "c"}]
    german = {"Accept-Language": "de"}
    answers = await asyncio.gather(*(
        stage.client.post("/v1/conflicts/both", params=way, headers=german) for way in ways))
    done, told = sorted(answers, key=lambda answer: answer.status_code)

    assert (done.status_code, told.status_code, told.json()["slug"]) == (200, 503, "changed-at-once")
    assert int(told.headers["retry-after"]) == 1
    assert "im selben Augenblick" in told.json()["detail"]
    name = ways[answers.index(done)]["name"]
    rows = await network.rows("registry", "SELECT name FROM scratch.thing ORDER BY id")
    assert [row["name"] for row in rows] == [name, name]


def test_what_stood_in_the_way_is_no_absent_database() -> None:
    """Reactions and due work try both again; only the door tells them apart."""
    for raised in (DeadlockDetectedError("x"), SerializationError("x")):
        assert (is_conflict(raised), is_transient(raised), is_away(raised)) == (True, True, True)
    for other in (ConnectionError("x"), ValueError("x")):
        assert not is_conflict(other)

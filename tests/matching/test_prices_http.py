"""What the prices of a programme are computed from, as the database has it."""


import pytest

from services.matching.options.queries import pool_to_price
from tests.matching.field import Field

pytestmark = pytest.mark.slow


async def joined(field: Field) -> int:
    """How many places prices take to have joined within the year."""
    async with field.network["matching"].running.database.transaction() as transaction:
        found: int = (await pool_to_price(transaction, field.programme))["joined"]
    return found


async def test_places_have_joined_whatever_became_of_them(field: Field) -> None:
    """Free, taken, paused or gone; not of who is not ready yet, nor of those who came more than a year ago."""
    assert await joined(field) == 0
    await field.create("/mentors", field.mentor_body(capacity=7))
    assert await joined(field) == 0
    left, paused = await field.ready_mentor(capacity=2), await field.ready_mentor(capacity=3)
    await field.tandem()
    assert await joined(field) == 2 + 3 + 1
    await field.act(f"/mentors/{left['id']}/leave")
    await field.act(f"/mentors/{paused['id']}/pause")
    assert await joined(field) == 2 + 3 + 1
    await field.network.move(days=365)
    assert await joined(field) == 0
    await field.ready_mentor(capacity=4)

    assert await joined(field) == 4


async def test_groups_have_joined_once_they_are_ready(field: Field) -> None:
    """A place each; not while they prepare."""
    field.programme = field.sponsorship
    await field.create("/mentor_groups", field.group_body())
    assert await joined(field) == 0
    await field.ready_group()

    assert await joined(field) == 1

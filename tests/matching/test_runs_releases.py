"""Who may read no household does not learn of a single one from the figures of fairness of several runs."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from libs.common.callers import Role
from services.matching.runs.fairness import counted, shown, told_anew
from tests.matching.field import Field, Json

SPOKEN = ("ar", "fa", "ti")
Table = list[dict[str, Any]]
POOLS = st.lists(st.tuples(*[st.tuples(st.integers(0, 14), st.integers(0, 14))] * len(SPOKEN)), min_size=2, max_size=6)


def figures(pool: tuple[tuple[int, int], ...]) -> Table:
    """What is shown of a run in which so many of each language waited, and so many of these were served."""
    rows: list[tuple[UUID, int, tuple[tuple[str, str], ...]]] = []
    served = set()
    for tag, (left, got) in zip(SPOKEN, pool, strict=True):
        for number in range(left + got):
            one = UUID(int=len(rows))
            rows.append((one, 10, (("language", tag), ("all", "all"))))
            if number < got:
                served.add(one)
    return shown(counted(rows, served))


def counts(table: Table, dimension: str) -> dict[str, tuple[int | None, int | None]]:
    """What a reader sees of a dimension."""
    return {row["value"]: (row["waited"], row["served"]) for row in table if row["dimension"] == dimension}


@given(POOLS)
def test_of_two_figures_that_are_told_none_differs_by_few(pools: list[tuple[tuple[int, int], ...]]) -> None:
    """Whatever came, and in whatever order it is told: who subtracts has nought, or five at least."""
    told: dict[str, list[Table]] = {"language": [], "all": []}
    before: list[Table] = []
    for pool in pools:
        table = figures(pool)
        anew = told_anew(table, before)
        before.append([row for row in table if row["dimension"] in anew])
        for dimension in anew:
            told[dimension].append(table)
    assert len(told["all"]) >= 1 or not any(sum(map(sum, pool)) for pool in pools)
    for dimension, tables in told.items():
        for place, one in enumerate(tables):
            for other in tables[place + 1:]:
                ours, theirs = counts(one, dimension), counts(other, dimension)
                for value in ours.keys() | theirs.keys():
                    for a, b in zip(ours.get(value, (0, 0)), theirs.get(value, (0, 0)), strict=True):
                        assert a is None or b is None or a == b or abs(a - b) >= 5, (dimension, value, a, b)
                        assert (a is None) == (b is None) or (a or 0) + (b or 0) >= 9, (dimension, value, a, b)


def test_what_is_the_same_is_told_anew() -> None:
    """So is what differs by many; another language that few speak is not."""
    table = figures(((6, 6), (7, 7), (0, 0)))
    assert told_anew(table, []) == told_anew(table, [table]) == {"language", "all"}
    assert told_anew(figures(((11, 11), (12, 12), (0, 0))), [table]) == {"language", "all"}
    assert told_anew(figures(((6, 7), (7, 7), (0, 0))), [table]) == set()
    assert told_anew(figures(((6, 6), (7, 7), (1, 0))), [table]) == set()


async def told(field: Field, run: Json, key: dict[str, str] | None = None) -> dict[tuple[str, str], tuple[int, bool]]:
    """How many waited by group, and whether that is as of this run."""
    found = await field.get(f"/runs/{run['id']}/fairness", headers=key)
    return {(one["dimension"], one["value"]): (one["waited"], one["as_of_run"] == run["id"])
            for one in found["groups"]}


async def test_a_household_that_came_is_not_found_by_subtracting(field: Field) -> None:
    """Who decides about weights tries them before and after: the figures are those of before, until many have come."""
    admin = await field.network.key(Role.NETWORK_ADMIN)
    for _ in range(6):
        await field.waiting_household()
    first = await field.run(simulate=True)
    before = await told(field, first, admin)
    await field.waiting_household()
    second = await field.run(simulate=True)
    after, exact = await told(field, second, admin), await told(field, second)
    for _ in range(4):
        await field.waiting_household()
    third = await field.run(simulate=True)

    assert before["all", "all"] == (6, True)
    assert after["all", "all"] == (6, False)
    assert {count for count, _ in after.values()} == {count for count, _ in before.values()}
    assert exact["all", "all"] == (7, True)
    assert (await told(field, third, admin))["all", "all"] == (11, True)


def test_of_a_region_and_its_part_nothing_is_told_whose_rest_is_few() -> None:
    """Where the rest is nobody, or five at least, both are told; what only one of them counts tells nothing besides."""
    part = figures(((6, 6), (7, 7), (0, 0)))
    both = {"language", "all"}
    for whole, anew in ((((6, 6), (7, 7), (0, 0)), both), (((12, 12), (13, 13), (6, 6)), both),
                        (((6, 6), (7, 7), (20, 20)), both), (((6, 8), (7, 7), (0, 0)), set())):
        table = figures(whole)
        assert told_anew(table, [], [part]) == told_anew(part, [], [table]) == anew, whole


async def test_a_household_of_the_rest_is_not_found_by_subtracting_a_part(field: Field) -> None:
    """Six of eight live in one district: who is told of both would read of two in the other."""
    admin = await field.network.key(Role.NETWORK_ADMIN)
    field = replace(field, coordinator=await field.network.key(Role.COORDINATOR, region="15"))
    await asyncio.gather(*(field.waiting_household() for _ in range(6)))
    part = await field.run(simulate=True)
    await asyncio.gather(*(field.waiting_household(region="15084") for _ in range(2)))
    whole = await field.run(simulate=True, region="15")
    assert (await told(field, part, admin))["all", "all"] == (6, True)
    assert await told(field, whole, admin) == {}
    await asyncio.gather(*(field.waiting_household(region="15084") for _ in range(3)))
    later = await field.run(simulate=True, region="15")
    assert (await told(field, later, admin))["all", "all"] == (11, True)

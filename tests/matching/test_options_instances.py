"""Instances that keep the pool in memory: what is done at one is known at the next answer of any, whatever it is."""

import json
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from libs.common.callers import Role
from libs.common.facts.registry import ErasureRequested
from tests.harness import Service
from tests.matching.field import Field, Json, rules

pytestmark = pytest.mark.slow


@pytest_asyncio.fixture
async def instances(field: Field) -> AsyncIterator[list[Service]]:
    """Two more of them: the last one forgets all that it has read before each question."""
    more = [await field.network.instance("matching") for _ in range(2)]
    yield [field.network["matching"], *more]
    for one in more:
        field.network.services.remove(one)
        await one.stop()


async def answered(field: Field, instances: list[Service], household: Json) -> Json:
    """The options of a household, which all instances answer alike: also the one that has just read everything."""
    found = []
    for one in instances:
        if one is instances[-1]:
            one.app.state.live.known.clear()
        answer = await one.client.get(f"/v1/options?household_id={household['id']}", headers=field.coordinator)
        assert answer.status_code == 200, answer.text
        found.append(answer.json())
    first: Json = found[0]
    assert found == [first] * len(instances)
    return first


async def prices_computed(field: Field, household: Json) -> None:
    """Somebody has asked for the first time, and the prices that brings about are there."""
    await field.get(f"/options?household_id={household['id']}")
    await field.network.settled()


async def test_what_is_done_at_one_is_known_at_the_others(field: Field, instances: list[Service]) -> None:
    """A place is taken, a mentor pauses, takes the consent back or is erased; weights, rules and prices are others."""
    mentors = [await field.ready_mentor() for _ in range(5)]
    household, other = await field.waiting_household(), await field.waiting_household()
    ids, clients = [one["id"] for one in mentors], [one.client for one in instances]

    async def there() -> list[str]:
        return [one["unit_id"] for one in (await answered(field, instances, household))["options"]]

    await prices_computed(field, household)
    assert await there() == ids
    field.client = clients[0]
    body = {"household_id": other["id"], "unit_id": ids[0], "reason": "known_to_fit"}
    await field.create("/options/propose", body)
    assert await there() == ids[1:]
    field.client = clients[1]
    await field.act(f"/mentors/{ids[1]}/pause")
    assert await there() == ids[2:]
    field.client = clients[2]
    consents = (await field.get(f"/consents?person_ref={mentors[2]['person_ref']}&purpose=matching"))["items"]
    await field.act(f"/consents/{consents[0]['id']}/withdraw")
    assert await there() == ids[3:]
    field.client = clients[0]
    await field.act(f"/mentors/{ids[1]}/resume")
    await field.network.tell("matching", ErasureRequested(
        erasure_id=uuid4(), person_refs=(UUID(mentors[3]["person_ref"]),)))
    assert await there() == [ids[1], ids[4]]


async def test_weights_rules_and_prices_are_the_same_everywhere(field: Field, instances: list[Service]) -> None:
    """Whoever computes with others than those of now would tell other points."""
    mentor, household = await field.ready_mentor(), await field.waiting_household(wishes=["school"])
    admin = await field.network.key(Role.NETWORK_ADMIN)
    await prices_computed(field, household)
    before = (await answered(field, instances, household))["options"][0]["points"]
    for number, weights in enumerate(({"needs": 400, "language": 100}, {"needs": 250, "language": 250})):
        field.client = instances[number].client
        body = {"programme_id": str(field.programme), "reason": "other"} | weights
        await field.create("/weights", body, headers=admin)
        after = (await answered(field, instances, household))["options"][0]["points"]
        assert (after == before) is bool(number)
    priced = "UPDATE price_set SET prices = $1, computed_at = now() WHERE programme_id = $2"
    for price in (700, 0, 300):
        await field.network.rows("matching", priced, json.dumps({mentor["id"]: price}), field.programme)
        found = (await answered(field, instances, household))["options"][0]
        assert (found["unit_price"], found["gain"]) == (price, found["worth"] - price)
    for months, count in ((12, 0), (0, 1)):
        await field.network.tell("matching", rules(field.programme, rent_months=months))
        assert len((await answered(field, instances, household))["options"]) == count

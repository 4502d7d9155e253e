"""What is added to a closing after its talk was noted, through the door."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

from libs.common.callers import Role
from libs.common.facts.registry import ErasureRequested
from services.matching.links.queries import OWN_DATA
from tests.matching.field import Field, Json

LEARNING = {"text": "Feste Treffen halfen."}


async def held(field: Field, **given: Any) -> Json:
    """A closing talk of a tandem that has just ended."""
    tandem = await field.active()
    return await field.create("/closings", {"tandem_id": tandem["id"], "held_on": str(field.day)} | given)


async def test_what_comes_after_the_talk_is_added(field: Field) -> None:
    """A rating that was missing, and goals; what stands there stays, and so does the learning."""
    closing = await held(field, mentors_rating=5, goals_reached=["school"], learning=LEARNING)
    address = f"/closings/{closing['id']}"
    body = {"household_rating": 4, "goals_reached": ["language"]}
    added = await field.act(address, body, method="PUT")
    assert (added["mentors_rating"], added["household_rating"], added["goals_reached"]) == (
        5, 4, ["language", "school"])
    assert (added["learning_state"], added["text"]) == ("draft", "Feste Treffen halfen.")
    assert (await field.act(address, body, method="PUT"))["household_rating"] == 4
    for other in ({"household_rating": 3}, {"mentors_rating": 1, "goals_reached": ["work"]}):
        assert await field.refused(address, other, method="PUT") == (409, "closing-rated")
    many = {"goals_reached": [f"goal_{number}" for number in range(9)]}
    assert await field.refused(address, many, method="PUT") == (409, "closing-goals")
    for wrong in ({"household_rating": 6}, {"held_on": str(field.day)}, {"learning": LEARNING}):
        assert (await field.refused(address, wrong, method="PUT"))[0] == 422
    after = await field.get(address)
    assert (after["mentors_rating"], after["household_rating"], after["goals_reached"]) == (
        5, 4, ["language", "school"])
    tandem = await field.get(f"/tandems/{closing['tandem_id']}")
    _, household = await field.refs(tandem)
    own = await field.link(OWN_DATA, tandem["household_id"], household)
    (told,) = (await field.client.get(f"{own}/data.json")).json()["noted"]["closings"]

    assert (told["household_rating"], told["goals_reached"], "mentors_rating" in told) == (
        4, ["language", "school"], False)


async def test_two_add_to_a_closing_at_the_same_moment(field: Field) -> None:
    """One of them; the other reads it again, and adds what is missing still. Without an ETag it is refused."""
    closing = await held(field)
    address = f"/closings/{closing['id']}"
    bodies = ({"mentors_rating": 5}, {"household_rating": 4})
    answers = await asyncio.gather(*(field.send("PUT", address, one, etag='"1"') for one in bodies))
    assert sorted(one.status_code for one in answers) == [200, 412]
    assert (await field.send("PUT", address, bodies[0])).status_code == 428
    for one in bodies:
        await field.act(address, one, method="PUT")
    after = await field.get(address)

    assert (after["mentors_rating"], after["household_rating"]) == (5, 4)


async def test_whose_closing_is_not_ones_own_is_not_added_to(field: Field) -> None:
    """Another region's, one that there is not, and no counsellor's."""
    closing = await held(field)
    address, body = f"/closings/{closing['id']}", {"household_rating": 4}
    elsewhere = await field.network.key(Role.COORDINATOR, region="15084")
    counsellor = await field.network.key(Role.COUNSELLOR)
    assert await field.refused(address, body, method="PUT", headers=elsewhere) == (404, "not-found")
    assert (await field.refused(address, body, method="PUT", headers=counsellor))[0] == 403

    assert (await field.send("PUT", f"/closings/{uuid4()}", body, etag='"1"')).status_code == 404


async def test_what_an_erased_side_said_is_not_written_down_later_either(field: Field) -> None:
    """Its rating is gone, and stays gone."""
    closing = await held(field, household_rating=4)
    tandem = await field.get(f"/tandems/{closing['tandem_id']}")
    _, household = await field.refs(tandem)
    await field.network.tell("matching", ErasureRequested(erasure_id=uuid4(), person_refs=(UUID(household),)))

    assert await field.refused(f"/closings/{closing['id']}", {"household_rating": 4}, method="PUT") == (
        404, "person-erased")

"""The waiting list over time: offers, acceptances, expiries; and under 200 registrations at once."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from services.events.registrations.rules import NO_PLACES, Places, fits_at_once
from tests.events.stage import Stage, a_party
from tests.harness import new_idempotency_key


async def offers(stage: Stage) -> list[dict[str, Any]]:
    """What has been told of offered seats."""
    rows = await stage.network.rows(
        "events", "SELECT body FROM outbox WHERE subject = 'events.registration.seat_offered.v1' ORDER BY id")
    return [json.loads(row["body"]) for row in rows]


async def registered(client: httpx.AsyncClient, address: str, party: dict[str, Any]) -> int:
    """Register as a program does: with a key of its own, and again when the service is too busy; returns the status."""
    headers = new_idempotency_key()
    while True:
        answer = await client.post(f"{address}/registrations", json=party, headers=headers)
        if answer.status_code != 503:
            return answer.status_code
        await asyncio.sleep(0.2)


async def test_a_family_is_promoted_together_when_a_childcare_place_falls_free(stage: Stage) -> None:
    """Eight places, all taken; the family of three waits though seats are free, and is offered everything at once."""
    address = await stage.published(childcare={"places": 8})
    earlier = [await stage.register(address, 1, ["0-5"], childcare=True) for _ in range(8)]
    family = await stage.register(address, 2, ["6-13"], childcare=True)
    assert (await stage.states(address))[-1] == "waitlisted"

    await stage.act(f"/v1/registrations/{earlier[3]['id']}/cancel")
    offered = await stage.read(f"/v1/registrations/{family['id']}")
    taken = await stage.read(address)
    accepted = await stage.act(f"/v1/registrations/{family['id']}/accept")

    assert (offered["state"], offered["seats"], offered["childcare"]) == ("offered", 3, 1)
    assert (taken["seats_taken"], taken["childcare_taken"]) == (17, 8)
    assert accepted.json()["state"] == "confirmed"
    assert (await stage.told())[-3:] == [
        "registration.cancelled", "registration.seat_offered", "registration.confirmed"]


async def test_an_offer_runs_out_and_the_next_in_line_is_offered(stage: Stage) -> None:
    """After 48 hours the first has lost it; accepting then is refused, and the second has another 48 hours."""
    address = await stage.published(capacity=1)
    confirmed, first, second = [await stage.register(address) for _ in range(3)]
    await stage.act(f"/v1/registrations/{confirmed['id']}/cancel")
    await stage.network.move(timedelta(hours=47))
    assert await stage.states(address) == ["cancelled", "offered", "waitlisted"]

    await stage.network.move(timedelta(hours=2))

    assert await stage.states(address) == ["cancelled", "expired", "offered"]
    late = await stage.act(f"/v1/registrations/{first['id']}/accept")
    assert (late.status_code, late.json()["slug"]) == (409, "registration-state")
    assert (await stage.act(f"/v1/registrations/{second['id']}/accept")).json()["state"] == "confirmed"
    await stage.network.move(timedelta(hours=60))
    assert await stage.states(address) == ["cancelled", "expired", "confirmed"]
    assert (await stage.told()).count("registration.offer_expired") == 1


async def test_an_offer_never_outlives_the_events_beginning(stage: Stage) -> None:
    """Neither when it is made, nor when the event is moved forward; once it begins nobody is offered anything."""
    address = await stage.published(capacity=1)
    confirmed, _, _ = [await stage.register(address) for _ in range(3)]
    await stage.network.move(timedelta(days=6))
    await stage.act(f"/v1/registrations/{confirmed['id']}/cancel")
    event = await stage.read(address)
    assert (await offers(stage))[0]["expires"] == datetime.fromisoformat(event["starts"]).astimezone(UTC).strftime(
        "%Y-%m-%dT%H:%M:%SZ")

    starts = datetime.fromisoformat(event["starts"]) - timedelta(hours=12)
    moved = stage.event(capacity=1, starts=starts.isoformat(), ends=event["ends"], partner_id=None, region=None)
    answer = await stage.client.put(address, json=moved, headers=stage.editor | {"If-Match": await stage.etag(address)})
    assert answer.status_code == 200, answer.text
    await stage.network.move(timedelta(hours=13))

    assert await stage.states(address) == ["cancelled", "expired", "waitlisted"]
    assert len(await offers(stage)) == 1


async def test_more_room_goes_to_those_who_wait(stage: Stage) -> None:
    """Two more seats for a line of a pair, a single and a single: the pair gets them."""
    address = await stage.published(capacity=1)
    for adults in (1, 1, 1):
        await stage.register(address, adults)
    more = stage.event(capacity=2, partner_id=None, region=None) | {
        name: (await stage.read(address))[name] for name in ("starts", "ends")}
    answer = await stage.client.put(address, json=more, headers=stage.editor | {"If-Match": await stage.etag(address)})
    fewer = await stage.client.put(
        address, json=more | {"capacity": 1}, headers=stage.editor | {"If-Match": answer.headers["etag"]})

    assert (answer.json()["seats_taken"], answer.json()["parties_waiting"]) == (2, 1)
    assert await stage.states(address) == ["confirmed", "offered", "waitlisted"]
    assert (fewer.status_code, fewer.json()["slug"]) == (409, "places-taken")


async def test_200_parties_at_once_get_exactly_the_places_there_are(stage: Stage) -> None:
    """20 seats, 3 childcare places, two instances: everyone's lot is that of the order in which they arrived."""
    other = await stage.network.instance("events")
    address = await stage.published(capacity=20, childcare={"places": 3}, fill_gaps=True)
    parties = [a_party(1, ["0-5"], childcare=True) if number % 2 else a_party() for number in range(200)]
    clients = (stage.client, other.client)
    codes = await asyncio.gather(*(
        registered(clients[number // 2 % 2], address, party) for number, party in enumerate(parties)))

    assert codes == [201] * 200
    rows = await stage.network.rows("events", "SELECT place, state, seats, childcare FROM registration ORDER BY place")
    assert [row["place"] for row in rows] == list(range(1, 201))
    taken, waiting = NO_PLACES, 0
    for row in rows:
        needs = Places(row["seats"], row["childcare"])
        fits = fits_at_once(Places(20, 3), taken, needs, someone_waits=waiting > 0, fill_gaps=True)
        assert row["state"] == ("confirmed" if fits else "waitlisted"), row["place"]
        taken, waiting = (taken + needs, waiting) if fits else (taken, waiting + 1)
    shown = (await stage.client.get(address)).json()
    assert (shown["seats_taken"], shown["childcare_taken"]) == (20, 3)
    assert (taken, shown["parties_waiting"]) == (Places(20, 3), waiting)


async def test_cancelling_and_accepting_at_once_sells_nothing_twice(stage: Stage) -> None:
    """All five give up at once through two instances: the five who waited are offered, each place once."""
    other = await stage.network.instance("events")
    address = await stage.published(capacity=5)
    told = [await stage.register(address) for _ in range(12)]
    paths = [f"/v1/registrations/{one['id']}/cancel" for one in told[:5]]
    answers = await asyncio.gather(*(
        client.post(path, headers=stage.coordinator | {"If-Match": '"1"'})
        for client, path in zip([stage.client, other.client] * 3, paths, strict=False)))

    assert [answer.status_code for answer in answers] == [200] * 5
    assert await stage.states(address) == ["cancelled"] * 5 + ["offered"] * 5 + ["waitlisted"] * 2
    accepting = [f"/v1/registrations/{told[5]['id']}/accept"] * 4
    codes = [answer.status_code for answer in await asyncio.gather(*(
        client.post(path, headers=stage.coordinator | {"If-Match": '"2"'})
        for client, path in zip([stage.client, other.client] * 2, accepting, strict=True)))]
    assert sorted(codes) == [200, 412, 412, 412]


async def test_one_known_person_is_not_registered_twice_at_once(stage: Stage) -> None:
    """Ten requests with a note that is sealed with the person's key: one registration, one key, nine refusals."""
    address = await stage.published()
    body: dict[str, Any] = {"person_ref": str(uuid4()), "needs": {"accessibility": "Rampe"}}
    answers = await asyncio.gather(*(
        stage.client.post(f"{address}/registrations/known", json=body, headers=stage.coordinator) for _ in range(10)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
    assert len(await stage.network.rows("events", "SELECT 1 FROM person_key")) == 1


async def test_the_database_itself_refuses_to_sell_a_place_twice(stage: Stage) -> None:
    """Behind the lock stands a check: what would oversell cannot be committed."""
    address = await stage.published(capacity=1)
    with pytest.raises(asyncpg.CheckViolationError):
        await stage.network.rows(
            "events", "UPDATE event SET seats_taken = 2 WHERE id = $1", UUID(address.rsplit("/", 1)[1]))

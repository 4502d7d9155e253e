"""Figures from nothing: every counted fact is forgotten, and heard again from the outboxes of all speakers."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.common.envelope import Heard
from libs.common.refusals import Unavailable
from services.registry.indicators.reactions import rebuild
from tests.common.verbs import said_by
from tests.harness import Network
from tests.registry.happened import an_event, as_heard, attended, corrected, tallied
from tests.registry.steps import Headers, a_project, an_indicator, answering, id_of, ok, step, told

pytestmark = pytest.mark.slow

TODAY = datetime.now(UTC).date()


async def counted_before(network: Network) -> tuple[list[str], list[Heard], Headers]:
    """A project with four figures, the facts of events behind them as they were heard, and its coordinator."""
    term = {"starts": (TODAY - timedelta(days=9)).isoformat(), "ends": (TODAY + timedelta(days=90)).isoformat()}
    project, coordinator, _ = await a_project(network, opened=True, **term)
    advised = {"metric": "distinct_subjects", "filter": {"facts": ["consultation"]}}
    figures = [await an_indicator(network, project, coordinator, **fields) for fields in (
        {"target": 2}, {"metric": "distinct_persons"},
        {"metric": "records", "filter": {"facts": ["event_held"]}}, advised)]
    event = an_event(id_of(project), on=TODAY)
    anna = attended(event, "anna")
    facts = [event, anna, attended(event, "omar"), attended(event, None), corrected(anna), tallied(event, 4)]
    heard = [as_heard(fact, number, uuid4()) for number, fact in enumerate(facts, 1)]
    await network["registry"].running.inbox.take("events", heard)
    await advise(network, coordinator, id_of(project), TODAY)
    await network.settled()
    return figures, heard, coordinator


async def advise(network: Network, headers: Headers, project_id: UUID, on: date) -> None:
    """A group was advised for the project: a fact of the registry's own."""
    planned = await network["registry"].client.post("/v1/consultations", headers=headers, json={
        "project_id": str(project_id), "region": "15087", "planned_for": on.isoformat(),
        "subject": {"kind": "group", "email": "kreis@example.org"}})
    held = {"held_on": on.isoformat(), "minutes": 60, "topics": ["start"]}
    ok(await step(network, f"/v1/consultations/{ok(planned)['id']}/hold", headers, held))


def outbox_of(heard: list[Heard]) -> Any:
    """What a speaker answers when it is asked for its facts, four at a time."""
    rows = [{"number": one.number, "headers": dict(one.headers), "body": one.body.decode()} for one in heard]

    async def page(body: bytes) -> bytes:
        after = json.loads(body)["after"]
        return json.dumps({"facts": rows[after:after + 4], "last": len(rows)}).encode()

    return page


async def test_a_rebuild_from_nothing_gives_the_same_figures(network: Network, registry: Any) -> None:
    """The same facts are counted as before, by the verb of the image while it runs, and nothing is told twice."""
    figures, heard, coordinator = await counted_before(network)
    before = [ok(await registry.get(address, headers=coordinator)) for address in figures]
    kept = await network.rows("registry", "SELECT * FROM counted_fact ORDER BY id")
    announced = await told(network)
    assert [one["actual"] for one in before] == [6, 1, 1, 1]

    async with (answering(network, "events", {"ask.events.facts.v1": outbox_of(heard)}),
                answering(network, "matching", {"ask.matching.facts.v1": outbox_of([])})):
        await network.rows("registry", "DELETE FROM counted_fact WHERE kind = 'attendance'")
        done = await said_by(network, "registry", "rebuild")
    assert done == (0, "registry has made its copies and figures anew, from the first fact on.\n", "")
    await network.settled()

    assert [ok(await registry.get(address, headers=coordinator)) for address in figures] == before
    again = await network.rows("registry", "SELECT * FROM counted_fact ORDER BY id")
    assert [{**row, "told_at": None} for row in again] == [{**row, "told_at": None} for row in kept]
    assert await told(network) == announced


async def test_nothing_is_forgotten_while_a_speaker_is_away(network: Network, registry: Any) -> None:
    """Either everything is counted anew, or nothing is touched."""
    await counted_before(network)
    before = await network.rows("registry", "SELECT id FROM counted_fact ORDER BY id")

    with pytest.raises(Unavailable):
        async with network["registry"].running.database.transaction() as transaction:
            await rebuild(transaction)

    assert await network.rows("registry", "SELECT id FROM counted_fact ORDER BY id") == before


async def test_what_cannot_be_read_does_not_count_again_either(network: Network, registry: Any) -> None:
    """A fact with an unknown code was parked when it was heard; it does not keep the others from being counted."""
    figures, heard, coordinator = await counted_before(network)
    bad = heard[0]
    headers = dict(bad.headers) | {"ce-sequence": str(len(heard) + 1), "ce-id": str(uuid4())}
    unknown = Heard("events", len(heard) + 1, uuid4(), bad.subject, bad.about, headers,
                    bad.body.replace(b'"training"', b'"rave"'))

    async with (answering(network, "events", {"ask.events.facts.v1": outbox_of([*heard, unknown])}),
                answering(network, "matching", {"ask.matching.facts.v1": outbox_of([])}),
                network["registry"].running.database.transaction() as transaction):
        await rebuild(transaction)

    assert ok(await registry.get(figures[2], headers=coordinator))["actual"] == 1

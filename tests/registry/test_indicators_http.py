"""Indicators: counted as others tell, drilled down to the facts, told when reached or at risk, counted anew."""

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from libs.common.callers import Role
from libs.common.codes.lists import EventKind
from libs.common.facts.matching import MeetingCorrected, MeetingDocumented, MeetingWithdrawn
from services.registry.indicators.reactions import counted, keep
from tests.harness import Network, new_idempotency_key
from tests.registry.happened import a_tandem, an_event, as_heard, attended, corrected, tallied
from tests.registry.steps import a_project, an_indicator, id_of, matching, ok, refusal, step, told

EVENTS = {"filter": {"facts": ["event_held"]}, "metric": "records"}


async def this_year(network: Network, **fields: Any) -> tuple[str, dict[str, str], date]:
    """An open project whose term began ten days ago and lasts a hundred days, and its first day."""
    starts = datetime.now(UTC).date() - timedelta(days=10)
    term = {"starts": starts.isoformat(), "ends": (starts + timedelta(days=100)).isoformat()}
    project, coordinator, _ = await a_project(network, **term | fields)
    return project, coordinator, starts


async def figure(registry: Any, address: str, headers: dict[str, str]) -> tuple[int, str]:
    """How an indicator stands."""
    read = ok(await registry.get(address, headers=headers))
    return read["actual"], read["state"]


async def test_figures_follow_what_events_and_matching_tell(network: Network, registry: Any) -> None:
    """Attendances, tallies and corrections, persons once, events and tandems; another project's facts are not ours."""
    project, coordinator, _ = await a_project(network)
    event = an_event(id_of(project))
    anna = attended(event, "anna")
    attendances = await an_indicator(network, project, coordinator)
    persons = await an_indicator(network, project, coordinator, metric="distinct_persons")
    events = await an_indicator(network, project, coordinator, **EVENTS)
    tandems = await an_indicator(network, project, coordinator, metric="distinct_subjects", target=1,
                                 filter={"facts": ["tandem_started", "meeting"]})
    other = an_event(uuid4())
    await network.tell("registry", anna, attended(event, "anna"), attended(event, "omar"), tallied(event, 5), event,
                       corrected(anna), attended(other, "anna"), other, *a_tandem(id_of(project)))

    stands = [await figure(registry, one, coordinator) for one in (attendances, persons, events)]
    assert [actual for actual, _ in stands] == [7, 2, 1]
    # The tandem began today, before the term of this project; its meeting was in April 2077.
    assert (await figure(registry, tandems, coordinator))[0] == 1


async def test_minutes_of_meetings_follow_their_corrections(network: Network, registry: Any) -> None:
    """Noted, corrected a month later, and withdrawn; a correction does not move a meeting to another day."""
    project, coordinator, _ = await a_project(network)
    minutes = await an_indicator(network, project, coordinator, metric="meeting_minutes", filter={"facts": ["meeting"]})
    (_, met), (_, other) = a_tandem(id_of(project)), a_tandem(id_of(project))
    assert isinstance(met, MeetingDocumented)
    assert isinstance(other, MeetingDocumented)
    await network.tell("registry", met, other)
    assert (await figure(registry, minutes, coordinator))[0] == 180
    corrected_to = MeetingCorrected(
        meeting_id=met.meeting_id, tandem_id=met.tandem_id, month=met.month, minutes=30, region=met.region,
        documented_on=date(2077, 4, 12), project_id=met.project_id)
    await network.tell("registry", corrected_to)
    assert (await figure(registry, minutes, coordinator))[0] == 120
    facts = ok(await registry.get(f"{minutes}/facts", headers=coordinator))["items"]
    assert sorted((one["value"], one["occurred_on"]) for one in facts) == [(30, "2077-04-12"), (90, "2077-04-30")]
    await network.tell("registry", MeetingWithdrawn(
        meeting_id=other.meeting_id, tandem_id=other.tandem_id, region=other.region, project_id=other.project_id))

    assert (await figure(registry, minutes, coordinator))[0] == 30


async def test_a_figure_leads_to_its_facts(network: Network, registry: Any) -> None:
    """Page by page, in the order in which they were told, without any key; what does not count is not there."""
    project, coordinator, _ = await a_project(network)
    address = await an_indicator(network, project, coordinator, metric="distinct_persons")
    event, elsewhere = an_event(id_of(project)), an_event(id_of(project), region="05158")
    ids = await network.tell("registry", *(attended(event, f"p{one}") for one in range(5)), attended(elsewhere, "p9"))

    shown: list[dict[str, Any]] = []
    cursor, pages = None, 0
    while pages == 0 or cursor:
        page = ok(await registry.get(f"{address}/facts", headers=coordinator, params={"limit": 2} | (
            {"cursor": cursor} if cursor else {})))
        shown, cursor, pages = [*shown, *page["items"]], page["next"], pages + 1

    assert ([UUID(one["fact_id"]) for one in shown], pages) == (ids[:5], 3)
    assert not any("subject_key" in one or "p0" in json.dumps(one) for one in shown)
    assert shown[0]["event_id"] == str(event.event_id)


async def test_facts_are_not_for_the_funder(network: Network, registry: Any) -> None:
    """Who reads for a funder sees the own project's figures, never what they are made of."""
    project, coordinator, _ = await a_project(network)
    address = await an_indicator(network, project, coordinator)
    funder = await network.key(Role.FUNDER_READER, project_id=id_of(project))
    other = await network.key(Role.FUNDER_READER, project_id=uuid4())

    assert [(await registry.get(address, headers=who)).status_code for who in (funder, other)] == [200, 404]
    assert refusal(await registry.get(f"{address}/facts", headers=funder)) == (403, "not-allowed")


async def test_a_fact_heard_twice_counts_once(network: Network, registry: Any) -> None:
    """Also when two tell it in the same moment."""
    project, coordinator, _ = await a_project(network)
    address = await an_indicator(network, project, coordinator)
    inbox = network["registry"].running.inbox
    fact = attended(an_event(id_of(project)), "anna")
    heard = [as_heard(fact, 1, UUID(int=9)) for _ in range(2)]

    await asyncio.gather(*(inbox.take("events", [one]) for one in heard))

    assert (await figure(registry, address, coordinator))[0] == 1


async def test_a_fact_that_is_remembered_already_changes_nothing(network: Network, registry: Any) -> None:
    """Also when it comes by another way than the inbox, as in a rebuild."""
    project, coordinator, _ = await a_project(network)
    address = await an_indicator(network, project, coordinator)
    fact = counted(attended(an_event(id_of(project)), "anna"), fact_id=uuid4(), told_at=datetime.now(UTC))
    assert fact is not None
    for _ in range(2):
        async with network["registry"].running.database.transaction() as transaction:
            await keep(transaction, [fact, fact])

    assert (await figure(registry, address, coordinator))[0] == 1


async def test_reaching_a_target_is_told_once(network: Network, registry: Any) -> None:
    """Also when a correction takes it away and it is reached again; the state is what it is now."""
    project, coordinator, starts = await this_year(network)
    address = await an_indicator(network, project, coordinator, target=2)
    event = an_event(id_of(project), on=starts)
    two = [attended(event, "anna"), attended(event, "omar")]
    await network.tell("registry", two[0])
    await network.settled()
    assert "registry.indicator.reached.v1" not in await told(network)
    await network.tell("registry", two[1])
    await network.settled()
    assert await figure(registry, address, coordinator) == (2, "reached")

    await network.tell("registry", corrected(two[0]))
    await network.settled()
    assert (await figure(registry, address, coordinator))[0] == 1
    await network.tell("registry", attended(event, "lena"))
    await network.settled()

    (fact,) = await network.rows("registry", "SELECT body FROM outbox WHERE subject = 'registry.indicator.reached.v1'")
    assert json.loads(fact["body"])["actual"] == 2


async def test_what_is_behind_at_half_time_is_told_at_risk_once(network: Network, registry: Any) -> None:
    """Once, and not for what is on its way; after the deadline it is missed."""
    project, coordinator, starts = await this_year(network)
    behind = await an_indicator(network, project, coordinator, target=10)
    on_track = await an_indicator(network, project, coordinator, target=4, **EVENTS)
    await network.tell("registry", *(an_event(id_of(project), on=starts) for _ in range(2)))

    await network.move(timedelta(days=41))
    assert await figure(registry, behind, coordinator) == (0, "behind")
    assert await figure(registry, on_track, coordinator) == (2, "on_track")
    facts = await network.rows("registry", "SELECT about FROM outbox WHERE subject = 'registry.indicator.at_risk.v1'")
    assert [row["about"] for row in facts] == [f"indicator/{id_of(behind)}"]

    await network.move(timedelta(days=55))
    assert await figure(registry, behind, coordinator) == (0, "missed")
    assert len(await told(network, "registry.indicator.at_risk.v1")) == 2


CANNOT_COUNT: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({"metric": "records"}, (422, "metric-facts")), ({"filter": {"facts": []}}, (422, "invalid-request")),
    ({"filter": {"facts": ["attendance"], "regions": ["99999"]}}, (422, "unknown-region")),
    ({"deadline": "2078-01-01"}, (422, "deadline-outside")), ({"target": 0}, (422, "invalid-request")),
    ({"project_id": str(uuid4())}, (404, "not-found")), ({"label": {}}, (422, "invalid-request")),
]


async def test_an_indicator_that_cannot_be_counted_is_refused(network: Network, registry: Any) -> None:
    """Nothing is added."""
    project, coordinator, _ = await a_project(network)
    body = {"project_id": str(id_of(project)), "label": {"de": "x"}, "metric": "attendances", "target": 5,
            "filter": {"facts": ["attendance"]}}

    for fields, expected in CANNOT_COUNT:
        answer = await registry.post("/v1/indicators", json=body | fields, headers=coordinator)
        assert refusal(answer) == expected, fields

    assert await network.rows("registry", "SELECT id FROM indicator") == []


async def test_an_indicator_is_changed_until_the_project_is_closed(network: Network, registry: Any) -> None:
    """What is promised may be made clearer; afterwards the report stays, and late facts change nothing."""
    project, coordinator, _ = await a_project(network)
    headers = coordinator | new_idempotency_key()
    address, again = [await an_indicator(network, project, headers) for _ in range(2)]
    assert address == again
    event = an_event(id_of(project), EventKind.WORKSHOP)
    await network.tell("registry", attended(event, "anna"))
    body = {"label": {"de": "Schulungen"}, "metric": "attendances", "target": 1,
            "filter": {"facts": ["attendance"], "event_kinds": ["training"]}, "condition": {"min_per_event": 2}}
    before = await registry.get(address, headers=coordinator)
    changed = ok(await registry.put(address, json=body, headers=coordinator | matching(before)))
    assert (changed["actual"], changed["filter"]["event_kinds"], changed["condition"]["min_per_event"]) == (
        0, ["training"], 2)
    assert refusal(await registry.put(address, json=body, headers=coordinator | matching(before))) == (412, "stale")

    plain = body | {"filter": {"facts": ["attendance"]}, "condition": None}
    now = await registry.get(address, headers=coordinator)
    ok(await registry.put(address, json=plain, headers=coordinator | matching(now)))
    ok(await step(network, f"{project}/close", coordinator))
    await network.tell("registry", attended(event, "omar"))

    now = await registry.get(address, headers=coordinator)
    assert now.json()["actual"] == 1
    late = await registry.put(address, json=plain, headers=coordinator | matching(now))
    assert refusal(late) == (409, "project-state")

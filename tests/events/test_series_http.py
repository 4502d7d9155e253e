"""Series through the HTTP door: events that repeat, published together, extended, with days left out."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from libs.common.callers import Role
from tests.events.stage import Stage
from tests.harness import new_idempotency_key

# The Tuesday before summer time ends, in a year that lies ahead whenever the tests run.
FIRST = {"starts": "2037-10-20T18:00:00+02:00", "ends": "2037-10-20T20:00:00+02:00"}


async def started(stage: Stage, rrule: str = "FREQ=WEEKLY;BYDAY=TU;COUNT=3", **fields: Any) -> httpx.Response:
    """A series that was started."""
    body = stage.event(**FIRST) | {"rrule": rrule} | fields
    answer = await stage.client.post("/v1/series", json=body, headers=stage.editor)
    assert answer.status_code == 201, answer.text
    return answer


def states(answer: httpx.Response) -> list[str]:
    """The states of a series' events by time."""
    return [event["state"] for event in answer.json()["events"]]


async def test_the_events_of_a_series_keep_their_clock_time(stage: Stage) -> None:
    """Summer time ends on 25 October 2037: the offset changes, six o'clock does not."""
    series = (await started(stage)).json()

    assert [event["starts"] for event in series["events"]] == [
        "2037-10-20T18:00:00+02:00", "2037-10-27T18:00:00+01:00", "2037-11-03T18:00:00+01:00"]
    second = await stage.read(f"/v1/events/{series['events'][1]['id']}")
    assert second["ends"] == "2037-10-27T20:00:00+01:00"
    assert (second["series_id"], second["translations"]) == (series["id"], stage.event()["translations"])


async def test_a_series_is_published_extended_and_published_again(stage: Stage) -> None:
    """Each event is announced once; what was extended begins as drafts."""
    answer = await started(stage)
    address = f"/v1/series/{answer.json()['id']}"
    published = await stage.act(f"{address}/publish")
    extended = await stage.act(f"{address}/extend", until="2037-11-17")
    again = await stage.act(f"{address}/publish")

    assert states(published) == ["open"] * 3
    assert states(extended) == ["open"] * 3 + ["draft"] * 2
    assert extended.json()["last"] == "2037-11-17T18:00:00+01:00"
    assert states(again) == ["open"] * 5
    assert await stage.told() == ["event.published"] * 5
    rows = await stage.network.rows("events", "SELECT body FROM outbox")
    assert {json.loads(row["body"])["series_id"] for row in rows} == {published.json()["id"]}


async def test_a_day_is_left_out_before_and_after_it_was_planned(stage: Stage) -> None:
    """An exception plans nothing; leaving a planned day out cancels its event and tells who registered."""
    answer = await started(stage, exceptions=["2037-10-27"])
    address = f"/v1/series/{answer.json()['id']}"
    assert [event["starts"][:10] for event in answer.json()["events"]] == ["2037-10-20", "2037-11-03"]
    published = await stage.act(f"{address}/publish")
    await stage.register(f"/v1/events/{published.json()['events'][1]['id']}")

    left_out = await stage.act(f"{address}/leave_out", on="2037-11-03", reason="Das Haus ist geschlossen.")

    assert states(left_out) == ["open", "cancelled"]
    assert left_out.json()["exceptions"] == ["2037-10-27", "2037-11-03"]
    assert (await stage.told())[-2:] == ["event.cancelled", "registration.cancelled"]


async def test_a_cancelled_series_cancels_what_lies_ahead(stage: Stage) -> None:
    """What has taken place stays as it is."""
    starts = datetime.now(UTC) + timedelta(days=1)
    times = {"starts": starts.isoformat(), "ends": (starts + timedelta(hours=1)).isoformat()}
    answer = await started(stage, "FREQ=WEEKLY;COUNT=3", **times)
    address = f"/v1/series/{answer.json()['id']}"
    await stage.act(f"{address}/publish")
    await stage.network.move(timedelta(days=2))

    cancelled = await stage.act(f"{address}/cancel", reason="Die Förderung ist zu Ende.")

    assert states(cancelled) == ["held", "cancelled", "cancelled"]


async def test_a_series_is_seen_and_changed_inside_the_own_scope_only(stage: Stage) -> None:
    """A foreign one is not there; the public and counsellors have no access at all."""
    address = f"/v1/series/{(await started(stage)).json()['id']}"
    foreign = await stage.network.key(Role.COORDINATOR, region="05158")
    counsellor = await stage.network.key(Role.COUNSELLOR, partner_id=stage.partner_id)

    assert (await stage.client.get(address, headers=foreign)).status_code == 404
    assert (await stage.act(f"{address}/publish", '"1"', headers=foreign)).status_code == 404
    assert (await stage.client.get("/v1/series", headers=foreign)).json()["items"] == []
    assert len((await stage.client.get("/v1/series", headers=stage.editor)).json()["items"]) == 1
    assert (await stage.client.get(address, headers=counsellor)).status_code == 403
    assert (await stage.client.get(address)).status_code == 401


async def test_a_series_that_is_none_is_refused_and_plans_nothing(stage: Stage) -> None:
    """No end, too long, another first day, another kind of rule, and what is no rule at all."""
    rules = {"FREQ=WEEKLY": "series-unbounded", "FREQ=WEEKLY;COUNT=61": "series-too-long",
             "FREQ=WEEKLY;BYDAY=MO;COUNT=2": "series-first-day", "FREQ=MONTHLY;COUNT=2": "series-rule",
             "FREQ=WEEKLY;COUNT=2\x00": "invalid-request", "x" * 201: "invalid-request"}
    for rule, slug in rules.items():
        body = stage.event(**FIRST) | {"rrule": rule}
        assert (await stage.client.post("/v1/series", json=body, headers=stage.editor)).json()["slug"] == slug
    other = await stage.network.key(Role.PARTNER_EDITOR, partner_id=uuid4())
    body = stage.event(**FIRST) | {"rrule": "FREQ=WEEKLY;COUNT=2"}
    assert (await stage.client.post("/v1/series", json=body, headers=other)).json()["slug"] == "event-outside"

    assert await stage.network.rows("events", "SELECT 1 FROM event") == []
    assert await stage.network.rows("events", "SELECT 1 FROM series") == []


async def test_extending_is_bounded_too(stage: Stage) -> None:
    """Not before the next event, and not by more than sixty."""
    address = f"/v1/series/{(await started(stage)).json()['id']}"
    slugs = [(await stage.act(f"{address}/extend", until=until)).json()["slug"]
             for until in ("2037-11-09", "2039-12-31", date.max.isoformat(), "nie")]

    assert slugs == ["series-not-longer", "series-too-long", "series-too-long", "invalid-request"]


async def test_the_same_post_twice_starts_one_series(stage: Stage) -> None:
    """With all its events once."""
    headers, body = stage.editor | new_idempotency_key(), stage.event(**FIRST) | {"rrule": "FREQ=WEEKLY;COUNT=2"}
    first, second = [await stage.client.post("/v1/series", json=body, headers=headers) for _ in range(2)]

    assert first.json() == second.json()
    assert len(await stage.network.rows("events", "SELECT 1 FROM event")) == 2

"""Events through the HTTP door: from draft to report, who sees which, and what is refused."""

import json
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

from libs.common.callers import Role
from libs.common.facts.registry import PartnerSuspended, ProjectClosed, ProjectOpened
from tests.events.stage import AS_JSON, REGION, Stage
from tests.harness import new_idempotency_key


async def test_an_event_goes_from_draft_to_report(stage: Stage) -> None:
    """Draft, published and open at once, running and held by the clock, reported by the organiser."""
    drafted = await stage.draft()
    address = f"/v1/events/{drafted.json()['id']}"
    assert (await stage.client.get(address)).status_code == 404

    published = await stage.act(f"{address}/publish", drafted.headers["etag"], headers=stage.editor)
    assert (published.status_code, published.json()["state"]) == (200, "open")
    assert (await stage.client.get(address)).json()["takes_registrations"] is True

    await stage.network.move(timedelta(days=7, hours=1))
    assert (await stage.read(address))["state"] == "running"
    await stage.network.move(timedelta(hours=2))
    assert (await stage.read(address))["state"] == "held"
    reported = await stage.act(f"{address}/report")

    assert reported.json()["state"] == "reported"
    assert await stage.told() == ["event.published", "event.held"]


async def test_the_window_of_registration_opens_and_closes_by_the_clock(stage: Stage) -> None:
    """An hour before opening nobody registers, an hour before closing anyone, an hour after nobody."""
    now = datetime.now(UTC)
    address = await stage.published(
        registration_opens=(now + timedelta(days=1)).isoformat(),
        registration_closes=(now + timedelta(days=3)).isoformat())
    states = [(await stage.read(address))["state"]]
    for hours in (25, 50):
        await stage.network.move(timedelta(hours=hours))
        states.append((await stage.read(address))["state"])

    assert states == ["published", "open", "closed"]


async def test_the_organiser_opens_closes_and_holds_by_hand(stage: Stage) -> None:
    """The verbs do what the clock would do later; holding before the beginning is refused."""
    opens = datetime.now(UTC) + timedelta(days=1)
    address = await stage.published(registration_opens=opens.isoformat())

    assert (await stage.act(f"{address}/open")).json()["state"] == "open"
    assert (await stage.act(f"{address}/close")).json()["state"] == "closed"
    assert (await stage.act(f"{address}/hold")).json()["slug"] == "event-not-begun"
    await stage.network.move(timedelta(days=7, minutes=1))
    assert (await stage.act(f"{address}/hold")).json()["state"] == "held"
    await stage.network.move(timedelta(hours=3))

    assert (await stage.told()).count("event.held") == 1


async def test_a_published_event_is_moved_and_that_is_told(stage: Stage) -> None:
    """Its times fall due at the new time only."""
    address = await stage.published()
    starts = datetime.now(UTC) + timedelta(days=10)
    moved = stage.event(starts=starts.isoformat(), ends=(starts + timedelta(hours=2)).isoformat(),
                        partner_id=None, region=None)

    answer = await stage.client.put(address, json=moved, headers=stage.editor | {"If-Match": await stage.etag(address)})
    await stage.network.move(timedelta(days=8))

    assert answer.status_code == 200, answer.text
    assert (await stage.read(address))["state"] == "open"
    assert await stage.told() == ["event.published", "event.rescheduled"]


async def test_a_cancelled_event_is_shown_as_such_with_its_reason(stage: Stage) -> None:
    """People who come back to its address read why; a cancelled draft is nobody's business."""
    address, draft = await stage.published(), await stage.draft()
    hidden = f"/v1/events/{draft.json()['id']}"

    await stage.act(f"{address}/cancel", reason="Die Referentin ist krank.")
    await stage.act(f"{hidden}/cancel", reason="Doch nicht.")

    shown = (await stage.client.get(address)).json()
    assert (shown["state"], shown["cancel_reason"]) == ("cancelled", "Die Referentin ist krank.")
    assert (await stage.client.get(hidden)).status_code == 404
    assert await stage.told() == ["event.published", "event.cancelled"]


async def test_who_sees_which_events(stage: Stage) -> None:
    """The public sees public ones, every role those for the network, only who manages it one by invitation."""
    by_visibility = {kind: await stage.published(visibility=kind) for kind in ("public", "network", "invite")}
    draft = f"/v1/events/{(await stage.draft()).json()['id']}"
    callers = {
        "public": {}, "auditor": await stage.network.key(Role.FUNDER_READER, project_id=uuid4()),
        "counsellor": await stage.network.key(Role.COUNSELLOR, partner_id=uuid4()),
        "foreign": await stage.network.key(Role.COORDINATOR, region="05158"), "editor": stage.editor,
        "coordinator": stage.coordinator}
    seen = {}
    for name, headers in callers.items():
        listed = (await stage.client.get("/v1/events", headers=headers)).json()["items"]
        single = [kind for kind, address in [*by_visibility.items(), ("draft", draft)]
                  if (await stage.client.get(address, headers=headers)).status_code == 200]
        assert len(listed) == len(single)
        seen[name] = single

    everything = ["public", "network", "invite", "draft"]
    assert seen == {"public": ["public"], "auditor": ["public", "network"], "counsellor": ["public", "network"],
                    "foreign": ["public", "network"], "editor": everything, "coordinator": everything}


async def test_the_video_room_is_shown_to_who_manages_it(stage: Stage) -> None:
    """The public reads that it is online; without registration everyone gets the address."""
    url = "https://meet.example.org/cafe"
    address = await stage.published(online_url=url)
    drop_in = await stage.published(online_url=url, registration_mode="none")

    public = (await stage.client.get(address)).json()
    assert (public["online"], public["online_url"]) == (True, None)
    assert (await stage.read(address))["online_url"] == url
    assert (await stage.client.get(drop_in)).json()["online_url"] == url


async def test_events_are_found_by_what_is_wanted(stage: Stage) -> None:
    """Region and everything in it, kind, language, state, partner, time; page by page in the order of time."""
    await stage.published(kind="training", languages=["uk"], region="15087370")
    starts = datetime.now(UTC) + timedelta(days=20)
    await stage.published(starts=starts.isoformat(), ends=(starts + timedelta(hours=1)).isoformat())
    wishes = {"region=15": 2, "region=15087370": 1, "region=05": 0, "kind=training": 1, "language=uk": 1,
              "state=open": 2, "state=held": 0, f"partner_id={stage.partner_id}": 2, f"series_id={uuid4()}": 0,
              f"since={(starts - timedelta(days=1)).strftime('%Y-%m-%dT%H:%M:%SZ')}": 1,
              f"until={(starts - timedelta(days=1)).strftime('%Y-%m-%dT%H:%M:%SZ')}": 1}

    found = {wish: len((await stage.client.get(f"/v1/events?{wish}")).json()["items"]) for wish in wishes}
    first = (await stage.client.get("/v1/events?limit=1")).json()
    second = (await stage.client.get("/v1/events", params={"limit": 1, "cursor": first["next"]})).json()

    assert found == wishes
    assert [page["items"][0]["kind"] for page in (first, second)] == ["training", "language_cafe"]
    assert second["next"] is None


async def test_times_are_read_in_the_time_of_berlin(stage: Stage) -> None:
    """Whatever the offset of the request, the answer says what clocks in Germany show."""
    drafted = await stage.draft(starts="2031-07-01T16:00:00Z", ends="2031-07-01T20:00:00+02:00")

    assert (drafted.json()["starts"], drafted.json()["ends"]) == (
        "2031-07-01T18:00:00+02:00", "2031-07-01T20:00:00+02:00")


async def test_an_event_is_planned_inside_the_own_scope_only(stage: Stage) -> None:
    """A coordinator in another region and an editor of another partner are refused; the own one's editor is not."""
    foreign = await stage.network.key(Role.COORDINATOR, region="05158")
    other = await stage.network.key(Role.PARTNER_EDITOR, partner_id=uuid4())
    answers = [await stage.client.post("/v1/events", json=stage.event(), headers=headers)
               for headers in (foreign, other, stage.editor, stage.coordinator, {})]

    assert [answer.status_code for answer in answers] == [403, 403, 201, 201, 401]
    assert answers[0].json()["slug"] == "event-outside"


async def test_a_foreign_event_answers_as_an_unknown_one(stage: Stage) -> None:
    """Publishing, changing and cancelling what is not one's own is `not-found`."""
    drafted = await stage.draft()
    address = f"/v1/events/{drafted.json()['id']}"
    foreign = await stage.network.key(Role.COORDINATOR, region="05158")

    for verb in ("publish", "open", "close", "hold", "report"):
        answer = await stage.act(f"{address}/{verb}", '"1"', headers=foreign)
        assert (answer.status_code, answer.json()["slug"]) == (404, "not-found")


async def test_only_a_verified_partner_publishes(stage: Stage) -> None:
    """A partner that was suspended meanwhile keeps its drafts as drafts."""
    drafted = await stage.draft()
    address = f"/v1/events/{drafted.json()['id']}"
    await stage.network.tell("events", PartnerSuspended(
        partner_id=stage.partner_id, kind="registered_association", region=REGION))

    answers = [await stage.act(f"{address}/publish", drafted.headers["etag"]),
               await stage.client.post("/v1/events", json=stage.event(), headers=stage.editor)]

    assert [answer.json()["slug"] for answer in answers] == ["organiser-not-verified"] * 2


async def test_an_event_names_a_known_and_open_project(stage: Stage) -> None:
    """Unknown is refused, open is taken, closed is refused again."""
    project_id = uuid4()
    unknown = await stage.client.post(
        "/v1/events", json=stage.event(project_id=str(project_id)), headers=stage.editor)
    await stage.network.tell("events", ProjectOpened(
        project_id=project_id, starts=date(2026, 1, 1), ends=date(2027, 12, 31), regions=("15087",)))
    drafted = await stage.draft(project_id=str(project_id))
    await stage.network.tell("events", ProjectClosed(project_id=project_id))
    closed = await stage.act(f"/v1/events/{drafted.json()['id']}/publish", drafted.headers["etag"])

    assert unknown.json()["slug"] == "project-unknown"
    assert drafted.json()["project_id"] == str(project_id)
    assert closed.json()["slug"] == "project-closed"


async def test_a_stale_change_is_refused_and_so_is_one_that_names_no_version(stage: Stage) -> None:
    """Nobody overwrites what they have not read."""
    drafted = await stage.draft()
    address = f"/v1/events/{drafted.json()['id']}"
    await stage.act(f"{address}/publish", drafted.headers["etag"])

    assert (await stage.act(f"{address}/close", drafted.headers["etag"])).status_code == 412
    assert (await stage.client.post(f"{address}/close", headers=stage.editor)).status_code == 428


async def test_registrations_do_not_change_an_events_version(stage: Stage) -> None:
    """Who edits an event is not disturbed by who registers for it."""
    address = await stage.published()
    before = await stage.etag(address)
    await stage.register(address)

    assert await stage.etag(address) == before
    assert (await stage.read(address))["seats_taken"] == 1


async def test_the_same_post_twice_drafts_one_event(stage: Stage) -> None:
    """A repeated Idempotency-Key answers with the same event; with another body it is refused."""
    headers, body = stage.editor | new_idempotency_key(), stage.event()

    first, second = [await stage.client.post("/v1/events", json=body, headers=headers) for _ in range(2)]
    other = await stage.client.post("/v1/events", json=body | {"capacity": 3}, headers=headers)

    assert first.json()["id"] == second.json()["id"]
    assert (other.status_code, other.json()["slug"]) == (422, "idempotency-key-reused")


BAD_FIELDS: list[dict[str, object]] = [
    {"ends": "2020-01-01T00:00:00Z"}, {"starts": "2031-03-04T17:00:00"}, {"starts": "0001-01-01T00:00:00+14:00"},
    {"kind": "knowledge_fair"}, {"capacity": 0}, {"capacity": 10**12}, {"capacity": "viele"}, {"translations": {}},
    {"translations": {"de": {"title": "A\x00B", "description": "x"}}}, {"online_url": "javascript:alert(1)"},
    {"translations": {"x" * 40: {"title": "A", "description": "x"}}}, {"min_participants": 21},
    {"training_code": "Grund Schulung"}, {"unknown": 1}, {"registration_closes": "2099-01-01T00:00:00Z"},
    {"childcare": {"places": -1}}, {"age_bands": ["4-5"]}, {"region": "1508"}, {"partner_id": "nobody"},
    {"venue": {"text": "\ud800"}}, {"translations": {"de": {"title": "A\u202eB", "description": "x"}}},
]


async def test_a_body_that_is_not_as_expected_is_refused(stage: Stage) -> None:
    """With the place of the fault, never the value, and nothing is drafted."""
    for fields in BAD_FIELDS:
        body = json.dumps(stage.event() | fields)
        answer = await stage.client.post("/v1/events", content=body, headers=stage.editor | AS_JSON)
        assert (answer.status_code, answer.json()["slug"]) == (422, "invalid-request"), fields
    unknown = await stage.client.post("/v1/events", json=stage.event(region="99999"), headers=stage.editor)

    assert unknown.json()["slug"] == "unknown-region"
    assert await stage.network.rows("events", "SELECT 1 FROM event") == []

"""Attendance through the HTTP door: from the list, walk-ins, corrections, tallies, certificates, and what is told."""

import base64
import json
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from libs.common.callers import Role
from libs.common.facts.registry import ProjectOpened
from libs.common.persons import count_key
from tests.events.registry_answers import count_secrets
from tests.events.stage import Headers, Stage
from tests.harness import new_idempotency_key

SECRET = base64.b64encode(b"s" * 32).decode()
PERSON = {"name": "Olena Beispiel", "email": "olena@example.org", "languages": ["uk"]}


async def a_project(stage: Stage) -> UUID:
    """A project that events has heard of."""
    project_id = uuid4()
    await stage.network.tell("events", ProjectOpened(
        project_id=project_id, starts=date(2026, 1, 1), ends=date(2040, 1, 1), regions=("15087",)))
    return project_id


async def begun(stage: Stage) -> None:
    """Let the events begin."""
    await stage.network.move(timedelta(days=7, minutes=1))


async def record(
    stage: Stage, address: str, *present: dict[str, Any], headers: Headers | None = None,
) -> httpx.Response:
    """Record these registrations, whole parties unless said otherwise."""
    items = [{"registration_id": one["id"]} | ({"persons": one["persons"]} if "persons" in one else {})
             for one in present]
    return await stage.client.post(f"{address}/attendance", json={"present": items}, headers=headers or stage.editor)


async def recorded(stage: Stage, kind: str = "recorded") -> list[dict[str, Any]]:
    """The facts of attendance that were announced."""
    rows = await stage.network.rows(
        "events", "SELECT body FROM outbox WHERE subject = $1 ORDER BY id", f"events.attendance.{kind}.v1")
    return [json.loads(row["body"]) for row in rows]


async def test_every_person_of_a_party_is_recorded_once(stage: Stage) -> None:
    """Who registered is counted by their address; companions have none; recording again changes nothing."""
    project_id = await a_project(stage)
    address = await stage.published(kind="training", training_code="basic_training", project_id=str(project_id))
    family = await stage.register(address, 2, ["6-13"], person=PERSON, home_region="15088", sector="municipality")
    await begun(stage)
    async with count_secrets(stage.network, SECRET) as asked:
        first = await record(stage, address, family)
        second = await record(stage, address, family, headers=stage.coordinator)

    told = await recorded(stage)
    key, _ = count_key(SECRET, email="olena@example.org", phone=None)
    assert (first.status_code, asked) == (200, [str(project_id)] * 2)
    assert {one["id"]: one for one in first.json()} == {one["id"]: one for one in second.json()}
    assert [one["count_key"] == key for one in told] == [True, False, False]
    assert [one["random_key"] for one in told] == [False, True, True]
    assert len({one["count_key"] for one in told}) == 3
    assert {(one["project_id"], one["training_code"], one["home_region"], one["sector"], one["person_ref"])
            for one in told} == {(str(project_id), "basic_training", "15088", "municipality", None)}
    assert await stage.states(address) == ["attended"]


async def test_fewer_may_come_than_registered_and_the_rest_later(stage: Stage) -> None:
    """Two of three, then all: the third is added, nobody is counted twice."""
    address = await stage.published()
    party = await stage.register(address, 3)
    await begun(stage)
    counts = [len((await record(stage, address, party | {"persons": persons})).json()) for persons in (2, 2, 3, 9)]

    assert counts == [2, 2, 3, 3]
    assert len(await recorded(stage)) == 3
    assert {one["count_key"] for one in await recorded(stage)} == {None}


async def test_with_the_registry_away_nothing_is_half_done(stage: Stage) -> None:
    """An event of a project answers 503; afterwards it works, and an event without project never asks."""
    project_id = await a_project(stage)
    with_project, without = await stage.published(project_id=str(project_id)), await stage.published()
    party, other = await stage.register(with_project), await stage.register(without)
    await begun(stage)

    away = await record(stage, with_project, party)
    walk_in = await stage.client.post(
        f"{with_project}/attendance/walk_in", json={"person": PERSON}, headers=stage.editor)

    assert (away.status_code, away.json()["slug"]) == (503, "owner-away")
    assert (walk_in.status_code, walk_in.json()["slug"]) == (503, "owner-away")
    assert await stage.network.rows("events", "SELECT 1 FROM attendance") == []
    assert (await stage.states(with_project), await recorded(stage)) == (["confirmed"], [])
    assert (await record(stage, without, other)).status_code == 200
    async with count_secrets(stage.network, SECRET):
        assert (await record(stage, with_project, party)).status_code == 200


async def test_a_closed_projects_events_are_recorded_without_key(stage: Stage) -> None:
    """The secret is gone with the report; attendance as such may still be noted."""
    address = await stage.published(project_id=str(await a_project(stage)))
    party = await stage.register(address)
    await begun(stage)
    async with count_secrets(stage.network, None):
        assert (await record(stage, address, party)).status_code == 200

    assert [(one["count_key"], one["random_key"]) for one in await recorded(stage)] == [(None, False)]


async def test_a_known_person_is_named_to_the_others_by_their_reference(stage: Stage) -> None:
    """So matching ticks its prerequisite; the same person has the same key at two events."""
    project_id, person_ref = await a_project(stage), str(uuid4())
    addresses = [await stage.published(project_id=str(project_id), training_code="basic_training") for _ in range(2)]
    for address in addresses:
        body = {"person_ref": person_ref, "party": {"adults": 2}}
        await stage.client.post(f"{address}/registrations/known", json=body, headers=stage.coordinator)
    await begun(stage)
    async with count_secrets(stage.network, SECRET):
        for address in addresses:
            (participant,) = (await stage.client.get(f"{address}/participants", headers=stage.editor)).json()["items"]
            assert (await record(stage, address, participant)).status_code == 200

    told = await recorded(stage)
    assert [one["person_ref"] for one in told] == [person_ref, None] * 2
    assert told[0]["count_key"] == told[2]["count_key"] != told[1]["count_key"]
    assert [one["random_key"] for one in told] == [False, True] * 2


async def test_who_walks_in_is_counted_with_or_without_a_name(stage: Stage) -> None:
    """Two walk-ins with the same address are one person; one without is a random one; a repeated POST is one."""
    project_id = await a_project(stage)
    address = await stage.published(project_id=str(project_id), registration_mode="none")
    await begun(stage)
    headers = stage.editor | new_idempotency_key()
    async with count_secrets(stage.network, SECRET):
        for body in ({"person": PERSON}, {"person": PERSON, "party": {"adults": 1, "children": ["0-5"]}}, {}):
            answer = await stage.client.post(f"{address}/attendance/walk_in", json=body, headers=stage.editor)
            assert answer.status_code == 201, answer.text
        first, second = [await stage.client.post(
            f"{address}/attendance/walk_in", json={"party": {"adults": 2}}, headers=headers) for _ in range(2)]

    told = await recorded(stage)
    assert first.json() == second.json()
    assert [one["random_key"] for one in told] == [False, False, True, True, True, True]
    assert told[0]["count_key"] == told[1]["count_key"]
    assert len(await stage.network.rows("events", "SELECT 1 FROM person")) == 2


async def test_a_known_person_may_walk_in(stage: Stage) -> None:
    """A mentor who came without registering is told to matching all the same; only a coordinator says so."""
    address, body = await stage.published(training_code="basic_training"), {"person_ref": str(uuid4())}
    await begun(stage)
    answers = [await stage.client.post(f"{address}/attendance/walk_in/known", json=body, headers=headers)
               for headers in (stage.editor, stage.coordinator)]

    assert [answer.status_code for answer in answers] == [403, 201]
    assert [(one["person_ref"], one["training_code"]) for one in await recorded(stage)] == [
        (body["person_ref"], "basic_training")]


async def test_a_correction_is_a_fact_of_its_own(stage: Stage) -> None:
    """Not there after all, then there again; said twice it is told once, and the registration follows."""
    address = await stage.published()
    party = await stage.register(address)
    await begun(stage)
    (attendance,) = (await record(stage, address, party)).json()
    path = f"/v1/attendance/{attendance['id']}/correct"
    states = []
    for counts in (False, False, True):
        answer = await stage.client.post(path, json={"counts": counts}, headers=stage.editor)
        assert (answer.status_code, answer.json()["counts"]) == (200, counts)
        states += await stage.states(address)

    assert states == ["no_show", "no_show", "attended"]
    assert [(one["attendance_id"], one["counts"]) for one in await recorded(stage, "corrected")] == [
        (attendance["id"], False), (attendance["id"], True)]


async def test_who_did_not_come_is_a_no_show_once_the_event_is_reported(stage: Stage) -> None:
    """Reporting settles it; afterwards attendance is only corrected."""
    address = await stage.published()
    there, away = await stage.register(address), await stage.register(address)
    await begun(stage)
    await record(stage, address, there)
    await stage.network.move(timedelta(hours=2))
    await stage.act(f"{address}/report")
    late = await record(stage, address, away)

    assert await stage.states(address) == ["attended", "no_show"]
    assert (late.status_code, late.json()["slug"]) == (409, "event-over")


async def test_attendance_is_refused_before_the_beginning_and_for_who_was_not_confirmed(stage: Stage) -> None:
    """One bad item refuses the whole request; an unknown registration, and one of another event, is not there."""
    address, other = await stage.published(capacity=1), await stage.published()
    confirmed, waiting, foreign = [await stage.register(place) for place in (address, address, other)]
    early = await record(stage, address, confirmed)
    await begun(stage)
    answers = [await record(stage, address, confirmed, waiting), await record(stage, address, confirmed, foreign),
               await record(stage, address, {"id": str(uuid4())})]

    assert early.json()["slug"] == "event-not-begun"
    assert [answer.json()["slug"] for answer in answers] == ["registration-state", "not-found", "not-found"]
    assert await stage.states(address) == ["confirmed", "waitlisted"]
    assert await recorded(stage) == []


async def test_a_drop_in_event_is_tallied_and_the_last_count_holds(stage: Stage) -> None:
    """Each count is told; parts never exceed the total."""
    address = await stage.published(registration_mode="none")
    await begun(stage)
    tally = {"total": 23, "genders": {"f": 14, "m": 9}, "age_bands": {"0-5": 4}, "languages": {"ar": 9}}
    first = await stage.tally(address, tally)
    second = await stage.tally(address, tally | {"total": 24}, headers=stage.coordinator)
    too_many = await stage.tally(address, tally | {"total": 22})

    assert (first.status_code, second.json()["total"], too_many.status_code) == (200, 24, 422)
    assert (await stage.read(f"{address}/tally"))["genders"] == {"f": 14, "m": 9}
    assert [(one["total"], one["genders"]) for one in await recorded(stage, "tallied")] == [
        (23, {"f": 14, "m": 9}), (24, {"f": 14, "m": 9})]


async def test_a_count_that_another_has_entered_is_not_overwritten_unseen(stage: Stage) -> None:
    """Reading the event or its count gives the ETag that the next count needs."""
    address = await stage.published(registration_mode="none")
    await begun(stage)
    read = (await stage.client.get(address, headers=stage.editor)).headers["ETag"]
    first = await stage.tally(address, {"total": 23}, etag=read)
    second = await stage.tally(address, {"total": 9}, etag=read)
    without = await stage.client.put(f"{address}/tally", json={"total": 9}, headers=stage.editor)

    assert [answer.status_code for answer in (first, second, without)] == [200, 412, 428]
    shown = await stage.client.get(f"{address}/tally", headers=stage.editor)
    assert (shown.json()["total"], shown.headers["ETag"]) == (23, first.headers["ETag"])
    assert shown.headers["ETag"] == (await stage.client.get(address, headers=stage.editor)).headers["ETag"] != read


async def test_nobody_is_counted_by_tally_and_by_list(stage: Stage) -> None:
    """A tally only without registration and without a list; afterwards no walk-in."""
    listed, tallied = [await stage.published(registration_mode="none") for _ in range(2)]
    registered = await stage.published()
    await begun(stage)
    walk_in, tally = "attendance/walk_in", {"total": 3}
    await stage.client.post(f"{listed}/{walk_in}", json={}, headers=stage.editor)
    await stage.tally(tallied, tally)
    answers = [await stage.tally(listed, tally), await stage.tally(registered, tally),
               await stage.client.post(f"{tallied}/{walk_in}", json={}, headers=stage.editor)]

    assert [answer.json()["slug"] for answer in answers] == ["counted-by-list", "tally-not-drop-in", "counted-by-tally"]


async def test_a_certificate_says_what_it_stands_for_and_nothing_about_whom(stage: Stage) -> None:
    """Anyone who was shown the code may look; corrected it is not valid; an unknown one was never given."""
    address = await stage.published(kind="training", training_code="basic_training", visibility="network")
    body = {"person_ref": str(uuid4())}
    party = (await stage.client.post(f"{address}/registrations/known", json=body, headers=stage.coordinator)).json()
    await begun(stage)
    (attendance,) = (await record(stage, address, party)).json()
    path = f"/v1/attendance/certificates/{attendance['certificate']}"
    shown = await stage.client.get(path)
    await stage.client.post(f"/v1/attendance/{attendance['id']}/correct", json={"counts": False}, headers=stage.editor)

    day = (await stage.read(address))["starts"][:10]
    assert shown.json() == {"kind": "training", "training_code": "basic_training", "on": day, "valid": True}
    assert (await stage.client.get(path)).json()["valid"] is False
    codes = [(await stage.client.get(f"/v1/attendance/certificates/{code}")).status_code
             for code in ("A" * 16, "a" * 16, "A" * 15, "%00")]
    assert codes == [404, 422, 422, 422]


async def test_attendance_belongs_to_who_manages_the_event(stage: Stage) -> None:
    """Others do not record, correct, tally or read it."""
    address = await stage.published()
    party = await stage.register(address)
    await begun(stage)
    (attendance,) = (await record(stage, address, party)).json()
    key, correction = stage.network.key, f"/v1/attendance/{attendance['id']}/correct"
    foreign = [await key(Role.COORDINATOR, region="05158"), await key(Role.PARTNER_EDITOR, partner_id=uuid4())]
    others = [await key(Role.COUNSELLOR, partner_id=stage.partner_id), await key(Role.AUDITOR), await key(Role.OPS)]

    for headers, status in [*((one, 404) for one in foreign), *((one, 403) for one in others), ({}, 401)]:
        answers = [
            await record(stage, address, party, headers=headers or {"X-Nobody": "1"}),
            await stage.client.post(correction, json={"counts": False}, headers=headers),
            await stage.tally(address, {"total": 1}, headers=headers, etag='"1"'),
            await stage.client.get(f"{address}/attendance", headers=headers),
            await stage.client.get(f"{address}/tally", headers=headers)]
        assert {answer.status_code for answer in answers} == {status}
    listed = (await stage.client.get(f"{address}/attendance", headers=stage.coordinator)).json()["items"]
    assert [one["id"] for one in listed] == [attendance["id"]]
    assert not {"name", "email", "person_ref"} & listed[0].keys()

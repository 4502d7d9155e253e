"""How a tandem is planned, and what its pause does to the days on which both sides are asked how it goes."""

from datetime import datetime, timedelta
from uuid import uuid4

from libs.common.facts.registry import ProjectClosed, ProjectOpened
from services.matching.links.queries import CALENDAR, CHECKIN
from services.matching.profiles.rules import today
from tests.matching.field import Field, Json
from tests.matching.test_calendars_http import entries


async def checkins(field: Field, tandem: Json, day: int) -> list[Json]:
    """The check-ins of both sides on one of the programme's days."""
    found = (await field.get(f"/checkins?tandem_id={tandem['id']}"))["items"]
    return [one for one in found if one["day"] == day]


async def test_nobody_has_to_answer_during_a_pause(field: Field) -> None:
    """Who was asked before it is not on the coordinator's list; once it goes on they have 14 days again."""
    tandem = await field.active()
    assert [one["state"] for one in await checkins(field, tandem, 28)] == ["due", "due"]
    await field.act(f"/tandems/{tandem['id']}/pause")
    await field.network.move(days=13)
    await field.act(f"/tandems/{tandem['id']}/resume")
    await field.network.move(days=13)
    assert [one["state"] for one in await checkins(field, tandem, 28)] == ["due", "due"]
    await field.network.move(days=2)

    assert [one["state"] for one in await checkins(field, tandem, 28)] == ["escalated", "escalated"]


async def test_who_could_not_answer_before_a_long_pause_is_asked_again(field: Field) -> None:
    """On the day on which it goes on, with a link that holds; the one of the mail before it may be over by then."""
    tandem = await field.active()
    _, household = await field.refs(tandem)
    await field.act(f"/tandems/{tandem['id']}/pause")
    await field.network.move(days=15)
    assert [one["state"] for one in await checkins(field, tandem, 28)] == ["due", "due"]
    assert await field.told(tandem["id"], kind="missed") == []
    await field.act(f"/tandems/{tandem['id']}/resume")
    await field.network.settled()
    asked = await checkins(field, tandem, 28)
    assert [(one["state"], today(datetime.fromisoformat(one["due_at"]))) for one in asked] == [
        ("due", field.day)] * 2
    assert len(await field.told(asked[0]["id"], kind="checkin.due")) == 2
    own = next(one for one in asked if one["side"] == "household")
    answer = await field.client.post(f"{await field.link(CHECKIN, own['id'], household)}?mood=5")

    assert answer.json()["state"] == "done"


async def test_what_fell_due_before_this_version_does_not_escalate_during_a_pause(field: Field) -> None:
    """Its due work is still there, and finds that the tandem rests."""
    tandem = await field.active()
    first, _ = await checkins(field, tandem, 28)
    await field.act(f"/tandems/{tandem['id']}/pause")
    await field.network.rows(
        "matching", "INSERT INTO due (kind, about, due_at) VALUES ('checkin_missed', $1::text::uuid, now())",
        first["id"])
    await field.network.move(days=1)

    assert (await field.get(f"/checkins/{first['id']}"))["state"] == "due"


async def test_what_fell_into_a_pause_is_asked_when_the_tandem_goes_on(field: Field) -> None:
    """On that day, also in the calendars."""
    tandem = await field.active()
    mentor, _ = await field.refs(tandem)
    await field.act(f"/tandems/{tandem['id']}/pause")
    await field.network.move(days=400)
    await field.act(f"/tandems/{tandem['id']}/resume")
    await field.network.settled()
    asked = [*await checkins(field, tandem, 182), *await checkins(field, tandem, 364)]
    assert {(one["state"], today(datetime.fromisoformat(one["due_at"]))) for one in asked} == {
        ("due", field.day)}
    calendar = await field.client.get(await field.link(CALENDAR, mentor, mentor))

    found = entries(calendar.content)
    assert {found[f"checkin-{one['id']}@test"]["dtstart"].dt for one in asked if one["side"] == "mentors"} == {
        field.day}


async def test_whose_term_is_over_is_on_a_list(field: Field) -> None:
    """Running ones alone, until they are planned anew or closed."""
    tandem, other = await field.active(), await field.active()
    last = tandem["planned_until"]

    async def over(tandem: Json, day: str) -> bool:
        found = await field.get(f"/tandems?household_id={tandem['household_id']}&term_over_by={day}")
        return tandem["id"] in [one["id"] for one in found["items"]]

    assert not await over(tandem, str(field.day))
    assert await over(tandem, last)
    await field.act(f"/tandems/{tandem['id']}", {"planned_until": "2090-01-01"}, method="PUT")
    assert not await over(tandem, last)
    await field.create("/closings", {"tandem_id": other["id"], "held_on": str(field.day)})
    assert not await over(other, "2090-01-01")

    assert (await field.send("GET", "/tandems?term_over_by=soon")).status_code == 422


async def test_a_running_tandem_is_planned_anew(field: Field) -> None:
    """How long, what for, and for which project; not by an old version, nor once it has ended."""
    project, closed = uuid4(), uuid4()
    for one in (project, closed):
        await field.network.tell("matching", ProjectOpened(
            project_id=one, starts=field.day, ends=field.day + timedelta(days=300), regions=()))
    await field.network.tell("matching", ProjectClosed(project_id=closed))
    tandem = await field.tandem()
    address, body = f"/tandems/{tandem['id']}", {"planned_until": "2031-01-01", "goals": ["school", "school"]}
    changed = await field.act(address, body | {"project_id": str(project)}, method="PUT")
    assert (changed["planned_until"], changed["goals"], changed["project_id"]) == (
        "2031-01-01", ["school"], str(project))
    wrong = {"project_id": str(closed)}
    assert await field.refused(address, body | wrong, method="PUT") == (422, "project-not-open")
    await field.network.tell("matching", ProjectClosed(project_id=project))
    same = await field.act(address, body | {"project_id": str(project), "goals": []}, method="PUT")
    assert (same["goals"], same["project_id"]) == ([], str(project))
    assert [(await field.send("PUT", address, body, etag=etag)).status_code for etag in (None, '"1"')] == [428, 412]
    assert await field.refused(address, {"goals": []}, method="PUT") == (422, "invalid-request")
    await field.act(f"{address}/end_early", {"reason": "moved"})

    assert await field.refused(address, body, method="PUT") == (409, "tandem-state")


async def test_nothing_is_of_a_day_before_it_began(field: Field) -> None:
    """Neither met before somebody approved it, signed before they met, planned nor closed before it began."""
    proposal = await field.accepted()
    await field.network.move(days=3)
    first, tomorrow, early = field.day - timedelta(days=3), field.day + timedelta(days=1), (422, "day-too-early")
    address = f"/proposals/{proposal['id']}/first_meeting"
    for day, refusal in (("1999-01-01", early), (first - timedelta(days=1), early), (tomorrow, (422, "day-in-future"))):
        assert await field.refused(address, {"on": str(day)}) == refusal
    assert (await field.act(address, {"on": str(first)}))["first_meeting_on"] == str(first)
    body = {"proposal_id": proposal["id"], "kind": "everyday"}
    refused = await field.send("POST", "/tandems", body | {"planned_until": str(field.day - timedelta(days=1))})
    assert (refused.status_code, refused.json()["slug"], refused.json()["field"]) == (*early, "planned_until")
    assert str(field.day) in refused.json()["detail"]
    tandem = await field.create("/tandems", body | {"planned_until": str(field.day)})
    address = f"/tandems/{tandem['id']}"
    assert await field.refused(address, {"planned_until": "1950-01-01"}, method="PUT") == early
    assert await field.refused(f"{address}/agreement", {"signed_on": "1901-01-01"}) == early
    assert (await field.act(f"{address}/agreement", {"signed_on": str(first)}))["agreement_signed_on"] == str(first)
    await field.act(f"{address}/end_early", {"reason": "moved"})
    closing = {"tandem_id": tandem["id"], "held_on": str(field.day - timedelta(days=1))}
    refused = await field.send("POST", "/closings", closing)

    assert (refused.status_code, refused.json()["slug"], refused.json()["field"]) == (*early, "held_on")
    assert (await field.send("POST", "/closings", closing | {"held_on": str(field.day)})).status_code == 201

"""For which project a tandem and its meetings count, and since when: named later, changed, taken away, put right."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from libs.common.due import schedule
from libs.common.facts.registry import ProjectClosed, ProjectOpened
from services.matching.links.queries import MEETINGS
from services.matching.profiles.rules import today
from tests.harness import new_idempotency_key
from tests.matching.field import REGION, Field, Json

EARLY, LATE = (422, "day-too-early"), (422, "day-in-future")


async def a_project(field: Field, since: int = -300, until: int = 300, regions: tuple[str, ...] = ("15",)) -> str:
    """A project that is open from one day to the other, counted from today."""
    project = uuid4()
    await field.network.tell("matching", ProjectOpened(
        project_id=project, starts=field.day + timedelta(days=since), ends=field.day + timedelta(days=until),
        regions=regions))
    return str(project)


async def entered(field: Field, **given: Any) -> Json:
    """A tandem that is entered today."""
    proposal = await field.accepted()
    await field.act(f"/proposals/{proposal['id']}/first_meeting", {"on": str(field.day)})
    return await field.create("/tandems", {"proposal_id": proposal["id"], "kind": "everyday"} | given)


async def planned(field: Field, tandem: Json, project: str | None, **given: Any) -> Json:
    """The tandem once it counts for this project."""
    body = {"planned_until": "2099-01-01", "project_id": project} | given
    return await field.act(f"/tandems/{tandem['id']}", body, method="PUT")


async def met(field: Field, tandem: Json, on: date, minutes: int = 60) -> Json:
    """A meeting that the coordinator notes."""
    return await field.create("/meetings", {
        "tandem_id": tandem["id"], "side": "mentors", "on": str(on), "minutes": minutes})


async def told(field: Field, tandem: Json) -> list[tuple[str, str | None, str | None]]:
    """What was told of the tandem and its meetings, each with its project and its former one."""
    return [(one["subject"], one["project_id"], one.get("former_project_id")) for one in await field.told(tandem["id"])
            if one["subject"].startswith(("tandem", "meeting"))]


async def test_a_project_that_is_named_later_counts_what_was_before(field: Field) -> None:
    """The beginning and the meetings, once, and nobody gets a mail of it; what was outside its term does not count."""
    first, short = await a_project(field), await a_project(field, until=0)
    tandem = await entered(field)
    noted, day = await met(field, tandem, field.day), field.day
    await field.network.move(days=1)
    later = await met(field, tandem, field.day)
    for _ in range(2):
        await planned(field, tandem, short)
    known = [("tandem.started", None, None), ("meeting.documented", None, None), ("meeting.documented", None, None),
             ("tandem.corrected", short, None), ("meeting.corrected", short, None)]
    assert await told(field, tandem) == known
    tandem_fact, meeting_fact = (await field.told(tandem["id"]))[-2:]
    assert (tandem_fact["started_on"], tandem_fact["person_refs"]) == (str(day), [])
    assert (meeting_fact["meeting_id"], meeting_fact["minutes"]) == (noted["id"], 60)
    await planned(field, tandem, first)
    await field.act(f"/meetings/{later['id']}/withdraw")
    await planned(field, tandem, None)

    assert (await told(field, tandem))[5:] == [
        ("tandem.corrected", first, short), ("meeting.corrected", first, short), ("meeting.corrected", first, None),
        ("meeting.withdrawn", first, None), ("tandem.corrected", None, first), ("meeting.corrected", None, first)]


async def test_what_was_before_the_term_of_the_next_project_stays_with_the_former(field: Field) -> None:
    """Also what is noted of it later; only what lies in the next one's term moves there."""
    former, following = await a_project(field, until=1), await a_project(field, since=1)
    tandem, day = await entered(field, project_id=former), field.day
    await field.network.move(days=2)
    second = await met(field, tandem, day + timedelta(days=1))
    named = await planned(field, tandem, following)
    assert (named["project_id"], named["former_project_ids"]) == (following, [former])
    await met(field, tandem, day)
    await met(field, tandem, field.day, 30)

    assert await told(field, tandem) == [
        ("tandem.started", former, None), ("meeting.documented", former, None),
        ("meeting.corrected", following, former), ("meeting.documented", former, None),
        ("meeting.documented", following, None)]
    assert (await field.told(second["id"]))[-1]["counts_on"] >= str(day + timedelta(days=1))


async def test_what_a_report_was_made_of_is_counted_nowhere_else(field: Field) -> None:
    """A closed project is not named; what it counted stays there, what is noted after it counts for the next."""
    closed, open_one = await a_project(field), await a_project(field)
    tandem = await entered(field, project_id=closed)
    await met(field, tandem, field.day)
    await field.network.tell("matching", ProjectClosed(project_id=UUID(closed)))
    await planned(field, tandem, open_one)
    wrong = {"planned_until": "2099-01-01", "project_id": closed}
    assert await field.refused(f"/tandems/{tandem['id']}", wrong, method="PUT") == (422, "project-not-open")
    await field.network.move(days=1)
    await met(field, tandem, field.day)

    assert await told(field, tandem) == [("tandem.started", closed, None), ("meeting.documented", closed, None),
                                         ("meeting.documented", open_one, None)]


async def test_a_tandem_that_is_entered_long_after_it_began_says_so(field: Field) -> None:
    """It and its meetings count since then, also for a project that is over; nobody is asked about days gone by."""
    over, wrong = await a_project(field, since=-90, until=-30), await a_project(field, since=-300, until=-61)
    began = field.day - timedelta(days=60)
    proposal = await field.accepted()
    await field.act(f"/proposals/{proposal['id']}/first_meeting", {"on": str(field.day)})
    body = {"proposal_id": proposal["id"], "kind": "everyday", "started_on": str(began)}
    for given, refusal in (({"started_on": str(field.day + timedelta(days=1))}, LATE),
                           ({"started_on": "1999-01-01"}, (422, "began-long-ago")),
                           ({"project_id": wrong}, (422, "project-not-open")),
                           ({"started_on": "long ago"}, (422, "invalid-request"))):
        refused = await field.send(
            "POST", "/tandems", body | given, headers=field.coordinator | new_idempotency_key())
        assert (refused.status_code, refused.json()["slug"]) == refusal
    tandem = await field.create("/tandems", body | {"project_id": over})
    await field.network.settled()
    assert (tandem["started_on"], today(datetime.fromisoformat(tandem["started_at"]))) == (str(began), began)
    asked = (await field.get(f"/checkins?tandem_id={tandem['id']}"))["items"]
    assert sorted((one["day"], one["state"]) for one in asked) == [
        (day, "planned") for day in (182, 182, 364, 364)]
    # The trial is over: both are asked at once whether to go on.
    assert [len(one["person_refs"]) for one in await field.told(tandem["id"], kind="trial_ended")] == [2]
    await met(field, tandem, began)
    (started,) = await field.told(tandem["id"], kind="started")

    assert (started["started_on"], started["project_id"]) == (str(began), over)
    assert (await told(field, tandem))[-1] == ("meeting.documented", over, None)
    assert (await field.act(f"/tandems/{tandem['id']}/agreement", {"signed_on": str(began)}))["agreement_signed_on"]


async def test_who_waits_again_after_a_tandem_of_before_waits_since_it_ended(field: Field) -> None:
    """It began before they were entered: its time is no waiting, and nothing is added in the future."""
    tandem = await entered(field, started_on=str(field.day - timedelta(days=60)))
    await field.network.move(days=1)
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})
    waiting = datetime.fromisoformat((await field.get(f"/households/{tandem['household_id']}"))["waiting_since"])

    assert today(waiting) == field.day


async def test_the_beginning_of_a_running_tandem_is_put_right(field: Field) -> None:
    """It is told anew for the project in whose term it lies; not after they met or signed, nor in the future."""
    former, project = await a_project(field, until=-10), await a_project(field, since=-9)
    tandem, began = await entered(field, project_id=project), field.day - timedelta(days=20)
    await met(field, tandem, field.day)
    changed = await planned(field, tandem, project, started_on=str(began))
    assert changed["started_on"] == str(began)
    await planned(field, tandem, former)
    await field.network.move(days=1)
    address, body = f"/tandems/{tandem['id']}", {"planned_until": "2099-01-01", "project_id": former}
    for day, refusal in ((field.day, (422, "began-too-late")), (field.day + timedelta(days=1), LATE),
                         (date(1999, 1, 1), (422, "began-long-ago"))):
        assert await field.refused(address, body | {"started_on": str(day)}, method="PUT") == refusal
    assert await field.refused(
        address, body | {"started_on": str(began), "planned_until": "2001-01-01"}, method="PUT") == EARLY
    await planned(field, tandem, former, started_on=str(field.day - timedelta(days=1)))

    days = [(one["subject"], one["started_on"], one["project_id"]) for one in await field.told(tandem["id"])
            if one["subject"] in {"tandem.started", "tandem.corrected"}]
    assert days == [
        ("tandem.started", str(field.day - timedelta(days=1)), project), ("tandem.corrected", str(began), None),
        ("tandem.corrected", str(began), former), ("tandem.corrected", str(field.day - timedelta(days=1)), project)]


async def test_a_project_may_be_named_once_a_tandem_has_ended(field: Field) -> None:
    """What it did counts then, its good end too; nothing else of it is changed, nor for a time after its end."""
    project, later = await a_project(field), await a_project(field, since=1)
    tandem = await entered(field, started_on=str(field.day - timedelta(days=60)))
    for side in ("mentors", "household"):
        await field.act(f"/tandems/{tandem['id']}/consents", {"side": side})
    await field.create("/closings", {"tandem_id": tandem["id"], "held_on": str(field.day)})
    await field.network.move(days=2)
    address, body = f"/tandems/{tandem['id']}", {"planned_until": tandem["planned_until"], "project_id": project}
    for given, refusal in (({"goals": ["school"]}, (409, "tandem-state")),
                           ({"project_id": later}, (422, "project-not-open")),
                           ({"planned_until": "2099-01-01"}, (409, "tandem-state")),
                           ({"started_on": str(field.day - timedelta(days=61))}, (409, "tandem-state"))):
        assert await field.refused(address, body | given, method="PUT") == refusal
    for one in (project, project, None):
        await field.act(address, body | {"project_id": one}, method="PUT")

    ended = [(one["started_on"] is None, one["project_id"], one["former_project_id"])
             for one in await field.told(tandem["id"], kind="tandem.corrected")]
    assert ended == [(False, project, None), (True, project, None), (False, None, project), (True, None, project)]


async def test_a_meeting_noted_while_a_project_is_named_counts_for_it(field: Field) -> None:
    """Whichever comes first."""
    tandem, project = await entered(field), await a_project(field)
    mentor, _ = await field.refs(tandem)
    link = await field.link(MEETINGS, tandem["id"], mentor)
    body = {"planned_until": "2099-01-01", "project_id": project}
    noted, named = await asyncio.gather(
        field.client.post(link, json={"on": str(field.day), "minutes": 45}),
        field.attempt(f"/tandems/{tandem['id']}", body, method="PUT"))
    assert (noted.status_code, named.status_code) == (200, 200)

    (row,) = await field.network.rows(
        "matching", "SELECT project_id FROM meeting WHERE tandem_id = $1", UUID(tandem["id"]))
    assert str(row["project_id"]) == project
    assert [one for one in await told(field, tandem) if one[0].startswith("meeting")][-1][1] == project


async def test_what_a_version_before_had_not_counted_is_counted(field: Field) -> None:
    """Its project was named later: the due work of the migration tells it once, though the tandem has ended since."""
    tandem, project = await entered(field), await a_project(field)
    await met(field, tandem, field.day)
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})
    await field.network.rows("matching", "UPDATE tandem SET project_id = $1 WHERE id = $2",
                             UUID(project), UUID(tandem["id"]))
    for _ in range(2):
        async with field.network["matching"].running.database.transaction() as transaction:
            await schedule(transaction, "tandem_count", UUID(tandem["id"]), transaction.clock.now())
        await field.network.settled()

    assert [one for one in await told(field, tandem) if one[0].endswith("corrected")] == [
        ("tandem.corrected", project, None), ("meeting.corrected", project, None)]


async def test_a_project_of_other_regions_is_not_named(field: Field) -> None:
    """Nor one whose term begins tomorrow."""
    tandem = await entered(field)
    for project in (await a_project(field, regions=("15084",)), await a_project(field, since=1), str(uuid4())):
        body = {"planned_until": "2099-01-01", "project_id": project}
        refused = await field.refused(f"/tandems/{tandem['id']}", body, method="PUT")
        assert refused == (422, "project-not-open")

    assert tandem["region"] == REGION

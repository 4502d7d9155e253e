"""A tandem that ends for somebody's safety: nobody is brought together with its mentor until a coordinator says so."""

import asyncio
from datetime import timedelta

from services.matching.links.queries import OWN_DATA
from tests.matching.field import Field, Json

SAFETY = {"reason": "safeguarding"}


async def paused_for_safety(field: Field, **given: Json) -> Json:
    """The mentor of a tandem that has ended so."""
    tandem = await field.active(**given)
    await field.act(f"/tandems/{tandem['id']}/end_early", SAFETY)
    mentor: Json = await field.get(f"/mentors/{tandem['mentor_id']}")
    return mentor


async def test_the_mentor_pauses_and_is_offered_to_nobody(field: Field) -> None:
    """Whatever else ends a tandem leaves the mentor where they were."""
    mentor = await paused_for_safety(field)
    assert (mentor["state"], mentor["held_back_on"]) == ("paused", str(field.day))
    run = await field.run()
    assert (run["units"], run["proposed"]) == (1, 0)
    tandem = await field.active()
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "conflict"})
    other = await field.get(f"/mentors/{tandem['mentor_id']}")

    assert (other["state"], other["held_back_on"]) == ("active", None)


async def test_only_a_coordinator_ends_the_pause(field: Field) -> None:
    """By the own link it is refused, and no button asks for it; the next pause is an ordinary one."""
    mentor = await paused_for_safety(field)
    path = await field.link(OWN_DATA, mentor["id"], mentor["person_ref"])
    refused = await field.client.post(f"{path}/resume")
    assert (refused.status_code, refused.json()["slug"]) == (409, "mentor-state")
    page = (await field.client.get(path, headers={"Accept": "text/html"})).text
    assert "Ich bin wieder da" not in page
    assert f"nur die Koordination beendet, seit</dt><dd><bdi>{field.day.strftime('%d.%m.%Y')}" in page
    back = await field.act(f"/mentors/{mentor['id']}/resume")
    assert (back["state"], back["held_back_on"]) == ("active", None)
    await field.client.post(f"{path}/pause")

    assert (await field.client.post(f"{path}/resume")).json()["state"] == "active"


async def test_who_paused_by_themselves_is_held_back_too(field: Field) -> None:
    """Their own pause is no way round."""
    tandem = await field.active()
    await field.act(f"/mentors/{tandem['mentor_id']}/pause")
    await field.act(f"/tandems/{tandem['id']}/end_early", SAFETY)

    assert (await field.get(f"/mentors/{tandem['mentor_id']}"))["held_back_on"] == str(field.day)


async def test_what_else_goes_on_with_the_mentor_waits(field: Field) -> None:
    """A proposal is dismissed, an invitation is not accepted and has the obstacle, until the pause ends."""
    mentor = await field.ready_mentor(capacity=3)
    tandem = await field.active(mentor=mentor)
    pending = await field.proposed(await field.waiting_household(), mentor=mentor)
    invited = await field.invited(mentor=mentor)
    await field.act(f"/tandems/{tandem['id']}/end_early", SAFETY)
    dismissed = await field.get(f"/proposals/{pending['id']}")
    assert (dismissed["state"], dismissed["dismissed_reason"]) == ("dismissed", "no_longer_available")
    yes = {"side": "household", "accepted": True}
    assert await field.refused(f"/proposals/{invited['id']}/answers", yes) == (409, "mentor-not-available")
    held = await field.get(f"/proposals/{invited['id']}")
    assert [one["code"] for one in held["obstacles"]] == ["paused"]
    await field.act(f"/mentors/{mentor['id']}/resume")

    assert (await field.act(f"/proposals/{invited['id']}/answers", yes))["obstacles"] == []


async def test_ending_for_safety_and_proposing_at_once_do_not_wait_for_each_other(field: Field) -> None:
    """Each is done or refused; nobody who was not invited before is afterwards."""
    for _ in range(4):
        mentor = await field.ready_mentor(capacity=2)
        tandem = await field.active(mentor=mentor)
        pending = await field.proposed(await field.waiting_household(), mentor=mentor)
        await field.act(f"/proposals/{pending['id']}/approve", {})
        ended, invited = await asyncio.wait_for(asyncio.gather(
            field.attempt(f"/tandems/{tandem['id']}/end_early", SAFETY),
            field.attempt(f"/proposals/{pending['id']}/invite")), timedelta(seconds=20).total_seconds())
        found = await field.get(f"/proposals/{pending['id']}")

        assert ended.status_code == 200
        assert (invited.status_code, found["state"]) in {(200, "invited"), (409, "dismissed"), (412, "dismissed")}

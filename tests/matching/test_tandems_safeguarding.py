"""A tandem that ends for somebody's safety: nobody new for its mentor or group until a coordinator says so."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.matching.links.queries import OWN_DATA
from tests.harness import new_idempotency_key
from tests.matching.field import Field, Json

pytestmark = pytest.mark.slow

SAFETY = {"reason": "safeguarding"}
TALKED = {"why": "Alle haben miteinander gesprochen, die Sorge ist ausgeräumt."}


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
    assert (refused.status_code, refused.json()["slug"]) == (409, "held-back")
    page = (await field.client.get(path, headers={"Accept": "text/html"})).text
    assert "Ich bin wieder da" not in page
    assert f"nur die Koordination beendet, seit</dt><dd><bdi>{field.day.strftime('%d.%m.%Y')}" in page
    assert await field.refused(f"/mentors/{mentor['id']}/resume") == (422, "reason-missing")
    back = await field.act(f"/mentors/{mentor['id']}/resume", TALKED)
    assert (back["state"], back["held_back_on"], back["resumed_why"]) == ("active", None, TALKED["why"])
    await field.client.post(f"{path}/pause")

    assert (await field.client.post(f"{path}/resume")).json()["state"] == "active"


async def test_who_paused_by_themselves_is_held_back_too(field: Field) -> None:
    """Their own pause is no way round, and goes on when the coordinators have nothing against them any more."""
    tandem = await field.active()
    address = f"/mentors/{tandem['mentor_id']}"
    await field.act(f"{address}/pause")
    await field.act(f"/tandems/{tandem['id']}/end_early", SAFETY)
    held = await field.get(address)
    assert (held["held_back_on"], held["paused_on"]) == (str(field.day),) * 2
    ended = await field.act(f"{address}/resume", TALKED)
    assert (ended["state"], ended["held_back_on"], ended["paused_on"]) == ("paused", None, str(field.day))
    path = await field.link(OWN_DATA, held["id"], held["person_ref"])

    assert (await field.client.post(f"{path}/resume")).json()["state"] == "active"


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
    await field.act(f"/mentors/{mentor['id']}/resume", TALKED)

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


async def held_back_for_safety(field: Field, **given: Any) -> Json:
    """The group of a tandem that has ended so, whose checklist is done."""
    tandem = await field.active(group=await field.ready_group(**given))
    await field.act(f"/tandems/{tandem['id']}/end_early", SAFETY)
    group: Json = await field.get(f"/mentor_groups/{tandem['mentor_group_id']}")
    return group


async def test_a_group_is_held_back_and_offered_to_nobody(field: Field) -> None:
    """It does not become ready, whatever its checklist says, and is found by itself; another reason leaves it ready."""
    group = await held_back_for_safety(field)
    assert (group["state"], group["held_back_on"]) == ("in_preparation", str(field.day))
    run = await field.run(field.sponsorship)
    assert (run["units"], run["proposed"]) == (1, 0)
    (unserved,) = (await field.get(f"/runs/{run['id']}/unserved"))["items"]
    options = await field.get(f"/options?household_id={unserved['household_id']}")
    assert (unserved["removed"]["paused"], options["options"]) == (1, [])
    propose = {"household_id": unserved["household_id"], "unit_id": group["id"], "reason": "known_to_fit"}
    answer = await field.send("POST", "/options/propose", propose, headers=field.coordinator | {
        "Idempotency-Key": "held-back-group"})
    assert answer.status_code == 409
    assert [one["id"] for one in (await field.get("/mentor_groups?held_back=true"))["items"]] == [group["id"]]
    tandem = await field.active(group=await field.ready_group())
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "conflict"})
    other = await field.get(f"/mentor_groups/{tandem['mentor_group_id']}")

    assert (other["state"], other["held_back_on"]) == ("ready", None)


async def test_nothing_that_changes_about_a_held_back_group_makes_it_ready(field: Field) -> None:
    """Neither another home nor a member who comes back; and nobody is told that it is."""
    group = await held_back_for_safety(field)
    readied = len(await field.told(group["id"], kind="mentor_group.ready"))
    address = f"/mentor_groups/{group['id']}"
    assert (await field.act(f"{address}/housing", field.housing(rooms=4), method="PUT"))["state"] == "in_preparation"
    assert await field.refused(f"{address}/prepare") == (409, "group-state")
    assert await field.refused(f"{address}/apply") == (409, "no-authority")

    assert len(await field.told(group["id"], kind="mentor_group.ready")) == readied


async def test_a_coordinator_resumes_a_group_and_says_why(field: Field) -> None:
    """Then its checklist makes it ready, which is told; resumed twice, or without a reason, is refused."""
    group = await held_back_for_safety(field)
    address = f"/mentor_groups/{group['id']}"
    readied = len(await field.told(group["id"], kind="mentor_group.ready"))
    assert (await field.attempt(f"{address}/resume", {})).status_code == 422
    back = await field.act(f"{address}/resume", TALKED)
    assert (back["state"], back["held_back_on"], back["resumed_why"]) == ("ready", None, TALKED["why"])
    noted = await field.network.rows(
        "matching", "SELECT principal FROM audit WHERE about = $1 ORDER BY id DESC LIMIT 1",
        f"mentor_group/{group['id']}")
    assert [row["principal"] for row in noted] == [back["resumed_by"]]
    assert len(await field.told(group["id"], kind="mentor_group.ready")) == readied + 1
    assert (await field.run(field.sponsorship))["proposed"] == 0  # this pair has parted
    assert await field.refused(f"{address}/resume", TALKED) == (409, "not-paused")
    await field.waiting_household(programme_id=str(field.sponsorship))

    assert (await field.run(field.sponsorship))["proposed"] == 1


async def test_a_resumed_group_whose_checklist_is_open_prepares(field: Field) -> None:
    """The end of the pause is not the end of its preparation."""
    group = await held_back_for_safety(field)
    members = await field.get(f"/members?mentor_group_id={group['id']}")
    await field.act(f"/members/{members[-1]['id']}/leave")

    assert (await field.act(f"/mentor_groups/{group['id']}/resume", TALKED))["state"] == "in_preparation"


async def test_what_else_goes_on_with_a_group_ends_or_waits(field: Field) -> None:
    """What nobody was invited to is dismissed; who is invited is not accepted, and learns the obstacle."""
    group = await field.ready_group()
    sponsored = {"programme_id": str(field.sponsorship)}
    tandem = await field.active(group=group)
    pending = await field.proposed(await field.waiting_household(**sponsored), group=group)
    invited = await field.proposed(await field.waiting_household(**sponsored), group=group)
    now = field.network["matching"].running.database.clock.now()
    await field.network.rows(
        "matching", "UPDATE proposal SET state = 'invited', version = version + 1, invited_at = $2, expires_at = $3"
        " WHERE id = $1", invited["id"], now, now + timedelta(days=7))
    await field.act(f"/tandems/{tandem['id']}/end_early", SAFETY)
    dismissed = await field.get(f"/proposals/{pending['id']}")
    assert (dismissed["state"], dismissed["dismissed_reason"]) == ("dismissed", "no_longer_available")
    yes = {"side": "household", "accepted": True}
    assert await field.refused(f"/proposals/{invited['id']}/answers", yes) == (409, "group-not-ready")
    held = await field.get(f"/proposals/{invited['id']}")
    assert "paused" in [one["code"] for one in held["obstacles"]]
    await field.act(f"/mentor_groups/{group['id']}/resume", TALKED)

    assert (await field.act(f"/proposals/{invited['id']}/answers", yes))["obstacles"] == []


LEARNT = {"why": "Nach dem Ende wurde etwas bekannt, das erst zu klären ist."}


async def test_what_is_learnt_after_the_end_holds_a_mentor_back(field: Field) -> None:
    """The tandem ended by a wish; a pause is theirs to end, being held back is not. Who said so and why is kept."""
    tandem = await field.active()
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "household_wish"})
    assert await field.refused(f"/tandems/{tandem['id']}/end_early", SAFETY) == (409, "tandem-state")
    address = f"/mentors/{tandem['mentor_id']}"
    held = await field.act(f"{address}/hold_back", LEARNT)
    assert (held["state"], held["held_back_on"], held["held_back_why"]) == ("paused", str(field.day), LEARNT["why"])
    noted = await field.network.rows(
        "matching", "SELECT principal FROM audit WHERE about = $1 ORDER BY id DESC LIMIT 1", f"mentor/{held['id']}")
    assert [row["principal"] for row in noted] == [held["held_back_by"]]
    path = await field.link(OWN_DATA, held["id"], held["person_ref"])
    assert (await field.client.post(f"{path}/resume")).json()["slug"] == "held-back"
    assert LEARNT["why"] not in (await field.client.get(path)).text
    assert held["id"] in [one["id"] for one in (await field.get("/mentors?held_back=true"))["items"]]
    assert (await field.run())["proposed"] == 0
    back = await field.act(f"{address}/resume", TALKED)
    assert (back["state"], back["held_back_by"], back["held_back_why"]) == ("active", None, None)

    assert held["id"] not in [one["id"] for one in (await field.get("/mentors?held_back=true"))["items"]]


async def test_who_is_held_back_already_stays_so_since_the_same_day(field: Field) -> None:
    """Also one for whom a tandem ended so; the reason is added, and nothing that happens later takes it away."""
    mentor = await field.ready_mentor(capacity=3)
    first, second = await field.active(mentor=mentor), await field.active(mentor=mentor)
    await field.act(f"/tandems/{first['id']}/end_early", SAFETY)
    since = str(field.day)
    await field.network.move(days=3)
    held = await field.act(f"/mentors/{mentor['id']}/hold_back", LEARNT)
    assert (held["held_back_on"], held["held_back_why"]) == (since, LEARNT["why"])
    await field.act(f"/tandems/{second['id']}/end_early", SAFETY)
    after = await field.get(f"/mentors/{mentor['id']}")

    assert (after["state"], after["held_back_on"], after["held_back_why"]) == ("paused", since, LEARNT["why"])


async def test_who_is_proposed_to_nobody_is_not_held_back(field: Field) -> None:
    """Before the screening is over, and after they have left; nor without a reason."""
    mentor = await field.create("/mentors", field.mentor_body())
    address = f"/mentors/{mentor['id']}/hold_back"
    assert await field.refused(address, LEARNT) == (409, "mentor-state")
    assert (await field.attempt(address, {})).status_code == 422
    await field.act(f"/mentors/{mentor['id']}/leave")
    assert await field.refused(address, LEARNT) == (409, "mentor-state")
    group = await field.create("/mentor_groups", field.group_body())
    await field.act(f"/mentor_groups/{group['id']}/withdraw", {"reason": "Kein Interesse mehr."})

    assert await field.refused(f"/mentor_groups/{group['id']}/hold_back", LEARNT) == (409, "group-ended")


async def test_a_group_is_held_back_by_what_is_learnt_later(field: Field) -> None:
    """It was ready again after its tandem: it prepares until a coordinator resumes it, and a proposal is dismissed."""
    group = await field.ready_group()
    address = f"/mentor_groups/{group['id']}"
    tandem = await field.active(group=group)
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "household_wish"})
    pending = await field.proposed(
        await field.waiting_household(programme_id=str(field.sponsorship)), group=await field.get(address))
    held = await field.act(f"{address}/hold_back", LEARNT)
    again = await field.act(f"{address}/hold_back", {"why": "Noch ein Hinweis."})
    assert (held["state"], held["held_back_on"], held["held_back_why"]) == (
        "in_preparation", str(field.day), LEARNT["why"])
    assert (again["held_back_on"], again["held_back_why"]) == (str(field.day), "Noch ein Hinweis.")
    assert (await field.get(f"/proposals/{pending['id']}"))["state"] == "dismissed"

    assert (await field.act(f"{address}/resume", TALKED))["state"] == "ready"


@pytest.mark.parametrize("kind", ["mentor", "group"])
async def test_with_who_is_held_back_after_both_have_accepted_no_tandem_begins(field: Field, kind: str) -> None:
    """Whether they have met or not; it says why to coordinators, and begins once they are held back no longer."""
    unit = await (field.ready_mentor() if kind == "mentor" else field.ready_group())
    address = f"/{'mentors' if kind == 'mentor' else 'mentor_groups'}/{unit['id']}"
    proposal = await field.accepted(**{kind: unit})
    await field.act(f"{address}/hold_back", LEARNT)
    assert (await field.get(f"/proposals/{proposal['id']}"))["obstacles"] != []
    await field.act(f"/proposals/{proposal['id']}/first_meeting", {"on": str(field.day)})
    body = {"proposal_id": proposal["id"], "kind": "everyday"}
    refused = await field.send("POST", "/tandems", body, headers=field.coordinator | new_idempotency_key())
    assert (refused.status_code, refused.json()["slug"]) == (409, "pair-no-longer-fits")
    assert (await field.get(address))["held_back_on"] == str(field.day)
    await field.act(f"{address}/resume", TALKED)

    assert (await field.create("/tandems", body))["state"] == "trial"

"""Until which day somebody new is wanted: told by coordinators or by link, kept by matching, over after that day."""

from datetime import date, timedelta
from typing import Any

import pytest

from services.matching.links.queries import OWN_DATA
from tests.matching.field import Field, Json
from tests.matching.test_mentor_records_http import due_about
from tests.matching.test_persons_facts import erased

BROWSER = {"Accept": "text/html"}


async def until(field: Field, mentor: Json, day: date | None) -> Json:
    """The mentor wants nobody new after this day."""
    fields = field.mentor_fields(available_until=day and str(day))
    return await field.act(f"/mentors/{mentor['id']}", fields, method="PUT")


async def units(field: Field, household: Json) -> list[str]:
    """The options of a household right now."""
    found = await field.get(f"/options?household_id={household['id']}")
    return [one["unit_id"] for one in found["options"]]


async def test_nobody_new_is_proposed_after_the_day(field: Field) -> None:
    """On the day itself still; then neither by a run, which says why, nor among the options, nor by hand."""
    mentor, household = await field.ready_mentor(available_until=str(field.day + timedelta(days=1))), (
        await field.waiting_household())
    assert mentor["available_until"] == str(field.day + timedelta(days=1))
    await field.network.move(days=1)
    assert await units(field, household) == [mentor["id"]]
    await field.network.move(days=1)
    assert await units(field, household) == []
    run = await field.run()
    (unserved,) = (await field.get(f"/runs/{run['id']}/unserved"))["items"]
    assert (run["proposed"], unserved["removed"]) == (0, {"availability_over": 1})
    assert "mehr Zeit derer, die begleiten" in str(unserved["missing"]["de"]), unserved["missing"]
    choice = {"household_id": household["id"], "unit_id": mentor["id"], "reason": "known_to_fit"}
    answer = await field.send("POST", "/options/propose", choice, headers=field.coordinator | {
        "Idempotency-Key": "nobody-new"})
    assert (answer.status_code, answer.json()["slug"]) == (409, "pair-not-possible")
    await until(field, mentor, None)

    assert await units(field, household) == [mentor["id"]]
    assert (await field.run())["proposed"] == 1


async def test_who_does_not_name_the_day_leaves_it(field: Field) -> None:
    """A program that was written before it knew of the day takes it from nobody; null does."""
    mentor, day = await field.ready_mentor(), field.day + timedelta(days=9)
    assert mentor["available_until"] is None
    assert (await until(field, mentor, day))["available_until"] == str(day)
    address = f"/mentors/{mentor['id']}"
    unnamed = await field.act(address, field.mentor_fields(radius_km=7), method="PUT")

    assert (unnamed["radius_km"], unnamed["available_until"]) == (7, str(day))
    assert (await until(field, mentor, None))["available_until"] is None


async def test_what_nobody_was_asked_about_is_dismissed_after_the_day(field: Field) -> None:
    """Nobody has to look: the proposal that waits for an approval goes by itself, and the household waits again."""
    mentor = await field.ready_mentor(available_until=str(field.day + timedelta(days=2)))
    household = await field.waiting_household()
    proposal = await field.proposed(household, mentor=mentor)
    await field.network.move(days=2)
    assert (await field.get(f"/proposals/{proposal['id']}"))["state"] == "proposed"
    await field.network.move(days=1)
    seen = await field.get(f"/proposals/{proposal['id']}")

    assert (seen["state"], seen["dismissed_reason"]) == ("dismissed", "no_longer_fits")
    assert [one["code"] for one in seen["obstacles"]] == ["availability_over"]
    assert (await field.get(f"/households/{household['id']}"))["state"] == "waiting"


async def test_another_day_in_time_takes_its_place(field: Field) -> None:
    """The former one passes and changes nothing; nor does one that was taken away."""
    mentor = await field.ready_mentor(available_until=str(field.day + timedelta(days=1)))
    proposal = await field.proposed(await field.waiting_household(), mentor=mentor)
    await until(field, mentor, field.day + timedelta(days=4))
    await field.network.move(days=3)
    assert (await field.get(f"/proposals/{proposal['id']}"))["state"] == "proposed"
    await until(field, mentor, None)
    await field.network.move(days=3)

    assert (await field.get(f"/proposals/{proposal['id']}"))["state"] == "proposed"


async def test_a_run_that_computes_beyond_midnight_proposes_nobody_whose_day_has_passed(field: Field) -> None:
    """What falls due at midnight has looked already, and would not look at its proposals again."""
    await field.ready_mentor(available_until=str(field.day))
    household = await field.waiting_household()
    found = await field.found_by_a_run()
    await field.network.move(days=1)
    run = await field.taken_over(*found)

    assert (run["proposed"], run["dropped"]) == (0, 1)
    assert (await field.get(f"/households/{household['id']}"))["state"] == "waiting"


@pytest.mark.parametrize("erase", [False, True])
async def test_of_who_has_left_nothing_tells_the_day(field: Field, *, erase: bool) -> None:
    """Nor what would have fallen due after it."""
    mentor = await field.ready_mentor(available_until=str(field.day + timedelta(days=9)))
    assert "availability_end" in await due_about(field, mentor["id"])
    if erase:
        await erased(field, mentor["person_ref"])
        assert (await field.get(f"/mentors/{mentor['id']}"))["available_until"] is None
    else:
        await field.act(f"/mentors/{mentor['id']}/leave")

    assert "availability_end" not in await due_about(field, mentor["id"])


async def test_nobody_is_invited_after_the_day_and_who_was_asked_in_time_may_answer(field: Field) -> None:
    """Inviting is refused in a sentence that names the day; an invitation sent on it leads to a tandem after it."""
    mentor = await field.ready_mentor(available_until=str(field.day + timedelta(days=1)), capacity=2)
    asked = await field.invited(mentor=mentor)
    await field.network.move(days=3)
    for side in ("mentors", "household"):
        await field.act(f"/proposals/{asked['id']}/answers", {"side": side, "accepted": True})
    await field.act(f"/proposals/{asked['id']}/first_meeting", {"on": str(field.day)})
    tandem = await field.create("/tandems", {"proposal_id": asked["id"], "kind": "everyday"})
    assert (tandem["state"], tandem["obstacles"]) == ("trial", [])
    open_end = field.mentor_fields(available_until=None, capacity=2)
    await field.act(f"/mentors/{mentor['id']}", open_end, method="PUT")
    proposal = await field.proposed(await field.waiting_household(), mentor=mentor)
    address, passed = f"/proposals/{proposal['id']}", field.day - timedelta(days=1)
    await field.act(f"{address}/approve", {})
    await field.network.rows("matching", "UPDATE mentor SET available_until = $1 RETURNING 1", passed)
    refused = await field.attempt(f"{address}/invite")

    assert (refused.status_code, refused.json()["slug"]) == (409, "availability-over")
    assert str(passed) in refused.text


async def test_a_run_is_stale_once_the_day_has_passed(field: Field) -> None:
    """Nobody changed the mentor, and yet no run would propose them any more."""
    mentor = await field.ready_mentor(available_until=str(field.day))
    await field.waiting_household()
    run = await field.run(simulate=True)
    assert (await field.get(f"/runs/{run['id']}/changed_since"))["changed"] is False
    await field.network.move(days=1)
    stale = await field.get(f"/runs/{run['id']}/changed_since")

    assert (stale["changed"], stale["units_changed"], mentor["available_until"]) == (True, 1, str(run["today"]))


async def test_mentors_say_the_day_by_their_link(field: Field) -> None:
    """A program and the form of the page; left empty there is no end, and a form without the field leaves it."""
    mentor, day = await field.ready_mentor(), field.day + timedelta(days=30)
    path = await field.link(OWN_DATA, mentor["id"], mentor["person_ref"])
    answer = await field.client.post(f"{path}/availability", json={"available_until": str(day)})
    assert (answer.status_code, answer.json()["stored"]["available_until"]) == (200, str(day))
    page = await field.client.get(path, headers=BROWSER)
    assert f'<input type="date" name="available_until" value="{day}"' in page.text
    assert day.strftime("%d.%m.%Y") in page.text
    form: dict[str, Any] = {"form": "availability", "slots": ["tue_evening"], "language": ["de"], "level": ["B2"],
                            "radius_km": "30", "capacity": "1"}
    for said, kept in (({}, str(day)), ({"available_until": str(field.day)}, str(field.day)),
                       ({"available_until": ""}, None)):
        sent = await field.client.post(f"{path}/availability", data=form | said, headers=BROWSER)
        assert sent.status_code == 200, sent.text
        assert (await field.get(f"/mentors/{mentor['id']}"))["available_until"] == kept
    wrong = await field.client.post(f"{path}/availability", data=form | {"available_until": "31.12."}, headers=BROWSER)

    assert wrong.status_code == 422
    assert 'name="available_until" value="31.12."' in wrong.text
    assert "aria-invalid" in wrong.text


@pytest.mark.slow
async def test_the_same_goes_for_groups(field: Field) -> None:
    """A main contact says the day for all; after it the group is proposed to nobody."""
    group = await field.ready_group()
    household = await field.waiting_household(programme_id=str(field.sponsorship))
    first, *_ = await field.get(f"/members?mentor_group_id={group['id']}")
    path = await field.link(OWN_DATA, first["id"], first["person_ref"])
    answer = await field.client.post(f"{path}/availability", json={"available_until": str(field.day)})
    assert (answer.status_code, answer.json()["group"]["available_until"]) == (200, str(field.day))
    assert await units(field, household) == [group["id"]]
    await field.network.move(days=1)
    assert await units(field, household) == []
    seen = await field.get(f"/mentor_groups/{group['id']}")
    assert (seen["state"], seen["available_until"]) == ("ready", str(field.day - timedelta(days=1)))
    run = await field.run(field.sponsorship)
    (unserved,) = (await field.get(f"/runs/{run['id']}/unserved"))["items"]

    assert unserved["removed"] == {"availability_over": 1}
    assert (await field.get(f"/runs/{run['id']}"))["proposed"] == 0

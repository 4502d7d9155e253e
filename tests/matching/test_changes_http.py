"""What changes while a pair is on its way: a certificate, a waiver, and a trial that one side refuses."""

from datetime import datetime, timedelta
from typing import Any

from dateutil.relativedelta import relativedelta

from services.matching.links.queries import CONSENT
from tests.matching.field import Field, Json


def seen(day: Any) -> Json:
    """A certificate without an entry, seen on that day."""
    return {"seen_on": str(day), "certificate_date": str(day), "relevant_entry": False}


def time_between(earlier: str, later: str) -> timedelta:
    """How much later."""
    return datetime.fromisoformat(later) - datetime.fromisoformat(earlier)


def codes(of: Json) -> list[str]:
    """The codes of its obstacles."""
    return [one["code"] for one in of["obstacles"]]


async def test_a_certificate_that_runs_out_meanwhile_holds_the_answer_back(field: Field) -> None:
    """Who was not invited waits again; who was accepts once a certificate was seen anew."""
    mentor = await field.ready_mentor(capacity=2)
    address = f"/mentors/{mentor['id']}/record"
    await field.act(address, seen(field.day - relativedelta(years=5) + timedelta(days=3)))
    proposal = await field.invited(mentor=mentor)
    pending = await field.proposed(await field.waiting_household(), mentor=mentor)
    await field.network.move(days=4)
    assert codes(await field.get(f"/proposals/{proposal['id']}")) == ["not_vetted"]
    assert (await field.get(f"/proposals/{pending['id']}"))["dismissed_reason"] == "no_longer_fits"
    yes = {"side": "mentors", "accepted": True}
    assert await field.refused(f"/proposals/{proposal['id']}/answers", yes) == (409, "mentor-not-available")
    await field.act(address, seen(field.day))

    assert codes(await field.get(f"/proposals/{proposal['id']}")) == []
    assert (await field.act(f"/proposals/{proposal['id']}/answers", yes))["state"] == "accepted_one"


async def test_a_waiver_taken_back_holds_the_answer_back(field: Field) -> None:
    """The line is open again, and the group in preparation, until it is waived anew or fulfilled."""
    group = await field.create("/mentor_groups", field.group_body())
    await field.act(f"/mentor_groups/{group['id']}/housing", field.housing(), method="PUT")
    await field.act(f"/mentor_groups/{group['id']}/prepare")
    lines = await field.get(f"/prerequisites?mentor_group_id={group['id']}")
    line = next(one for one in lines if one["demand"] == "training")
    why = {"why": "Bei einem anderen Träger besucht."}
    await field.act(f"/prerequisites/{line['id']}/waive", why)
    proposal = await field.invited(group=group)
    await field.act(f"/prerequisites/{line['id']}/demand")
    assert codes(await field.get(f"/proposals/{proposal['id']}")) == ["not_vetted"]
    yes = {"side": "household", "accepted": True}
    assert await field.refused(f"/proposals/{proposal['id']}/answers", yes) == (409, "prerequisites-open")
    await field.act(f"/prerequisites/{line['id']}/waive", why)

    assert (await field.act(f"/proposals/{proposal['id']}/answers", yes))["state"] == "accepted_one"


async def test_after_a_refused_trial_somebody_else_is_found(field: Field) -> None:
    """The pair does not come back, they have waited as long as before it, and the mentor's other tandem goes on."""
    mentor = await field.ready_mentor(capacity=2)
    kept = await field.tandem(mentor=mentor)
    tandem = await field.tandem(mentor=mentor)
    before = await field.get(f"/households/{tandem['household_id']}")
    _, household = await field.refs(tandem)
    await field.network.move(timedelta(minutes=1), days=28)
    refused = await field.client.post(f"{await field.link(CONSENT, tandem['id'], household)}/refuse")
    assert refused.json()["state"] == "ended_early"
    after = await field.get(f"/households/{tandem['household_id']}")
    ended = await field.get(f"/tandems/{tandem['id']}")
    assert after["state"] == "waiting"
    assert time_between(before["waiting_since"], after["waiting_since"]) == time_between(
        ended["started_at"], ended["ended_at"])
    assert (await field.run())["proposed"] == 0
    other = await field.ready_mentor(languages={"de": "A2", "ar": "A2"})
    assert (await field.run())["proposed"] == 1
    found = (await field.get(f"/proposals?household_id={tandem['household_id']}&state=proposed"))["items"]

    assert [one["mentor_id"] for one in found] == [other["id"]]
    assert (await field.get(f"/tandems/{kept['id']}"))["state"] == "trial"
    assert {one["state"] for one in (await field.get(f"/checkins?tandem_id={kept['id']}"))["items"]} == {
        "due", "planned"}

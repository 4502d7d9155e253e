"""What a change does to a proposal or tandem: dismissed, noted, refused, and fitting again."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from libs.common.callers import Role
from services.matching.links.queries import ANSWER
from tests.matching.field import Field, Json

pytestmark = pytest.mark.slow

FAMILY = [{"age_band": "27-44", "gender": "f"}] * 7


async def changed(field: Field, pair: Json, **given: Any) -> Json:
    """The household of a pair says something else of itself."""
    return await field.act(f"/households/{pair['household_id']}", field.household_fields(**given), method="PUT")


async def mentor_changed(field: Field, pair: Json, **given: Any) -> Json:
    """The mentor of a pair says something else of themselves."""
    return await field.act(f"/mentors/{pair['mentor_id']}", field.mentor_fields(**given), method="PUT")


def codes(of: Json) -> list[str]:
    """The codes of its obstacles."""
    return [one["code"] for one in of["obstacles"]]


async def listed(field: Field, noun: str, of: Json) -> bool:
    """Whether it is among those with obstacles."""
    found = await field.get(f"/{noun}?with_obstacles=true&household_id={of['household_id']}")
    return of["id"] in [one["id"] for one in found["items"]]


async def test_what_was_not_yet_asked_is_dismissed(field: Field) -> None:
    """Proposed or approved; the household waits again, no shorter than before, and the pair may be found again."""
    mentor = await field.ready_mentor(capacity=2)
    for approved in (False, True):
        household = await field.waiting_household()
        proposal = await field.proposed(household, mentor=mentor)
        if approved:
            await field.act(f"/proposals/{proposal['id']}/approve", {})
        assert (await changed(field, proposal, urgency=1))["state"] == "proposed"
        after = await changed(field, proposal, members=FAMILY)
        found = await field.get(f"/proposals/{proposal['id']}")
        assert (after["state"], after["waiting_since"]) == ("waiting", household["waiting_since"])
        assert (found["state"], found["dismissed_reason"]) == ("dismissed", "no_longer_fits")
        assert codes(found) == ["household_too_large"]
        assert (await field.subjects(proposal["id"]))[-1] == "proposal.dismissed"
        assert not await listed(field, "proposals", found)
        await field.act(f"/households/{household['id']}/close", {"reason": "moved"})
    again = await field.waiting_household()
    await changed(field, await field.proposed(again, mentor=mentor), members=FAMILY)
    await changed(field, {"household_id": again["id"]})
    await field.run()
    (_, proposal) = (await field.get(f"/proposals?household_id={again['id']}"))["items"]

    assert (proposal["state"], proposal["mentor_id"]) == ("proposed", mentor["id"])


async def test_no_reason_of_the_system_is_given_by_a_person(field: Field) -> None:
    """A coordinator has reasons of their own."""
    proposal = await field.proposed(await field.waiting_household(), mentor=await field.ready_mentor())
    body = {"reason": "no_longer_fits"}

    assert await field.refused(f"/proposals/{proposal['id']}/dismiss", body) == (422, "reason-of-system")


async def test_who_is_invited_does_not_accept_until_they_fit_again(field: Field) -> None:
    """By link or telephone; the coordinator sees why in two languages, and may note a no all the same."""
    proposal = await field.invited()
    mentor, household = await field.refs(proposal)
    await changed(field, proposal, members=FAMILY, languages={"uk": "C2"})
    seen = await field.get(f"/proposals/{proposal['id']}")
    assert (seen["state"], codes(seen)) == ("invited", ["household_too_large", "no_common_language"])
    assert all(one["de"] and one["en"] and one["de"] != one["en"] for one in seen["obstacles"])
    assert await listed(field, "proposals", seen)
    link = await field.link(ANSWER, proposal["id"], household)
    answer = await field.client.post(f"{link}/accept")
    assert (answer.status_code, answer.json()["slug"]) == (409, "pair-no-longer-fits")
    page = await field.client.post(f"{link}/accept", headers={"Accept": "text/html"})
    assert "جهة التنسيق" in page.text
    yes = {"side": "mentors", "accepted": True}
    assert await field.refused(f"/proposals/{proposal['id']}/answers", yes) == (409, "pair-no-longer-fits")
    await changed(field, proposal, members=FAMILY)
    await mentor_changed(field, proposal, largest=7)
    assert codes(await field.get(f"/proposals/{proposal['id']}")) == []
    assert (await field.act(f"/proposals/{proposal['id']}/answers", yes))["state"] == "accepted_one"
    await changed(field, proposal, slots=[])
    assert codes(await field.get(f"/proposals/{proposal['id']}")) == ["too_few_common_slots"]
    assert (await field.client.post(f"{link}/decline")).json()["state"] == "declined"

    assert mentor != household
    assert (await field.get(f"/households/{proposal['household_id']}"))["state"] == "waiting"


async def test_by_a_link_nobody_learns_what_the_other_side_said(field: Field) -> None:
    """A veto is between its side and the coordinators: they see the code, the other side only that it fits no more."""
    proposal = await field.invited()
    mentor, household = await field.refs(proposal)
    await mentor_changed(field, proposal, vetoed_households=[proposal["household_id"]])
    assert codes(await field.get(f"/proposals/{proposal['id']}")) == ["vetoed"]
    for ref in (household, mentor):
        for language in ("en", "de"):
            answer = await field.client.post(f"{await field.link(ANSWER, proposal['id'], ref)}/accept",
                                             headers={"Accept-Language": language})
            assert (answer.status_code, answer.json()["slug"]) == (409, "pair-no-longer-fits")
            assert "vetoed" not in answer.text
            assert "codes" not in answer.text
    yes = {"side": "household", "accepted": True}
    said = await field.attempt(f"/proposals/{proposal['id']}/answers", yes)

    assert (said.status_code, said.json()["slug"]) == (409, "pair-no-longer-fits")
    assert said.json()["codes"] == {"why": ["vetoed"]}
    assert said.json()["detail"].endswith("fit again. This pair was ruled out.")


async def test_a_tandem_does_not_begin_until_they_fit_again(field: Field) -> None:
    """Both had accepted, and met; the mentors say that they can take the larger family in."""
    proposal = await field.accepted()
    await changed(field, proposal, members=FAMILY)
    assert codes(await field.get(f"/proposals/{proposal['id']}")) == ["household_too_large"]
    await field.act(f"/proposals/{proposal['id']}/first_meeting", {"on": str(field.day)})
    body = {"proposal_id": proposal["id"], "kind": "everyday"}
    refused = await field.send("POST", "/tandems", body)
    assert (refused.status_code, refused.json()["slug"]) == (409, "pair-no-longer-fits")
    assert refused.json()["codes"] == {"why": ["household_too_large"]}
    await mentor_changed(field, proposal, largest=7)

    assert (await field.create("/tandems", body))["obstacles"] == []


async def test_a_tandem_goes_on_and_the_coordinator_knows(field: Field) -> None:
    """On trial, active or paused; what is of the moment does not count: a pause, a certificate run out, a place."""
    tandem = await field.active()
    await changed(field, tandem, members=FAMILY)
    seen = await field.get(f"/tandems/{tandem['id']}")
    assert (seen["state"], codes(seen)) == ("active", ["household_too_large"])
    assert await listed(field, "tandems", seen)
    await field.act(f"/tandems/{tandem['id']}/pause")
    await field.act(f"/mentors/{tandem['mentor_id']}/pause")
    seen = str(field.day - timedelta(days=366 * 5))
    await field.act(f"/mentors/{tandem['mentor_id']}/record", {
        "seen_on": seen, "certificate_date": seen, "relevant_entry": False})
    assert codes(await field.get(f"/tandems/{tandem['id']}")) == ["household_too_large"]
    await mentor_changed(field, tandem, largest=7)
    seen = await field.get(f"/tandems/{tandem['id']}")

    assert (seen["state"], codes(seen), await listed(field, "tandems", seen)) == ("paused", [], False)


async def test_a_tandem_whose_mentor_has_a_relevant_entry_is_on_the_lists(field: Field) -> None:
    """Of tandems with obstacles and of certificates to be seen, until one without an entry is seen again."""
    tandem = await field.active()
    address, list_of_mentors = f"/mentors/{tandem['mentor_id']}", f"/mentors?programme_id={field.programme}"
    record = {"seen_on": str(field.day), "certificate_date": str(field.day), "relevant_entry": True}

    async def to_show() -> list[str]:
        found = await field.get(f"{list_of_mentors}&record_due_by={field.day}")
        return [one["id"] for one in found["items"]]

    assert (await to_show(), await listed(field, "tandems", tandem)) == ([], False)
    await field.act(f"{address}/record", record)
    assert (await to_show(), await listed(field, "tandems", tandem)) == ([tandem["mentor_id"]], True)
    assert codes(await field.get(f"/tandems/{tandem['id']}")) == ["not_vetted"]
    await field.act(f"{address}/record", record | {"relevant_entry": False})
    assert (await to_show(), await listed(field, "tandems", tandem)) == ([], False)

    await field.create("/mentors", field.mentor_body())  # nobody has asked them for a certificate yet
    await field.act(f"{address}/record", record)
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "other"})
    await field.act(f"{address}/leave")
    assert await to_show() == []


async def test_a_certificate_with_an_entry_lets_go_of_who_was_not_invited(field: Field) -> None:
    """And whoever was does not accept; of the entry nothing is kept."""
    mentor = await field.ready_mentor(capacity=2)
    pending = await field.proposed(await field.waiting_household(), mentor=mentor)
    invited = await field.invited(mentor=mentor)
    relevant = {"seen_on": str(field.day), "certificate_date": str(field.day), "relevant_entry": True}
    await field.act(f"/mentors/{mentor['id']}/record", relevant)

    assert (await field.get(f"/proposals/{pending['id']}"))["dismissed_reason"] == "no_longer_fits"
    assert codes(await field.get(f"/proposals/{invited['id']}")) == ["not_vetted"]
    answer = {"side": "household", "accepted": True}
    assert await field.refused(f"/proposals/{invited['id']}/answers", answer) == (409, "mentor-not-available")


async def test_of_too_few_places_the_better_proposal_keeps_one(field: Field) -> None:
    """With one place less the approved one stays; below what is taken the capacity is not set."""
    mentor = await field.ready_mentor(capacity=3)
    await field.invited(mentor=mentor)
    first, second = [await field.proposed(await field.waiting_household(), mentor=mentor) for _ in range(2)]
    await field.act(f"/proposals/{first['id']}/approve", {})
    await mentor_changed(field, {"mentor_id": mentor["id"]}, capacity=2)

    states = [(await field.get(f"/proposals/{one['id']}"))["state"] for one in (first, second)]
    assert states == ["approved", "dismissed"]
    assert codes(await field.get(f"/proposals/{second['id']}")) == ["no_place_free"]
    await mentor_changed(field, {"mentor_id": mentor["id"]}, capacity=1)
    assert (await field.get(f"/proposals/{first['id']}"))["state"] == "dismissed"
    assert await field.refused(f"/mentors/{mentor['id']}", field.mentor_fields(capacity=0), method="PUT") == (
        422, "invalid-request")


async def test_a_changed_main_contact_counts(field: Field) -> None:
    """They wish a woman: with the last one gone from the main contacts a pending proposal is dismissed."""
    group = await field.ready_group()
    proposal = await field.proposed(await field.waiting_household(
        programme_id=str(field.sponsorship), only_female_mentor=True), group=group)
    main, *_ = await field.get(f"/members?mentor_group_id={group['id']}")
    man = {"contact": {"name": "Person0 Gruppe"}, "gender": "m", "is_main_contact": True}
    await field.act(f"/members/{main['id']}", man, method="PUT")
    found = await field.get(f"/proposals/{proposal['id']}")

    assert (found["state"], codes(found)) == ("dismissed", ["gender_wish_of_household"])
    assert (await field.get(f"/mentor_groups/{group['id']}"))["state"] == "ready"


async def test_what_changed_while_a_run_computed_is_not_proposed(field: Field) -> None:
    """The pair was found on what was said before; the next run looks at what is said now."""
    mentor, household = await field.ready_mentor(), await field.waiting_household()
    run_id, pool, found = await field.found_by_a_run()
    assert found["proposals"]["unit_id"] == [mentor["id"]]
    await changed(field, {"household_id": household["id"]}, members=FAMILY)
    ended = await field.taken_over(run_id, pool, found)

    assert (ended["proposed"], ended["dropped"]) == (0, 1)
    assert (await field.get(f"/households/{household['id']}"))["state"] == "waiting"


@pytest.mark.slow
async def test_changing_and_accepting_at_once_gives_nobody_a_pair_that_does_not_fit(field: Field) -> None:
    """In whatever order: the acceptance came first and the obstacle is noted, or the change did and it is refused."""
    other = await field.network.instance("matching")
    for _ in range(8):
        proposal = await field.invited()
        answers = [await field.link(ANSWER, proposal["id"], ref) for ref in await field.refs(proposal)]
        await field.client.post(f"{answers[0]}/accept")
        etag = await field.etag("households", proposal["household_id"])
        mentor_etag = await field.etag("mentors", proposal["mentor_id"])
        fields, less = field.household_fields(members=FAMILY), field.mentor_fields(slots=[])
        accepted, household, mentor = await asyncio.gather(
            other.client.post(f"{answers[1]}/accept"),
            field.send("PUT", f"/households/{proposal['household_id']}", fields, etag=etag),
            field.send("PUT", f"/mentors/{proposal['mentor_id']}", less, etag=mentor_etag))
        assert (household.status_code, mentor.status_code) == (200, 200)
        seen = await field.get(f"/proposals/{proposal['id']}")
        assert codes(seen) == ["household_too_large", "too_few_common_slots"]
        assert (accepted.status_code, seen["state"]) in {(200, "accepted_both"), (409, "accepted_one")}
        if seen["state"] == "accepted_both":
            await field.act(f"/proposals/{proposal['id']}/first_meeting", {"on": str(field.day)})
        begun = await field.send("POST", "/tandems", {"proposal_id": proposal["id"], "kind": "everyday"})
        assert begun.status_code == 409
    field.network.services.remove(other)
    await other.stop()

    assert await field.network.rows("matching", "SELECT 1 FROM tandem WHERE programme_id = $1", field.programme) == []


async def test_what_follows_from_a_change_reaches_beyond_who_makes_it(field: Field) -> None:
    """A counsellor's household is in a tandem of the region, a mentor's household in the next district."""
    partner, body = uuid4(), {name: value for name, value in field.household_body().items()
                              if name not in {"region", "programme_id", "contact"}}
    tandem = await field.tandem(partner_id=str(partner))
    counsellor = await field.network.key(Role.COUNSELLOR, partner_id=partner)
    changed = await field.attempt(f"/households/{tandem['household_id']}", body, method="PUT", headers=counsellor)
    assert changed.status_code == 200, changed.text

    own, field.coordinator = field.coordinator, await field.network.key(Role.COORDINATOR, region="15")
    mentor = await field.ready_mentor(slots=["mon_morning", "mon_midday"])
    await field.tandem(mentor=mentor, region="15084", slots=["mon_morning", "mon_midday"])
    field.coordinator = own
    less = {"languages": {"fr": "C2"}, "slots": ["mon_morning", "mon_midday"]}
    assert (await field.attempt(f"/mentors/{mentor['id']}", less, method="PUT")).status_code == 200
    (consent,) = (await field.get(f"/consents?person_ref={mentor['person_ref']}&purpose=matching"))["items"]
    assert (await field.act(f"/consents/{consent['id']}/withdraw"))["withdrawn_on"] == str(field.day)

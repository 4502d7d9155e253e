"""Who leaves or joins a group on its way: what that does to its checklist, its application, proposals and tandem."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.common.facts.notify import ConsentWithdrawn
from libs.common.facts.registry import ErasureRequested
from services.matching.links.queries import ANSWER, OWN_DATA
from tests.matching.field import BESIDES, LONG_AGO, Field, Json, sponsorship


async def members(field: Field, group: Json) -> list[Json]:
    """Who belongs to the group or did, in the order they joined."""
    found: list[Json] = await field.get(f"/members?mentor_group_id={group['id']}")
    return found


async def leaves(field: Field, group: Json, place: int = -1) -> Json:
    """One of its members leaves; returns the group."""
    await field.act(f"/members/{(await members(field, group))[place]['id']}/leave")
    return await read(field, group)


async def joins(field: Field, group: Json, **given: Any) -> Json:
    """Somebody joins it; returns the group."""
    body = {"mentor_group_id": group["id"], "contact": {"name": "Vera Neu"}, "gender": "f", "consented_on": LONG_AGO,
            "consented_besides": BESIDES}
    await field.create("/members", body | given)
    return await read(field, group)


async def read(field: Field, group: Json) -> Json:
    """The group as it is."""
    found: Json = await field.get(f"/mentor_groups/{group['id']}")
    return found


async def with_authority(field: Field, *verbs: str) -> Json:
    """A ready group of a programme in which an authority chooses, after these steps."""
    programme = uuid4()
    await field.network.tell("matching", sponsorship(programme, chooser="authority"))
    group = await field.ready_group(programme_id=str(programme))
    for verb in verbs:
        await field.act(f"/mentor_groups/{group['id']}/{verb}")
    return await read(field, group)


async def test_a_group_in_preparation_or_ready_follows_its_members(field: Field) -> None:
    """With one too few it prepares again; with another one it is ready: two trained members are still two."""
    group = await field.ready_group()
    assert (await leaves(field, group, 3))["state"] == "in_preparation"
    assert (await leaves(field, group, 2))["state"] == "in_preparation"
    assert (await joins(field, group))["state"] == "in_preparation"
    assert (await joins(field, group))["state"] == "ready"
    assert (await joins(field, group))["state"] == "ready"


async def test_a_trained_member_takes_the_training_along(field: Field) -> None:
    """Who joins instead has not attended it; who is trained already counts at once."""
    group = await field.ready_group()
    assert (await leaves(field, group, 0))["state"] == "in_preparation"
    assert (await joins(field, group, is_main_contact=True))["state"] == "in_preparation"
    newcomer = (await members(field, group))[-1]
    await field.network.tell("matching", field.attended(newcomer["person_ref"]))

    assert (await read(field, group))["state"] == "ready"


@pytest.mark.parametrize("verbs", [("apply",), ("apply", "list")])
async def test_an_application_falls_with_a_member_who_is_missed(field: Field, verbs: tuple[str, ...]) -> None:
    """Complete again the group is ready, and applies anew; one more who agrees changes nothing."""
    group = await with_authority(field, *verbs)
    assert (await joins(field, group))["state"] == group["state"]
    assert (await leaves(field, group))["state"] == group["state"]
    assert (await leaves(field, group, 3))["state"] == "in_preparation"
    assert (await joins(field, group))["state"] == "ready"
    assert (await field.act(f"/mentor_groups/{group['id']}/apply"))["state"] == "applied"


async def test_an_approved_proposal_is_dismissed_and_the_household_waits(field: Field) -> None:
    """No shorter than before; ready again the group may be found for them again."""
    group = await field.ready_group()
    household = await field.waiting_household(programme_id=str(field.sponsorship))
    proposal = await field.proposed(household, group=group)
    await field.act(f"/proposals/{proposal['id']}/approve", {})
    await leaves(field, group)
    seen = await field.get(f"/proposals/{proposal['id']}")
    after = await field.get(f"/households/{household['id']}")
    assert (seen["state"], seen["dismissed_reason"]) == ("dismissed", "no_longer_fits")
    assert (after["state"], after["waiting_since"]) == ("waiting", household["waiting_since"])
    await joins(field, group)
    run = await field.run(field.sponsorship)

    assert run["proposed"] == 1


async def test_an_open_invitation_waits_until_the_group_is_complete(field: Field) -> None:
    """Who left answers no more; the others do once somebody has joined."""
    group = await field.ready_group()
    proposal = await field.invited(group=group)
    main = (await members(field, group))[0]
    link = await field.link(ANSWER, proposal["id"], main["person_ref"])
    assert (await leaves(field, group, 0))["state"] == "in_preparation"
    seen = await field.get(f"/proposals/{proposal['id']}")
    assert (seen["state"], [one["code"] for one in seen["obstacles"]]) == ("invited", ["not_vetted"])
    assert (await field.client.post(f"{link}/accept")).status_code == 404
    yes = {"side": "mentors", "accepted": True}
    assert await field.refused(f"/proposals/{proposal['id']}/answers", yes) == (409, "prerequisites-open")
    await joins(field, group, is_main_contact=True)
    newcomer = (await members(field, group))[-1]
    await field.network.tell("matching", field.attended(newcomer["person_ref"]))
    link = await field.link(ANSWER, proposal["id"], newcomer["person_ref"])

    assert (await field.client.post(f"{link}/accept")).json()["state"] == "accepted_one"
    assert (await field.get(f"/proposals/{proposal['id']}"))["obstacles"] == []


@pytest.mark.parametrize("state", ["matched", "accompanying"])
async def test_with_a_household_the_group_stays_where_it_is(field: Field, state: str) -> None:
    """Though its checklist misses somebody; the last main contact gone, all who are left speak for it."""
    group = await field.ready_group()
    pair = await (field.accepted(group=group) if state == "matched" else field.tandem(group=group))
    noun = "proposals" if state == "matched" else "tandems"
    assert (await leaves(field, group, 0))["state"] == state
    seen = await field.get(f"/{noun}/{pair['id']}")
    assert [one["code"] for one in seen["obstacles"]] == ["not_vetted"]
    verb, body = ("first_meeting", {"on": str(field.day)}) if state == "matched" else ("end_early", {"reason": "moved"})
    await field.act(f"/{noun}/{pair['id']}/{verb}", body)
    if state == "accompanying":
        (told,) = await field.told(pair["id"], kind="ended_early")
        refs = [one["person_ref"] for one in (await members(field, group))[1:]]
        assert set(refs) < set(told["person_refs"])
        assert (await read(field, group))["state"] == "in_preparation"


async def test_with_the_last_member_a_group_ends(field: Field) -> None:
    """Its invitation is declined for it, and the household waits again."""
    group = await field.ready_group()
    proposal = await field.invited(group=group)
    for place in range(4):
        await leaves(field, group, place)
    after = await read(field, group)

    assert (after["state"], after["end_reason"]) == ("withdrawn", "nobody_left")
    assert (await field.get(f"/proposals/{proposal['id']}"))["state"] == "declined"
    assert (await field.get(f"/households/{proposal['household_id']}"))["state"] == "waiting"


async def test_a_member_who_is_gone_changes_the_group(field: Field) -> None:
    """Erased, or without consent: its version is another, so that a run that computes with it proposes it no more."""
    group = await field.ready_group()
    first, second, *_ = await members(field, group)
    await field.network.tell("matching", ErasureRequested(
        erasure_id=uuid4(), person_refs=(UUID(first["person_ref"]),)))
    after = await read(field, group)
    assert after["version"] > group["version"]
    await field.network.tell("matching", ConsentWithdrawn(person_ref=UUID(second["person_ref"]), purpose="matching"))

    assert (await read(field, group))["version"] > after["version"]


async def test_a_main_contact_who_consents_is_asked_how_it_goes(field: Field) -> None:
    """What was dropped while none did is planned again; one who does not consent leaves it dropped."""
    group = await field.ready_group()
    first, second, third, _ = await members(field, group)
    for one in (first, second):
        await field.network.tell("matching", ConsentWithdrawn(person_ref=UUID(one["person_ref"]), purpose="checkins"))
    tandem = await field.tandem(group=group)
    assert await asked(field, tandem) == {"dropped"}
    await becomes_main_contact(field, second)
    assert await asked(field, tandem) == {"dropped"}
    await becomes_main_contact(field, third)

    assert await asked(field, tandem) == {"planned"}


async def test_a_training_attended_elsewhere_counts_with_its_certificate(field: Field) -> None:
    """The code is the evidence and stands with the member; shown again it is replaced, and one person counts once."""
    group = await field.ready_group()
    assert (await leaves(field, group, 1))["state"] == "in_preparation"
    first, _, third, _ = await members(field, group)
    address, shown = f"/members/{third['id']}/trainings", {
        "training_code": "basic", "attended_on": LONG_AGO, "certificate": "ZKS-2024-01"}
    await field.act(f"/members/{first['id']}/trainings", shown)
    assert (await joins(field, group))["state"] == "in_preparation"
    await field.act(address, shown)
    assert (await read(field, group))["state"] == "ready"
    again = await field.act(address, shown | {"certificate": "ZKS-2024-02"})
    assert [one["certificate"] for one in again["trainings_shown"]] == ["ZKS-2024-02"]
    path = await field.link(OWN_DATA, third["id"], third["person_ref"])
    assert "basic, 08.01.2024, ZKS-2024-02" in (await field.client.get(path, headers={"Accept": "text/html"})).text
    assert "ZKS" not in str(await field.told(group["id"]))
    for wrong in ({"attended_on": "2099-01-01"}, {"certificate": "von Mira Beispiel"}):
        assert (await field.refused(address, shown | wrong))[0] == 422
    await field.act(f"/members/{third['id']}/leave")

    assert await field.refused(address, shown) == (409, "member-left")
    assert (await read(field, group))["state"] == "in_preparation"


async def test_an_erased_member_leaves_no_certificate_behind(field: Field) -> None:
    """Neither with them nor on the checklist, which rests while the group accompanies."""
    group = await field.ready_group()
    *_, last = await members(field, group)
    await field.act(f"/members/{last['id']}/trainings", {
        "training_code": "basic", "attended_on": LONG_AGO, "certificate": "ZKS-2024-01"})
    await field.tandem(group=group)
    assert last["person_ref"] in str(await field.get(f"/prerequisites?mentor_group_id={group['id']}"))
    await field.network.tell("matching", ErasureRequested(
        erasure_id=uuid4(), person_refs=(UUID(last["person_ref"]),)))

    assert last["person_ref"] not in str(await field.get(f"/prerequisites?mentor_group_id={group['id']}"))
    assert (await members(field, group))[-1]["trainings_shown"] == []


async def becomes_main_contact(field: Field, member: Json) -> None:
    """The coordinator makes them one whom the household turns to."""
    body = {"contact": {"name": member["name"], "email": member["email"]}, "is_main_contact": True}
    await field.act(f"/members/{member['id']}", body, method="PUT")


async def asked(field: Field, tandem: Json) -> set[str]:
    """In which states the check-ins of the group are."""
    return {one["state"] for one in (await field.get(f"/checkins?tandem_id={tandem['id']}"))["items"]
            if one["side"] == "mentors"}

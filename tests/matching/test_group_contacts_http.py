"""Others speak for a group than did: what it was asked, and has not answered, they are asked."""

from datetime import timedelta

import pytest

from services.matching.links.queries import ANSWER, CHECKIN
from tests.matching.field import Field, Json, a_person
from tests.matching.test_checkins_http import due
from tests.matching.test_group_members_http import becomes_main_contact, joins, members
from tests.matching.test_persons_facts import erased
from tests.matching.test_tandems_trial_over import told_of_checkin, told_of_trial

SINCE = "mentors_not_reached_since"


async def ready(field: Field) -> tuple[Json, list[Json]]:
    """A group whose checklist is done without the first two, and its members."""
    group = await field.ready_group(members=5)
    found = await members(field, group)
    await field.network.tell("matching", *(field.attended(one["person_ref"]) for one in found[2:4]))
    return group, found


async def invited(field: Field, proposal: Json) -> list[list[str]]:
    """Who was invited to what is proposed, the first first."""
    return [fact["person_refs"] for fact in await field.told(proposal["id"], kind="proposal.invited")]


async def test_an_invitation_goes_to_who_speaks_for_the_group_from_now_on(field: Field) -> None:
    """Until the same day, and to nobody twice: first to another main contact, then to all, when there is none left."""
    group, (first, second, *others) = await ready(field)
    proposal = await field.invited(group=group)
    household = (await field.refs(proposal))[1]
    await becomes_main_contact(field, second)
    await field.act(f"/members/{first['id']}/leave")
    assert await invited(field, proposal) == [[first["person_ref"], household], [second["person_ref"]]]
    await erased(field, second["person_ref"])
    told = await field.told(proposal["id"], kind="proposal.invited")
    assert {fact["expires"] for fact in told} == {told[0]["expires"]}
    assert told[2:] == [told[2]]
    assert told[2]["person_refs"] == [one["person_ref"] for one in others]
    await joins(field, group)
    newcomer = (await members(field, group))[-1]
    assert (await invited(field, proposal))[3:] == [[newcomer["person_ref"]]]
    await joins(field, group, is_main_contact=True)
    main = (await members(field, group))[-1]

    assert (await invited(field, proposal))[4:] == [[main["person_ref"]]]
    path = await field.link(ANSWER, proposal["id"], main["person_ref"])
    assert (await field.client.post(f"{path}/accept")).json()["state"] == "accepted_one"
    await becomes_main_contact(field, others[0])
    assert len(await invited(field, proposal)) == 5


async def test_whether_an_invitation_reaches_a_group_is_known_of_who_speaks_now(field: Field) -> None:
    """Of who has no mail address it did not; silence then bars nothing."""
    group, (first, second, *_) = await ready(field)
    await field.act(f"/members/{second['id']}", {"contact": {"name": "Ohne Adresse", "phone": "+49 3464 1"}},
                    method="PUT")
    proposal = await field.invited(group=group)
    address = f"/proposals/{proposal['id']}"
    await becomes_main_contact(field, second | {"email": None})
    assert (await field.get(address))[SINCE] is None
    await field.act(f"/members/{first['id']}/leave")
    assert (await field.get(address))[SINCE]
    await joins(field, group, is_main_contact=True, contact=a_person("Vera Neu"))
    assert (await field.get(address))[SINCE] is None
    await field.network.move(timedelta(days=7, minutes=1))

    assert (await field.get(address))["state"] == "expired"
    await joins(field, group, is_main_contact=True)
    assert len(await invited(field, proposal)) == 3


@pytest.mark.parametrize("how", ["leaves", "is erased"])
async def test_once_the_main_contact_is_gone_the_others_are_asked_how_it_goes(field: Field, how: str) -> None:
    """And whether to go on, which the check-in asks; one more who speaks beside those who were asked is not."""
    group, (first, second, *others) = await ready(field)
    tandem = await field.tandem(group=group)
    household = (await field.refs(tandem))[1]
    checkin = (await due(field, tandem))["mentors"]
    if how == "leaves":
        await field.act(f"/members/{first['id']}/leave")
    else:
        await erased(field, first["person_ref"])
    await field.network.settled()
    left = [one["person_ref"] for one in (second, *others)]
    assert await told_of_checkin(field, tandem) == [first["person_ref"], household, *left]
    assert await told_of_trial(field, tandem) == []
    await becomes_main_contact(field, second)
    await field.network.settled()
    assert len(await told_of_checkin(field, tandem)) == 2 + len(left)
    path = await field.link(CHECKIN, checkin["id"], second["person_ref"])

    assert (await field.client.post(path, json={"mood": 4})).json()["state"] == "done"

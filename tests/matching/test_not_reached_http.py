"""Invitations that do not arrive: the coordinator sees it, and what nobody could read does not bar the pair."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from libs.common.facts.notify import Channel, DeliveryBounced, DeliverySuppressed
from services.matching.links.queries import ANSWER
from tests.matching.field import Field, Json, a_person

pytestmark = pytest.mark.slow

SAMIRA = a_person("Samira Demo", email=None, phone="+49 3464 123456", written_in=["ar"])
SINCE = {"mentors": "mentors_not_reached_since", "household": "household_not_reached_since"}


async def cause_of(field: Field, proposal: Json) -> UUID:
    """The id of the fact that told of an invitation."""
    (row,) = await field.network.rows(
        "matching", "SELECT fact_id FROM outbox WHERE about = $1 AND subject = 'matching.proposal.invited.v1'",
        f"proposal/{proposal['id']}")
    found: UUID = row["fact_id"]
    return found


def bounced(cause: UUID, person_ref: str | None) -> DeliveryBounced:
    """The mail of an invitation came back."""
    return DeliveryBounced(delivery_id=uuid4(), cause=cause, template="proposal_invited", channel=Channel.EMAIL,
                           person_ref=UUID(person_ref) if person_ref else None)


def suppressed(cause: UUID, person_ref: str, reason: str) -> DeliverySuppressed:
    """The mail of an invitation was not sent."""
    return DeliverySuppressed(delivery_id=uuid4(), cause=cause, template="proposal_invited", channel=Channel.EMAIL,
                              person_ref=UUID(person_ref), reason=reason)


async def missed(field: Field, proposal: Json) -> set[str]:
    """The sides that a proposal's invitation did not reach; the list says the same."""
    shown = await field.get(f"/proposals/{proposal['id']}")
    listed = (await field.get(f"/proposals?not_reached=true&household_id={proposal['household_id']}"))["items"]
    assert [one["id"] for one in listed] == ([proposal["id"]] if any(shown[name] for name in SINCE.values()) else [])
    return {side for side, name in SINCE.items() if shown[name]}


async def test_who_has_no_mail_address_is_seen_at_once(field: Field) -> None:
    """The answer to the invitation says so, and the coordinator telephones; what they say then counts."""
    proposal = await field.invited(contact=SAMIRA)
    assert proposal["household_not_reached_since"] == proposal["invited_at"]
    assert proposal["mentors_not_reached_since"] is None
    assert await missed(field, proposal) == {"household"}
    said = await field.act(f"/proposals/{proposal['id']}/answers", {"side": "household", "accepted": True})

    assert (said["state"], said["household_not_reached_since"]) == ("accepted_one", None)
    assert await missed(field, proposal) == set()


@pytest.mark.parametrize("reached", [True, False])
async def test_only_who_was_reached_bars_a_pair_by_silence(field: Field, *, reached: bool) -> None:
    """After seven days: a household that never got the mail is proposed to the same mentor again."""
    proposal = await field.invited(**{} if reached else {"contact": SAMIRA})
    await field.network.move(timedelta(days=7, minutes=1))
    assert (await field.get(f"/proposals/{proposal['id']}"))["state"] == "expired"
    run = await field.run()

    assert (run["households"], run["proposed"]) == (1, 0 if reached else 1)


async def test_a_mail_that_came_back_is_noted_by_side(field: Field) -> None:
    """Bounced, or not sent for a reason of the person's; not when there was nothing to tell, nor of other mails."""
    proposal = await field.invited()
    mentor, household = await field.refs(proposal)
    cause = await cause_of(field, proposal)
    await field.network.tell(
        "matching", suppressed(cause, mentor, "nothing_to_tell"), suppressed(cause, mentor, "erased"),
        bounced(cause, None), bounced(cause, str(uuid4())), bounced(uuid4(), household))
    assert await missed(field, proposal) == set()
    await field.network.tell("matching", bounced(cause, household))
    assert await missed(field, proposal) == {"household"}
    since = (await field.get(f"/proposals/{proposal['id']}"))["household_not_reached_since"]
    await field.network.move(days=1)
    await field.network.tell("matching", suppressed(cause, mentor, "opted_out"), bounced(cause, household))

    assert await missed(field, proposal) == {"mentors", "household"}
    assert (await field.get(f"/proposals/{proposal['id']}"))["household_not_reached_since"] == since


async def test_a_side_that_has_answered_was_reached(field: Field) -> None:
    """A report that comes after its yes changes nothing; one that comes after the end counts."""
    proposal = await field.invited()
    mentor, household = await field.refs(proposal)
    cause = await cause_of(field, proposal)
    assert (await field.client.post(f"{await field.link(ANSWER, proposal['id'], mentor)}/accept")).status_code == 200
    await field.network.tell("matching", bounced(cause, mentor))
    assert await missed(field, proposal) == set()
    await field.network.move(timedelta(days=7, minutes=1))
    await field.network.tell("matching", bounced(cause, household))
    assert await missed(field, proposal) == {"household"}

    declined = await field.invited()
    await field.act(f"/proposals/{declined['id']}/answers", {
        "side": "household", "accepted": False, "reason": "no_time"})
    await field.network.tell("matching", bounced(await cause_of(field, declined), (await field.refs(declined))[0]))
    assert await missed(field, declined) == set()


async def test_a_group_is_reached_through_any_of_its_main_contacts(field: Field) -> None:
    """Only once the mails to all of them came back it was not reached."""
    group = await field.ready_group()
    await field.network.rows(
        "matching", "UPDATE mentor_group_member SET is_main_contact = true WHERE id = ("
        "SELECT max(id::text)::uuid FROM mentor_group_member WHERE mentor_group_id = $1)", UUID(group["id"]))
    proposal = await field.invited(group=group)
    contacts = [one["person_ref"] for one in await field.get(f"/members?mentor_group_id={group['id']}")
                if one["is_main_contact"]]
    cause = await cause_of(field, proposal)
    await field.network.tell("matching", bounced(cause, contacts[0]))
    assert await missed(field, proposal) == set()
    await field.network.tell("matching", bounced(cause, contacts[1]))

    assert (len(contacts), await missed(field, proposal)) == (2, {"mentors"})

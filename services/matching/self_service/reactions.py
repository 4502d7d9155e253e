"""What follows from what people do by their link: the same as when the coordinator does it for them."""

from typing import Any

from libs.common.audit import audited
from libs.common.db import OpenTransaction
from libs.common.facts.matching import OwnDataOffered
from libs.common.outbox import announce
from libs.common.refusals import Refused
from services.matching.consents.model import Purpose
from services.matching.consents.reactions import consent_withdrawn
from services.matching.holders.queries import Holder, Reader, speaking_for, spoken_for
from services.matching.households.model import Household
from services.matching.members.model import Member
from services.matching.members.reactions import group_to_change, left_group
from services.matching.mentor_groups.model import MentorGroup
from services.matching.mentors.model import Mentor
from services.matching.mentors.reactions import described, left
from services.matching.obstacles.reactions import look_again, unit_described
from services.matching.pauses.reactions import paused, resumed
from services.matching.profiles.queries import address_mark, beyond_scope, contact_changed
from services.matching.profiles.rules import ContactIn, mask_of
from services.matching.proposals.queries import Unit, is_busy
from services.matching.proposals.reactions import let_go
from services.matching.self_service.rules import OF_UNITS, AvailabilityIn

NOT_WANTED = "not_wanted"


def offered(transaction: OpenTransaction, holder: Reader) -> None:
    """They are to get a link to their own data, in the mail that this fact brings about."""
    announce(transaction, OwnDataOffered(
        own_data_id=holder.id, region=holder.region, person_refs=(holder.person_ref,)))


async def change_availability(transaction: OpenTransaction, holder: Holder, body: AvailabilityIn) -> None:
    """When, where, in which languages and with how many; of a group its main contacts say so."""
    values = _said(body)
    until = {"available_until": body.available_until} if "available_until" in body.model_fields_set else {}
    known = {name: value for name, value in values.items() if value is not None} | until
    if isinstance(holder, Mentor):
        await described(transaction, holder, known, capacity=body.capacity)
    elif isinstance(holder, Member):
        group = await spoken_for(transaction, holder)
        if group is None:
            raise Refused("availability-of-group",
                          "The times and languages of a group are changed by its main contacts or the coordinators.")
        group.refuse_ended()
        await audited(transaction, "change", f"mentor_group/{group.id}", holder.person_ref)
        await unit_described(transaction, group, known)
    else:
        holder.refuse_closed()
        await beyond_scope(transaction)
        holder.describe(values)
        await look_again(transaction, holder)


async def change_contact(transaction: OpenTransaction, holder: Holder, body: ContactIn) -> None:
    """Their name, addresses, and the languages to write to them in. A new mail address is sent a new link."""
    before = await address_mark(transaction, holder.person_ref)
    await contact_changed(transaction, holder, body)
    if body.email and before != await address_mark(transaction, holder.person_ref):
        offered(transaction, holder)


async def pause(transaction: OpenTransaction, holder: Holder) -> None:
    """A mentor, or the group of a main contact, takes in nobody new for a while; a household wants nobody."""
    await paused(transaction, await _side(transaction, holder))


async def resume(transaction: OpenTransaction, holder: Holder) -> None:
    """They are back from a pause of their own; being held back is ended by the coordinators alone."""
    await resumed(transaction, await _side(transaction, holder))


async def leave(transaction: OpenTransaction, holder: Holder) -> None:
    """A mentor stops, a member leaves the group, a household wants nobody any more; refused while something runs."""
    if isinstance(holder, Mentor):
        await left(transaction, holder)
    elif isinstance(holder, Member):
        await left_group(transaction, holder, await group_to_change(transaction, holder.mentor_group_id))
    else:
        await beyond_scope(transaction)
        holder.close(NOT_WANTED, transaction.clock.now(), busy=await is_busy(transaction, holder))
        await let_go(transaction, holder)


async def withdraw_consent(transaction: OpenTransaction, holder: Reader, purpose: Purpose) -> None:
    """They take back a consent, and what it was for stops; without that to be matched all that is open ends."""
    await consent_withdrawn(transaction, holder.person_ref, purpose)


async def _side(transaction: OpenTransaction, holder: Holder) -> Household | Unit:
    of = await speaking_for(transaction, holder)
    if isinstance(of, MentorGroup):
        await audited(transaction, "change", f"mentor_group/{of.id}", holder.person_ref)
    return of


def _said(body: AvailabilityIn) -> dict[str, Any]:
    values = body.model_dump(mode="json", exclude_unset=True, exclude=set(OF_UNITS))
    values = {name: value for name, value in values.items() if value is not None or name == "radius_km"}
    return values | ({"slots": mask_of(body.slots)} if body.slots is not None else {})

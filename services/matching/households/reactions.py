"""What follows when a household is described, grows or shrinks, or when somebody else speaks for it from now on."""

from datetime import date
from typing import Any
from uuid import UUID

from libs.common.audit import audited
from libs.common.db import OpenTransaction
from libs.common.facts.matching import Side
from libs.common.privacy import seal
from libs.common.refusals import Invalid
from services.matching.checkins.reactions import ask_new_contact
from services.matching.consents.model import Purpose
from services.matching.consents.reactions import Given, consent_given
from services.matching.decisions.model import Decided
from services.matching.decisions.reactions import decided
from services.matching.households.model import (
    FEMALE_ONLY,
    MATCHED_FOR,
    SEALED_NOTE,
    Household,
    HouseholdChange,
    HouseholdChangeKind,
    Note,
)
from services.matching.households.rules import HouseholdFields, ReplacingIn
from services.matching.profiles.queries import beyond_scope, met
from services.matching.profiles.rules import ConsentIn, columns_of
from services.matching.proposals.queries import is_busy
from services.matching.proposals.reactions import invite_new_contact, let_go
from services.matching.self_service.reactions import offered
from services.matching.tandems.queries import running_of

BEYOND = {"region", "partner_id", "programme_id", "contact", "note", "only_female_mentor", "contact_genders",
          "barrier_free", "members"}


async def described(transaction: OpenTransaction, household: Household, body: HouseholdFields) -> None:
    """What the household says of itself is taken over; the note is sealed with its contact's key."""
    if not body.genders_agree:
        raise Invalid("gender-wishes-differ", "The wishes for who accompanies them contradict each other"
                      " (only_female_mentor and contact_genders): give one of them, or both alike.",
                      field="contact_genders")
    values: dict[str, Any] = columns_of(body, without=BEYOND)
    must = {*body.must_haves, *({"step_free"} if body.barrier_free else ())}
    # Who sends nothing of it may not know of such a wish; only what is sent takes one for somebody's safety away.
    kept = set(household.contact_genders) - set(FEMALE_ONLY) and not body.says_by_whom
    household.describe(values | {
        "members": [one.model_dump(mode="json") for one in body.members], "must_haves": sorted(must),
        "contact_genders": household.contact_genders if kept else body.wished_genders, "arrived_on": body.arrived_on,
        **{name: sorted(getattr(body, name)) for name in ("vetoed_units", "vetoed_persons", "vetoed_partners")},
    })
    household.note = await _sealed(transaction, household.person_ref, body.note)


def size_noted(transaction: OpenTransaction, household: Household, kind: HouseholdChangeKind, on: date) -> None:
    """It is kept how large the household is since that day, and why."""
    transaction.add(HouseholdChange(
        household_id=household.id, region=household.region, partner_id=household.partner_id, kind=kind, happened_on=on,
        persons=len(household.members), noted_by=transaction.caller.principal, noted_at=transaction.clock.now()))


async def agreed(transaction: OpenTransaction, household: Household, consent: ConsentIn) -> None:
    """The contact of a locked household consented to be matched, and to what else the text asks for."""
    what = Given((Purpose.MATCHING, *map(Purpose, consent.besides)), consent.given_on, consent.text_version,
                 consent.language)
    await consent_given(
        transaction, household.person_ref, what, region=household.region, partner_id=household.partner_id)


async def contact_replaced(transaction: OpenTransaction, household: Household, body: ReplacingIn) -> None:
    """Another person speaks for a locked household: they are met anew, and asked what it has not answered yet.

    What the former contact said, raised or consented to stays with their person_ref, and no link of theirs holds but
    that to own data.
    """
    former = household.person_ref
    person_ref = await met(transaction, body.contact, region=household.region, partner_id=household.partner_id)
    household.replace_contact(person_ref, *(body.consent.given_on, body.consent.text_version) if body.consent else ())
    household.note = await _sealed(transaction, person_ref, body.note)
    await transaction.flush()
    if body.consent:
        await agreed(transaction, household, body.consent)
    await invite_new_contact(transaction, household)
    for tandem in await running_of(transaction, household):
        await ask_new_contact(transaction, tandem, Side.HOUSEHOLD)
    if household.state in MATCHED_FOR:
        offered(transaction, household)
    for one in (former, person_ref):
        await audited(transaction, "change", f"household/{household.id}", one)


async def _sealed(transaction: OpenTransaction, person_ref: UUID, note: str | None) -> bytes | None:
    return None if note is None else await seal(transaction, person_ref, SEALED_NOTE, Note(text=note))


async def closed(transaction: OpenTransaction, household: Household, reason: str) -> None:
    """A locked household needs or wants nobody any more; a proposal that nobody was invited to is dismissed."""
    await beyond_scope(transaction)
    household.close(reason, transaction.clock.now(), busy=await is_busy(transaction, household))
    await decided(transaction, household, Decided.CLOSED, reason=reason)
    await let_go(transaction, household)

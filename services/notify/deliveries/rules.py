"""Which facts are told to whom, by which template: one line for each notification."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID


class Who(StrEnum):
    """Whom a fact is told: whom it names in one of its fields, who asked for such news, who is registered."""

    CONTACTS = "contact_refs"
    PERSONS = "person_refs"
    PERSON = "person_ref"
    SUBSCRIBERS = "subscribers"
    REGISTERED = "registered"


@dataclass(frozen=True)
class Told:
    """One notification that a fact brings about, if the condition holds for it.

    once_per: the field of a thing that many facts are about, and that each person is told of once.
    """

    template: str
    who: Who
    when: Callable[[Any], bool] = lambda _fact: True
    once_per: str = ""


CONTACTS, PERSONS, PERSON, SUBSCRIBERS, REGISTERED = Who

# By the fact's subject: this table needs no class of another service, and reads like the bus. A coordinator works with
# lists, not with mails, and is told something here only as a partner's contact. An event's cancelling reaches those
# who registered by the cancelling of each registration.
TOLD: Mapping[str, tuple[Told, ...]] = {
    "registry.partner.verified.v1": (Told("partner_verified", CONTACTS),),
    "registry.partner.suspended.v1": (Told("partner_suspended", CONTACTS),),
    "registry.offer.changes_requested.v1": (Told("offer_changes_requested", CONTACTS),),
    "registry.offer.rejected.v1": (Told("offer_rejected", CONTACTS),),
    "registry.offer.published.v1": (
        Told("offer_published", CONTACTS),
        Told("offer_new", SUBSCRIBERS, lambda fact: fact.first_time),
    ),
    "registry.offer.assurance_due.v1": (Told("offer_assurance_due", CONTACTS),),
    "registry.offer.staled.v1": (Told("offer_staled", CONTACTS),),
    "registry.referral.received.v1": (Told("referral_received", CONTACTS),),
    "registry.referral.withdrawn.v1": (Told("referral_withdrawn", CONTACTS),),
    "registry.observation.answered.v1": (Told("observation_answered", CONTACTS),),
    "events.event.published.v1": (
        Told("event_new", SUBSCRIBERS, lambda fact: fact.open_to_all, once_per="series_id"),),
    "events.event.rescheduled.v1": (Told("event_rescheduled", REGISTERED),),
    "events.registration.received.v1": (Told("registration_received", PERSON),),
    "events.registration.confirmed.v1": (Told("registration_confirmed", PERSON),),
    "events.registration.waitlisted.v1": (Told("registration_waitlisted", PERSON),),
    "events.registration.seat_offered.v1": (Told("registration_seat_offered", PERSON),),
    "events.registration.offer_expired.v1": (Told("registration_offer_expired", PERSON),),
    "events.registration.declined.v1": (Told("registration_declined", PERSON),),
    "events.registration.cancelled.v1": (
        Told("registration_cancelled", PERSON, lambda fact: not fact.by_organiser),
        Told("event_cancelled", PERSON, lambda fact: fact.by_organiser),
    ),
    "matching.mentor_group.interest_registered.v1": (Told("mentor_group_welcome", CONTACTS),),
    "matching.mentor_group.ready.v1": (Told("mentor_group_ready", CONTACTS),),
    "matching.prerequisite.fulfilled.v1": (Told("prerequisite_fulfilled", CONTACTS),),
    "matching.own_data.offered.v1": (Told("own_data_offered", PERSONS),),
    "matching.proposal.invited.v1": (Told("proposal_invited", PERSONS),),
    "matching.proposal.accepted.v1": (Told("proposal_accepted", PERSONS, lambda fact: fact.both),),
    "matching.proposal.declined.v1": (Told("proposal_declined", PERSONS),),
    "matching.proposal.expired.v1": (Told("proposal_expired", PERSONS),),
    "matching.tandem.started.v1": (Told("tandem_started", PERSONS),),
    "matching.tandem.trial_ended.v1": (Told("tandem_trial_ended", PERSONS),),
    "matching.tandem.confirmed.v1": (Told("tandem_confirmed", PERSONS),),
    "matching.tandem.paused.v1": (Told("tandem_paused", PERSONS),),
    "matching.tandem.completed.v1": (Told("tandem_completed", PERSONS),),
    "matching.tandem.ended_early.v1": (Told("tandem_ended_early", PERSONS),),
    "matching.checkin.due.v1": (Told("checkin_due", PERSONS),),
    "matching.checkin.missed.v1": (Told("checkin_missed", PERSONS),),
}


def cause_of(fact: Any, told: Told, fact_id: UUID) -> UUID:
    """What the notification is sent because of: the fact, or the series of which it is one of many."""
    series: UUID | None = getattr(fact, told.once_per) if told.once_per else None
    return series or fact_id


def persons_named(fact: Any, who: Who) -> tuple[Any, ...]:
    """The person_refs that the fact names for this, each once."""
    named = getattr(fact, who.value)
    return tuple(dict.fromkeys(named)) if isinstance(named, tuple) else (named,)

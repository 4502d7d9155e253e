"""What the registry announces, and what it may be asked."""

from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from libs.common.callers import Role
from libs.common.codes.lists import FieldOfAction, PartnerKind
from libs.common.codes.types import Ags, Code, LanguageTag
from libs.common.facts.fact import ErasedFact, Fact
from libs.common.facts.question import AddresseeAsked, PersonsByAddress, Question, WordsAsked


class AccessKeyIssued(Fact):
    """A principal got an access key; hash is its SHA-256, and all that anyone keeps of it."""

    subject: ClassVar[str] = "registry.access_key.issued.v1"

    access_key_id: UUID
    hash: str
    principal: UUID
    expires: datetime


class AccessKeyRevoked(Fact):
    """An access key holds no longer."""

    subject: ClassVar[str] = "registry.access_key.revoked.v1"

    access_key_id: UUID


class GrantGiven(Fact):
    """A principal may act in a role, in a region, for a partner or for a project; in none of them: everywhere."""

    subject: ClassVar[str] = "registry.grant.given.v1"

    grant_id: UUID
    principal: UUID
    role: Role
    region: Ags | None = None
    partner_id: UUID | None = None
    project_id: UUID | None = None


class GrantWithdrawn(Fact):
    """A grant holds no longer."""

    subject: ClassVar[str] = "registry.grant.withdrawn.v1"

    grant_id: UUID


class PartnerFact(Fact):
    """What is told of a partner whenever its state changes; contact_refs are the persons to be told."""

    partner_id: UUID
    kind: PartnerKind
    region: Ags
    contact_refs: tuple[UUID, ...] = ()


class PartnerVerified(PartnerFact):
    """A partner's identity was checked; its offers can be published."""

    subject: ClassVar[str] = "registry.partner.verified.v1"


class PartnerSuspended(PartnerFact):
    """A partner may not act for now."""

    subject: ClassVar[str] = "registry.partner.suspended.v1"


class PartnerLeft(PartnerFact):
    """A partner left the network."""

    subject: ClassVar[str] = "registry.partner.left.v1"


class OfferFact(Fact):
    """What is told of an offer whenever its state changes; contact_refs are the partner's persons to be told."""

    offer_id: UUID
    partner_id: UUID
    field: FieldOfAction
    region: Ags
    languages: tuple[LanguageTag, ...] = ()
    contact_refs: tuple[UUID, ...] = ()


class OfferSubmitted(OfferFact):
    """A partner handed an offer, or a change to one, in for review."""

    subject: ClassVar[str] = "registry.offer.submitted.v1"


class OfferChangesRequested(OfferFact):
    """The coordinator asks the partner to change the offer."""

    subject: ClassVar[str] = "registry.offer.changes_requested.v1"


class OfferRejected(OfferFact):
    """The coordinator does not publish the offer."""

    subject: ClassVar[str] = "registry.offer.rejected.v1"


class OfferPublished(OfferFact):
    """A partner's offer became visible in the network; again: a change to it did."""

    subject: ClassVar[str] = "registry.offer.published.v1"

    first_time: bool = True


class OfferPaused(OfferFact):
    """An offer is not to be had for now."""

    subject: ClassVar[str] = "registry.offer.paused.v1"


class OfferResumed(OfferFact):
    """A paused offer is to be had again."""

    subject: ClassVar[str] = "registry.offer.resumed.v1"


class OfferWithdrawn(OfferFact):
    """A partner took an offer back for good."""

    subject: ClassVar[str] = "registry.offer.withdrawn.v1"


class OfferExpired(OfferFact):
    """An offer's time is over."""

    subject: ClassVar[str] = "registry.offer.expired.v1"


class OfferAssuranceDue(OfferFact):
    """The partner is to confirm that the offer still holds."""

    subject: ClassVar[str] = "registry.offer.assurance_due.v1"

    due: datetime


class OfferAssured(OfferFact):
    """The partner confirmed that the offer still holds."""

    subject: ClassVar[str] = "registry.offer.assured.v1"

    due: datetime


class OfferStaled(OfferFact):
    """Nobody confirmed the offer in time; it is shown with a warning."""

    subject: ClassVar[str] = "registry.offer.staled.v1"


class OfferCapacityChanged(Fact):
    """How much of an offer is free changed."""

    subject: ClassVar[str] = "registry.offer.capacity_changed.v1"

    offer_id: UUID
    unit: Code
    available: int
    maximum: int


class ReceivedReferralFact(Fact):
    """What is told of somebody who was sent on to a partner's offer; contact_refs are the partner's persons to be told.

    Of whom, nobody learns.
    """

    referral_id: UUID
    offer_id: UUID
    partner_id: UUID
    region: Ags
    contact_refs: tuple[UUID, ...] = ()


class ReferralReceived(ReceivedReferralFact):
    """Somebody was sent on to the partner's offer."""

    subject: ClassVar[str] = "registry.referral.received.v1"


class ReferralWithdrawn(ReceivedReferralFact):
    """They took their consent back, or are erased; the partner is to use what it got no longer, and to delete it."""

    subject: ClassVar[str] = "registry.referral.withdrawn.v1"


class RequiredTraining(BaseModel):
    """A training that a rule set asks for: its code, and how many members must have attended it."""

    model_config = ConfigDict(frozen=True)

    training_code: Code
    members: int


class ProgrammeRulesChanged(Fact):
    """A programme has a rule set for a period; one of the same programme and valid_from replaces the earlier."""

    subject: ClassVar[str] = "registry.programme.rules_changed.v1"

    programme_id: UUID
    code: Code
    valid_from: date
    valid_until: date | None = None
    min_members: int
    main_contacts: int
    rent_months: int
    support_months: int
    trial_days: int
    checkin_days: tuple[int, ...]
    required_trainings: tuple[RequiredTraining, ...] = ()
    required_documents: tuple[Code, ...] = ()
    required_records: int = 0
    chooser: Code


class ProjectOpened(Fact):
    """A funded project began: what happens in its term and target regions counts."""

    subject: ClassVar[str] = "registry.project.opened.v1"

    project_id: UUID
    starts: date
    ends: date
    regions: tuple[Ags, ...]


class ProjectClosed(Fact):
    """A project's report was made, and its count secret destroyed."""

    subject: ClassVar[str] = "registry.project.closed.v1"

    project_id: UUID


class ConsultationRecorded(Fact):
    """People who help were advised; subject_key counts them without naming them."""

    subject: ClassVar[str] = "registry.consultation.recorded.v1"

    consultation_id: UUID
    region: Ags
    project_id: UUID | None = None
    subject_kind: Code
    subject_key: str
    topics: tuple[Code, ...]
    held_on: date | None = None
    random_key: bool = False


class IndicatorReached(Fact):
    """A project's indicator reached its target."""

    subject: ClassVar[str] = "registry.indicator.reached.v1"

    indicator_id: UUID
    project_id: UUID
    actual: int
    target: int
    deadline: date


class IndicatorAtRisk(IndicatorReached):
    """A project's indicator is behind what its deadline asks for."""

    subject: ClassVar[str] = "registry.indicator.at_risk.v1"


class ObservationFact(Fact):
    """What is told of an observation on its way to a body."""

    observation_id: UUID
    kind: Code
    region: Ags
    body_id: UUID | None = None
    contact_refs: tuple[UUID, ...] = ()


class ObservationSubmitted(ObservationFact):
    """Someone told the network what stands in the way, or what was learned."""

    subject: ClassVar[str] = "registry.observation.submitted.v1"


class ObservationForwarded(ObservationFact):
    """An observation was put before a body."""

    subject: ClassVar[str] = "registry.observation.forwarded.v1"


class ObservationAnswered(ObservationFact):
    """The body answered an observation."""

    subject: ClassVar[str] = "registry.observation.answered.v1"


class ErasureRequested(Fact):
    """These persons are to be erased everywhere."""

    subject: ClassVar[str] = "registry.erasure.requested.v1"

    erasure_id: UUID
    person_refs: tuple[UUID, ...]


class ErasureCompleted(Fact):
    """Every service has erased them; the hash is that of the receipt."""

    subject: ClassVar[str] = "registry.erasure.completed.v1"

    erasure_id: UUID
    receipt_hash: str


class RegistryPersonErased(ErasedFact):
    """The registry has erased its part of an erasure."""

    subject: ClassVar[str] = "registry.person.erased.v1"


class RegistryAddresseeAsked(AddresseeAsked):
    """How to reach a partner's contact."""

    subject: ClassVar[str] = "ask.registry.addressee.v1"


class RegistryWordsAsked(WordsAsked):
    """What to say about an offer, a referral to one, a partner or an observation."""

    subject: ClassVar[str] = "ask.registry.words.v1"


class RegistryPersonsByAddress(PersonsByAddress):
    """Which persons the registry holds under an address."""

    subject: ClassVar[str] = "ask.registry.persons.v1"


class CountSecret(BaseModel):
    """A project's secret for count keys in base64; None when the project is closed or unknown."""

    model_config = ConfigDict(frozen=True)

    secret: str | None = None


class CountSecretAsked(Question[CountSecret]):
    """The secret by which attendances of a project are counted without names (codes/count_keys.py)."""

    subject: ClassVar[str] = "ask.registry.count_secret.v1"
    answer: ClassVar[type[BaseModel]] = CountSecret
    askers: ClassVar[tuple[str, ...]] = ("events", "matching")

    project_id: UUID

"""What matching announces, and what it may be asked; nothing here tells why someone needs help."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from libs.common.codes.lists import CounsellingResult, CounsellingTopic, TandemKind
from libs.common.codes.types import Ags, Code, LanguageTag, YearMonth
from libs.common.facts.fact import ErasedFact, Fact
from libs.common.facts.question import AddresseeAsked, PersonsByAddress, Question, WordsAsked


class Side(StrEnum):
    """Which side of a tandem or proposal."""

    MENTORS = "mentors"
    HOUSEHOLD = "household"


class MentorGroupFact(Fact):
    """What is told of a mentor group on its way; contact_refs are its main contacts."""

    mentor_group_id: UUID
    programme_id: UUID
    region: Ags
    contact_refs: tuple[UUID, ...] = ()


class MentorGroupInterestRegistered(MentorGroupFact):
    """A group wants to accompany a household."""

    subject: ClassVar[str] = "matching.mentor_group.interest_registered.v1"


class MentorGroupReady(MentorGroupFact):
    """Every prerequisite of the group's rule set is fulfilled."""

    subject: ClassVar[str] = "matching.mentor_group.ready.v1"


class PrerequisiteFact(Fact):
    """What is told of one line of a group's checklist."""

    prerequisite_id: UUID
    mentor_group_id: UUID
    rule: Code
    region: Ags
    contact_refs: tuple[UUID, ...] = ()


class PrerequisiteFulfilled(PrerequisiteFact):
    """A prerequisite has its evidence."""

    subject: ClassVar[str] = "matching.prerequisite.fulfilled.v1"


class PrerequisiteExpired(PrerequisiteFact):
    """A prerequisite's evidence holds no longer."""

    subject: ClassVar[str] = "matching.prerequisite.expired.v1"


class HouseholdWaiting(Fact):
    """A household waits for someone to accompany it."""

    subject: ClassVar[str] = "matching.household.waiting.v1"

    household_id: UUID
    region: Ags
    languages: tuple[LanguageTag, ...] = ()


class OwnDataOffered(Fact):
    """Somebody is to get a link to their own data; own_data_id is of them as mentor, household or member."""

    subject: ClassVar[str] = "matching.own_data.offered.v1"

    own_data_id: UUID
    region: Ags
    person_refs: tuple[UUID, ...] = ()


class ProposalFact(Fact):
    """What is told of a proposal; person_refs are those to be told now."""

    proposal_id: UUID
    region: Ags
    household_id: UUID
    mentor_id: UUID | None = None
    mentor_group_id: UUID | None = None
    person_refs: tuple[UUID, ...] = ()


class ProposalCreated(ProposalFact):
    """A run proposed a pair."""

    subject: ClassVar[str] = "matching.proposal.created.v1"


class ProposalApproved(ProposalFact):
    """A coordinator approved a proposal."""

    subject: ClassVar[str] = "matching.proposal.approved.v1"


class ProposalDismissed(ProposalFact):
    """A coordinator dismissed a proposal."""

    subject: ClassVar[str] = "matching.proposal.dismissed.v1"


class ProposalInvited(ProposalFact):
    """Both sides are asked; each answers by its own link until the time said."""

    subject: ClassVar[str] = "matching.proposal.invited.v1"

    expires: datetime


class ProposalAccepted(ProposalFact):
    """A side accepted; both: it was the second."""

    subject: ClassVar[str] = "matching.proposal.accepted.v1"

    side: Side
    both: bool


class ProposalDeclined(ProposalFact):
    """A side declined; the slot is free again."""

    subject: ClassVar[str] = "matching.proposal.declined.v1"

    side: Side


class ProposalExpired(ProposalFact):
    """Not both sides answered in time; the slot is free again."""

    subject: ClassVar[str] = "matching.proposal.expired.v1"


class TandemFact(Fact):
    """What is told of a tandem; person_refs are those to be told now."""

    tandem_id: UUID
    kind: TandemKind
    programme_id: UUID
    region: Ags
    project_id: UUID | None = None
    person_refs: tuple[UUID, ...] = ()


class TandemStarted(TandemFact):
    """A tandem began, on trial, on the day told; what earlier versions told began on the day on which it was told."""

    subject: ClassVar[str] = "matching.tandem.started.v1"

    started_on: date | None = None


class TandemCorrected(TandemFact):
    """That a tandem began, or was completed, was so on another day or counts for another project than was told.

    Of the two days the one is given that it is about. former_project_id: for which it counts no longer.
    """

    subject: ClassVar[str] = "matching.tandem.corrected.v1"

    started_on: date | None = None
    completed_on: date | None = None
    former_project_id: UUID | None = None


class TandemTrialEnded(TandemFact):
    """The time to try it is over; person_refs are those who have not said whether to go on, and no check-in asks."""

    subject: ClassVar[str] = "matching.tandem.trial_ended.v1"


class TandemConfirmed(TandemFact):
    """Both sides consented after the trial."""

    subject: ClassVar[str] = "matching.tandem.confirmed.v1"


class TandemPaused(TandemFact):
    """A tandem rests for a while."""

    subject: ClassVar[str] = "matching.tandem.paused.v1"


class TandemResumed(TandemFact):
    """A paused tandem goes on."""

    subject: ClassVar[str] = "matching.tandem.resumed.v1"


class TandemCompleted(TandemFact):
    """A tandem came to its good end."""

    subject: ClassVar[str] = "matching.tandem.completed.v1"


class TandemEndedEarly(TandemFact):
    """A tandem ended before its time."""

    subject: ClassVar[str] = "matching.tandem.ended_early.v1"


class CheckinFact(Fact):
    """What is told of a check-in with one side; person_refs are those to be told now."""

    checkin_id: UUID
    tandem_id: UUID
    side: Side
    due: datetime
    region: Ags
    person_refs: tuple[UUID, ...] = ()


class CheckinDue(CheckinFact):
    """It is time to ask this side how it goes."""

    subject: ClassVar[str] = "matching.checkin.due.v1"


class CheckinDone(CheckinFact):
    """This side said how it goes."""

    subject: ClassVar[str] = "matching.checkin.done.v1"


class CheckinMissed(CheckinFact):
    """This side did not answer in time; the coordinator is to look after it."""

    subject: ClassVar[str] = "matching.checkin.missed.v1"


class ConcernRaised(Fact):
    """Someone raised a concern; only the neutral contact may read it."""

    subject: ClassVar[str] = "matching.concern.raised.v1"

    concern_id: UUID
    tandem_id: UUID
    region: Ags


class ConcernRaisedAlone(Fact):
    """Someone who is in no tandem raised a concern; who, or as what, nobody but the neutral contact learns."""

    subject: ClassVar[str] = "matching.concern.raised_alone.v1"

    concern_id: UUID
    region: Ags


class MeetingDocumented(Fact):
    """A tandem met, as one of its sides noted.

    counts_on: as which day it counts for its project, None if for none or unknown; when they met nobody is told.
    """

    subject: ClassVar[str] = "matching.meeting.documented.v1"

    meeting_id: UUID
    tandem_id: UUID
    person_ref: UUID
    month: YearMonth
    minutes: int
    region: Ags
    project_id: UUID | None = None
    counts_on: date | None = None


class MeetingCorrected(Fact):
    """A meeting took another time than was noted, or counts for another project; counts_on as of MeetingDocumented.

    documented_on: on which day it had been noted, if known. former_project_id: for which it counts no longer.
    """

    subject: ClassVar[str] = "matching.meeting.corrected.v1"

    meeting_id: UUID
    tandem_id: UUID
    month: YearMonth
    minutes: int
    region: Ags
    documented_on: date | None = None
    project_id: UUID | None = None
    counts_on: date | None = None
    former_project_id: UUID | None = None


class MeetingWithdrawn(Fact):
    """A meeting that was noted did not take place."""

    subject: ClassVar[str] = "matching.meeting.withdrawn.v1"

    meeting_id: UUID
    tandem_id: UUID
    region: Ags
    project_id: UUID | None = None


class CounsellingFact(Fact):
    """What is told of a contact: about what, with which results, in which district and month. Never whom.

    contact_id: each counts once. Earlier versions told no partner_id (whose counsellors), minutes, recorded_on (day).
    """

    about_field: ClassVar[str] = "contact_id"

    contact_id: UUID
    topics: tuple[CounsellingTopic, ...]
    results: tuple[CounsellingResult, ...] = ()
    region: Ags
    month: YearMonth
    partner_id: UUID | None = None
    minutes: int | None = None
    recorded_on: date | None = None


class CounsellingRecorded(CounsellingFact):
    """Somebody was counselled; one fact for each contact."""

    subject: ClassVar[str] = "matching.counselling.recorded.v1"


class CounsellingCorrected(CounsellingFact):
    """What was told of a contact was wrong; this is right. struck: it is not to be counted at all any more."""

    subject: ClassVar[str] = "matching.counselling.corrected.v1"

    struck: bool = False


class CounsellingCaseFact(Fact):
    """What is told of a case: whose counsellors have it, in which district and month. Of whom, nobody learns.

    spell_id: of which of the times that it was open, where one ends or goes on; the first has the case's id.
    """

    counselling_case_id: UUID
    partner_id: UUID
    region: Ags
    month: YearMonth
    spell_id: UUID | None = None


class CounsellingCaseOpened(CounsellingCaseFact):
    """Somebody is counselled from this month on."""

    subject: ClassVar[str] = "matching.counselling_case.opened.v1"


class CounsellingCaseCorrected(CounsellingCaseFact):
    """A case began in another month than was told; this one is right."""

    subject: ClassVar[str] = "matching.counselling_case.corrected.v1"


class CounsellingCaseClosed(CounsellingCaseFact):
    """Counselling ended in this month; of what is told more than once for a spell the last is right."""

    subject: ClassVar[str] = "matching.counselling_case.closed.v1"


class CounsellingCaseReopened(CounsellingCaseFact):
    """In this month the case is open again: by a new spell, as they have come again, or by one that is not over yet."""

    subject: ClassVar[str] = "matching.counselling_case.reopened.v1"


class ReferralFact(Fact):
    """What is told of somebody sent on to an offer, never whom; partner_id: by whose counsellors, None if not told."""

    referral_id: UUID
    offer_id: UUID
    region: Ags
    partner_id: UUID | None = None


class ReferralSent(ReferralFact):
    """With their consent somebody was sent on to an offer."""

    subject: ClassVar[str] = "matching.referral.sent.v1"


class ReferralAccepted(ReferralFact):
    """Whoever offers it takes them."""

    subject: ClassVar[str] = "matching.referral.accepted.v1"


class ReferralDeclined(ReferralFact):
    """Whoever offers it does not take them, also when they had been told to be taken: the last answer holds."""

    subject: ClassVar[str] = "matching.referral.declined.v1"


class ReferralDone(ReferralFact):
    """They received what was offered."""

    subject: ClassVar[str] = "matching.referral.done.v1"


class ReferralEnded(ReferralFact):
    """What was sent ended otherwise, though nobody took the consent back: not taken up, or nothing is kept any more."""

    subject: ClassVar[str] = "matching.referral.ended.v1"


class ReferralRevoked(ReferralFact):
    """They took back the consent by which they were sent on, or are erased: what was handed over is to be deleted."""

    subject: ClassVar[str] = "matching.referral.revoked.v1"

    sent_on: date


class LearningCaptured(Fact):
    """A closing talk left a learning, checked for names and approved; its text may be asked for."""

    subject: ClassVar[str] = "matching.learning.captured.v1"

    learning_id: UUID
    kind: Code
    field: Code | None = None
    region: Ags


class MatchingConsentFact(Fact):
    """What is told of a consent: whose, to which purpose, and in which version of the text."""

    about_field: ClassVar[str] = "person_ref"

    person_ref: UUID
    purpose: Code
    text_version: int


class MatchingConsentGiven(MatchingConsentFact):
    """A mentor, household or member consented to a purpose."""

    subject: ClassVar[str] = "matching.consent.given.v1"


class MatchingConsentWithdrawn(MatchingConsentFact):
    """They took it back: nothing is done for this purpose any more."""

    subject: ClassVar[str] = "matching.consent.withdrawn.v1"


class MatchingPersonErased(ErasedFact):
    """Matching has erased its part of an erasure."""

    subject: ClassVar[str] = "matching.person.erased.v1"


class MatchingAddresseeAsked(AddresseeAsked):
    """How to reach a mentor or a household."""

    subject: ClassVar[str] = "ask.matching.addressee.v1"


class MatchingWordsAsked(WordsAsked):
    """What to say about a mentor group or tandem to someone whose address the asking service has itself."""

    subject: ClassVar[str] = "ask.matching.words.v1"


class MatchingPersonsByAddress(PersonsByAddress):
    """Which persons matching holds under an address."""

    subject: ClassVar[str] = "ask.matching.persons.v1"


class LearningText(BaseModel):
    """The checked text of a learning."""

    model_config = ConfigDict(frozen=True)

    text: str
    language: LanguageTag
    captured_on: date


class LearningTextAsked(Question[LearningText]):
    """The text of a learning that was captured."""

    subject: ClassVar[str] = "ask.matching.learning_text.v1"
    answer: ClassVar[type[BaseModel]] = LearningText
    askers: ClassVar[tuple[str, ...]] = ("registry",)

    learning_id: UUID

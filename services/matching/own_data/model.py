"""What is told of each table to whom it is about, and the form in which it is told."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.matching.checkins.model import SEALED_NOTE as CHECKIN_NOTE
from services.matching.checkins.model import Checkin
from services.matching.closings.model import SEALED_DRAFT, Closing
from services.matching.concerns.model import SEALED_OUTCOME, SEALED_TEXT, Concern
from services.matching.consents.model import Consent
from services.matching.counselling_cases.model import SEALED_ORIGIN, CounsellingCase, CounsellingSpell, Origin
from services.matching.counselling_contacts.model import SEALED_NOTE as CONTACT_NOTE
from services.matching.counselling_contacts.model import CounsellingContact
from services.matching.counselling_statuses.model import CounsellingStatus
from services.matching.decisions.model import SEALED_NOTE as DECISION_NOTE
from services.matching.decisions.model import Decision
from services.matching.households.model import HouseholdChange, Note
from services.matching.meetings.model import Meeting
from services.matching.prerequisites.model import AttendedTraining
from services.matching.profiles.rules import ContactOut
from services.matching.proposals.model import Proposal
from services.matching.referrals.model import Referral
from services.matching.runs.model import Unserved
from services.matching.tandems.model import Tandem

# Of tables that are not somebody's own row: what is told of each row that is about them, and what is sealed in it.
TOLD: MappingProxyType[type[Any], frozenset[str]] = MappingProxyType({
    Consent: frozenset({"purpose", "text_version", "language", "given_on", "given_by", "withdrawn_on", "replaced_on"}),
    Meeting: frozenset({"tandem_id", "met_on", "minutes"}),
    AttendedTraining: frozenset({"training_code", "attended_on", "counts"}),
    Checkin: frozenset({"tandem_id", "done_at", "mood", "meetings_since", "language", "interpreter", "note"}),
    Concern: frozenset({"about", "tandem_id", "own_id", "raised_at", "state", "side", "text", "outcome"}),
    HouseholdChange: frozenset({"kind", "happened_on", "persons"}),
    Tandem: frozenset({"id", "kind", "state", "goals", "started_at", "planned_until", "ended_at"}),
    Decision: frozenset({"what", "subject", "reason", "note", "decided_at"}),
    Closing: frozenset({"tandem_id", "held_on", "goals_reached", "household_rating", "mentors_rating", "draft"}),
    Proposal: frozenset({"id", "state", "invited_at", "ended_at", "score", "points", "reasons", "shared"}),
    Unserved: frozenset({"run_id", "possible", "removed", "alone", "missing"}),
    CounsellingCase: frozenset({"id", "region", "opened_on", "closed_on", "state", "gender", "age_band", "languages",
                                "origin", "origin_region", "result"}),
    CounsellingSpell: frozenset({"counselling_case_id", "opened_on", "closed_on", "result"}),
    CounsellingContact: frozenset({"counselling_case_id", "held_on", "minutes", "mode", "topics", "results", "note",
                                   "struck_at", "mistaken"}),
    CounsellingStatus: frozenset({"id", "counselling_case_id", "attribute", "value", "valid_from", "corrects",
                                  "entered_at"}),
    Referral: frozenset({"counselling_case_id", "state", "offer_id", "offered_by", "shared", "consented_on",
                         "consent_until", "sent_at", "answered_at", "declined_reason", "ended_at", "revoked_at"}),
})
SEALED: MappingProxyType[type[Any], MappingProxyType[str, tuple[str, type[BaseModel]]]] = MappingProxyType({
    Checkin: MappingProxyType({"note": (CHECKIN_NOTE, Note)}),
    Concern: MappingProxyType({"text": (SEALED_TEXT, Note), "outcome": (SEALED_OUTCOME, Note)}),
    Decision: MappingProxyType({"note": (DECISION_NOTE, Note)}),
    Closing: MappingProxyType({"draft": (SEALED_DRAFT, Note)}),
    CounsellingCase: MappingProxyType({"origin": (SEALED_ORIGIN, Origin)}),
    CounsellingContact: MappingProxyType({"note": (CONTACT_NOTE, Note)}),
})


class OwnKind(StrEnum):
    """What somebody is here."""

    MENTOR = "mentor"
    HOUSEHOLD = "household"
    MEMBER = "member"
    FORMER_CONTACT = "former_contact"


@dataclass(frozen=True)
class FormerContact:
    """Who spoke for a household (id) before another: nothing of the household is theirs, what they said of it is.

    region: where the household is; lives_in: where they are known themselves, wherever it has moved to since.
    """

    id: UUID
    region: str
    person_ref: UUID
    lives_in: str
    takes_part: bool = False


class OwnPairOut(BaseModel):
    """A proposal or tandem that is going on, in outline; other: who it is with, once both sides have said yes."""

    id: UUID
    kind: str
    state: str
    since: datetime | None
    other: str | None


class OwnDataOut(BaseModel):
    """All that is stored about somebody: stored, by the names of the columns; noted, what they said or attended."""

    kind: OwnKind
    id: UUID
    state: str
    takes_part: bool
    may: Literal["pause", "resume"] | None = Field(description="What of a pause they, or their group, may do now.")
    contact: ContactOut
    stored: dict[str, Any]
    group: dict[str, Any] | None = Field(
        description="When and how their group can, of who speaks for it: they change it as a mentor does their own.")
    pairs: list[OwnPairOut]
    noted: dict[str, list[dict[str, Any]]]


class CounselledDataOut(BaseModel):
    """All that is stored about somebody because they are counselled: who they are, and what was noted of them."""

    contact: ContactOut
    noted: dict[str, list[dict[str, Any]]]

"""Which hard codes count between a pair, by how far it has come, and how they are told."""

from collections.abc import Iterable

from pydantic import BaseModel

from libs.common.codes.words import Said
from services.matching.mentor_groups.model import MentorGroup
from services.matching.mentors.model import Mentor
from services.matching.proposals.model import PENDING, Proposal
from services.matching.runs.explanation import LANGUAGES, why_not
from services.matching.runs.hard import HardCode
from services.matching.tandems.model import Tandem

# Who is invited holds a place; places are counted exactly, under the lock, whenever one is given or promised.
OF_PLACES = frozenset({HardCode.NO_PLACE_FREE})
# Who was asked on the last day on which they wanted anybody new may answer after it.
OF_ASKED = OF_PLACES | {HardCode.AVAILABILITY_OVER}
# Who is accompanied: a mentor may pause for others, a certificate that runs out has a list of its own (record_due_by;
# that none is noted at all, after a relevant entry, counts, and what is open on a group's checklist), and a home is to
# be had in time before somebody moves in, not afterwards.
OF_BEGINNINGS = OF_ASKED | {HardCode.PAUSED, HardCode.NOT_VETTED, HardCode.HOUSING_NOT_READY}

LEFT_OR_ENDED = Said("Der Mentor, die Mentorin oder die Gruppe ist nicht mehr dabei.",
                     "The mentor or group does not take part any more.", ("left_or_ended",))


class Obstacle(BaseModel):
    """A hard constraint that a pair no longer meets: its code, and a sentence in German and English."""

    code: HardCode
    de: str
    en: str


def left_out(of: Proposal | Tandem, unit: Mentor | MentorGroup) -> frozenset[HardCode]:
    """The codes that are of the moment, and say nothing about a pair that has come this far.

    That a pair declined before, or was ruled out for one run, is never among its obstacles: it says whom to propose,
    not whether two who were proposed still fit.
    """
    if isinstance(of, Proposal):
        return frozenset() if of.state in PENDING else OF_ASKED
    unseen = isinstance(unit, MentorGroup) or unit.record_next_due is None
    return OF_BEGINNINGS - {HardCode.NOT_VETTED} if unseen else OF_BEGINNINGS


def told(codes: Iterable[str]) -> list[Obstacle]:
    """The codes with their sentences."""
    found = [HardCode(code) for code in codes]
    return [Obstacle(code=code, de=german, en=english) for code, german, english in zip(
        found, why_not(found, "de"), why_not(found, "en"), strict=True)]


def in_sentences(codes: Iterable[str]) -> Said:
    """The codes as a refusal says them, one sentence after the other."""
    found = [HardCode(code) for code in codes]
    german, english = (" ".join(why_not(found, language)) for language in LANGUAGES)
    return Said(german, english, tuple(found))

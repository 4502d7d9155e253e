"""What is said to a person about a thing, by which links they can act on it, and nothing that is not for them."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from libs.common.codes.regions import region as region_of
from libs.common.db import OpenTransaction
from libs.common.facts.matching import Side
from libs.common.facts.question import Words
from libs.common.persons import details_of
from libs.common.phrases import phrases
from libs.common.refusals import NotFound
from services.matching.checkins.model import ANSWERABLE, Checkin
from services.matching.concerns.model import Concern
from services.matching.households.model import Household
from services.matching.households.queries import was_contact
from services.matching.links.queries import ANSWER, CHECKIN, CONCERN, CONSENT, FILE, MEETINGS, OWN_DATA, say
from services.matching.members.model import Member
from services.matching.mentor_groups.model import BEFORE_HOUSEHOLD, PREPARED, MentorGroup
from services.matching.mentors.model import Mentor
from services.matching.prerequisites.model import Prerequisite
from services.matching.profiles.queries import address_mark
from services.matching.proposals.model import ANSWERABLE as INVITED
from services.matching.proposals.model import FIRM, Proposal, ProposalState
from services.matching.proposals.queries import (
    Pair,
    Unit,
    lock_rows,
    lock_units,
    pair_of,
    persons_of,
    shared_now,
    why_for_both,
)
from services.matching.tandems.model import RUNNING, Tandem
from services.matching.tandems.queries import persons_of_side, side_in

LANGUAGES = ("de", "en", "uk", "ar")
KINDS: dict[str, tuple[Any, ...]] = {
    "proposal": (Proposal,), "tandem": (Tandem,), "checkin": (Checkin,), "mentor_group": (MentorGroup,),
    "prerequisite": (Prerequisite,), "household": (Household,), "concern": (Concern,),
    "own_data": (Mentor, Household, Member),
}
# Names are told once both have said yes, and not before.
NAMES_KNOWN = FIRM | {ProposalState.TANDEM}


async def thing(transaction: OpenTransaction, about: str) -> object:
    """What `<noun>/<id>` names; NotFound when there is none."""
    noun, _, thing_id = about.partition("/")
    with contextlib.suppress(ValueError):
        row_id = UUID(thing_id)
        for kind in KINDS.get(noun, ()):
            found: object = await transaction.get(kind, row_id)
            if found is not None:
                return found
    raise NotFound("not-found", "There is no such {noun}.", noun="thing")


async def words_about(transaction: OpenTransaction, about: str) -> Words:
    """What may be said about a thing to anybody who is told of it: its region, its times; nobody's name."""
    one = await thing(transaction, about)
    values = {"region": region_of(getattr(one, "region", "")).name}
    match one:
        case Proposal():
            shared = (await shared_now(transaction, [one]))[one.id]
            texts = {"reasons": {tag: "\n".join(why_for_both(shared, [tag])) for tag in LANGUAGES}}
            times = {"expires": one.expires_at.isoformat()} if one.expires_at else {}
            return Words(values=values, texts=texts if one.shared else {}, times=times)
        case Prerequisite():
            group = await transaction.get_one(MentorGroup, one.mentor_group_id)
            return Words(values=values | _where(group), texts={"prerequisite": _prerequisite(one)})
        case Checkin():
            return Words(values=values, times={"due": one.due_at.isoformat()})
        case Tandem():
            return Words(values=values, times={"trial_until": one.trial_until.isoformat()})
        case MentorGroup():
            return Words(values=values | _where(one) | {"label": one.label})
    return Words(values=values)


async def names_for(transaction: OpenTransaction, about: str, person_ref: UUID) -> dict[str, str]:
    """The names of the other side, as `other`, for who belongs to a pair of which both have said yes."""
    one = await thing(transaction, about)
    if isinstance(one, Checkin):
        one = await transaction.get_one(Tandem, one.tandem_id)
    if not isinstance(one, Tandem) and not (isinstance(one, Proposal) and one.state in NAMES_KNOWN):
        return {}
    pair = await pair_of(transaction, one)
    other = await _other_side(transaction, pair, person_ref)
    named = await details_of(transaction, other, about=about)
    return {"other": ", ".join(one.name for one in named.values())} if named else {}


async def links_for(transaction: OpenTransaction, about: str, person_ref: UUID) -> dict[str, str]:
    """The links by which this person can act on the thing now; none for who has nothing to do with it."""
    one, links = await thing(transaction, about), transaction.links
    if isinstance(one, Mentor | Household | Member):
        former = isinstance(one, Household) and await was_contact(transaction, one, person_ref)
        if one.person_ref != person_ref and not former:
            return {}
        mark = await address_mark(transaction, person_ref)
        return {"own_data": OWN_DATA.url(links, one.id, person_ref, sent_to=mark)}
    if isinstance(one, Proposal) and one.state in INVITED:
        pair = await pair_of(transaction, one)
        own = [ref for side in Side for ref in await persons_of(transaction, pair, side)]
        return {"answer": ANSWER.url(links, one.id, person_ref)} if person_ref in own else {}
    if isinstance(one, Tandem):
        return await _of_tandem(transaction, one, person_ref)
    if isinstance(one, Checkin):
        tandem = await transaction.get_one(Tandem, one.tandem_id)
        found = await _of_tandem(transaction, tandem, person_ref)
        asked = person_ref in await persons_of_side(transaction, tandem, one.side) and one.state in ANSWERABLE
        return found | ({"answer": CHECKIN.url(links, one.id, person_ref)} if asked else {})
    return {}


async def _of_tandem(transaction: OpenTransaction, tandem: Tandem, person_ref: UUID) -> dict[str, str]:
    try:
        side = await side_in(transaction, tandem, person_ref)
    except NotFound:
        return {}
    links, found = transaction.links, {"concern": CONCERN.url(transaction.links, tandem.id, person_ref)}
    if tandem.state in RUNNING:
        found["meetings"] = MEETINGS.url(links, tandem.id, person_ref)
    if tandem.is_trial_over(transaction.clock.now()) and not tandem.consented_at(side):
        found["consent"] = CONSENT.url(links, tandem.id, person_ref)
    return found


async def _other_side(transaction: OpenTransaction, pair: Pair, person_ref: UUID) -> tuple[UUID, ...]:
    mentors = await persons_of(transaction, pair, Side.MENTORS)
    household = await persons_of(transaction, pair, Side.HOUSEHOLD)
    if person_ref in mentors:
        return household
    return mentors if person_ref in household else ()


def _where(group: MentorGroup) -> dict[str, str]:
    """What is to come for a group: whether it prepares for a household, and whether one is looked for."""
    said = {"preparing": group.state in BEFORE_HOUSEHOLD,
            "searching": group.state in PREPARED and group.paused_on is None}
    return {name: "yes" for name, true in said.items() if true}


def _prerequisite(line: Prerequisite) -> dict[str, str]:
    key = f"prerequisite_{line.demand.value}"
    known = phrases(FILE).table[key]
    return {tag: say(key, [tag], subject=line.subject.replace("_", " ")).text for tag in LANGUAGES if tag in known}


@dataclass(frozen=True)
class OfPersons:
    """What matching holds of some persons."""

    households: Sequence[Household]
    mentors: Sequence[Mentor]
    members: Sequence[Member]


async def of_persons(transaction: OpenTransaction, refs: list[UUID]) -> OfPersons:
    """What these persons are, to be read only."""
    return OfPersons(
        households=(await transaction.scalars(select(Household).where(col(Household.person_ref).in_(refs)))).all(),
        mentors=(await transaction.scalars(select(Mentor).where(col(Mentor.person_ref).in_(refs)))).all(),
        members=(await transaction.scalars(select(Member).where(col(Member.person_ref).in_(refs)))).all())


async def lock_of_persons(transaction: OpenTransaction, refs: list[UUID]) -> OfPersons:
    """Lock what these persons are, and before whatever something of theirs is going on with: households, then units.

    A household whose contact was replaced meanwhile is theirs no longer.
    """
    of = await of_persons(transaction, refs)
    groups = [await transaction.get_one(MentorGroup, one.mentor_group_id) for one in of.members]
    units: list[Unit] = [*of.mentors, *groups]
    await lock_units(transaction, units, besides={one.id for one in of.households})
    households = await lock_rows(transaction, Household, [one.id for one in of.households])
    return OfPersons(
        households=[one for one in households if one.person_ref in refs],
        mentors=await lock_rows(transaction, Mentor, [one.id for one in of.mentors]),
        members=await lock_rows(transaction, Member, [one.id for one in of.members]))

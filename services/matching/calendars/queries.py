"""Which check-ins stand in whose calendar."""

from collections.abc import Sequence
from datetime import date, datetime, time
from uuid import UUID

from sqlmodel import col, or_, select

from libs.common.codes.regions import region as region_of
from libs.common.db import OpenTransaction
from libs.common.facts.matching import Side
from libs.common.refusals import NotFound
from libs.common.tables import person
from services.matching.calendars.rules import Entry
from services.matching.checkins.model import Checkin
from services.matching.households.model import Household
from services.matching.links.queries import say
from services.matching.members.model import Member
from services.matching.mentors.model import Mentor
from services.matching.profiles.queries import inside
from services.matching.profiles.rules import BERLIN, begin_of, today
from services.matching.tandems.model import Tandem
from services.matching.tandems.queries import side_in

MOST = 500


async def own_entries(
    transaction: OpenTransaction, person_ref: UUID, languages: Sequence[str], *, since: datetime,
) -> list[Entry]:
    """The check-ins that somebody is asked in, from a time on; NotFound once they have been erased."""
    known = select(person.c.person_ref).where(person.c.person_ref == person_ref, person.c.erased_at.is_(None))
    if await transaction.scalar(known) is None:
        raise NotFound("person-erased", "This person's data has been erased.")
    summary, description = (say(f"calendar_checkin{part}", languages).text for part in ("", "_text"))
    entries = []
    for tandem, side in await _tandems_of(transaction, person_ref):
        found = await transaction.scalars(select(Checkin).where(
            Checkin.tandem_id == tandem.id, Checkin.side == side, col(Checkin.due_at) >= since).order_by(
                col(Checkin.due_at)))
        entries += [Entry(one, tandem, summary, description) for one in found]
    return entries


async def entries_inside(
    transaction: OpenTransaction, languages: Sequence[str], *, since: date, until: date,
) -> list[Entry]:
    """The check-ins inside the caller's scope that fall due from a day to another, the earliest first.

    Of more than 500 the next to come, from today on; what they leave room for, of those that are past the latest.
    """
    begins, ends = (datetime.combine(day, at, BERLIN) for day, at in ((since, time.min), (until, time.max)))
    query = select(Checkin, Tandem).join(Tandem, col(Tandem.id) == col(Checkin.tandem_id)).where(
        inside(Checkin, transaction.caller.scope), col(Checkin.due_at).between(begins, ends))
    due, by_id, now = col(Checkin.due_at), col(Checkin.id), begin_of(today(transaction.clock.now()))
    coming = (await transaction.execute(query.where(due >= now).order_by(due, by_id).limit(MOST))).all()
    latest = query.where(due < now).order_by(due.desc(), by_id.desc()).limit(MOST - len(coming))
    rows = [*reversed((await transaction.execute(latest)).all()), *coming]
    sides = {side: say(f"calendar_of_{side.value}", languages).text for side in Side}
    named = {region: say("calendar_checkin_in", languages, region=region_of(region).name).text
             for region in {checkin.region for checkin, _ in rows}}
    return [Entry(checkin, tandem, f"{named[checkin.region]}: {tandem.id}", sides[checkin.side])
            for checkin, tandem in rows]


async def _tandems_of(transaction: OpenTransaction, person_ref: UUID) -> list[tuple[Tandem, Side]]:
    """The tandems in which somebody speaks for a side today, by id."""
    query = select(Tandem).where(or_(
        col(Tandem.household_id).in_(select(Household.id).where(Household.person_ref == person_ref)),
        col(Tandem.mentor_id).in_(select(Mentor.id).where(Mentor.person_ref == person_ref)),
        col(Tandem.mentor_group_id).in_(select(Member.mentor_group_id).where(Member.person_ref == person_ref))))
    found = []
    for tandem in await transaction.scalars(query.order_by(col(Tandem.id))):
        try:
            found.append((tandem, await side_in(transaction, tandem, person_ref)))
        except NotFound:
            continue  # a member who does not speak for the group is asked nothing
    return found

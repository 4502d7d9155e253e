"""What follows when a meeting is noted, corrected or withdrawn, and when its tandem counts for another project."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlmodel import col, select
from uuid_utils.compat import uuid7

from libs.common.audit import audited
from libs.common.db import OpenTransaction
from libs.common.facts.matching import MeetingCorrected, MeetingDocumented, MeetingWithdrawn, Side
from libs.common.outbox import announce
from services.matching.meetings.model import Meeting, refuse_meeting
from services.matching.meetings.queries import ended_on
from services.matching.profiles.rules import today
from services.matching.projects.model import KnownProject, counts_for
from services.matching.projects.queries import known_projects
from services.matching.tandems.model import Tandem


@dataclass(frozen=True)
class Met:
    """That they met on a day and for how long, and who says so."""

    on: date
    minutes: int
    side: Side
    person_ref: UUID


async def noted(
    transaction: OpenTransaction, tandem: Tandem, met: Met, *, meeting_id: UUID | None = None, by: str | None = None,
) -> Meeting:
    """A side says that they met; by: the coordinator who notes it. The tandem is locked: a day is noted once."""
    now, known = transaction.clock.now(), await known_projects(transaction, tandem.project_ids)
    refuse_meeting(met.on, started_on=today(tandem.started_at), ended_on=ended_on(tandem), day=today(now))
    meeting = Meeting(id=meeting_id or uuid7(), tandem_id=tandem.id, region=tandem.region,
                      project_id=counts_for(met.on, tandem.project_ids, known, None), side=met.side,
                      person_ref=met.person_ref, met_on=met.on, minutes=met.minutes, recorded_by=by, noted_at=now)
    transaction.add(meeting)
    await transaction.flush()
    announce(transaction, MeetingDocumented(
        meeting_id=meeting.id, tandem_id=tandem.id, person_ref=met.person_ref, month=met.on.strftime("%Y-%m"),
        minutes=met.minutes, region=tandem.region, project_id=meeting.project_id,
        counts_on=meeting.counts_on(known)))
    await audited(transaction, "change", f"tandem/{tandem.id}", met.person_ref)
    return meeting


async def corrected(transaction: OpenTransaction, meeting: Meeting, minutes: int) -> None:
    """It took another time than was noted; nothing is told when it did not."""
    if not meeting.correct(minutes):
        return
    await transaction.flush()
    announce(transaction, _as_it_is(meeting, await known_projects(transaction, [meeting.project_id])))
    await audited(transaction, "change", f"tandem/{meeting.tandem_id}", meeting.person_ref)


async def count_meetings_anew(transaction: OpenTransaction, tandem: Tandem) -> None:
    """The tandem may count for another project: so do its meetings, and each of which that is true is told."""
    query = select(Meeting).where(Meeting.tandem_id == tandem.id).order_by(col(Meeting.met_on)).with_for_update()
    meetings = (await transaction.scalars(query)).all()
    known = await known_projects(transaction, [*tandem.project_ids, *(one.project_id for one in meetings)])
    for meeting in meetings:
        former = meeting.project_id
        meeting.project_id = counts_for(meeting.met_on, tandem.project_ids, known, former)
        if meeting.project_id != former:
            announce(transaction, _as_it_is(meeting, known, former))
    await transaction.flush()


def _as_it_is(
    meeting: Meeting, known: Mapping[UUID, KnownProject], former_project_id: UUID | None = None,
) -> MeetingCorrected:
    return MeetingCorrected(
        meeting_id=meeting.id, tandem_id=meeting.tandem_id, month=meeting.met_on.strftime("%Y-%m"),
        minutes=meeting.minutes, documented_on=meeting.noted_on, counts_on=meeting.counts_on(known),
        region=meeting.region, project_id=meeting.project_id, former_project_id=former_project_id)


async def withdrawn(transaction: OpenTransaction, meeting: Meeting) -> None:
    """It did not take place: nothing of it is kept, and the day can be noted again."""
    await transaction.delete(meeting)
    await transaction.flush()
    announce(transaction, MeetingWithdrawn(
        meeting_id=meeting.id, tandem_id=meeting.tandem_id, region=meeting.region, project_id=meeting.project_id))
    await audited(transaction, "change", f"tandem/{meeting.tandem_id}", meeting.person_ref)

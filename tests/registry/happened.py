"""What events and matching tell in these tests, as facts of a project."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

from libs.common.codes.lists import EventKind, TandemKind
from libs.common.envelope import Heard, envelope_headers, read_envelope
from libs.common.facts.events import AttendanceCorrected, AttendanceRecorded, AttendanceTallied, EventHeld
from libs.common.facts.fact import Fact
from libs.common.facts.matching import MeetingDocumented, TandemStarted

DAY = date(2077, 4, 12)


def an_event(
    project: UUID, kind: EventKind = EventKind.TRAINING, *, region: str = "15087", on: date = DAY,
) -> EventHeld:
    """An event of the project took place on this day."""
    starts = datetime(on.year, on.month, on.day, 16, tzinfo=UTC)
    return EventHeld(event_id=uuid4(), kind=kind, region=region, starts=starts, ends=starts, project_id=project)


def attended(event: EventHeld, who: str | None, **fields: Any) -> AttendanceRecorded:
    """Someone was there."""
    plain = {"attendance_id": uuid4(), "event_id": event.event_id, "kind": event.kind, "region": event.region,
             "on": event.starts.date(), "project_id": event.project_id, "count_key": who}
    return AttendanceRecorded(**plain | fields)


def corrected(attendance: AttendanceRecorded, *, counts: bool = False) -> AttendanceCorrected:
    """The attendance did not take place after all."""
    return AttendanceCorrected(attendance_id=attendance.attendance_id, event_id=attendance.event_id, counts=counts,
                               region=attendance.region, project_id=attendance.project_id)


def tallied(event: EventHeld, total: int) -> AttendanceTallied:
    """So many were there."""
    return AttendanceTallied(event_id=event.event_id, kind=event.kind, region=event.region, on=event.starts.date(),
                             project_id=event.project_id, total=total)


def a_tandem(project: UUID) -> list[Fact]:
    """A tandem of the project began, and met."""
    tandem = TandemStarted(tandem_id=uuid4(), kind=TandemKind.EVERYDAY, programme_id=uuid4(), region="15087",
                           project_id=project)
    met = MeetingDocumented(meeting_id=uuid4(), tandem_id=tandem.tandem_id, person_ref=uuid4(), month="2077-04",
                            minutes=90, region="15087", project_id=project)
    return [tandem, met]


def as_heard(fact: Fact, number: int, fact_id: UUID) -> Heard:
    """The fact as it comes over the bus, as the number-th of its speaker, told now."""
    headers = envelope_headers(network="test", subject=fact.subject, fact_id=fact_id, about=fact.about(),
                               at=datetime.now(UTC), correlation="", actor_role="system")
    return read_envelope(fact.subject, headers | {"ce-sequence": str(number)}, fact.model_dump_json().encode())

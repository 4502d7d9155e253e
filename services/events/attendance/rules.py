"""What is told of an attendance: codes and opaque ids."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.codes.lists import AudienceSector
from libs.common.facts.events import AttendanceCorrected, AttendanceRecorded
from services.events.attendance.model import Attendance


@dataclass(frozen=True, slots=True)
class Present:
    """A party that was there: how many persons, and what is known of the one who registered or spoke for it."""

    persons: int
    registration_id: UUID | None = None
    walk_in_id: UUID | None = None
    person_ref: UUID | None = None
    known_elsewhere: bool = False
    sector: AudienceSector | None = None
    home_region: str | None = None


def recorded_fact(
    attendance: Attendance, present: Present, key: str | None, *, is_random: bool,
) -> AttendanceRecorded:
    """What others hear of an attendance: no name, and a person_ref only where another service knows the person."""
    return AttendanceRecorded(
        attendance_id=attendance.id, event_id=attendance.event_id, kind=attendance.kind, region=attendance.region,
        on=attendance.on, project_id=attendance.project_id, count_key=key, random_key=is_random,
        person_ref=_told_ref(attendance), training_code=attendance.training_code, sector=present.sector,
        home_region=present.home_region)


def corrected_fact(attendance: Attendance) -> AttendanceCorrected:
    """What others hear when an attendance was corrected."""
    return AttendanceCorrected(
        attendance_id=attendance.id, event_id=attendance.event_id, region=attendance.region, counts=attendance.counts,
        project_id=attendance.project_id, person_ref=_told_ref(attendance), training_code=attendance.training_code)


def _told_ref(attendance: Attendance) -> UUID | None:
    return attendance.person_ref if attendance.known_elsewhere else None

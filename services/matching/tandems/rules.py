"""What is planned and told of a tandem, and when it is to end."""

from datetime import date, datetime
from typing import Any, TypeVar
from uuid import UUID

from dateutil.relativedelta import relativedelta
from pydantic import Field

from libs.common.bodies import Body
from libs.common.clock import start_of
from libs.common.codes.lists import TandemKind
from libs.common.codes.types import Code, Day
from libs.common.facts.matching import Side, TandemFact
from libs.common.refusals import Invalid
from services.matching.profiles.rules import days_later, refuse_future, today
from services.matching.tandems.model import EndReason, Tandem

Told = TypeVar("Told", bound=TandemFact)
# Without a rule set of its own: as the field usually does it.
USUAL_MONTHS, USUAL_TRIAL_DAYS, USUAL_CHECKIN_DAYS = 12, 28, (28, 182, 364)
# What began before is no beginning that anybody reports on.
OLDEST = relativedelta(years=5)
# Of the check-ins one comes so soon after the trial, and asks besides whether to go on.
DAYS_AFTER_TRIAL = 7


class TandemFields(Body):
    """For which project a tandem counts, and what it is for."""

    project_id: UUID | None = None
    goals: list[Code] = Field(default=[], max_length=10, examples=[["school", "housing"]])


class TandemIn(TandemFields):
    """A proposal whose two have met and want to try it."""

    proposal_id: UUID
    kind: TandemKind
    started_on: Day | None = Field(
        None, description="Today unless given: the day on which it began, which may be long before it is entered here.")
    planned_until: Day | None = Field(None, description="Unless given, as long as the programme's rules ask.")


class PlanIn(TandemFields):
    """How a tandem is to go on."""

    planned_until: Day
    started_on: Day | None = Field(None, description="The day on which it began, if another than was entered.")


class SignedIn(Body):
    """When both signed their agreement; the paper itself is not taken."""

    signed_on: Day


class ConsentingIn(Body):
    """Which side said on the telephone or in person that it wants to go on."""

    side: Side


class EndingIn(Body):
    """Why it ends, and whether somebody else is looked for."""

    reason: EndReason
    rematch: bool = True


def tandem_fact(kind: type[Told], tandem: Tandem, person_refs: tuple[UUID, ...] = (), **more: Any) -> Told:
    """The fact of this kind about the tandem; person_refs are those to be told now."""
    return kind(tandem_id=tandem.id, kind=tandem.kind, programme_id=tandem.programme_id, region=tandem.region,
                person_refs=person_refs, **{"project_id": tandem.project_id} | more)


def began_at(started_on: date | None, now: datetime) -> datetime:
    """When a tandem began that is entered now; not in the future, nor in a year that is only mistyped."""
    if started_on is None or started_on == today(now):
        return now
    refuse_future(started_on, now, "started_on")
    if started_on < today(now) - OLDEST:
        raise Invalid("began-long-ago", "A tandem that began more than five years ago is not entered.",
                      field="started_on")
    return start_of(started_on)


def planned_end(started_at: datetime, months: int) -> date:
    """The day on which the accompaniment has lasted as long as the rule set asks."""
    return today(started_at) + relativedelta(months=months or USUAL_MONTHS)


def trial_end(started_at: datetime, trial_days: int) -> datetime:
    """When the trial is over, and both sides say whether to go on."""
    return days_later(started_at, trial_days)


def talk_days(checkin_days: list[int], trial_days: int) -> list[int]:
    """The days after the beginning on which both sides are asked how it goes; always one when the trial is over."""
    days = {day for day in checkin_days if day > 0} or set(USUAL_CHECKIN_DAYS)
    if not any(trial_days <= day <= trial_days + DAYS_AFTER_TRIAL for day in days):
        days.add(max(1, trial_days))
    return sorted(days)

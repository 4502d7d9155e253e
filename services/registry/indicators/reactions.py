"""What is counted of what others tell, what is counted anew, and what falls due for indicators."""

from calendar import monthrange
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert

from libs.common.clock import day_of, start_of
from libs.common.copies import REBUILD, told_after
from libs.common.db import OpenTransaction
from libs.common.due import schedule
from libs.common.envelope import Heard
from libs.common.facts.events import AttendanceCorrected, AttendanceRecorded, AttendanceTallied, EventHeld
from libs.common.facts.fact import Fact
from libs.common.facts.matching import (
    CounsellingCaseClosed,
    CounsellingCaseCorrected,
    CounsellingCaseFact,
    CounsellingCaseOpened,
    CounsellingCaseReopened,
    CounsellingCorrected,
    CounsellingFact,
    CounsellingRecorded,
    MeetingCorrected,
    MeetingDocumented,
    MeetingWithdrawn,
    ReferralAccepted,
    ReferralDeclined,
    ReferralDone,
    ReferralFact,
    ReferralSent,
    TandemCompleted,
    TandemCorrected,
    TandemFact,
    TandemStarted,
)
from libs.common.facts.registry import ConsultationRecorded, IndicatorAtRisk, IndicatorReached
from libs.common.inbox import is_unreadable
from libs.common.outbox import announce
from libs.common.reactions import reacts_to, when_due
from libs.common.tables import outbox
from services.registry.indicators.model import BY_PARTNER, Counted, CountedFact, Indicator, IndicatorState
from services.registry.indicators.queries import figures_of, unreached_indicators
from services.registry.indicators.rules import PERSON, next_check, state_of
from services.registry.projects.model import Project, ProjectState
from services.registry.projects.queries import carried_by

TANDEM = "tandem"


def _attendance(fact: AttendanceRecorded, _told: datetime) -> dict[str, Any]:
    return {"kind": Counted.ATTENDANCE, "source_id": fact.attendance_id, "occurred_on": fact.on,
            "subject_kind": PERSON, "subject_key": fact.count_key, "random_key": fact.random_key,
            "event_id": fact.event_id, "event_kind": fact.kind.value, "training_code": fact.training_code,
            "home_region": fact.home_region}


def _tally(fact: AttendanceTallied, _told: datetime) -> dict[str, Any]:
    return {"kind": Counted.TALLY, "source_id": fact.event_id, "occurred_on": fact.on, "value": fact.total,
            "subject_kind": PERSON, "event_id": fact.event_id, "event_kind": fact.kind.value}


def _correction(fact: AttendanceCorrected, told: datetime) -> dict[str, Any]:
    return {"kind": Counted.CORRECTION, "source_id": fact.attendance_id, "occurred_on": day_of(told),
            "value": int(fact.counts), "event_id": fact.event_id}


def _event(fact: EventHeld, _told: datetime) -> dict[str, Any]:
    return {"kind": Counted.EVENT_HELD, "source_id": fact.event_id, "occurred_on": day_of(fact.starts),
            "event_id": fact.event_id, "event_kind": fact.kind.value}


def _consultation(fact: ConsultationRecorded, told: datetime) -> dict[str, Any]:
    return {"kind": Counted.CONSULTATION, "source_id": fact.consultation_id, "subject_kind": fact.subject_kind,
            "subject_key": fact.subject_key, "random_key": fact.random_key,
            "occurred_on": fact.held_on or day_of(told)}


def _tandem(fact: TandemFact, told: datetime) -> dict[str, Any]:
    kind, day = Counted.TANDEM_COMPLETED, day_of(told)
    if isinstance(fact, TandemCorrected) and fact.completed_on:
        day = fact.completed_on
    elif isinstance(fact, TandemStarted | TandemCorrected):
        kind, day = Counted.TANDEM_STARTED, fact.started_on or day
    return {"kind": kind, "source_id": fact.tandem_id, "occurred_on": day, "subject_kind": TANDEM,
            "subject_key": str(fact.tandem_id)}


def _day(month: str, noted: date) -> date:
    """Of what only the month is told: the day on which it was noted when that is in the month, else its last."""
    year, number = map(int, month.split("-"))
    return noted if (noted.year, noted.month) == (year, number) else date(year, number, monthrange(year, number)[1])


def _meeting(fact: MeetingDocumented | MeetingCorrected, told: datetime) -> dict[str, Any]:
    """A correction moves it to no other day. What earlier versions told says only when it was noted."""
    noted = (fact.documented_on if isinstance(fact, MeetingCorrected) else None) or day_of(told)
    return {"kind": Counted.MEETING, "source_id": fact.meeting_id, "value": fact.minutes, "subject_kind": TANDEM,
            "occurred_on": fact.counts_on or _day(fact.month, noted), "subject_key": str(fact.tandem_id)}


def _no_meeting(fact: MeetingWithdrawn, told: datetime) -> dict[str, Any]:
    return {"kind": Counted.CORRECTION, "source_id": fact.meeting_id, "occurred_on": day_of(told), "value": 0}


def _counselling(fact: CounsellingFact, told: datetime) -> dict[str, Any]:
    """How long it took, not about what; the correction of a contact is the contact as it was, or strikes it out."""
    if isinstance(fact, CounsellingCorrected) and fact.struck:
        return {"kind": Counted.CORRECTION, "source_id": fact.contact_id, "occurred_on": day_of(told), "value": 0}
    return {"kind": Counted.COUNSELLING_CONTACT, "source_id": fact.contact_id, "value": fact.minutes or 0,
            "occurred_on": _day(fact.month, fact.recorded_on or day_of(told))}


def _case(fact: CounsellingCaseFact, told: datetime) -> dict[str, Any]:
    """Each spell that ended is a closing, which stays when they come again; one that goes on is closed no longer."""
    source_id = fact.spell_id or fact.counselling_case_id
    if isinstance(fact, CounsellingCaseReopened):
        return {"kind": Counted.CORRECTION, "source_id": source_id, "occurred_on": day_of(told), "value": 0}
    closed = isinstance(fact, CounsellingCaseClosed)
    return {"kind": Counted.COUNSELLING_CASE_CLOSED if closed else Counted.COUNSELLING_CASE_OPENED,
            "source_id": source_id if closed else fact.counselling_case_id,
            "occurred_on": _day(fact.month, day_of(told))}


def _referral(fact: ReferralFact, told: datetime) -> dict[str, Any]:
    return {"kind": REFERRALS[type(fact)], "source_id": fact.referral_id, "occurred_on": day_of(told)}


REFERRALS = {ReferralSent: Counted.REFERRAL_SENT, ReferralAccepted: Counted.REFERRAL_ACCEPTED,
             ReferralDeclined: Counted.REFERRAL_DECLINED, ReferralDone: Counted.REFERRAL_DONE}
COUNTS: dict[type[Fact], Callable[[Any, datetime], dict[str, Any]]] = {
    AttendanceRecorded: _attendance, AttendanceTallied: _tally, AttendanceCorrected: _correction, EventHeld: _event,
    TandemStarted: _tandem, TandemCorrected: _tandem, TandemCompleted: _tandem, MeetingDocumented: _meeting,
    MeetingCorrected: _meeting, MeetingWithdrawn: _no_meeting, ConsultationRecorded: _consultation,
    CounsellingRecorded: _counselling, CounsellingCorrected: _counselling, CounsellingCaseOpened: _case,
    CounsellingCaseCorrected: _case, CounsellingCaseClosed: _case, CounsellingCaseReopened: _case,
    **dict.fromkeys(REFERRALS, _referral),
}
BY_SUBJECT = {kind.subject: kind for kind in COUNTS}


def counted(fact: Any, *, fact_id: UUID, told_at: datetime, number: int = 0) -> CountedFact | None:
    """What is remembered of a fact, None when it is of no project, nor of a partner's counselling."""
    fields = COUNTS[type(fact)](fact, told_at)
    project_id = getattr(fact, "project_id", None)
    partner_id = getattr(fact, "partner_id", None) if fields["kind"] in BY_PARTNER else None
    if project_id is None and partner_id is None:
        return None
    return CountedFact(id=fact_id, region=fact.region, told_at=told_at, number=number, project_id=project_id,
                       partner_id=partner_id, **fields)


def moved_away(fact: Any, *, fact_id: UUID, told_at: datetime, number: int = 0) -> CountedFact | None:
    """What is remembered of a fact for the project for which it says that something counts no longer."""
    former = getattr(fact, "former_project_id", None)
    if former is None:
        return None
    fields = COUNTS[type(fact)](fact, told_at) | {"value": 0}
    return CountedFact(id=uuid5(fact_id, "former_project"), region=fact.region, told_at=told_at, number=number,
                       project_id=former, **fields)


def remembered(fact: Any, heard: Heard) -> list[CountedFact]:
    """All that is remembered of a fact as it was heard."""
    told: dict[str, Any] = {"fact_id": heard.fact_id, "told_at": heard.time, "number": heard.number}
    return [one for one in (counted(fact, **told), moved_away(fact, **told)) if one]


async def keep(transaction: OpenTransaction, facts: Iterable[CountedFact]) -> None:
    """Remember these facts, each once; the figures of their projects are looked at when this is committed."""
    rows = [fact.model_dump() for fact in facts]
    if not rows:
        return
    await transaction.execute(insert(CountedFact).on_conflict_do_nothing(), rows)
    for project_id in await _counting(transaction, rows):
        await schedule(transaction, "project_figures", project_id, transaction.clock.now())


async def _counting(transaction: OpenTransaction, rows: Iterable[dict[str, Any]]) -> set[UUID]:
    """The projects whose figures may change: those named, and the open ones that the partners named carry."""
    named = {(row["project_id"], row["partner_id"]) for row in rows}
    carriers = {partner_id for project_id, partner_id in named if project_id is None}
    carried = await carried_by(transaction, carriers) if carriers else ()
    return {project_id for project_id, _ in named if project_id is not None} | {*carried}


@reacts_to(*(kind for kind in COUNTS if kind.speaker() != "registry"))
async def count(transaction: OpenTransaction, fact: Fact) -> None:
    """What happened in a project, or at a partner, is remembered, whether or not an indicator asks for it today."""
    heard = transaction.hearing
    assert heard is not None  # noqa: S101 - a reaction always hears a fact
    await keep(transaction, remembered(fact, heard))


async def rebuild(transaction: OpenTransaction) -> int:
    """Forget every counted fact and count anew from the outboxes of all speakers; returns how many there are now.

    Facts heard meanwhile wait behind it. Unavailable, and nothing is changed, when a speaker is away.
    """
    others = sorted({kind.speaker() for kind in COUNTS} - {"registry"})
    told = {speaker: await told_after(transaction.bus, speaker, 0, BY_SUBJECT) for speaker in others}
    # Only now: whoever counts meanwhile would wait as long as the others take to answer.
    await transaction.execute(text("LOCK TABLE counted_fact IN SHARE ROW EXCLUSIVE MODE"))
    await transaction.execute(delete(CountedFact))
    total = await _keep_heard(transaction, await _own_facts(transaction))
    for speaker, (facts, last) in told.items():
        fresh, _ = await told_after(transaction.bus, speaker, last, BY_SUBJECT)
        total += await _keep_heard(transaction, [*facts, *fresh])
    return total


@when_due(REBUILD)
async def count_from_nothing(transaction: OpenTransaction, _network: UUID) -> None:
    """Operations wants all figures counted again; tried again, however often, while a speaker is away."""
    await rebuild(transaction)


async def _own_facts(transaction: OpenTransaction) -> list[Heard]:
    own = [kind.subject for kind in COUNTS if kind.speaker() == "registry"]
    rows = await transaction.execute(select(outbox).where(outbox.c.subject.in_(own)).order_by(outbox.c.id))
    return [Heard("registry", 0, row.fact_id, row.subject, row.about, row.headers, row.body.encode()) for row in rows]


async def _keep_heard(transaction: OpenTransaction, page: Iterable[Heard]) -> int:
    facts = [fact for heard in page for fact in _read(heard)]
    await keep(transaction, facts)
    return len(facts)


def _read(heard: Heard) -> list[CountedFact]:
    try:
        fact = BY_SUBJECT[heard.subject].model_validate_json(heard.body)
    except ValueError as unreadable:
        # Such a fact was parked when it was first heard, and did not count then either.
        if is_unreadable(unreadable):
            return []
        raise
    return remembered(fact, heard)


async def watch(transaction: OpenTransaction, indicator: Indicator, project: Project) -> None:
    """Let it be looked at whether the indicator is reached, now, and at risk, at the next of its times."""
    now = transaction.clock.now()
    await schedule(transaction, "project_figures", project.id, now)
    day = next_check(indicator, project, day_of(now))
    if day is not None:
        await schedule(transaction, "indicator_check", indicator.id, start_of(day))


@when_due("project_figures")
async def look_what_is_reached(transaction: OpenTransaction, project_id: UUID) -> None:
    """Figures of an open project may have changed: what reached its target is told, once."""
    project = await transaction.get(Project, project_id)
    if project is None or project.state is not ProjectState.OPEN:
        return
    waiting = await unreached_indicators(transaction, project_id)
    for indicator, figure in await figures_of(transaction, project, waiting):
        if figure.actual >= indicator.target:
            indicator.reached_at = transaction.clock.now()
            announce(transaction, _told(IndicatorReached, indicator, figure.actual), region=project.region)


@when_due("indicator_check")
async def look_what_is_at_risk(transaction: OpenTransaction, indicator_id: UUID) -> None:
    """At half of the time and later: an indicator that is behind is told as at risk, once."""
    indicator = await transaction.get(Indicator, indicator_id, with_for_update=True)
    if indicator is None or indicator.reached_at or indicator.at_risk_at:
        return
    project = await transaction.get_one(Project, indicator.project_id)
    if project.state is not ProjectState.OPEN:
        return
    ((_, figure),) = await figures_of(transaction, project, [indicator])
    state = state_of(indicator, project, figure.actual, day_of(transaction.clock.now()))
    if state in {IndicatorState.BEHIND, IndicatorState.MISSED}:
        indicator.at_risk_at = transaction.clock.now()
        announce(transaction, _told(IndicatorAtRisk, indicator, figure.actual), region=project.region)
    else:
        await watch(transaction, indicator, project)


def _told(kind: type[IndicatorReached], indicator: Indicator, actual: int) -> IndicatorReached:
    return kind(indicator_id=indicator.id, project_id=indicator.project_id, actual=actual, target=indicator.target,
                deadline=indicator.deadline)

"""What follows for tandems: beginning, confirming and ending one, wherever decided; and when a trial is over."""

from datetime import date
from uuid import UUID

from libs.common.db import OpenTransaction
from libs.common.due import cancel, schedule
from libs.common.facts.matching import (
    Side,
    TandemCompleted,
    TandemConfirmed,
    TandemCorrected,
    TandemEndedEarly,
    TandemStarted,
    TandemTrialEnded,
)
from libs.common.outbox import announce
from libs.common.reactions import when_due
from services.matching.checkins.reactions import asked_after_trial, drop_checkins, plan_checkins
from services.matching.households.model import Household
from services.matching.meetings.queries import first_met_on
from services.matching.meetings.reactions import count_meetings_anew
from services.matching.mentor_groups.model import MentorGroup
from services.matching.mentor_groups.reactions import await_end_of_offer
from services.matching.mentors.model import Mentor
from services.matching.pauses.reactions import held_back
from services.matching.prerequisites.reactions import group_ended, recheck
from services.matching.profiles.queries import locked
from services.matching.profiles.rules import today
from services.matching.projects.model import counts_for
from services.matching.projects.queries import known_projects
from services.matching.proposals.queries import Pair, Unit
from services.matching.tandems.model import EndReason, Tandem
from services.matching.tandems.queries import locked_with_pair, persons_of_side, persons_of_tandem, running_of
from services.matching.tandems.rules import began_at, tandem_fact


async def begun(transaction: OpenTransaction, tandem: Tandem, pair: Pair, days: list[int]) -> None:
    """A tandem begins on trial: household and mentor or group are taken, check-ins are planned, both are told."""
    known = await known_projects(transaction, tandem.project_ids)
    tandem.started_for = counts_for(tandem.started_on, tandem.project_ids, known, None)
    pair.household.accompany()
    if isinstance(pair.unit, Mentor):
        pair.unit.accompany(transaction.clock.now())
    else:
        pair.unit.accompany()
    transaction.add(tandem)
    await transaction.flush()
    await plan_checkins(transaction, tandem, days)
    await schedule(transaction, "trial_over", tandem.id, tandem.trial_until)
    told = await persons_of_tandem(transaction, tandem)
    announce(transaction, tandem_fact(
        TandemStarted, tandem, told, project_id=tandem.started_for, started_on=tandem.started_on))


async def correct_beginning(transaction: OpenTransaction, tandem: Tandem, on: date) -> None:
    """It began on another day than was entered; nothing else that was planned changes by that."""
    if on != tandem.started_on:
        known = [day for day in (await first_met_on(transaction, tandem), tandem.agreement_signed_on) if day]
        tandem.begin_otherwise(began_at(on, transaction.clock.now()), min(known, default=None))


async def count_tandem_anew(transaction: OpenTransaction, tandem: Tandem, told_as: date) -> None:
    """It may count for another project, or as begun on another day than was told; what is so now is told, to nobody."""
    former = tandem.started_for
    known = await known_projects(transaction, [*tandem.project_ids, former])
    tandem.started_for = counts_for(tandem.started_on, tandem.project_ids, known, former)
    if tandem.started_for != former or tandem.started_on != told_as:
        announce(transaction, tandem_fact(
            TandemCorrected, tandem, project_id=tandem.started_for, started_on=tandem.started_on,
            former_project_id=former if tandem.started_for != former else None))
    if tandem.completed_on:
        await _count_end_anew(transaction, tandem, tandem.completed_on)
    await count_meetings_anew(transaction, tandem)


async def _count_end_anew(transaction: OpenTransaction, tandem: Tandem, completed_on: date) -> None:
    former = tandem.completed_for
    known = await known_projects(transaction, [*tandem.project_ids, former])
    tandem.completed_for = counts_for(completed_on, tandem.project_ids, known, former)
    if tandem.completed_for != former:
        announce(transaction, tandem_fact(TandemCorrected, tandem, project_id=tandem.completed_for,
                                          completed_on=completed_on, former_project_id=former))


@when_due("tandem_count")
async def count_what_was_missing(transaction: OpenTransaction, tandem_id: UUID) -> None:
    """A version before this one had not told for which project the tandem's beginning and earlier meetings count."""
    tandem = await locked(transaction, Tandem, tandem_id)
    await count_tandem_anew(transaction, tandem, tandem.started_on)


@when_due("trial_over")
async def ask_whether_to_go_on(transaction: OpenTransaction, tandem_id: UUID) -> None:
    """The trial is over: each side that has not said so yet is asked whether to go on.

    Whom a check-in soon afterwards asks how it goes is asked there, in one mail; whoever does not consent to that is
    asked here, since without both consents the tandem would stay on trial.
    """
    tandem = await locked(transaction, Tandem, tandem_id)
    if not tandem.is_trial_over(transaction.clock.now()):
        return
    told: list[UUID] = []
    for side in (one for one in Side if not tandem.consented_at(one)):
        asked = await asked_after_trial(transaction, tandem, side)
        told += [ref for ref in await persons_of_side(transaction, tandem, side) if ref not in asked]
    announce(transaction, tandem_fact(TandemTrialEnded, tandem, tuple(told)))


async def consented(transaction: OpenTransaction, tandem: Tandem, side: Side) -> None:
    """A side wants to go on after the trial; with the second one the tandem is active, and both are told."""
    if tandem.consent(side, transaction.clock.now()):
        told = await persons_of_tandem(transaction, tandem)
        announce(transaction, tandem_fact(TandemConfirmed, tandem, told))


async def ended_early(
    transaction: OpenTransaction, tandem: Tandem, pair: Pair, reason: EndReason, *, rematch: bool,
) -> None:
    """A tandem ends before its time: its place is free, and the household waits again or is closed. Both are told.

    For somebody's safety a mentor pauses then, and a group is held back; who says so has locked the whole unit
    (locked_tandem).
    """
    now, told = transaction.clock.now(), await persons_of_tandem(transaction, tandem)
    tandem.end_early(reason, now)
    await cancel(transaction, "trial_over", tandem.id)
    if rematch:
        pair.household.wait_again(tandem.started_at, now)
    else:
        pair.household.end("tandem_ended", now)
    await drop_checkins(transaction, tandem)
    await _freed(transaction, pair.unit, for_safety=reason is EndReason.SAFEGUARDING)
    announce(transaction, tandem_fact(TandemEndedEarly, tandem, told))


async def _freed(transaction: OpenTransaction, unit: Unit, *, for_safety: bool) -> None:
    """The place of a tandem that ended early is free; who was ended for somebody's safety is offered to nobody."""
    if isinstance(unit, MentorGroup):
        unit.part()
        await await_end_of_offer(transaction, unit)
        if not for_safety:
            await recheck(transaction, unit)
    if for_safety:
        await held_back(transaction, unit)


async def completed(transaction: OpenTransaction, tandem: Tandem, pair: Pair, reason: EndReason) -> None:
    """A tandem came to its good end. Both are told."""
    now, told = transaction.clock.now(), await persons_of_tandem(transaction, tandem)
    tandem.complete(reason, now)
    pair.household.end("completed", now)
    await drop_checkins(transaction, tandem)
    if isinstance(pair.unit, MentorGroup):
        pair.unit.complete(now)
        await group_ended(transaction, pair.unit)
    known = await known_projects(transaction, tandem.project_ids)
    tandem.completed_for = counts_for(today(now), tandem.project_ids, known, None)
    announce(transaction, tandem_fact(TandemCompleted, tandem, told, project_id=tandem.completed_for))


async def leave_tandems(transaction: OpenTransaction, of: Household | Unit) -> None:
    """A side takes part no longer: its tandems end; a household whose mentor is gone waits again.

    A household must be locked, a mentor or group with lock_unit.
    """
    gone = isinstance(of, Household)
    reason = EndReason.HOUSEHOLD_WISH if gone else EndReason.MENTOR_UNAVAILABLE
    for running in await running_of(transaction, of):
        tandem, pair = await locked_with_pair(transaction, running)
        await ended_early(transaction, tandem, pair, reason, rematch=not gone)



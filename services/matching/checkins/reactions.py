"""What falls due for check-ins, and what becomes of them when their tandem rests, goes on or ends."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select as select_columns
from sqlmodel import col, select

from libs.common.db import OpenTransaction
from libs.common.due import cancel, schedule
from libs.common.facts.matching import CheckinDue, CheckinFact, CheckinMissed, Side, TandemTrialEnded
from libs.common.outbox import announce
from libs.common.reactions import when_due
from libs.common.tables import due
from services.matching.checkins.model import ANSWER_WITHIN, UNSETTLED, Checkin, CheckinState
from services.matching.consents.model import Purpose
from services.matching.consents.queries import agreeing
from services.matching.mentor_groups.model import MentorGroup
from services.matching.profiles.queries import locked
from services.matching.profiles.rules import days_later
from services.matching.tandems.model import RUNNING, Tandem, TandemState
from services.matching.tandems.queries import persons_of_side, running_of
from services.matching.tandems.rules import tandem_fact


async def plan_checkins(transaction: OpenTransaction, tandem: Tandem, days: list[int]) -> None:
    """Each side is asked on these days after the beginning, separately, and only if it consents to be asked.

    Days that had passed when the tandem was entered are past.
    """
    now, due_at = transaction.clock.now(), {day: days_later(tandem.started_at, day) for day in days}
    for side in Side:
        asked = await _who_is_asked(transaction, tandem, side)
        for day in (one for one in days if due_at[one] > now):
            checkin = Checkin(tandem_id=tandem.id, region=tandem.region, side=side, day=day, due_at=due_at[day],
                              changed_at=now)
            transaction.add(checkin)
            if asked:
                await schedule(transaction, "checkin_due", checkin.id, checkin.due_at)
            else:
                checkin.drop(now)
    await transaction.flush()


async def stop_asking(transaction: OpenTransaction, tandem: Tandem) -> None:
    """Somebody does not consent any more: a side of which nobody does is not asked; the other's check-ins go on."""
    for checkin in await _unsettled(transaction, tandem):
        if not await _who_is_asked(transaction, tandem, checkin.side):
            await _drop_unasked(transaction, tandem, checkin)


async def ask_again(transaction: OpenTransaction, tandem: Tandem) -> None:
    """Somebody consents to be asked: what was dropped of a side that does, and has not passed, is planned again."""
    query = select(Checkin).where(Checkin.tandem_id == tandem.id, Checkin.state == CheckinState.DROPPED)
    for checkin in (await transaction.scalars(query.order_by(col(Checkin.id)).with_for_update())).all():
        if (await _who_is_asked(transaction, tandem, checkin.side) and checkin.plan_again(transaction.clock.now())
                and tandem.state is not TandemState.PAUSED):
            await schedule(transaction, "checkin_due", checkin.id, checkin.due_at)


async def ask_others(transaction: OpenTransaction, group: MentorGroup, before: Collection[UUID]) -> None:
    """Others may speak for a locked group than did: its tandems' check-ins that nobody was asked are planned again.

    Where none of those who did (`before`) is left to answer, who speaks now is asked what is unanswered.
    """
    for tandem in await running_of(transaction, group):
        await ask_again(transaction, tandem)
        speaking = await persons_of_side(transaction, tandem, Side.MENTORS)
        if speaking and not set(before) & set(speaking):
            await ask_new_contact(transaction, tandem, Side.MENTORS)


async def rest(transaction: OpenTransaction, tandem: Tandem) -> None:
    """The tandem is paused: nobody is asked meanwhile, and who was need not answer before it goes on."""
    for checkin in await _unsettled(transaction, tandem):
        checkin.rest(transaction.clock.now())
        await ask_no_more(transaction, checkin)


async def go_on(transaction: OpenTransaction, tandem: Tandem) -> None:
    """The tandem goes on: what was to be asked meanwhile is asked now; who was asked before has 14 days again."""
    now = transaction.clock.now()
    for checkin in await _unsettled(transaction, tandem):
        checkin.go_on(now)
        if checkin.state is CheckinState.PLANNED:
            await schedule(transaction, "checkin_due", checkin.id, checkin.due_at)
        elif checkin.state is CheckinState.DUE:
            await schedule(transaction, "checkin_missed", checkin.id, now + ANSWER_WITHIN)


async def drop_checkins(transaction: OpenTransaction, tandem: Tandem) -> None:
    """The tandem has ended: nobody is asked any more."""
    for checkin in await _unsettled(transaction, tandem):
        await _drop(transaction, checkin)


async def ask_new_contact(transaction: OpenTransaction, tandem: Tandem, side: Side) -> None:
    """Somebody else speaks for a side of the tandem: they are asked what it was asked and has not answered.

    So they are whether to go on after the trial, by itself unless a check-in asks it besides.
    """
    to_ask, unsettled = not tandem.consented_at(side), await _unsettled(transaction, tandem)
    for checkin in (one for one in unsettled if one.side is side):
        if not await _who_is_asked(transaction, tandem, side):
            await _drop(transaction, checkin)
            continue
        if checkin.ask_anew(transaction.clock.now()):
            await cancel(transaction, "checkin_missed", checkin.id)
            if tandem.state is not TandemState.PAUSED:
                await schedule(transaction, "checkin_due", checkin.id, checkin.due_at)
        to_ask = to_ask and not (checkin.state is CheckinState.PLANNED and checkin.comes_after(tandem.trial_until))
    if to_ask and await _end_of_trial_told(transaction, tandem):
        told = await persons_of_side(transaction, tandem, side)
        announce(transaction, tandem_fact(TandemTrialEnded, tandem, told))


async def asked_after_trial(transaction: OpenTransaction, tandem: Tandem, side: Side) -> tuple[UUID, ...]:
    """Those of a side whom a check-in soon after the trial asks, or has asked: its mail asks whether to go on, too."""
    query = select(Checkin).where(Checkin.tandem_id == tandem.id, Checkin.side == side)
    if any(one.comes_after(tandem.trial_until) and not one.never_asks for one in await transaction.scalars(query)):
        return await _who_is_asked(transaction, tandem, side)
    return ()


async def _drop_unasked(transaction: OpenTransaction, tandem: Tandem, checkin: Checkin) -> None:
    """Nobody of its side consents to be asked: whether to go on, which was left to it, the side is asked by itself."""
    was_to_ask = checkin.state is CheckinState.PLANNED and checkin.comes_after(tandem.trial_until)
    await _drop(transaction, checkin)
    if was_to_ask:
        told = await persons_of_side(transaction, tandem, checkin.side)
        await _ask_whether_to_go_on(transaction, tandem, checkin.side, told)


async def answered_before(transaction: OpenTransaction, tandem: Tandem, checkin: Checkin) -> None:
    """A coordinator has talked with the side before the day: whether to go on, which was left to it, it is asked."""
    if checkin.comes_after(tandem.trial_until):
        told = await _who_is_asked(transaction, tandem, checkin.side)
        await _ask_whether_to_go_on(transaction, tandem, checkin.side, told)


async def _ask_whether_to_go_on(
    transaction: OpenTransaction, tandem: Tandem, side: Side, told: tuple[UUID, ...],
) -> None:
    if not tandem.consented_at(side) and await _end_of_trial_told(transaction, tandem):
        announce(transaction, tandem_fact(TandemTrialEnded, tandem, told))


async def _end_of_trial_told(transaction: OpenTransaction, tandem: Tandem) -> bool:
    """Whether the trial is over, and whoever no check-in asks was asked whether to go on."""
    waits = select_columns(due.c.about).where(due.c.kind == "trial_over", due.c.about == tandem.id)
    return tandem.is_trial_over(transaction.clock.now()) and await transaction.scalar(waits) is None


async def _drop(transaction: OpenTransaction, checkin: Checkin) -> None:
    checkin.drop(transaction.clock.now())
    await ask_no_more(transaction, checkin)


async def ask_no_more(transaction: OpenTransaction, checkin: Checkin) -> None:
    """Nothing of it falls due any more."""
    await cancel(transaction, "checkin_due", checkin.id)
    await cancel(transaction, "checkin_missed", checkin.id)


async def _who_is_asked(transaction: OpenTransaction, tandem: Tandem, side: Side) -> tuple[UUID, ...]:
    """Those who speak for a side and consent to be asked how it goes."""
    return await agreeing(transaction, await persons_of_side(transaction, tandem, side), Purpose.CHECKINS)


async def told_of(transaction: OpenTransaction, kind: type[CheckinFact], checkin: Checkin, *, to_side: bool) -> None:
    """Announce what became of a check-in; to_side: those of the side who consent to be asked are to be told."""
    tandem = await transaction.get_one(Tandem, checkin.tandem_id)
    told = await _who_is_asked(transaction, tandem, checkin.side) if to_side else ()
    announce(transaction, kind(checkin_id=checkin.id, tandem_id=checkin.tandem_id, side=checkin.side,
                               due=checkin.due_at, region=checkin.region, person_refs=told))


@when_due("checkin_due")
async def ask_how_it_goes(transaction: OpenTransaction, checkin_id: UUID) -> None:
    """It is time to ask a side how it goes; it has 14 days to answer."""
    checkin = await locked(transaction, Checkin, checkin_id)
    tandem = await transaction.get_one(Tandem, checkin.tandem_id)
    now = transaction.clock.now()
    if tandem.state not in RUNNING - {TandemState.PAUSED}:
        return
    if not await _who_is_asked(transaction, tandem, checkin.side):
        await _drop_unasked(transaction, tandem, checkin)
    if not checkin.fall_due(now):
        return
    await schedule(transaction, "checkin_missed", checkin.id, now + ANSWER_WITHIN)
    await told_of(transaction, CheckinDue, checkin, to_side=True)


@when_due("checkin_missed")
async def escalate_checkin(transaction: OpenTransaction, checkin_id: UUID) -> None:
    """Nobody answered within 14 days: it goes on the coordinator's list; the side hears that it may still answer.

    Not while the tandem rests: it then has 14 days again.
    """
    checkin = await locked(transaction, Checkin, checkin_id)
    tandem = await transaction.get_one(Tandem, checkin.tandem_id)
    if tandem.state is not TandemState.PAUSED and checkin.miss(transaction.clock.now()):
        await told_of(transaction, CheckinMissed, checkin, to_side=True)


async def _unsettled(transaction: OpenTransaction, tandem: Tandem) -> Sequence[Checkin]:
    query = select(Checkin).where(Checkin.tandem_id == tandem.id, col(Checkin.state).in_(UNSETTLED))
    return (await transaction.scalars(query.order_by(col(Checkin.id)).with_for_update())).all()

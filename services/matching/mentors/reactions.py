"""What follows when a mentor leaves or says something else of themselves; and what falls due for mentors."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from libs.common.audit import audited
from libs.common.db import OpenTransaction
from libs.common.due import cancel, schedule
from libs.common.reactions import when_due
from services.matching.mentors.model import Mentor, MentorState, record_deleted_at
from services.matching.obstacles.reactions import look_again, unit_described
from services.matching.profiles.rules import begin_of
from services.matching.proposals.queries import awaited_of, lock_unit, taken
from services.matching.proposals.reactions import let_go


async def described(
    transaction: OpenTransaction, mentor: Mentor, values: Mapping[str, Any], *, capacity: int | None = None,
) -> None:
    """What a mentor locked with lock_unit says of themselves has changed; the capacity is never below what is taken.

    Their proposals and tandems are looked at again.
    """
    mentor.refuse_left()
    if capacity is not None:
        mentor.set_capacity(capacity, taken=await taken(transaction, mentor))
    await unit_described(transaction, mentor, values)


async def left(transaction: OpenTransaction, mentor: Mentor) -> None:
    """A mentor locked with lock_unit stops for good; what was noted of a certificate goes in time."""
    now = transaction.clock.now()
    mentor.leave(now, awaited=await awaited_of(transaction, mentor), taken=await taken(transaction, mentor))
    await let_go(transaction, mentor)
    await keep_record_for_now(transaction, mentor)


async def record_noted(transaction: OpenTransaction, mentor: Mentor) -> None:
    """A certificate of a mentor locked with lock_unit was seen, has a relevant entry or was taken back.

    Their proposals and tandems are looked at again.
    """
    if mentor.record_next_due:
        await schedule(transaction, "record_due", mentor.id, begin_of(mentor.record_next_due))
    else:
        await cancel(transaction, "record_due", mentor.id)
    await look_again(transaction, mentor)


async def keep_record_for_now(transaction: OpenTransaction, mentor: Mentor) -> None:
    """A mentor has left, on whatever way: nothing falls due but that what was noted of a certificate goes in time.

    Who had left before goes on from that day: nothing is kept longer because something more was said.
    """
    for kind in ("record_due", "availability_end"):
        await cancel(transaction, kind, mentor.id)
    if mentor.record_seen_on and mentor.left_at:
        await schedule(transaction, "record_deletion", mentor.id, record_deleted_at(mentor.left_at))
    else:
        await cancel(transaction, "record_deletion", mentor.id)


@when_due("record_due")
async def follow_lapsed_record(transaction: OpenTransaction, mentor_id: UUID) -> None:
    """A certificate is to be seen again from today on: until then nobody is invited with the mentor, or accepts."""
    await look_again(transaction, await lock_unit(transaction, Mentor, mentor_id))


@when_due("record_deletion")
async def delete_record(transaction: OpenTransaction, mentor_id: UUID) -> None:
    """Three months after the activity ended nothing is known any more of a certificate that was seen."""
    mentor = await transaction.get_one(Mentor, mentor_id, with_for_update=True)
    if mentor.state is MentorState.LEFT:
        mentor.forget_record()
        await audited(transaction, "erase", f"mentor/{mentor.id}", mentor.person_ref)

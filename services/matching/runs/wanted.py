"""What whoever starts a run wants of it: pairs that are in it, or ruled out, and not too many runs at once."""

from collections.abc import Iterable, Sequence
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field
from sqlalchemy import func, union_all
from sqlalchemy import select as select_columns
from sqlmodel import col

from libs.common.bodies import Body
from libs.common.db import OpenTransaction
from libs.common.refusals import Invalid, Refused
from services.matching.households.model import Household
from services.matching.mentor_groups.model import MentorGroup
from services.matching.mentors.model import Mentor
from services.matching.profiles.queries import among
from services.matching.runs.model import UNFINISHED, PairReason, Run
from services.matching.runs.what_if_pairs import refuse_to_two

# They are computed one after the other, a country's for minutes: more would keep everybody else waiting.
MOST_UNFINISHED = 10


class PairIn(Body):
    """A household, and a mentor or group."""

    household_id: UUID
    unit_id: UUID
    reason: PairReason = Field(description="Why; account and export tell it.", examples=["wish_of_both"])


def _to_one(pairs: list[PairIn]) -> list[PairIn]:
    refuse_to_two((one.household_id, one.unit_id) for one in pairs)
    return pairs


Pinned = Annotated[list[PairIn], AfterValidator(_to_one)]
"""Pairs that are wanted: a household with one mentor or group."""


def written(pairs: Iterable[PairIn]) -> list[list[str]]:
    """As a run keeps them."""
    return [[str(one.household_id), str(one.unit_id)] for one in pairs]


async def refuse_too_many(transaction: OpenTransaction) -> None:
    """Who has started so many runs that are not finished waits, or cancels one; two at one moment may both pass."""
    own = select_columns(func.count()).where(
        col(Run.started_by) == transaction.caller.principal, col(Run.state).in_(UNFINISHED))
    if (await transaction.scalar(own) or 0) >= MOST_UNFINISHED:
        raise Refused("runs-unfinished", "You have started {most} runs that are not finished: wait until one is done,"
                      " or cancel one.", most=MOST_UNFINISHED)


async def refuse_unknown(transaction: OpenTransaction, programme_id: UUID, pairs: Sequence[PairIn], field: str) -> None:
    """Each is a household, and a mentor or group, of the programme: to rule out what is not there rules out nothing."""
    households = await _there(transaction, programme_id, [one.household_id for one in pairs], Household)
    units = await _there(transaction, programme_id, [one.unit_id for one in pairs], Mentor, MentorGroup)
    for one in pairs:
        if one.household_id not in households or one.unit_id not in units:
            raise Invalid("pair-unknown", "There is no household {household_id}, or no mentor or group {unit_id}, in"
                          " this programme.", field=field, household_id=one.household_id, unit_id=one.unit_id)


async def _there(
    transaction: OpenTransaction, programme_id: UUID, ids: list[UUID], *kinds: type[Household | Mentor | MentorGroup],
) -> set[UUID]:
    if not ids:
        return set()
    query = union_all(*(select_columns(col(kind.id)).where(
        among(kind.id, ids), col(kind.programme_id) == programme_id) for kind in kinds))
    return set(await transaction.scalars(query))

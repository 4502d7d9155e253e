"""What a run reads: the whole pool of a programme in a region, as plain rows for the worker process."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_
from sqlalchemy import select as select_columns
from sqlmodel import col

from libs.common.db import OpenTransaction
from services.matching.households.model import Household, HouseholdState
from services.matching.members.model import Member
from services.matching.mentor_groups.model import ENDED, WITH_HOUSEHOLD, GroupState, MentorGroup
from services.matching.mentors.model import VETTED, Mentor, MentorState
from services.matching.prerequisites.queries import rules_on
from services.matching.profiles.rules import today
from services.matching.proposals.model import OF_SYSTEM, OPEN, PENDING, Proposal, ProposalState
from services.matching.runs.model import Run
from services.matching.tandems.model import RUNNING, Tandem, TandemState
from services.matching.weights.model import WeightSet
from services.matching.weights.queries import weights_now

DESCRIBED = ("version", "languages", "slots", "radius_km", "lat", "lon", "interests", "conflict_groups", "region")
ACCOMPANYING = (*DESCRIBED, "largest", "offers", "accepts_genders", "accepts_bands", "childcare", "step_free",
                "vetoed_households")
HOUSEHOLD = (*DESCRIBED, "members", "least_level", "interpreter", "kinds", "contact_genders", "must_haves", "wishes",
             "vetoed_units", "vetoed_persons", "vetoed_partners", "urgency")
WEIGHTS = ("language", "distance", "needs", "interests", "availability", "base", "min_common_slots",
           "waiting_per_week", "waiting_most", "urgency_bonus", "far_km", "enough_slots")
Row = dict[str, Any]
Which = Callable[[Any], ColumnElement[bool]]
"""Which rows of a table of households, mentors or groups are meant."""
ROWS_AT_ONCE = 500


async def load_pool(transaction: OpenTransaction, run: Run) -> dict[str, Any]:
    """Everything that the run depends on, in plain values: weights, households, units, pairs that are barred."""
    which = partial(in_pool, run=run)
    rules = await rules_of_day(transaction, run.programme_id)
    if run.weights:
        rules["weights"] = run.weights | {"weights_version": "simulated"}
    return rules | {
        "households": await household_rows(
            transaction, lambda kind: and_(which(kind), col(kind.state) == HouseholdState.WAITING)),
        "units": await unit_rows(transaction, which, rules),
        "declined": await barred_pairs(transaction, run.programme_id),
        "pinned": _pairs(run.pinned), "forbidden": _pairs(run.forbidden),
    }


async def rules_of_day(transaction: OpenTransaction, programme_id: UUID) -> dict[str, Any]:
    """What a programme computes with today: the day, the home that it asks for, who chooses, and the weights."""
    day = today(transaction.clock.now())
    rules = await rules_on(transaction, programme_id, day)
    return {"today": day, "rent_months": rules.rent_months if rules else 0,
            "authority_chooses": bool(rules and rules.authority_chooses),
            "weights": await _weights(transaction, programme_id)}


async def unit_rows(transaction: OpenTransaction, which: Which, rules: dict[str, Any]) -> list[Row]:
    """Mentors and groups as the core reads them, under these rules of the day."""
    def there(kind: Any) -> ColumnElement[bool]:
        gone = {MentorState.LEFT} if kind is Mentor else ENDED
        return and_(which(kind), col(kind.state).not_in(gone))

    return [*await _mentors(transaction, there, rules["today"]),
            *await _groups(transaction, there, authority_chooses=rules["authority_chooses"])]


async def load_pair(transaction: OpenTransaction, of: Proposal | Tandem) -> dict[str, Any]:
    """One pair, as `load_pool` reads it of a whole pool; the place that the pair itself holds counts as free."""
    rules = await rules_of_day(transaction, of.programme_id)
    households = await household_rows(transaction, lambda kind: kind.id == of.household_id)
    if of.mentor_id:
        units = await _mentors(transaction, lambda kind: kind.id == of.mentor_id, rules["today"], besides=of)
    else:
        units = await _groups(transaction, lambda kind: kind.id == of.mentor_group_id, besides=of,
                              authority_chooses=rules["authority_chooses"])
    return rules | {"households": households, "units": units}


async def _weights(transaction: OpenTransaction, programme_id: UUID) -> dict[str, Any]:
    """The programme's newest ones, else the usual."""
    weights = await weights_now(transaction, programme_id)
    given = {name: getattr(weights, name) for name in WEIGHTS} if weights else _usual()
    return given | {"weights_version": str(weights.number if weights else 0)}


def _pairs(written: list[list[str]]) -> list[tuple[UUID, UUID]]:
    return [(UUID(household), UUID(unit)) for household, unit in written]


def _usual() -> dict[str, int]:
    """The weights of a programme for which nobody has set any."""
    return {name: WeightSet.model_fields[name].get_default() for name in WEIGHTS}


def in_pool(kind: Any, run: Run) -> ColumnElement[bool]:
    """The rows of a programme in the run's region."""
    return and_(kind.programme_id == run.programme_id, col(kind.region).startswith(run.region))


async def _rows(transaction: OpenTransaction, query: Select[Any]) -> list[Row]:
    """All rows, fetched a part at a time: others have their turn in between, however large the pool is."""
    rows: list[Row] = []
    found = await transaction.stream(query, execution_options={"yield_per": ROWS_AT_ONCE})
    async for part in found.mappings().partitions(ROWS_AT_ONCE):
        rows += [dict(row) for row in part]
    return rows


def _columns(kind: Any, names: Sequence[str]) -> list[Any]:
    return [getattr(kind, name) for name in names]


async def household_rows(transaction: OpenTransaction, which: Which) -> list[Row]:
    """Households as the core reads them."""
    query = select_columns(
        col(Household.id), *_columns(Household, HOUSEHOLD), col(Household.waiting_since),
        col(Household.consented_on).is_not(None).label("consented"),
    ).where(which(Household))
    rows, now = await _rows(transaction, query), transaction.clock.now()
    for row in rows:
        row["waiting_since"] = today(row["waiting_since"] or now)
    return rows


async def _mentors(
    transaction: OpenTransaction, which: Which, day: date, *, besides: Proposal | Tandem | None = None,
) -> list[Row]:
    """Mentors, also those who are not to be had: why is told by a hard code."""
    held = await _held(transaction, Mentor, which, Proposal.mentor_id, Tandem.mentor_id, besides)
    query = select_columns(
        col(Mentor.id), *_columns(Mentor, ACCOMPANYING), col(Mentor.capacity), col(Mentor.gender), col(Mentor.state),
        col(Mentor.person_ref), col(Mentor.partner_id).label("partner"),
        col(Mentor.consented_on).is_not(None).label("consented"),
        func.coalesce(col(Mentor.record_next_due) > day, False).label("valid_record"),
    ).where(which(Mentor))
    rows = await _rows(transaction, query)
    for row in rows:
        state, valid_record = row.pop("state"), row.pop("valid_record")
        row |= {
            "kind": "single", "free": max(0, row.pop("capacity") - held.get(row["id"], 0)),
            "vetted": state in VETTED and valid_record, "paused": state is MentorState.PAUSED,
            "contact_genders": [row.pop("gender").value], "persons": [row.pop("person_ref")]}
    return rows


async def _groups(
    transaction: OpenTransaction, which: Which, *, authority_chooses: bool, besides: Proposal | Tandem | None = None,
) -> list[Row]:
    """Groups on their way or with a household; vetted are those that may be proposed."""
    held = await _held(transaction, MentorGroup, which, Proposal.mentor_group_id, Tandem.mentor_group_id, besides)
    query = select_columns(
        col(MentorGroup.id), *_columns(MentorGroup, ACCOMPANYING), col(MentorGroup.housing), col(MentorGroup.state),
        col(MentorGroup.partner_id).label("partner"),
    ).where(which(MentorGroup))
    rows, members = await _rows(transaction, query), await _members(transaction, which)
    wanted = GroupState.LISTED if authority_chooses else GroupState.READY
    for row in rows:
        state, own = row.pop("state"), members.get(row["id"], [])
        main = [one for one in own if one.is_main_contact] or own
        row |= {
            "kind": "group", "free": 0 if state in WITH_HOUSEHOLD or held.get(row["id"]) else 1,
            "vetted": state is wanted or state in WITH_HOUSEHOLD, "paused": False,
            "contact_genders": [one.gender.value for one in main],
            "consented": bool(own) and all(one.consented_on for one in own),
            "persons": [one.person_ref for one in own]}
    return rows


async def _members(transaction: OpenTransaction, which: Which) -> dict[UUID, list[Any]]:
    query = select_columns(
        col(Member.mentor_group_id), col(Member.person_ref), col(Member.is_main_contact), col(Member.gender),
        col(Member.consented_on),
    ).join(MentorGroup, col(MentorGroup.id) == col(Member.mentor_group_id)).where(
        which(MentorGroup), col(Member.left_on).is_(None))
    found: dict[UUID, list[Any]] = {}
    for row in await transaction.execute(query):
        found.setdefault(row.mentor_group_id, []).append(row)
    return found


async def _held(
    transaction: OpenTransaction, kind: Any, which: Which, of_proposal: Any, of_tandem: Any,
    besides: Proposal | Tandem | None,
) -> dict[UUID, int]:
    """How many places of each are taken or spoken for: a proposal that waits for the coordinator keeps its place.

    The one that is named in `besides` is not counted.
    """
    spoken_for = select_columns(of_proposal.label("unit_id")).join(kind, kind.id == of_proposal).where(
        which(kind), col(Proposal.state).in_(OPEN | PENDING))
    running = select_columns(of_tandem.label("unit_id")).join(kind, kind.id == of_tandem).where(
        which(kind), col(Tandem.state).in_(RUNNING))
    if besides is not None:
        spoken_for, running = spoken_for.where(col(Proposal.id) != besides.id), running.where(
            col(Tandem.id) != besides.id)
    each = spoken_for.union_all(running).subquery()
    rows = await transaction.execute(select_columns(each.c.unit_id, func.count()).group_by(each.c.unit_id))
    return dict(rows.all())


async def barred_pairs(
    transaction: OpenTransaction, programme_id: UUID, household_id: UUID | None = None,
) -> list[tuple[UUID, UUID]]:
    """(household, unit) of pairs that do not come back: declined, expired, dismissed, or a tandem that ended early.

    Of one household only where it is named.
    """
    unit = func.coalesce(col(Proposal.mentor_id), col(Proposal.mentor_group_id))
    said_no = or_(
        col(Proposal.state).in_({ProposalState.DECLINED, ProposalState.EXPIRED}),
        and_(col(Proposal.state) == ProposalState.DISMISSED,
             col(Proposal.dismissed_reason).not_in(OF_SYSTEM)))
    proposals = select_columns(col(Proposal.household_id), unit).where(
        col(Proposal.programme_id) == programme_id, said_no)
    with_ = func.coalesce(col(Tandem.mentor_id), col(Tandem.mentor_group_id))
    tandems = select_columns(col(Tandem.household_id), with_).where(
        col(Tandem.programme_id) == programme_id, col(Tandem.state) == TandemState.ENDED_EARLY)
    if household_id:
        proposals = proposals.where(col(Proposal.household_id) == household_id)
        tandems = tandems.where(col(Tandem.household_id) == household_id)
    rows = await transaction.execute(proposals.union_all(tandems))
    return sorted({(household_id, unit_id) for household_id, unit_id in rows})

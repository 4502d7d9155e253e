"""What runs and options read: households, mentors and groups as the core takes them, a whole pool or single ones."""

from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime
from functools import lru_cache, partial
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Executable,
    Select,
    Subquery,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    false,
    func,
    literal,
    literal_column,
    null,
    or_,
)
from sqlalchemy import select as select_columns
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col

from libs.common.db import OpenTransaction
from services.matching.households.model import Household
from services.matching.households.queries import waits
from services.matching.members.model import Member
from services.matching.mentor_groups.model import ENDED, WITH_HOUSEHOLD, GroupState, MentorGroup
from services.matching.mentors.model import VETTED, Mentor, MentorState
from services.matching.prerequisites.model import Chooser, RuleSet
from services.matching.prerequisites.queries import RULES_ON, still_prepared
from services.matching.profiles.rules import today
from services.matching.proposals.model import OPEN, PENDING, Proposal
from services.matching.runs.decided import barred_pairs
from services.matching.runs.model import Run
from services.matching.tandems.model import RUNNING, Tandem
from services.matching.weights.model import WeightSet
from services.matching.weights.queries import NAMES, WEIGHTS_NOW, values_of

DESCRIBED = ("version", "slots", "radius_km", "lat", "lon")
LISTED = ("languages", "interests", "conflict_groups")
ACCOMPANYING = ("largest", "childcare", "step_free")
ACCOMPANYING_LISTED = (*LISTED, "offers", "accepts_genders", "accepts_bands", "vetoed_households")
HOUSEHOLD = ("least_level", "interpreter", "urgency", "waiting_since")
HOUSEHOLD_LISTED = (*LISTED, "members", "kinds", "contact_genders", "must_haves", "wishes", "vetoed_units",
                    "vetoed_persons", "vetoed_partners")
# A row, whether or not anybody has set anything: what rules_told reads, and whoever asks besides adds their columns.
RULES: Select[Any] = select_columns(
    col(RuleSet.rent_months), col(RuleSet.valid_from),
    (col(RuleSet.chooser) == Chooser.AUTHORITY).label("authority_chooses"), col(WeightSet.number),
    *(getattr(WeightSet, name) for name in NAMES),
).select_from(select_columns(literal(1)).subquery()).outerjoin(
    RuleSet, col(RuleSet.id) == RULES_ON.with_only_columns(col(RuleSet.id)).scalar_subquery(),
).outerjoin(WeightSet, col(WeightSet.id) == WEIGHTS_NOW.with_only_columns(col(WeightSet.id)).scalar_subquery())
Selected = dict[str, Any]
Row = dict[str, Any]
Lines = tuple[list[str], bytes]
"""Names of columns, and lines of cells in their order, as PostgreSQL's COPY writes them."""
Besides = Proposal | Tandem | Run
Which = Callable[[Any], ColumnElement[bool]]
"""Which rows of a table of households, mentors or groups are meant."""


async def load_pool(transaction: OpenTransaction, run: Run) -> dict[str, Any]:
    """Everything that the run depends on: rules and pairs that are barred as plain values, both sides as copied out.

    The service only hands the copies on to the worker process: to look at each row here would hold up all others.
    """
    read_at, which = transaction.clock.now(), partial(in_pool, run=run)
    rules = await rules_of_day(transaction, run.programme_id)
    if run.weights:
        rules["weights"] = run.weights | {"weights_version": "simulated"}
    return rules | {
        "read_at": read_at, "households": await copied_households(transaction, lambda kind: and_(which(kind), waits())),
        "units": await copied_units(transaction, which, rules),
        "declined": await barred_pairs(transaction, run.programme_id),
        "pinned": kept_pairs(run.pinned), "forbidden": kept_pairs(run.forbidden),
    }


async def load_pair(transaction: OpenTransaction, of: Proposal | Tandem) -> dict[str, Any]:
    """One pair as rows, with the rules of the day; the place that the pair itself holds counts as free."""
    rules = await rules_of_day(transaction, of.programme_id)
    if of.mentor_id:
        unit = _mentors(lambda kind: kind.id == of.mentor_id, rules["today"], besides=of)
    else:
        unit = _groups(lambda kind: kind.id == of.mentor_group_id, rules["today"], besides=of,
                       authority_chooses=rules["authority_chooses"])
    return rules | {"households": await household_rows(transaction, lambda kind: kind.id == of.household_id),
                    "units": await _rows(transaction, unit)}


async def household_rows(transaction: OpenTransaction, which: Which) -> list[Row]:
    """Single households; one that does not wait yet begins today."""
    rows, now = await _rows(transaction, _households(which)), transaction.clock.now()
    return [row | {"waiting_since": row["waiting_since"] or now} for row in rows]


async def copied_households(transaction: OpenTransaction, which: Which) -> Lines:
    """Households as PostgreSQL copies them out; each is to have a day since which it waits."""
    return await _copied(transaction, _households(which))


async def copied_units(
    transaction: OpenTransaction, which: Which, rules: dict[str, Any], *, besides: Run | None = None,
) -> Lines:
    """Mentors and groups likewise under these rules of the day, but for those who left or have ended."""
    return await _copied(transaction, *_units(
        which, rules["today"], authority_chooses=rules["authority_chooses"], besides=besides))


async def units_by_id(
    transaction: OpenTransaction, programme_id: UUID, ids: Collection[UUID], rules: dict[str, Any],
) -> list[Row]:
    """Those of a programme that are named, as rows; asked often, so the query is made once a day."""
    query = _units_by_id(rules["today"], authority_chooses=rules["authority_chooses"])
    return await _rows(transaction, query, {"programme_id": programme_id, "ids": list(ids)})


@lru_cache(maxsize=8)
def _units_by_id(day: date, *, authority_chooses: bool) -> CompoundSelect[Any]:
    """Mentors and groups in one question."""
    ids: Any = bindparam("ids", type_=ARRAY(Uuid))
    mentors, groups = _units(lambda kind: and_(kind.programme_id == bindparam("programme_id"), kind.id == any_(ids)),
                             day, authority_chooses=authority_chooses)
    return mentors.union_all(groups)


def row_of(household: Household, now: datetime) -> Row:
    """A household that has been read already, as household_rows has it."""
    names = (*DESCRIBED, *HOUSEHOLD, *HOUSEHOLD_LISTED)
    return {name: getattr(household, name) for name in names} | {
        "id": household.id, "district": household.region, "consented": household.consented_on is not None,
        "waiting_since": household.waiting_since or now}


async def rules_of_day(transaction: OpenTransaction, programme_id: UUID, on: date | None = None) -> dict[str, Any]:
    """What a programme computes with today, or on a day: the home that it asks for, who chooses; today's weights."""
    day = on or today(transaction.clock.now())
    return rules_told(day, (await transaction.execute(RULES, {"programme": programme_id, "day": day})).one())


def rules_told(day: date, found: Any) -> dict[str, Any]:
    """The same from a row with the columns of RULES."""
    weights = values_of(found if found.number is not None else None)
    return {"today": day, "rent_months": found.rent_months or 0, "rules_valid_from": found.valid_from,
            "authority_chooses": bool(found.authority_chooses),
            "weights": weights | {"weights_version": str(found.number or 0)}}


def kept_pairs(written: list[list[str]]) -> list[tuple[UUID, UUID]]:
    """Pairs as a run keeps them."""
    return [(UUID(household), UUID(unit)) for household, unit in written]


def in_pool(kind: Any, run: Run) -> ColumnElement[bool]:
    """The rows of a programme in the run's region."""
    return and_(kind.programme_id == run.programme_id, col(kind.region).startswith(run.region))


async def _copied(transaction: OpenTransaction, *queries: Select[Any]) -> Lines:
    """All rows of queries that have the same columns."""
    connection = await (await transaction.connection()).get_raw_connection()
    parts: list[bytes] = []

    async def keep(part: bytes) -> None:
        parts.append(bytes(part))

    for query in queries:
        statement = str(query.compile(dialect=transaction.get_bind().dialect, compile_kwargs={"literal_binds": True}))
        await cast("Any", connection.driver_connection).copy_from_query(statement, output=keep)
    return list(queries[0].selected_columns.keys()), b"".join(parts)


async def _rows(transaction: OpenTransaction, query: Executable, given: dict[str, Any] | None = None) -> list[Row]:
    """All rows of a query as values by name."""
    return [dict(row) for row in (await transaction.execute(query, given)).mappings()]


def _selected(columns: Selected) -> Select[Any]:
    """A query of these columns by their names, in the order of the names but for the id, which comes first."""
    names = ["id", *sorted(columns.keys() - {"id"})]
    return select_columns(*(columns[name].label(name) for name in names))


def _columns(kind: Any, plain: Sequence[str], listed: Sequence[str]) -> Selected:
    """Columns of a table by name, as they are or as JSON."""
    return {"id": kind.id, "district": kind.region} | {name: getattr(kind, name) for name in plain} | {
        name: func.to_json(getattr(kind, name)) for name in listed}


def _households(which: Which) -> Select[Any]:
    columns = _columns(Household, (*DESCRIBED, *HOUSEHOLD), HOUSEHOLD_LISTED) | {
        "consented": col(Household.consented_on).is_not(None)}
    return _selected(columns).where(which(Household))


def _units(
    which: Which, day: date, *, authority_chooses: bool, besides: Run | None = None,
) -> tuple[Select[Any], Select[Any]]:
    """All but those who left or have ended; why one is not to be had is told by its hard code."""
    mentors = _mentors(which, day, besides=besides)
    groups = _groups(which, day, authority_chooses=authority_chooses, besides=besides)
    return (mentors.where(col(Mentor.state) != MentorState.LEFT), groups.where(col(MentorGroup.state).not_in(ENDED)))


def _mentors(which: Which, day: date, *, besides: Besides | None = None) -> Select[Any]:
    held = _held(Mentor, which, Proposal.mentor_id, Tandem.mentor_id, besides)
    free = col(Mentor.capacity) - func.coalesce(held.c.places, 0)
    columns = _columns(Mentor, (*DESCRIBED, *ACCOMPANYING), ACCOMPANYING_LISTED) | {
        "kind": literal("single"), "free": func.greatest(0, free), "housing": null(),
        "vetted": and_(col(Mentor.state).in_(VETTED), func.coalesce(col(Mentor.record_next_due) > day, false())),
        "paused": col(Mentor.state) == MentorState.PAUSED, "consented": col(Mentor.consented_on).is_not(None),
        "contact_genders": func.json_build_array(Mentor.gender), "partner": col(Mentor.partner_id),
        "days_left": _days_left(Mentor, day),
        "persons": func.json_build_array(Mentor.person_ref)}
    return _selected(columns).outerjoin(held, held.c.unit_id == col(Mentor.id)).where(which(Mentor))


def _groups(which: Which, day: date, *, authority_chooses: bool, besides: Besides | None = None) -> Select[Any]:
    """Vetted are those that may be proposed, and those with a household and nothing open on their checklist."""
    held = _held(MentorGroup, which, Proposal.mentor_group_id, Tandem.mentor_group_id, besides)
    members, with_household = _members(which), col(MentorGroup.state).in_(WITH_HOUSEHOLD)
    taken = or_(with_household, held.c.places > 0)
    wanted = GroupState.LISTED if authority_chooses else GroupState.READY
    nobody: ColumnElement[Any] = literal_column("'[]'::json")
    columns = _columns(MentorGroup, (*DESCRIBED, *ACCOMPANYING), ACCOMPANYING_LISTED) | {
        "kind": literal("group"), "free": case((taken, 0), else_=1), "housing": func.to_json(MentorGroup.housing),
        "vetted": or_(still_prepared(), col(MentorGroup.state) == wanted), "partner": col(MentorGroup.partner_id),
        "consented": func.coalesce(members.c.consented, false()),
        "paused": func.num_nonnulls(MentorGroup.held_back_on, MentorGroup.paused_on) > 0,
        "days_left": _days_left(MentorGroup, day),
        "contact_genders": func.coalesce(members.c.main, members.c.all, nobody),
        "persons": func.coalesce(members.c.persons, nobody)}
    return _selected(columns).outerjoin(held, held.c.unit_id == col(MentorGroup.id)).outerjoin(
        members, members.c.mentor_group_id == col(MentorGroup.id)).where(which(MentorGroup))


def _days_left(kind: Any, day: date) -> ColumnElement[Any]:
    """On so many days somebody new may be proposed; NULL where no end is known: greatest() passes over single ones."""
    until = col(kind.available_until)
    return func.greatest(until - day + 1, case((until.is_not(None), 0)))


def _members(which: Which) -> Subquery:
    """By group: the genders of its main contacts and of all, who they are, and whether everybody consented."""
    genders = func.json_agg(Member.gender)
    return select_columns(
        col(Member.mentor_group_id), genders.filter(col(Member.is_main_contact)).label("main"), genders.label("all"),
        func.json_agg(Member.person_ref).label("persons"),
        func.bool_and(col(Member.consented_on).is_not(None)).label("consented"),
    ).join(MentorGroup, col(MentorGroup.id) == col(Member.mentor_group_id)).where(
        which(MentorGroup), col(Member.left_on).is_(None)).group_by(col(Member.mentor_group_id)).subquery()


def _held(
    kind: Any, which: Which, of_proposal: Any, of_tandem: Any, besides: Besides | None,
) -> Subquery:
    """How many places of each are taken or spoken for: a proposal that waits for the coordinator keeps its place.

    The one that is named in `besides` is not counted; nor are the proposals of a run that is.
    """
    spoken_for = select_columns(of_proposal.label("unit_id")).join(kind, kind.id == of_proposal).where(
        which(kind), col(Proposal.state).in_(OPEN | PENDING))
    running = select_columns(of_tandem.label("unit_id")).join(kind, kind.id == of_tandem).where(
        which(kind), col(Tandem.state).in_(RUNNING))
    if isinstance(besides, Run):
        spoken_for = spoken_for.where(col(Proposal.run_id).is_distinct_from(besides.id))
    elif besides is not None:
        spoken_for = spoken_for.where(col(Proposal.id) != besides.id)
        running = running.where(col(Tandem.id) != besides.id)
    each = spoken_for.union_all(running).subquery()
    return select_columns(each.c.unit_id, func.count().label("places")).group_by(each.c.unit_id).subquery()

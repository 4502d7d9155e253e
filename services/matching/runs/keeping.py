"""What a run found is written down: pairs, proposals with their facts, and who got none; a part at a time.

The statements are text, and take a column as one text with a value in each line: to bind thousands of rows one by one
took longer than all else. (COPY would be faster still, but PostgreSQL refuses it on tables with row-level security.)
"""

import asyncio
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import compress
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from uuid_utils.compat import uuid7

from libs.common.db import OpenTransaction
from libs.common.facts.matching import ProposalCreated
from libs.common.outbox import announce
from services.matching.households.model import HouseholdState
from services.matching.mentor_groups.model import PREPARED
from services.matching.mentors.model import AVAILABLE
from services.matching.profiles.rules import today
from services.matching.proposals.model import OPEN, PENDING, ProposalState
from services.matching.runs.explanation import in_words
from services.matching.runs.model import Run, Unserved
from services.matching.runs.words import CHANGED_MEANWHILE
from services.matching.tandems.model import RUNNING

# Others have their turn in between.
PAIRS_AT_ONCE = 5000
ROWS_AT_ONCE = 1000
TOLD_AT_ONCE = 50
Columns = dict[str, list[Any]]
TYPES = {
    "id": "uuid", "household_id": "uuid", "unit_id": "uuid", "mentor_id": "uuid", "mentor_group_id": "uuid",
    "region": "text", "score": "int", "bonus": "int", "worth": "int", "unit_price": "int", "pinned": "bool",
    "points": "text", "shared": "text", "next_best": "text"}
PAIR = ("id", "region", "household_id", "unit_id", "score", "worth", "unit_price", "pinned", "points")
PROPOSAL = ("id", "region", "household_id", "mentor_id", "mentor_group_id", "score", "bonus", "worth", "unit_price",
            "pinned", "points", "shared", "next_best")
JSON = {"points", "shared", "next_best"}
KEEP_PAIRS = (
    "INSERT INTO run_pair (version, run_id, {names})"
    " SELECT 1, $1::uuid, {values} FROM unnest({arrays}) AS found ({names})")
KEEP_PROPOSALS = (
    "INSERT INTO proposal (version, run_id, programme_id, state, reasons, besides, {names})"
    " SELECT 1, $1::uuid, $2::uuid, $3::text, '[]', '{{}}', {values} FROM unnest({arrays}) AS found ({names})")
PROPOSE = "UPDATE household SET state = $1, version = version + 1 WHERE id = ANY (string_to_array($2, E'\\n')::uuid[])"
LOCK = (
    "SELECT id::text, region, version FROM {table} WHERE id = ANY ($1::uuid[]) AND state = ANY ($2::text[])"
    "{wanted} ORDER BY id FOR UPDATE")
WANTED = " AND coalesce(available_until >= $3::date, true)"
# How many places are left once those that are taken or spoken for are counted: the count of `queries`, as text like all
# here, since thousands of ids come and go as texts.
PLACES = (
    "SELECT unit.id::text, unit.places - count(held.unit_id) AS remaining"
    " FROM (SELECT id, capacity AS places FROM mentor UNION ALL SELECT id, 1 FROM mentor_group) AS unit LEFT JOIN"
    " (SELECT coalesce(mentor_id, mentor_group_id) AS unit_id FROM proposal WHERE state = ANY ($2::text[]) UNION ALL"
    " SELECT coalesce(mentor_id, mentor_group_id) FROM tandem WHERE state = ANY ($3::text[])) AS held"
    " ON held.unit_id = unit.id WHERE unit.id = ANY ($1::uuid[]) GROUP BY unit.id, unit.places")


async def still_waiting(transaction: OpenTransaction, ids: list[str]) -> tuple[dict[str, str], dict[str, int]]:
    """The regions, and the versions, of those households that wait as before, locked by id."""
    found = await _locked(transaction, "household", ids, [HouseholdState.WAITING])
    return {row.id: row.region for row in found}, {row.id: row.version for row in found}


async def still_there(transaction: OpenTransaction, ids: list[str]) -> tuple[dict[str, int], dict[str, int]]:
    """The versions of those mentors, and of those groups, that are to be had as before, locked by id.

    Whose last day for somebody new has passed while the run computed is not: nobody would look at them again.
    """
    day = today(transaction.clock.now())
    mentors = await _locked(transaction, "mentor", ids, AVAILABLE, wanted_on=day)
    groups = await _locked(transaction, "mentor_group", ids, PREPARED, wanted_on=day)
    return {row.id: row.version for row in mentors}, {row.id: row.version for row in groups}


async def places_left(transaction: OpenTransaction, ids: list[str]) -> dict[str, int]:
    """How many places of these units, which are locked, are free: others may have given them away meanwhile."""
    connection = await transaction.connection()
    states = [[str(one) for one in some] for some in (OPEN | PENDING, RUNNING)]
    rows = await connection.exec_driver_sql(PLACES, (ids, *states))
    return {row.id: row.remaining for row in rows}


def to_be_had(
    found: Columns, seen: dict[str, dict[str, int]], now: dict[str, dict[str, int]], places: dict[str, int],
) -> list[bool]:
    """Which pairs stand as they were seen, both in the same version, and have a place; who is worth most has it."""
    keep, left = [False] * len(found["worth"]), dict(places)
    for at in sorted(range(len(keep)), key=lambda at: -found["worth"][at]):
        household, unit = found["household_id"][at], found["unit_id"][at]
        keep[at] = left.get(unit, 0) > 0 and all(
            now[side].get(one) == seen[side][one] for side, one in (("households", household), ("units", unit)))
        left[unit] = left.get(unit, 0) - keep[at]
    return keep


def changed_meanwhile(household_ids: Iterable[str]) -> list[dict[str, Any]]:
    """Why these, for whom somebody was found, have nobody all the same, as the columns of their table."""
    one = {CHANGED_MEANWHILE: 1}
    return [{"household_id": household, "possible": 0, "removed": one, "alone": one,
             "missing": in_words(CHANGED_MEANWHILE)} for household in household_ids]


async def _locked(
    transaction: OpenTransaction, table: str, ids: list[str], states: Iterable[str], wanted_on: date | None = None,
) -> list[Any]:
    connection = await transaction.connection()
    question, given = LOCK.format(table=table, wanted=WANTED if wanted_on else ""), (ids, [str(one) for one in states])
    rows = await connection.exec_driver_sql(question, (*given, wanted_on) if wanted_on else given)
    return list(rows.all())


def chosen(columns: Columns, keep: list[bool]) -> Columns:
    """The rows of which it is true."""
    return {name: list(compress(column, keep)) for name, column in columns.items()}


async def keep_pairs(transaction: OpenTransaction, run: Run, found: Columns) -> None:
    """The pairs of a simulated run, which proposes nothing."""
    for part in _parts(found):
        await transaction.write(_statement(KEEP_PAIRS, PAIR, 2), run.id, *(_lines(part[name]) for name in PAIR))


async def propose(transaction: OpenTransaction, run: Run, found: Columns, mentors: set[str]) -> None:
    """A proposal of each pair, which is announced; its household waits no more."""
    for part in _parts(found):
        of_mentor = [unit in mentors for unit in part["unit_id"]]
        part["mentor_id"] = [unit if one else None for unit, one in zip(part["unit_id"], of_mentor, strict=True)]
        part["mentor_group_id"] = [None if one else unit for unit, one in zip(part["unit_id"], of_mentor, strict=True)]
        telling = asyncio.ensure_future(_tell_all(transaction, part))
        try:
            await transaction.write(_statement(KEEP_PROPOSALS, PROPOSAL, 4), run.id, run.programme_id,
                                    ProposalState.PROPOSED, *(_lines(part[name]) for name in PROPOSAL))
            await transaction.write(PROPOSE, HouseholdState.PROPOSED, _lines(part["household_id"]))
        finally:
            await telling


async def _tell_all(transaction: OpenTransaction, part: Columns) -> None:
    """Announce them while the database writes; others have their turn in between here, too."""
    for number, row in enumerate(zip(*(part[name] for name in PROPOSAL[:5]), strict=True)):
        if number % TOLD_AT_ONCE == 0:
            await asyncio.sleep(0)
        _tell(transaction, *row)


def _tell(
    transaction: OpenTransaction, proposal: UUID, region: str, household: str, mentor: str | None, group: str | None,
) -> None:
    announce(transaction, ProposalCreated(
        proposal_id=proposal, region=region, household_id=UUID(household), mentor_id=UUID(mentor) if mentor else None,
        mentor_group_id=UUID(group) if group else None))


async def keep_unserved(transaction: OpenTransaction, run: Run, found: list[dict[str, Any]]) -> None:
    """Who got nobody, and why."""
    for start in range(0, len(found), ROWS_AT_ONCE):
        await transaction.execute(insert(Unserved), [
            {"id": uuid7(), "version": 1, "run_id": run.id} | row for row in found[start : start + ROWS_AT_ONCE]])


def _parts(columns: Columns) -> Iterator[Columns]:
    """So many rows at once, each with an id."""
    for start in range(0, len(columns["score"]), PAIRS_AT_ONCE):
        part = {name: column[start : start + PAIRS_AT_ONCE] for name, column in columns.items()}
        yield part | {"id": [uuid7() for _ in part["score"]]}


def _lines(values: list[Any]) -> str:
    """A column as one text, a value in each line, an empty one for None: asyncpg looks at each value of an array."""
    return "\n".join(["" if value is None else str(value) for value in values])


def _statement(text: str, names: tuple[str, ...], first: int) -> str:
    """The statement that takes these columns as lines, from parameter `first` on."""
    arrays = ", ".join(
        f"string_to_array(${place}, E'\\n', '')::{TYPES[name]}[]" for place, name in enumerate(names, first))
    values = ", ".join(f"{name}::jsonb" if name in JSON else name for name in names)
    return text.format(names=", ".join(names), values=values, arrays=arrays)

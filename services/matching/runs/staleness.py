"""What has changed in the pool, and in what a programme asks of a run, since a run looked at them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, false, func, literal, or_, union_all
from sqlalchemy import select as select_columns
from sqlmodel import col

from libs.common.db import OpenTransaction
from services.matching.households.model import Household
from services.matching.households.queries import waits
from services.matching.mentor_groups.model import ENDED, WITH_HOUSEHOLD, MentorGroup
from services.matching.mentors.model import Mentor, MentorState
from services.matching.profiles.rules import today
from services.matching.proposals.model import FIRM, OPEN, PENDING, Proposal
from services.matching.runs.decided import barred_since
from services.matching.runs.model import Run, RunPool
from services.matching.runs.queries import in_pool, rules_of_day
from services.matching.runs.rows import HOME_WITHIN
from services.matching.tandems.model import RUNNING, Tandem

# What a run takes from the programme's rules.
RULES = ("rent_months", "authority_chooses")
TRIED = "simulated"
Counted = dict[str, int | bool | None]


class Standing(NamedTuple):
    """A mentor or group as it is now. free, as if nothing came of the run's proposals.

    steps: by how many versions it is another because of what has come of the run's proposals.
    lapsed: what time alone has changed: a certificate that ran out, a home that is to be had in time by now, or a last
    day on which somebody new was wanted.
    """

    version: int
    free: int
    steps: int
    lapsed: bool


def seen_besides(pool: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a pool besides who was in it: the rules, and when it was read."""
    return {"rules": {name: pool[name] for name in RULES}, "read_at": pool["read_at"]}


async def changed_since(transaction: OpenTransaction, run: Run) -> Counted:
    """How many of each side are new in the pool, gone from it, or others by now; and whether what counts is another.

    What still stands of the run's own proposals is no change. None: that was not kept of a run of an earlier version.
    The caller reaches beyond the own scope: a place may be given elsewhere.
    """
    pool = await transaction.get(RunPool, run.id)
    return {**await _households(transaction, run, pool), **await _units(transaction, run, pool),
            "pairs_barred": await barred_since(transaction, run, pool.read_at) if pool and pool.read_at else None,
            **await _asked(transaction, run, pool)}


def is_changed(counted: Counted) -> bool | None:
    """Whether anything is another by now; None: nothing that is known of, but not all is known."""
    if any(counted.values()):
        return True
    return None if None in counted.values() else False


async def _asked(transaction: OpenTransaction, run: Run, pool: RunPool | None) -> Counted:
    """Whether the programme's weights and rules are others today; weights that were only tried are the run's own."""
    now, then = await rules_of_day(transaction, run.programme_id), run.weights_version
    weights = None if then is None else then not in {TRIED, now["weights"]["weights_version"]}
    kept = pool.rules if pool else None
    return {"weights_changed": weights, "rules_changed": None if kept is None else kept != {
        name: now[name] for name in RULES}}


async def _households(transaction: OpenTransaction, run: Run, pool: RunPool | None) -> Counted:
    """Those that are new, gone or others; not those in a tandem that has come of the run.

    Of who is proposed, and not accompanied yet, the run itself has raised the version by one.
    """
    if pool is None:
        return dict.fromkeys(("households_new", "households_gone", "households_changed"))
    proposed = select_columns(col(Household.id), col(Household.version)).join(
        Proposal, col(Proposal.household_id) == col(Household.id)).where(
            col(Proposal.run_id) == run.id, col(Proposal.state).in_(OPEN | PENDING))
    accompanied = select_columns(col(Tandem.household_id)).join(
        Proposal, col(Proposal.id) == col(Tandem.proposal_id)).where(
            col(Proposal.run_id) == run.id, col(Tandem.state).in_(RUNNING))
    asked = {str(one): version for one, version in await transaction.execute(proposed)}
    standing = {*asked, *map(str, await transaction.scalars(accompanied))}
    waiting = select_columns(col(Household.id), col(Household.version)).where(
        in_pool(Household, run), waits())
    now = {str(one): version for one, version in await transaction.execute(waiting)}
    then = {one: version for one, version in pool.households.items() if one not in standing}
    others = [one for one, version in now.items() if then.get(one, version) != version]
    others += [one for one, version in asked.items() if version != pool.households[one] + 1]
    return {"households_new": len(now.keys() - then.keys()), "households_gone": len(then.keys() - now.keys()),
            "households_changed": len(others)}


async def _units(transaction: OpenTransaction, run: Run, pool: RunPool | None) -> Counted:
    """Those that are new, gone or others, and those of whose places another number is free.

    Whoever is matched or accompanies by what the run proposed is no other because of that: it is what it wanted.
    """
    if pool is None:
        return dict.fromkeys(("units_new", "units_gone", "units_changed", "units_places"))
    now, free = await _standing(transaction, run, pool), pool.free
    both = {one: found for one, found in now.items() if one in pool.units}
    places = None if free is None else sum(free.get(one, found.free) != found.free for one, found in both.items())
    return {"units_new": len(now) - len(both), "units_gone": len(pool.units) - len(both), "units_places": places,
            "units_changed": sum(
                found.lapsed or not 0 <= found.version - pool.units[one] <= found.steps for one, found in both.items())}


async def _standing(transaction: OpenTransaction, run: Run, pool: RunPool) -> dict[str, Standing]:
    """The mentors and groups of the pool."""
    homes, read_at = (pool.rules or {}).get("rent_months"), pool.read_at or run.started_at
    day = today(transaction.clock.now())
    then = run.today or day
    home = col(MentorGroup.housing)["available_from"].astext
    in_time_by_now = and_(home > str(then + HOME_WITHIN), home <= str(day + HOME_WITHIN)) if homes else false()

    def over(kind: Any) -> ColumnElement[bool]:
        return and_(col(kind.available_until) >= then, col(kind.available_until) < day)

    mentors = _with_places(
        Mentor, run, _held(Mentor, run, read_at, Proposal.mentor_id, Tandem.mentor_id), col(Mentor.capacity),
        lapsed=or_(and_(col(Mentor.record_next_due) > then, col(Mentor.record_next_due) <= day), over(Mentor)),
    ).where(col(Mentor.state) != MentorState.LEFT)
    held = _held(MentorGroup, run, read_at, Proposal.mentor_group_id, Tandem.mentor_group_id)
    elsewhere = and_(col(MentorGroup.state).in_(WITH_HOUSEHOLD), func.coalesce(held.c.own, 0) == 0)
    groups = _with_places(MentorGroup, run, held, case((elsewhere, 0), else_=1),
                          lapsed=or_(in_time_by_now, over(MentorGroup))).where(
        col(MentorGroup.state).not_in(ENDED))
    return {str(one): Standing(version, max(0, places - held + own), steps, bool(lapsed))
            for query in (mentors, groups)
            for one, version, places, held, own, steps, lapsed in await transaction.execute(query)}


def _with_places(
    kind: Any, run: Run, held: Subquery, places: Any, *, lapsed: ColumnElement[bool],
) -> Select[Any]:
    return select_columns(
        kind.id, kind.version, places, func.coalesce(held.c.all, 0), func.coalesce(held.c.own, 0),
        func.coalesce(held.c.steps, 0), lapsed,
    ).outerjoin(held, held.c.unit_id == kind.id).where(in_pool(kind, run))


def _held(kind: Any, run: Run, read_at: datetime, of_proposal: Any, of_tandem: Any) -> Subquery:
    """How many places of each are taken or spoken for, how many of them by what the run proposed; and its steps.

    A mentor becomes active with the first tandem, and no other by a further one; a group is matched once both have
    accepted, and then accompanies.
    """
    own, group = func.coalesce(col(Proposal.run_id) == run.id, false()).label("own"), int(kind is MentorGroup)
    firm = case((col(Proposal.state).in_(FIRM), group), else_=0).label("steps")
    begun: Any = literal(2) if group else case((col(Mentor.active_since) >= read_at, 1), else_=0)
    spoken_for = select_columns(of_proposal.label("unit_id"), own, firm).where(
        col(Proposal.state).in_(OPEN | PENDING))
    running = select_columns(of_tandem.label("unit_id"), own, begun.label("steps")).join(
        Proposal, col(Proposal.id) == col(Tandem.proposal_id)).where(col(Tandem.state).in_(RUNNING))
    each = union_all(*(query.join(kind, kind.id == unit).where(in_pool(kind, run)) for query, unit in (
        (spoken_for, of_proposal), (running, of_tandem)))).subquery()
    return select_columns(
        each.c.unit_id, func.count().label("all"), func.count().filter(each.c.own).label("own"),
        func.max(each.c.steps).filter(each.c.own).label("steps"),
    ).group_by(each.c.unit_id).subquery()

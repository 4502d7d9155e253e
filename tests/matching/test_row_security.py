"""Row-level security of matching: the second wall, looked at without the first."""

from datetime import date
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from libs.common.callers import Caller, Role, Scope
from libs.common.facts.registry import ProjectOpened
from services.matching.links.queries import CONCERN, MEETINGS
from services.matching.tables import Table
from tests.matching.field import REGION, Field, Json

pytestmark = pytest.mark.slow

# Of a region and of the partner whose case or group it is.
OF_PARTNER = ("mentor", "mentor_group", "household", "person", "counselling_case", "counselling_spell",
              "counselling_contact", "counselling_status", "referral", "consent", "household_change")
OF_REGION = ("mentor_group_member", "prerequisite", "attended_training", "run", "run_pair", "run_pool", "unserved",
             "proposal", "tandem", "meeting", "checkin", "closing", "decision")
# The neutral contact's alone: a coordinator of the same region is not among those who may see one.
OF_NEUTRAL_CONTACT = ("concern",)
CLOSED = (*OF_PARTNER, *OF_REGION, *OF_NEUTRAL_CONTACT)
# What the registry told of programmes, projects and offers, and the weights: of no person, changed by the system alone.
# Besides: what places are worth, and which units changed when, by no more than their ids.
OPEN = ("rule_set", "known_project", "known_offer", "weight_set", "price_set", "unit_change")
PARTNER = uuid4()
HERE = Scope(regions=(REGION,))
STRANGERS = [
    Caller("p", Role.COORDINATOR, Scope(regions=("15084",))),
    Caller("p", Role.NEUTRAL_CONTACT, Scope(regions=("15084",))),
    Caller("p", Role.COUNSELLOR, Scope(partners=frozenset({uuid4()}))),
    Caller("p", Role.FUNDER_READER, Scope(projects=frozenset({uuid4()}))),
    Caller("public", Role.PUBLIC), Caller("p", Role.OPS),
]


async def a_world(field: Field) -> None:
    """At least one row in every table, of one region and, where it has one, one partner."""
    named: Json = {"partner_id": str(PARTNER)}
    project_id = uuid4()
    await field.network.tell("matching", ProjectOpened(
        project_id=project_id, starts=date(2026, 1, 1), ends=date(2040, 1, 1), regions=(REGION,)))
    waiting = await field.waiting_household(**named)
    await field.get(f"/options?household_id={waiting['id']}")
    await field.run()
    admin = await field.network.key(Role.NETWORK_ADMIN)
    await field.create("/weights", {"programme_id": str(field.programme), "reason": "Versuch"}, headers=admin)
    group = await field.create("/mentor_groups", field.group_body(**named))
    (member, *_) = await field.get(f"/members?mentor_group_id={group['id']}")
    await field.network.tell("matching", field.attended(member["person_ref"]))
    accompanying = await field.ready_mentor(**named)
    await field.waiting_household(**named)
    await field.run(simulate=True)
    tandem = await field.tandem(mentor=accompanying, **named)
    mentor, household = await field.refs(tandem)
    for path in (f"{await field.link(MEETINGS, tandem['id'], mentor)}?on={field.day}&minutes=60",
                 await field.link(CONCERN, tandem["id"], household),
                 await field.link(CONCERN, waiting["id"], waiting["person_ref"])):
        assert (await field.client.post(path)).status_code == 200
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved", "rematch": False})
    await field.create("/closings", {"tandem_id": tandem["id"], "held_on": str(field.day)})
    case = (await field.counselled(case=field.case_body(**named)))["counselling_case_id"]
    await field.create("/counselling_statuses", {
        "counselling_case_id": case, "value": "asylum", "valid_from": str(field.day)})
    await field.create("/referrals", {"counselling_case_id": case, "offer_id": str(await field.offer())})


async def seen(field: Field, caller: Caller) -> dict[str, int]:
    """How many rows of each table a query without any condition shows the caller, of those where there are any."""
    async with field.network["matching"].running.database.transaction(caller) as transaction:
        counts = {table: await transaction.scalar(text(f"SELECT count(*) FROM {table}")) or 0
                  for table in (*CLOSED, *OPEN)}
    return {table: count for table, count in counts.items() if count}


async def changed(field: Field, caller: Caller, *statements: str) -> set[str]:
    """Those of the statements that changed a row; to be refused is as good as to find none."""
    done = set()
    for statement in statements:
        try:
            async with field.network["matching"].running.database.transaction(caller) as transaction:
                if (await transaction.execute(text(statement))).rowcount:  # type: ignore[attr-defined]
                    done.add(statement)
        except ProgrammingError as refused:
            assert "row-level security" in str(refused)  # noqa: PT017 - either is fine, and it is one or the other
    return done


async def test_every_table_stands_behind_it(field: Field) -> None:
    """Also for the tables' owner, and each with a policy; none is forgotten here."""
    rows = await field.network.rows(
        "matching", "SELECT relname, relrowsecurity AND relforcerowsecurity AS forced,"
        " EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid) AS policed FROM pg_class"
        " WHERE relname = ANY($1::text[])", [*CLOSED, *OPEN])

    walls = {row["relname"]: (row["forced"], row["policed"]) for row in rows}
    assert walls == dict.fromkeys((*CLOSED, *OPEN), (True, True))
    assert {*CLOSED, *OPEN} == {*Table.metadata.tables, "person"}


async def test_who_is_here_sees_everything_but_concerns(field: Field) -> None:
    """They are for the neutral contact of the region, who sees them all; and each sees only what is there."""
    await a_world(field)
    everything = await seen(field, Caller("p", Role.OPS, Scope(everything=True)))
    concerns = {table: everything[table] for table in OF_NEUTRAL_CONTACT}

    assert set(everything) == {*CLOSED, *OPEN}
    assert await seen(field, Caller("p", Role.NEUTRAL_CONTACT, HERE)) == everything
    shown = await seen(field, Caller("p", Role.COORDINATOR, HERE))
    assert shown | concerns == everything
    assert not shown.keys() & concerns.keys()


async def test_a_counsellor_sees_the_own_partners_cases_and_no_more(field: Field) -> None:
    """Households, whom they may be brought together with, and who is counselled there; no proposal or tandem."""
    await a_world(field)
    own = Caller("p", Role.COUNSELLOR, Scope(partners=frozenset({PARTNER})))

    assert set(await seen(field, own)) == {*OF_PARTNER, *OPEN}


async def test_who_is_elsewhere_sees_changes_takes_and_removes_nothing(field: Field) -> None:
    """Another region's coordinator and neutral contact, another partner's counsellor, the public."""
    await a_world(field)
    tables, columns = (*CLOSED, *OPEN), {"person": "languages = '{}'"}
    tried = [*(f"UPDATE {table} SET {columns.get(table, 'version = version + 1')}" for table in tables),
             *(f"UPDATE {table} SET region = '15084'" for table in CLOSED),
             *(f"DELETE FROM {table}" for table in tables)]

    for caller in STRANGERS:
        assert set(await seen(field, caller)) == {*OPEN}, caller
        assert await changed(field, caller, *tried) == set(), caller


async def test_what_the_registry_told_is_changed_by_the_system_alone(field: Field) -> None:
    """Nor by who is here: what a programme demands is not decided in this service."""
    await a_world(field)
    here = Caller("p", Role.COORDINATOR, HERE)

    assert await changed(field, here, *(f"UPDATE {table} SET version = version + 1" for table in OPEN)) == set()
    assert await changed(field, here, *(f"DELETE FROM {table}" for table in OPEN)) == set()


async def test_a_row_cannot_be_made_in_or_moved_to_another_region(field: Field) -> None:
    """Not even by whoever may change it."""
    await a_world(field)
    here = Caller("p", Role.NEUTRAL_CONTACT, HERE)

    assert await changed(field, here, *(f"UPDATE {table} SET region = '15084'" for table in CLOSED)) == set()

"""Row-level security of events: the second wall, looked at without the first."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from libs.common.callers import Caller, Role, Scope
from libs.common.facts.registry import ProjectOpened
from services.events.tables import Table
from tests.events.registry_answers import count_secrets
from tests.events.stage import REGION, Stage
from tests.events.test_attendance_http import begun, record

# What is nobody's but those inside the scope; of events all see what is shown to them.
CLOSED = ("series", "event", "registration", "attendance", "tally", "person")
# What the registry told of partners and projects: about no person, changed by the system alone.
OPEN = ("known_partner", "known_project")
HERE = Scope(regions=(REGION,))


def a_caller(role: Role, **scope: Any) -> Caller:
    """A caller as a request would make it."""
    return Caller("someone", role, Scope(**scope))


async def a_world(stage: Stage) -> UUID:
    """At least one row in every table, nothing of it shown to others by now; returns the project's id."""
    project_id = uuid4()
    await stage.network.tell("events", ProjectOpened(
        project_id=project_id, starts=date(2026, 1, 1), ends=date(2040, 1, 1), regions=(REGION,)))
    listed = await stage.published(project_id=str(project_id))
    counted = await stage.published(registration_mode="none", capacity=None)
    party = await stage.register(listed)
    body = stage.event(rrule="FREQ=WEEKLY;COUNT=2")
    assert (await stage.client.post("/v1/series", json=body, headers=stage.editor)).status_code == 201
    await begun(stage)
    async with count_secrets(stage.network, None):
        assert (await record(stage, listed, party)).status_code == 200
    tallied = await stage.tally(counted, {"total": 3})
    assert tallied.status_code == 200, tallied.text
    await stage.network.rows("events", "UPDATE event SET visibility = 'invite'")
    return project_id


async def seen(stage: Stage, caller: Caller) -> dict[str, int]:
    """How many rows of each table a query without any condition shows the caller, of those where there are any."""
    async with stage.network["events"].running.database.transaction(caller) as transaction:
        counts = {table: await transaction.scalar(text(f"SELECT count(*) FROM {table}")) or 0
                  for table in (*CLOSED, *OPEN)}
    return {table: count for table, count in counts.items() if count}


async def changed(stage: Stage, caller: Caller, *statements: str) -> set[str]:
    """Those of the statements that changed a row; to be refused is as good as to find none."""
    done = set()
    for statement in statements:
        try:
            async with stage.network["events"].running.database.transaction(caller) as transaction:
                if (await transaction.execute(text(statement))).rowcount:  # type: ignore[attr-defined]
                    done.add(statement)
        except ProgrammingError as refused:
            assert "row-level security" in str(refused)  # noqa: PT017 - either is fine, and it is one or the other
    return done


async def test_every_table_stands_behind_it(stage: Stage) -> None:
    """Also for the tables' owner, and each with a policy; none is forgotten here."""
    rows = await stage.network.rows(
        "events", "SELECT relname, relrowsecurity AND relforcerowsecurity AS forced,"
        " EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid) AS policed FROM pg_class"
        " WHERE relname = ANY($1::text[])", [*CLOSED, *OPEN])

    walls = {row["relname"]: (row["forced"], row["policed"]) for row in rows}
    assert walls == dict.fromkeys((*CLOSED, *OPEN), (True, True))
    assert {*CLOSED, *OPEN} == {*Table.metadata.tables, "person"}


async def test_who_is_elsewhere_sees_nothing_and_who_is_here_everything(stage: Stage) -> None:
    """Another region's coordinator, another partner's editor, another project's funder, the public."""
    await a_world(stage)
    everything = await seen(stage, a_caller(Role.OPS, everything=True))

    assert set(everything) == {*CLOSED, *OPEN}
    assert await seen(stage, Caller("someone", Role.COORDINATOR, HERE)) == everything
    assert await seen(stage, a_caller(Role.PARTNER_EDITOR, partners=frozenset({stage.partner_id}))) == everything
    for caller in (
        a_caller(Role.COORDINATOR, regions=("15084",)), a_caller(Role.PARTNER_EDITOR, partners=frozenset({uuid4()})),
        a_caller(Role.FUNDER_READER, projects=frozenset({uuid4()})), a_caller(Role.PUBLIC), a_caller(Role.OPS),
    ):
        assert set(await seen(stage, caller)) == {*OPEN}, caller.role


async def test_a_funders_reader_sees_the_projects_events_and_nobody_who_came(stage: Stage) -> None:
    """One event of the three and the series; no registration, attendance, count or person."""
    project_id = await a_world(stage)

    shown = await seen(stage, a_caller(Role.FUNDER_READER, projects=frozenset({project_id})))

    assert shown == {"event": 1, "known_partner": 1, "known_project": 1}


async def test_what_is_published_is_seen_by_those_it_is_meant_for(stage: Stage) -> None:
    """A public event by all, one for the network by whoever has a role, a draft and one by invitation by neither."""
    for visibility in ("public", "network", "invite"):
        await stage.published(visibility=visibility)
    await stage.draft()

    assert (await seen(stage, a_caller(Role.PUBLIC)))["event"] == 1
    assert (await seen(stage, a_caller(Role.COUNSELLOR, partners=frozenset({uuid4()}))))["event"] == 2


async def test_who_registered_somebody_elsewhere_sees_that_registration_alone(stage: Stage) -> None:
    """By the principal that it was made by; not the others of the same event, and no person."""
    address = await stage.published()
    await stage.register(address)
    elsewhere = Caller("p", Role.COUNSELLOR, Scope(partners=frozenset({uuid4()})))
    await stage.network.rows("events", "UPDATE registration SET made_by = 'q'")
    assert "registration" not in await seen(stage, elsewhere)
    await stage.network.rows("events", "UPDATE registration SET made_by = 'p'")

    assert {"registration": 1}.items() <= (await seen(stage, elsewhere)).items()
    assert "person" not in await seen(stage, elsewhere)


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.PUBLIC])
async def test_nobody_elsewhere_can_change_take_or_remove_a_row(stage: Stage, role: Role) -> None:
    """Not even one that is shown to all."""
    await a_world(stage)
    await stage.network.rows("events", "UPDATE event SET visibility = 'public'")
    caller = a_caller(role, regions=("15084",)) if role is Role.COORDINATOR else a_caller(role)
    columns = {"person": "languages = '{}'"}
    tables = (*CLOSED, *OPEN)

    assert await changed(stage, caller, *(
        f"UPDATE {table} SET {columns.get(table, 'version = version + 1')}" for table in tables)) == set()
    assert await changed(stage, caller, *(f"DELETE FROM {table}" for table in tables)) == set()
    assert await changed(stage, caller, *(
        f"UPDATE {table} SET region = '15084'" for table in tables if table not in OPEN)) == set()


async def test_what_the_registry_told_is_changed_by_the_system_alone(stage: Stage) -> None:
    """Nor by who is here: whether a partner is verified is not decided in this service."""
    await a_world(stage)
    here = Caller("someone", Role.COORDINATOR, HERE)

    assert await changed(stage, here, *(f"UPDATE {table} SET version = version + 1" for table in OPEN)) == set()
    assert await changed(stage, here, *(f"DELETE FROM {table}" for table in OPEN)) == set()

"""Row-level security of notify: the second wall, looked at without the first."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from libs.common.callers import Caller, Role, Scope
from services.notify.tables import Table
from tests.harness import Network, Service
from tests.notify.post import Owner, all_in, confirmed
from tests.notify.test_subscriptions_http import a_subscriber

# Of a region; nothing of it is shown to anyone outside.
OF_REGION = ("subscription", "delivery")
# What persons have said, and who they are: for their own links and for the service's own work alone.
OF_NOBODY = ("recipient", "consent", "known_registration", "person")
TABLES = (*OF_REGION, *OF_NOBODY)
HERE = Caller("someone", Role.COORDINATOR, Scope(regions=("15087",)))
ALL = [
    Caller("someone", Role.OPS, Scope(everything=True)), Caller("link/1", Role.LINK, Scope(everything=True)),
]
ELSEWHERE = [
    Caller("someone", Role.COORDINATOR, Scope(regions=("15084",))), Caller("public", Role.PUBLIC),
    Caller("someone", Role.PARTNER_EDITOR, Scope(partners=frozenset({uuid4()}))),
    Caller("someone", Role.FUNDER_READER, Scope(projects=frozenset({uuid4()}))),
    Caller("someone", Role.COUNSELLOR, Scope(partners=frozenset({uuid4()}))), Caller("someone", Role.OPS),
]


@pytest.fixture
async def filled(network: Network, notify: Service, folder: Path, registry: Owner, events: Owner) -> Network:
    """At least one row in every table: a subscription that was confirmed, and a registration that was told of."""
    await a_subscriber(notify, folder)
    await network.tell("notify", confirmed(events.person("de")))
    await all_in(network, "sent", count=2)
    return network


async def seen(network: Network, caller: Caller) -> dict[str, int]:
    """How many rows of each table a query without any condition shows the caller, of those where there are any."""
    async with network["notify"].running.database.transaction(caller) as transaction:
        counts = {table: await transaction.scalar(text(f"SELECT count(*) FROM {table}")) or 0 for table in TABLES}
    return {table: count for table, count in counts.items() if count}


async def changed(network: Network, caller: Caller, *statements: str) -> set[str]:
    """Those of the statements that changed a row; to be refused is as good as to find none."""
    done = set()
    for statement in statements:
        try:
            async with network["notify"].running.database.transaction(caller) as transaction:
                if (await transaction.execute(text(statement))).rowcount:  # type: ignore[attr-defined]
                    done.add(statement)
        except ProgrammingError as refused:
            assert "row-level security" in str(refused)  # noqa: PT017 - either is fine, and it is one or the other
    return done


async def test_every_table_stands_behind_it(network: Network, notify: Any) -> None:
    """Also for the tables' owner, and each with a policy; none is forgotten here."""
    rows = await network.rows(
        "notify", "SELECT relname, relrowsecurity AND relforcerowsecurity AS forced,"
        " EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid) AS policed FROM pg_class"
        " WHERE relname = ANY($1::text[])", list(TABLES))

    assert {row["relname"]: (row["forced"], row["policed"]) for row in rows} == dict.fromkeys(TABLES, (True, True))
    assert {*TABLES} == {*Table.metadata.tables, "person"}


async def test_a_coordinator_sees_the_own_region_and_what_nobody_said(filled: Network) -> None:
    """Deliveries and subscriptions without an address; no preference, consent, registration or person."""
    everything = await seen(filled, ALL[0])

    assert set(everything) == {*TABLES}
    assert await seen(filled, ALL[1]) == everything
    confirmation = await filled.rows("notify", "SELECT id FROM delivery WHERE region IS DISTINCT FROM '15087'")
    assert await seen(filled, HERE) == {
        "subscription": 1, "delivery": everything["delivery"] - len(confirmation)}


async def test_who_is_elsewhere_sees_and_changes_nothing(filled: Network) -> None:
    """Nothing is shown, removed, taken into another region, or written anew."""
    columns, located = {"person": "languages = '{}'"}, (*OF_REGION, "known_registration", "person")
    tried = [*(f"UPDATE {table} SET {columns.get(table, 'version = version + 1')}" for table in TABLES),
             *(f"UPDATE {table} SET region = '15084'" for table in located),
             *(f"DELETE FROM {table}" for table in TABLES)]

    for caller in ELSEWHERE:
        assert await seen(filled, caller) == {}, caller
        assert await changed(filled, caller, *tried) == set(), caller


async def test_nobody_enters_consents_or_preferences_for_others(filled: Network) -> None:
    """Neither the public nor a coordinator; a wish that is still to be confirmed is all that may be added."""
    callers = (HERE, *ELSEWHERE)
    for table in ("recipient", "consent", "known_registration"):
        for caller in callers:
            assert await changed(filled, caller, _copy(table, await _row(filled, table))) == set(), (table, caller.role)
    active = (await _row(filled, "subscription")).replace("15087", "15088")
    for caller in callers:
        assert await changed(filled, caller, _copy("subscription", active)) == set(), caller.role
    pending = active.replace('"active"', '"pending"')
    assert await changed(filled, ELSEWHERE[1], _copy("subscription", pending)) == {_copy("subscription", pending)}


async def _row(network: Network, table: str) -> str:
    """A row of the table as JSON, about another person and with ids of its own."""
    others = ", ".join(f"'{name}', gen_random_uuid()" for name in ("id", "person_ref", "registration_id"))
    row, *_ = await network.rows(
        "notify", f"SELECT to_jsonb(t) || jsonb_build_object({others}) AS row FROM {table} t")
    return str(row["row"])


def _copy(table: str, row: str) -> str:
    return f"INSERT INTO {table} SELECT (jsonb_populate_record(NULL::{table}, $${row}$$)).*"

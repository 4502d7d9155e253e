"""Row-level security of the registry: the second wall, looked at without the first."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from libs.common.callers import Caller, Role, Scope
from libs.common.facts.matching import LearningCaptured, ReferralSent
from services.registry.projects.queries import countable_project
from services.registry.tables import Table
from tests.harness import Network, in_days
from tests.registry.happened import an_event
from tests.registry.steps import OFFER, PARTNER, a_project, an_indicator, id_of, ok

# What is nobody's but those inside the scope; the other tables hold what everyone may know.
CLOSED = ("access_key", "given_grant", "partner", "partner_contact", "offer", "project", "indicator", "counted_fact",
          "consultation", "observation", "learning", "erasure", "erasure_part", "received_referral")
OPEN = ("programme", "rule_set", "body")


def a_caller(role: Role, **scope: Any) -> Caller:
    """A caller as a request would make it."""
    return Caller("someone", role, Scope(**scope))


async def a_world(network: Network) -> UUID:
    """At least one row in every table, nothing of it verified, published or open; returns the project's id."""
    registry = network["registry"].client
    address, coordinator, carrier = await a_project(network, opened=False)
    await an_indicator(network, address, coordinator)
    await network.tell("registry", an_event(id_of(address)), LearningCaptured(
        learning_id=uuid4(), kind="rhythm", region="15087"))
    await network.rows("registry", "UPDATE partner SET state = 'suspended'")
    applied = ok(await registry.post("/v1/partners", json=PARTNER))
    today = datetime.now(UTC).date().isoformat()
    for path, body in (
        ("offers", OFFER | {"partner_id": applied["id"]}),
        ("access_keys", {"label": "CRM", "region": "15087", "expires": in_days(9).isoformat()}),
        ("grants", {"principal": str(uuid4()), "role": "partner_editor", "partner_id": str(carrier)}),
        ("consultations", {"region": "15087", "planned_for": today, "subject": {"kind": "group"}}),
        ("observations", {"kind": "need", "region": "15087", "description": "Es fehlen Räume."}),
        ("erasures", {"person_refs": [str(uuid4())], "region": "15087"}),
        ("bodies", {"name": "Beirat", "kind": "council", "region": "15087"}),
        ("programmes", {"name": "Eigenes", "code": "own", "region": "15087"}),
    ):
        ok(await registry.post(f"/v1/{path}", json=body, headers=coordinator))
    (offer,) = await network.rows("registry", "SELECT id FROM offer")
    await network.tell("registry", ReferralSent(referral_id=uuid4(), offer_id=offer["id"], region="15087"))
    await network.settled()
    return id_of(address)


async def seen(network: Network, caller: Caller) -> dict[str, int]:
    """How many rows of each table a query without any condition shows the caller."""
    async with network["registry"].running.database.transaction(caller) as transaction:
        return {table: await transaction.scalar(text(f"SELECT count(*) FROM {table}")) or 0
                for table in (*CLOSED, *OPEN)}


async def test_every_table_stands_behind_it(network: Network, registry: Any) -> None:
    """Also for the tables' owner, and each with a policy; none is forgotten here."""
    rows = await network.rows(
        "registry", "SELECT relname, relrowsecurity AND relforcerowsecurity AS forced,"
        " EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid) AS policed FROM pg_class"
        " WHERE relname = ANY($1::text[])", list(Table.metadata.tables))

    walls = {row["relname"]: (row["forced"], row["policed"]) for row in rows}
    assert walls == dict.fromkeys(Table.metadata.tables, (True, True))
    assert {*CLOSED, *OPEN} == {*Table.metadata.tables}


async def test_who_is_elsewhere_sees_nothing_and_who_is_here_everything(network: Network, registry: Any) -> None:
    """Another region's coordinator, another partner's editor, another project's funder, the public."""
    await a_world(network)
    here = await seen(network, a_caller(Role.COORDINATOR, regions=("15",)))
    elsewhere = [
        a_caller(Role.COORDINATOR, regions=("05",)), a_caller(Role.PARTNER_EDITOR, partners=frozenset({uuid4()})),
        a_caller(Role.FUNDER_READER, projects=frozenset({uuid4()})), a_caller(Role.PUBLIC),
    ]

    assert {table: count for table, count in here.items() if not count} == {"rule_set": 0}
    for caller in elsewhere:
        shown = await seen(network, caller)
        assert {table: count for table, count in shown.items() if table in CLOSED and count} == {}, caller.role


async def test_a_funders_reader_sees_one_project_and_nothing_else(network: Network, registry: Any) -> None:
    """Its indicators and facts are there to be counted; no consultation, observation or erasure."""
    project = await a_world(network)
    await a_project(network)

    shown = await seen(network, a_caller(Role.FUNDER_READER, projects=frozenset({project})))

    there = {table: count for table, count in shown.items() if table in CLOSED and count}
    assert there == {"partner": 1, "project": 1, "indicator": 1, "counted_fact": 1}


async def test_counselling_is_seen_with_a_project_of_its_partner_alone(network: Network, registry: Any) -> None:
    """It is no project's own: the carrier's and its funder's reader see it, another project's and region's do not."""
    (project, _, carrier), (other, _, other_carrier) = [await a_project(network) for _ in range(2)]
    await network.tell("registry", *(ReferralSent(
        referral_id=uuid4(), offer_id=uuid4(), region="15087", partner_id=one) for one in (carrier, uuid4())))
    callers = [
        a_caller(Role.FUNDER_READER, projects=frozenset({id_of(project)})),
        a_caller(Role.PARTNER_EDITOR, partners=frozenset({carrier})), a_caller(Role.COORDINATOR, regions=("15",)),
        a_caller(Role.FUNDER_READER, projects=frozenset({id_of(other)})),
        a_caller(Role.PARTNER_EDITOR, partners=frozenset({other_carrier})),
        a_caller(Role.COORDINATOR, regions=("05",)), a_caller(Role.PUBLIC)]

    assert [(await seen(network, caller))["counted_fact"] for caller in callers] == [1, 1, 1, 0, 0, 0, 0]


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.PUBLIC])
async def test_nobody_elsewhere_can_change_take_or_remove_a_row(network: Network, registry: Any, role: Role) -> None:
    """Not even one that is shown to all, nor as what the public may add: an application, an observation."""
    await a_world(network)
    await network.rows("registry", "UPDATE partner SET state = 'verified'")
    await network.rows("registry", "UPDATE offer SET state = 'published'")
    await network.rows("registry", "UPDATE project SET state = 'open'")
    caller = a_caller(role, regions=("05",)) if role is Role.COORDINATOR else a_caller(role)
    tables = (*CLOSED, *OPEN)

    assert await changed(network, caller, *(f"UPDATE {table} SET version = version + 1" for table in tables)) == set()
    assert await changed(network, caller, *(f"UPDATE {table} SET region = '05'" for table in tables)) == set()
    assert await changed(network, caller, *(f"DELETE FROM {table}" for table in tables)) == set()
    assert await changed(network, caller, "UPDATE partner SET state = 'applied'") == set()


async def changed(network: Network, caller: Caller, *statements: str) -> set[str]:
    """Those of the statements that changed a row; to be refused is as good as to find none."""
    done = set()
    for statement in statements:
        try:
            async with network["registry"].running.database.transaction(caller) as transaction:
                if (await transaction.execute(text(statement))).rowcount:  # type: ignore[attr-defined]
                    done.add(statement)
        except ProgrammingError as refused:
            assert "row-level security" in str(refused)  # noqa: PT017 - either is fine, and it is one or the other
    return done


async def test_who_counts_for_an_open_project_holds_it_and_no_other(network: Network, registry: Any) -> None:
    """From outside its scope, for as long as the transaction lasts; every other project is not to be held."""
    address, _, _ = await a_project(network)
    other, _, _ = await a_project(network)
    caller = a_caller(Role.PARTNER_EDITOR, partners=frozenset({uuid4()}))
    async with network["registry"].running.database.transaction(caller) as transaction:
        found = await countable_project(transaction, id_of(address))
        held = await transaction.scalars(text("SELECT id FROM project FOR SHARE"))

        assert found.id == id_of(address) != id_of(other)
        assert held.all() == [id_of(address)]

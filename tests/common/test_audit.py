"""The audit's chain: what was changed, removed or put in between is found; nobody may change it in the first place."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from libs.common import audit, auditing
from libs.common.audit import AuditChain, audited
from libs.common.callers import Role
from libs.common.db import Database
from tests.common.stage import on_stage
from tests.common.verbs import said_by
from tests.harness import Network, service_settings

KEY = bytes(range(32))


async def chained(database: Database, count: int = 12) -> AuditChain:
    """A chain of so many entries."""
    async with database.transaction() as transaction:
        for place in range(count):
            await audited(transaction, "read", f"thing/{place}", uuid4())
    chain = AuditChain(database, KEY)
    while await chain.step():
        pass
    assert await chain.verify() == []
    return chain


async def tamper(network: Network, change: str) -> None:
    """Change the tables as somebody who owns the database could."""
    connection = await asyncpg.connect(network.cluster.superuser_url(network.databases["matching"]))
    try:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(change)
    finally:
        await connection.close()


WITH_ITS_LINK = """
WITH gone AS (DELETE FROM audit WHERE about = 'thing/5' RETURNING id)
DELETE FROM audit_link WHERE audit_id IN (SELECT id FROM gone)
"""
SWAPPED = """
WITH swapped AS (SELECT a.id, b.about FROM audit a, audit b WHERE a.about = 'thing/5' AND b.about = 'thing/6')
UPDATE audit SET about = swapped.about FROM swapped WHERE audit.id = swapped.id
"""
FORGED = "INSERT INTO audit (id, at, principal, role, action, about, correlation) OVERRIDING SYSTEM VALUE"


@pytest.mark.parametrize("column", ["principal", "role", "action", "about", "correlation"])
async def test_a_changed_entry_is_found(network: Network, database: Database, column: str) -> None:
    """In whichever column."""
    chain = await chained(database)

    await tamper(network, f"UPDATE audit SET {column} = {column} || 'x' WHERE about = 'thing/5'")

    wrong = await chain.verify()
    assert len(wrong) == 1
    assert "has been changed" in wrong[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE audit SET person_ref = gen_random_uuid() WHERE about = 'thing/5'", "changed"),
        ("UPDATE audit SET person_ref = NULL WHERE about = 'thing/5'", "changed"),
        ("UPDATE audit SET at = at + interval '1 millisecond' WHERE about = 'thing/5'", "changed"),
        ("DELETE FROM audit WHERE about = 'thing/5'", "removed"),
        ("DELETE FROM audit_link WHERE position = 6", "missing"),
        ("DELETE FROM audit_link WHERE position = 1", "missing"),
        (WITH_ITS_LINK, "missing"),
        ("UPDATE audit_link SET mac = set_byte(mac, 0, get_byte(mac, 0) # 1) WHERE position = 6", "changed"),
        ("UPDATE audit_link SET position = position + 100 WHERE position = 12", "missing"),
        ("UPDATE audit_link SET audit_id = -audit_id WHERE position = 6", "removed"),
        (SWAPPED, "changed"),
    ],
)
async def test_what_was_done_to_the_chain_is_found(
    network: Network, database: Database, change: str, said: str
) -> None:
    """Changed, removed, with its link or without, swapped."""
    chain = await chained(database)

    await tamper(network, change)

    assert any(said in one for one in await chain.verify()), change


async def test_an_entry_that_was_put_in_later_is_found(network: Network, database: Database) -> None:
    """It says that it is old: where it stands in the chain tells; or it was put where nothing is linked any more."""
    chain = await chained(database)
    await tamper(
        network, f"{FORGED} SELECT max(id) + 1, now() - interval '3 days', 'x', 'x', 'x', 'forged', '' FROM audit"
    )
    await chain.step()
    assert any("added later" in one for one in await chain.verify())


async def test_an_entry_put_where_nothing_is_linked_is_found(
    network: Network,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Far behind the newest: the leader passes over it, the check does not."""
    monkeypatch.setattr(audit, "LATE_ROWS", 5)
    chain = await chained(database)
    await tamper(network, f"{FORGED} SELECT min(id) - 1, now(), 'x', 'x', 'x', 'forged', '' FROM audit")

    assert await chain.step() == 0
    assert any("outside the chain" in one for one in await chain.verify())


async def test_another_key_makes_no_chain(database: Database) -> None:
    """Whoever changes entries cannot make the links fit."""
    await chained(database)

    assert len(await AuditChain(database, bytes(32)).verify()) == 12


async def test_entries_that_commit_late_are_linked(database: Database) -> None:
    """A long request's entry has a lower number than those that were linked before it."""
    async with database.transaction() as slow:
        await audited(slow, "read", "late/1")
        chain = await chained(database, 3)
    assert await chain.step() == 1
    assert await chain.verify() == []
    assert (await chain.head())["position"] == 4


async def test_what_commits_long_after_its_neighbours_is_linked_a_few_looks_later(
    database: Database, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not each look goes so far back, and none passes over it for good."""
    monkeypatch.setattr(audit, "LATE_ROWS", 100)
    async with database.transaction() as slow:
        await audited(slow, "read", "late/1")
        chain = await chained(database, 12)
    looks = [await chain.step() for _ in range(audit.FAR_EACH // audit.LOOK + 1)]

    assert (looks[0], sum(looks)) == (0, 1)
    assert await chain.verify() == []


async def test_many_that_commit_long_after_their_neighbours_are_all_linked(
    database: Database, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More than are linked at once: the look back goes on until none is left, whatever comes meanwhile."""
    monkeypatch.setattr(audit, "LATE_ROWS", 100)
    monkeypatch.setattr(audit, "BATCH", 5)
    async with database.transaction() as slow:
        for place in range(13):
            await audited(slow, "read", f"late/{place}")
        chain = await chained(database, 12)
    looks = [await chain.step() for _ in range(2 * audit.FAR_EACH // audit.LOOK)]

    assert [each for each in looks if each] == [5, 5, 3]
    assert looks.index(3) - looks.index(5) == 2, "one after the other"
    assert await chain.verify() == []


async def test_two_leaders_make_one_chain(database: Database) -> None:
    """Both link at once: one of them is refused, and the chain is whole."""
    async with database.transaction() as transaction:
        for place in range(40):
            await audited(transaction, "read", f"thing/{place}")
    both = [AuditChain(database, KEY) for _ in range(2)]
    await asyncio.gather(*(one.step() for one in both), return_exceptions=True)
    await both[0].step()

    assert (await both[0].head())["position"] == 40
    assert await both[1].verify() == []


@pytest.mark.parametrize("table", ["audit", "audit_link"])
@pytest.mark.parametrize("change", ["UPDATE {} SET {}", "DELETE FROM {}", "TRUNCATE {}"])
async def test_neither_the_service_nor_its_owner_can_change_an_entry(
    network: Network,
    database: Database,
    table: str,
    change: str,
) -> None:
    """The service has no right to, and a trigger refuses the owner of the tables too."""
    await chained(database, 2)
    column = "correlation = ''" if table == "audit" else "mac = ''"
    statement = change.format(table, column)
    name = network.databases["matching"]
    for url, refusal in (
        (network.cluster.database_url("matching", name), asyncpg.InsufficientPrivilegeError),
        (network.cluster.owner_database_url("matching", name), asyncpg.RaiseError),
    ):
        connection = await asyncpg.connect(url)
        try:
            with pytest.raises(refusal):
                await connection.execute(statement)
        finally:
            await connection.close()


async def test_the_running_service_links_and_tells(network: Network) -> None:
    """Its leader links what was committed; operations and auditors ask whether the chain is whole."""
    one = await on_stage(network, "matching")
    async with one.running.database.transaction() as transaction:
        await audited(transaction, "read", "thing/1")
    auditor = await network.key(Role.AUDITOR)
    async with asyncio.timeout(5):
        while (await one.client.get("/v1/audit/chain", headers=auditor)).json()["position"] < 1:
            await asyncio.sleep(0.05)

    await tamper(network, "UPDATE audit SET about = 'thing/2' WHERE about = 'thing/1'")

    told = (await one.client.get("/v1/audit/chain", headers=auditor)).json()
    assert (told["position"], len(told["wrong"])) == (1, 1)
    assert (await one.client.get("/v1/audit/chain", headers=await network.key(Role.NETWORK_ADMIN))).status_code == 403


@pytest.mark.slow
async def test_the_verb_audit_walks_the_chain_without_the_service(network: Network) -> None:
    """In an image of any service: length and head when all is well, and with 1 each fault when it is not."""
    running = (await network.start("matching")).running
    async with running.database.transaction() as transaction:
        for place in range(12):
            await audited(transaction, "read", f"thing/{place}", uuid4())
    async with asyncio.timeout(10):
        while (head := await running.audit_chain.head())["position"] < 12:
            await asyncio.sleep(0.05)
    await network.services.pop().stop()

    whole = await said_by(network, "matching", "audit")
    await tamper(network, "UPDATE audit SET about = 'thing/x' WHERE about = 'thing/5'")
    code, said, log = await said_by(network, "matching", "audit")

    assert whole == (0, f"matching: 12 entries, head {head['mac']}, faults: none.\n", "")
    assert (code, log) == (1, "")
    assert said.splitlines()[1:] == [f"matching: 12 entries, head {head['mac']}, faults: 1."]
    assert "has been changed" in said


async def test_the_verb_says_how_far_it_is(
    network: Network, database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:
    """Done and all, on standard error; of faults no more than a screen shows."""
    monkeypatch.setattr(auditing, "PROGRESS_SECONDS", 0.0)
    monkeypatch.setattr(auditing, "SHOWN", 3)
    await chained(database)
    settings = service_settings(network.cluster, "matching", database=network.databases["matching"])

    with pytest.raises(SystemExit) as ended:
        await auditing.auditing("matching")(settings)

    said = capsys.readouterr()
    assert ended.value.code == 1
    assert said.err == "matching: 12 of 12 entries\n"
    assert len(said.out.splitlines()) == 4
    assert said.out.endswith("faults: 12.\n")

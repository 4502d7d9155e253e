"""A filled database of the former version: what people agreed to, what falls due and who may change it go along."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local.cluster import Cluster
from libs.common.callers import Caller, Role, Scope
from libs.common.db import sqlalchemy_url
from services.matching.profiles.rules import today
from tests.migrating import empty_database, upgraded

pytestmark = pytest.mark.slow

BEFORE = ("spine@head", "matching_0004")
LONG_AGO, NEXT_DUE = date(2024, 1, 8), date(2027, 3, 1)
LEFT_AT, RECORD_GOES = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 6, 2, tzinfo=UTC)


@pytest_asyncio.fixture
async def empty(cluster: Cluster) -> AsyncIterator[str]:
    """The name of an empty database of the service's owner."""
    async with empty_database(cluster, "matching") as name:
        yield name


async def a_row(filled: asyncpg.Connection, table: str, **given: Any) -> UUID:
    """A row with these values, and something plain in whatever else it needs; returns its id."""
    columns = await filled.fetch(
        "SELECT column_name AS name, udt_name AS type FROM information_schema.columns WHERE table_name = $1"
        " AND table_schema = 'public' AND is_nullable = 'NO' AND column_default IS NULL", table)
    plain = {"uuid": uuid4(), "int4": 1, "int8": 1, "bool": False, "date": LONG_AGO, "_text": [], "jsonb": "{}",
             "timestamptz": datetime(2024, 1, 8, tzinfo=UTC), "float8": 1.0, "bytea": b""}
    values = {one["name"]: plain.get(
        one["type"], [] if one["type"].startswith("_") else "x") for one in columns} | {"id": uuid4()} | given
    places = ", ".join(f"${number + 1}" for number in range(len(values)))
    names = ", ".join(f'"{one}"' for one in values)
    statement = f'INSERT INTO "{table}" ({names}) VALUES ({places})'
    await filled.execute(statement, *values.values())
    found: UUID = values["id"]
    return found


async def fill(filled: asyncpg.Connection, refs: list[UUID]) -> UUID:
    """A mentor, a household and a member who consented, and a household that did not; returns the mentor."""
    await filled.execute("SET session_replication_role = replica")
    mentor = await a_row(filled, "mentor", person_ref=refs[0], region="15087", state="ready",
                         consented_on=LONG_AGO, record_next_due=NEXT_DUE)
    await a_row(filled, "household", person_ref=refs[1], region="15087", consented_on=LONG_AGO, state="registered")
    group = await a_row(filled, "mentor_group", region="15087", state="applied")
    await a_row(filled, "mentor_group_member", mentor_group_id=group, person_ref=refs[2], region="15087",
                consented_on=LONG_AGO)
    await a_row(filled, "rule_set", code="sponsorship")
    await a_row(filled, "household", person_ref=refs[3], region="15087", state="registered")
    await a_row(filled, "checkin", region="15087", state="planned")
    return mentor


async def fill_left(filled: asyncpg.Connection) -> UUID:
    """A mentor who took the consent back, with what was noted of a certificate; and one of whom nothing is known."""
    left: dict[str, Any] = {"region": "15087", "state": "left", "left_at": LEFT_AT}
    await a_row(filled, "mentor", person_ref=uuid4(), **left)
    return await a_row(filled, "mentor", person_ref=uuid4(), record_seen_on=LONG_AGO, record_next_due=NEXT_DUE, **left)


async def fill_tandems(filled: asyncpg.Connection, mentor: UUID) -> tuple[UUID, UUID]:
    """A running tandem of a mentor of whom no certificate is noted, and one of whom one is."""
    unseen = await a_row(filled, "mentor", person_ref=uuid4(), region="15087", state="active", consented_on=LONG_AGO)
    running: dict[str, Any] = {"region": "15087", "state": "active", "obstacles": ["too_far"]}
    return (await a_row(filled, "tandem", mentor_id=unseen, household_id=uuid4(), **running),
            await a_row(filled, "tandem", mentor_id=mentor, household_id=uuid4(), **running))


async def fill_runs(filled: asyncpg.Connection) -> tuple[UUID, UUID]:
    """The proposal of a run that wanted its pair, which stood twice; and that of one that did not."""
    run, other = await a_row(filled, "run"), await a_row(filled, "run")
    household = uuid4()
    proposal = await a_row(filled, "proposal", run_id=run, household_id=household, mentor_id=uuid4())
    await a_row(filled, "run_pair", run_id=run, household_id=household, pinned=True)
    found = await a_row(filled, "proposal", run_id=other, household_id=household, mentor_id=uuid4(), state="declined")
    await a_row(filled, "run_pair", run_id=other, household_id=household)
    return proposal, found


async def test_a_filled_database_is_brought_to_this_version(cluster: Cluster, empty: str) -> None:
    """Consents, due certificates and check-ins are carried over, and who changes a mentor may note that."""
    await upgraded(cluster, "matching", empty, *BEFORE)
    filled = await asyncpg.connect(cluster.superuser_url(empty))
    refs = [uuid4() for _ in range(4)]
    try:
        mentor = await fill(filled, refs)
        wanted, found_by_itself = await fill_runs(filled)
        await upgraded(cluster, "matching", empty, "heads")
        asked = await filled.fetch("SELECT person_ref, purpose FROM consent")
        due = await filled.fetchrow("SELECT about, due_at FROM due WHERE kind = 'record_due'")
        pinned = {row["id"]: row["pinned"] for row in await filled.fetch("SELECT id, pinned FROM proposal")}
        changed = await filled.fetchval("SELECT count(*) FROM checkin WHERE changed_at IS NULL")
        records = await filled.fetchrow(
            "SELECT required_records, (SELECT count(record_seen_on) FROM mentor_group_member) FROM rule_set")
        await _change_as_coordinator(cluster, empty, mentor)
        noted = await filled.fetchval("SELECT count(*) FROM unit_change WHERE unit_id = $1", mentor)
    finally:
        await filled.close()

    both = {"matching", "checkins"}
    found = [{row["purpose"] for row in asked if row["person_ref"] == ref} for ref in refs]
    assert found == [both, both, both | {"authority"}, set()]
    assert (due["about"], today(due["due_at"])) == (mentor, NEXT_DUE)
    assert (changed, noted) == (0, 1)
    assert tuple(records) == (0, 0)
    assert pinned == {wanted: True, found_by_itself: False}


async def test_what_is_noted_of_certificates_is_brought_to_this_version(cluster: Cluster, empty: str) -> None:
    """Of who has left it goes three months later; where none is noted while a tandem runs, that is told of it.

    And who is on trial is asked whether to go on.
    """
    await upgraded(cluster, "matching", empty, "spine@head", "matching_0008")
    filled = await asyncpg.connect(cluster.superuser_url(empty))
    try:
        await filled.execute("SET session_replication_role = replica")
        left, seen = await fill_left(filled), await a_row(
            filled, "mentor", person_ref=uuid4(), region="15087", state="registered", record_next_due=NEXT_DUE)
        without, with_record = await fill_tandems(filled, seen)
        tried = await a_row(filled, "tandem", mentor_id=seen, household_id=uuid4(), state="trial", trial_until=LEFT_AT)
        for mentor in (left, seen):
            await filled.execute("INSERT INTO due (kind, about, due_at) VALUES ('record_due', $1, $2)", mentor, LEFT_AT)
        await upgraded(cluster, "matching", empty, "heads")
        due = await filled.fetch("SELECT kind, about, due_at FROM due WHERE kind LIKE 'record_%'")
        trials = await filled.fetch("SELECT about, due_at FROM due WHERE kind = 'trial_over'")
        obstacles = {row["id"]: row["obstacles"] for row in await filled.fetch("SELECT id, obstacles FROM tandem")}
    finally:
        await filled.close()

    assert {tuple(row) for row in due} == {("record_deletion", left, RECORD_GOES), ("record_due", seen, LEFT_AT)}
    assert obstacles == {without: ["not_vetted", "too_far"], with_record: ["too_far"], tried: []}
    assert [tuple(row) for row in trials] == [(tried, LEFT_AT)]


async def test_the_time_in_tandems_that_ended_early_is_no_waiting(cluster: Cluster, empty: str) -> None:
    """It is taken off what was waited, of all of them; who is not looked for stays as noted, and who had none."""
    await upgraded(cluster, "matching", empty, "spine@head", "matching_0014")
    filled = await asyncpg.connect(cluster.superuser_url(empty))
    since, begun = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC)
    consented: dict[str, Any] = {"region": "15087", "consented_on": LONG_AGO, "waiting_since": since}
    try:
        await filled.execute("SET session_replication_role = replica")
        waiting, closed, never = [await a_row(filled, "household", person_ref=uuid4(), state=state, **consented)
                                  for state in ("waiting", "closed", "waiting")]
        for household, days in ((waiting, 40), (waiting, 20), (closed, 10)):
            await a_row(filled, "tandem", mentor_id=uuid4(), household_id=household, state="ended_early",
                        started_at=begun, ended_at=begun + timedelta(days=days))
        await upgraded(cluster, "matching", empty, "heads")
        found = {row["id"]: row["waiting_since"] for row in await filled.fetch("SELECT * FROM household")}
    finally:
        await filled.close()

    assert found == {waiting: since + timedelta(days=60), closed: since, never: since}


async def test_since_when_a_consent_is_taken_back_is_known_of_earlier_ones(cluster: Cluster, empty: str) -> None:
    """Of what was revoked, since it ended; of what ended otherwise, nothing is said."""
    await upgraded(cluster, "matching", empty, "spine@head", "matching_0020")
    filled = await asyncpg.connect(cluster.superuser_url(empty))
    try:
        await filled.execute("SET session_replication_role = replica")
        revoked, done = [await a_row(filled, "referral", region="15087", state=state, ended_at=LEFT_AT)
                         for state in ("revoked", "done")]
        await upgraded(cluster, "matching", empty, "heads")
        found = {row["id"]: row["revoked_at"] for row in await filled.fetch("SELECT * FROM referral")}
    finally:
        await filled.close()

    assert found == {revoked: LEFT_AT, done: None}


async def test_each_case_was_open_once_by_what_was_kept(cluster: Cluster, empty: str) -> None:
    """From its beginning to its end; one that was reopened all along, since nobody knows better."""
    await upgraded(cluster, "matching", empty, "spine@head", "matching_0022")
    filled = await asyncpg.connect(cluster.superuser_url(empty))
    kept: dict[str, Any] = {"region": "15087", "opened_on": LONG_AGO, "said_opened_on": NEXT_DUE}
    try:
        await filled.execute("SET session_replication_role = replica")
        closed, reopened = [await a_row(filled, "counselling_case", **kept, **given) for given in (
            {"state": "closed", "closed_on": LONG_AGO, "result": "granted"}, {"state": "reopened"})]
        await upgraded(cluster, "matching", empty, "heads")
        found = {row["counselling_case_id"]: (row["opened_on"], row["said_opened_on"], row["closed_on"], row["result"])
                 for row in await filled.fetch("SELECT * FROM counselling_spell")}
    finally:
        await filled.close()

    assert found == {closed: (LONG_AGO, LONG_AGO, LONG_AGO, "granted"), reopened: (LONG_AGO, LONG_AGO, None, None)}


async def test_for_which_project_a_tandem_was_counted_is_known_of_earlier_ones(cluster: Cluster, empty: str) -> None:
    """By what was told and noted of it; what was not told for a project that was named later is to be told."""
    await upgraded(cluster, "matching", empty, "spine@head", "matching_0022")
    filled = await asyncpg.connect(cluster.superuser_url(empty))
    first, second = uuid4(), uuid4()
    try:
        await filled.execute("SET session_replication_role = replica")
        later, moved, none = [await a_row(
            filled, "tandem", mentor_id=uuid4(), household_id=uuid4(), region="15087", state="completed",
            project_id=project) for project in (first, second, None)]
        for tandem, project in ((later, None), (moved, first), (none, None)):
            await filled.execute(
                "INSERT INTO outbox (fact_id, subject, about, headers, body)"
                " VALUES ($1, 'matching.tandem.started.v1', $2, '{}', $3)", uuid4(), f"tandem/{tandem}",
                json.dumps({"project_id": project and str(project)}))
            await a_row(filled, "meeting", tandem_id=tandem, region="15087", project_id=project)
        await filled.execute(
            "INSERT INTO outbox (fact_id, subject, about, headers, body)"
            " VALUES ($1, 'matching.tandem.completed.v1', $2, '{}', $3)", uuid4(), f"tandem/{moved}",
            json.dumps({"project_id": str(second)}))
        await upgraded(cluster, "matching", empty, "heads")
        found = {row["id"]: (row["started_for"], row["completed_for"], row["former_project_ids"])
                 for row in await filled.fetch("SELECT * FROM tandem")}
        due = [row["about"] for row in await filled.fetch("SELECT about FROM due WHERE kind = 'tandem_count'")]
    finally:
        await filled.close()

    assert found == {later: (None, None, []), moved: (first, second, [first]), none: (None, None, [])}
    assert due == [later]


async def _change_as_coordinator(cluster: Cluster, name: str, mentor: UUID) -> None:
    """A coordinator of the region changes the mentor, by the service's own role."""
    engine = create_async_engine(sqlalchemy_url(cluster.database_url("matching", name)))
    try:
        async with engine.begin() as connection:
            for setting, value in Caller("p", Role.COORDINATOR, Scope(regions=("15087",))).row_settings().items():
                await connection.execute(text("SELECT set_config(:name, :value, true)"),
                                         {"name": f"lotse.{setting}", "value": value})
            done = await connection.execute(text("UPDATE mentor SET version = version + 1 WHERE id = :id"),
                                            {"id": mentor})
            assert done.rowcount == 1
    finally:
        await engine.dispose()


async def test_no_reason_is_kept_that_nobody_gave(cluster: Cluster, empty: str) -> None:
    """as_proposed stood by default; what somebody gave stays."""
    await upgraded(cluster, "matching", empty, "spine@head", "matching_0022")
    filled = await asyncpg.connect(cluster.superuser_url(empty))
    try:
        await filled.execute("SET session_replication_role = replica")
        silent = await a_row(filled, "proposal", mentor_id=uuid4(), approved_reason="as_proposed",
                             proposed_reason="as_proposed")
        told = await a_row(filled, "proposal", mentor_id=uuid4(), approved_reason="waited_longest",
                           proposed_reason="known_to_fit")
        await upgraded(cluster, "matching", empty, "heads")
        rows = {row["id"]: tuple(row)[1:] for row in await filled.fetch(
            "SELECT id, approved_reason, proposed_reason FROM proposal")}
    finally:
        await filled.close()

    assert rows == {silent: (None, None), told: ("waited_longest", "known_to_fit")}


async def test_languages_are_kept_as_they_are_spoken(cluster: Cluster, empty: str) -> None:
    """Of two varieties the better level stays; who has none changes nothing, not even the version."""
    await upgraded(cluster, "matching", empty, "spine@head", "matching_0026")
    filled = await asyncpg.connect(cluster.superuser_url(empty))
    try:
        await filled.execute("SET session_replication_role = replica")
        varied, plain = [await a_row(filled, "household", region="15087", languages=json.dumps(spoken)) for spoken in (
            {"ar-SY": "A1", "ar": "C1", "ckb": "none", "de-simple": "A2"}, {"ar": "literacy"})]
        await upgraded(cluster, "matching", empty, "heads")
        rows = {row["id"]: (json.loads(row["languages"]), row["version"]) for row in await filled.fetch(
            "SELECT id, languages, version FROM household")}
    finally:
        await filled.close()

    assert {one: languages for one, (languages, _) in rows.items()} == {
        varied: {"ar": "C1", "ckb": "none", "de": "A2"}, plain: {"ar": "literacy"}}
    assert rows[varied][1] == rows[plain][1] + 1


async def test_reasons_in_plain_text_are_to_be_sealed(cluster: Cluster, empty: str) -> None:
    """They stay until somebody with the keys does it; who has none has nothing to be done."""
    await upgraded(cluster, "matching", empty, "spine@head", "matching_0027")
    filled = await asyncpg.connect(cluster.superuser_url(empty))
    try:
        await filled.execute("SET session_replication_role = replica")
        held = await a_row(filled, "mentor", person_ref=uuid4(), region="15087", held_back_why="something happened")
        resumed = await a_row(filled, "mentor_group", region="15087", resumed_why="they talked")
        await a_row(filled, "mentor", person_ref=uuid4(), region="15087", held_back_on=LONG_AGO)
        await upgraded(cluster, "matching", empty, "heads")
        due = {row["about"] for row in await filled.fetch("SELECT about FROM due WHERE kind = 'plain_why'")}
        why = await filled.fetchval("SELECT held_back_why FROM mentor WHERE id = $1", held)
    finally:
        await filled.close()

    assert (due, why) == ({held, resumed}, "something happened")


async def test_who_may_have_a_language_in_common_by_now_is_looked_at_again(cluster: Cluster, empty: str) -> None:
    """Of what is going on, each household once; not what is over, nor where something else stands between them."""
    await upgraded(cluster, "matching", empty, "spine@head", "matching_0026")
    filled = await asyncpg.connect(cluster.superuser_url(empty))
    both, tandem, *others = [uuid4() for _ in range(5)]
    apart: dict[str, Any] = {"region": "15087", "mentor_id": uuid4(), "obstacles": ["too_far", "no_common_language"]}
    rows: list[tuple[str, UUID, dict[str, Any]]] = [
        ("proposal", both, {"state": "accepted_both"}), ("tandem", both, {"state": "trial"}),
        ("tandem", tandem, {"state": "paused"}), ("proposal", others[0], {"state": "declined"}),
        ("tandem", others[1], {"state": "completed"}), ("tandem", others[2], {
            "state": "active", "obstacles": ["too_far"]})]
    try:
        await filled.execute("SET session_replication_role = replica")
        for table, household, given in rows:
            await a_row(filled, table, household_id=household, **apart | given)
        await upgraded(cluster, "matching", empty, "heads")
        due = [row["about"] for row in await filled.fetch("SELECT about FROM due WHERE kind = 'obstacles'")]
    finally:
        await filled.close()

    assert sorted(due) == sorted([both, tandem])


async def test_concerns_there_are_stay_about_their_tandem(cluster: Cluster, empty: str) -> None:
    """None was about anything else; an instance of the former version may still write such."""
    await upgraded(cluster, "matching", empty, "spine@head", "matching_0027")
    filled = await asyncpg.connect(cluster.superuser_url(empty))
    try:
        await filled.execute("SET session_replication_role = replica")
        raised: dict[str, Any] = {"region": "15087", "side": "household", "state": "raised"}
        before = await a_row(filled, "concern", **raised)
        await upgraded(cluster, "matching", empty, "heads")
        since = await a_row(filled, "concern", tandem_id=uuid4(), **raised)
        rows = {row["id"]: tuple(row)[1:] for row in await filled.fetch(
            "SELECT id, about, tandem_id IS NULL, own_id FROM concern")}
    finally:
        await filled.close()

    assert rows == dict.fromkeys((before, since), ("tandem", False, None))

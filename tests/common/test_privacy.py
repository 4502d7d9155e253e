"""Personal data at rest: sealed for one person and one column, gone with the key, found again only by who may."""

import base64
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel

from libs.common.addresses import email_index, normalised_email, normalised_phone, phone_index
from libs.common.audit import audited
from libs.common.callers import Caller, Role, Scope
from libs.common.db import Database
from libs.common.facts.question import Words
from libs.common.persons import (
    PersonDetails,
    addressee,
    change_person,
    count_key,
    details_of,
    erase_persons,
    languages_of,
    meet,
    persons_at,
)
from libs.common.privacy import InvalidTag, Vault, destroy_key, load_keys, new_person, seal, unseal
from libs.common.refusals import NotFound
from tests.common.stage import a_database
from tests.harness import Network

ELSEWHERE = Caller("elsewhere", Role.COORDINATOR, Scope(regions=("05158",)))
MARKERS = ("Amina Beispiel", "amina@example.org", "+4917612345678")


class Note(BaseModel):
    """Something sealed."""

    said: str
    maybe: str | None = None


async def a_person(database: Database, **changed: str | None) -> UUID:
    """Somebody whom this service meets first."""
    known = {"name": MARKERS[0], "email": MARKERS[1], "phone": MARKERS[2]} | changed
    async with database.transaction() as transaction:
        return await meet(transaction, PersonDetails(**known), languages=["ar", "de"], region="15087")


async def test_what_is_sealed_is_read_by_its_own_key_only(network: Network, database: Database) -> None:
    """Moved to another person's row or another column, or changed by a bit, it opens no more."""
    async with database.transaction() as transaction:
        one, other = await new_person(transaction, uuid4()), await new_person(transaction, uuid4())
        stored = await seal(transaction, one, "mentor.note", Note(said="secret"))
        again = await seal(transaction, one, "mentor.note", Note(said="secret"))

        assert await unseal(transaction, one, "mentor.note", stored, Note) == Note(said="secret")
        assert await unseal(transaction, one, "mentor.note", None, Note) is None
        for person, column, content in (
            (other, "mentor.note", stored),
            (one, "mentor.other", stored),
            (one, "mentor.note", stored[:-1] + b"x"),
            (one, "mentor.note", bytes([stored[0] ^ 1]) + stored[1:]),
            (one, "mentor.note", stored[:20]),
        ):
            with pytest.raises(InvalidTag):
                await unseal(transaction, person, column, content, Note)
    assert b"secret" not in stored
    assert stored != again
    assert len(stored) == len(Note(said="secret").model_dump_json(exclude_none=True)) + 28


async def test_a_swapped_row_is_noticed(network: Network, database: Database) -> None:
    """Somebody with the database alone cannot give one person another's details."""
    one, other = await a_person(database), await a_person(database, name="Other")
    await network.rows(
        "matching",
        "UPDATE person SET details = (SELECT details FROM person WHERE person_ref = $1) WHERE person_ref = $2"
        " RETURNING 1",
        one,
        other,
    )

    with pytest.raises(InvalidTag):
        async with database.transaction() as transaction:
            await details_of(transaction, [other], about="test/1")


async def test_a_wrapped_key_of_another_is_noticed(network: Network, database: Database) -> None:
    """Nor can they give one person another's key."""
    one, other = await a_person(database), await a_person(database)
    await network.rows(
        "matching",
        "UPDATE person_key SET wrapped = (SELECT wrapped FROM person_key WHERE person_ref = $1)"
        " WHERE person_ref = $2 RETURNING 1",
        one,
        other,
    )

    with pytest.raises(InvalidTag):
        async with database.transaction() as transaction:
            await load_keys(transaction, [other])


async def test_another_master_key_opens_nothing(network: Network, database: Database) -> None:
    """A stolen database is worth nothing without it; a wrong one in the settings is no silent loss."""
    one = await a_person(database)
    stolen = a_database(network, "matching")
    stolen.vault = Vault(bytes(range(1, 33)), bytes(range(32)))
    try:
        with pytest.raises(InvalidTag):
            async with stolen.transaction() as transaction:
                await details_of(transaction, [one], about="test/1")
    finally:
        await stolen.close()


async def test_nothing_personal_stands_readable_in_the_database(network: Network, database: Database) -> None:
    """No name, address or number, in any table, in any form."""
    await a_person(database)

    tables = await network.rows(
        "matching", "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    for table in tables:
        for row in await network.rows("matching", f'SELECT t::text AS line FROM "{table["relname"]}" AS t'):
            for marker in MARKERS:
                assert marker not in row["line"], table["relname"]
                assert marker.encode().hex() not in row["line"], table["relname"]


async def test_an_erased_person_cannot_be_read_found_written_or_reached(network: Network, database: Database) -> None:
    """The key is destroyed and every code about them blanked; doing it again changes nothing."""
    one, other = await a_person(database), await a_person(database, email="other@example.org", phone=None)

    async with database.transaction() as transaction:
        assert await erase_persons(transaction, [one, uuid4()]) == [one]
    async with database.transaction() as transaction:
        assert await erase_persons(transaction, [one]) == []
        assert await details_of(transaction, [one, other], about="test/1") == {
            other: PersonDetails(name=MARKERS[0], email="other@example.org")
        }
        assert await persons_at(transaction, MARKERS[1]) == ()
        assert await languages_of(transaction, one) == ()
        reached = await addressee(transaction, one, Words(values={"a": "b"}), template="t", links={"x": "y"})
        assert (reached.email, reached.name, reached.links) == (None, "", {})
        for write in (
            seal(transaction, one, "person.details", Note(said="a")),
            change_person(transaction, one, PersonDetails(name="A")),
        ):
            with pytest.raises(NotFound) as refused:
                await write
            assert refused.value.slug == "person-erased"
    row = (await network.rows("matching", "SELECT * FROM person WHERE person_ref = $1", one))[0]
    assert {name for name, value in row.items() if value not in (None, [])} == {"person_ref", "erased_at"}
    key = (await network.rows("matching", "SELECT wrapped, destroyed_at FROM person_key WHERE person_ref = $1", one))[0]
    assert key["wrapped"] is None
    assert key["destroyed_at"] is not None


async def test_a_person_is_found_by_address_in_every_form(database: Database) -> None:
    """By blind index: capitals, blanks and ways to write a number make no difference; nothing finds nobody."""
    one, silent = await a_person(database), await a_person(database, email=None, phone=None)

    async with database.transaction() as transaction:
        for address in (
            "AMINA@example.org",
            " amina@EXAMPLE.org ",
            "0176 12345678",
            "+49 176 12345678",
            "0049-176-12345678",
        ):
            assert await persons_at(transaction, address) == (one,), address
        for nothing in ("", " ", "amina", "other@example.org", "0176 12345679"):
            assert await persons_at(transaction, nothing) == (), nothing
        await erase_persons(transaction, [silent])
        assert await persons_at(transaction, "") == ()


async def test_a_changed_address_is_found_and_the_old_one_is_not(database: Database) -> None:
    """The indexes follow the details."""
    one = await a_person(database)
    async with database.transaction() as transaction:
        await change_person(transaction, one, PersonDetails(name="Amina", email="new@example.org"), languages=["uk"])

    async with database.transaction() as transaction:
        assert await persons_at(transaction, "new@example.org") == (one,)
        assert await persons_at(transaction, MARKERS[1]) == ()
        assert await persons_at(transaction, MARKERS[2]) == ()
        assert await languages_of(transaction, one) == ("uk",)


async def test_a_person_whose_key_is_gone_already_is_blanked_all_the_same(database: Database) -> None:
    """A restored database: its keys are destroyed first, and then the erasure is heard again."""
    one = await a_person(database)
    async with database.transaction() as transaction:
        await destroy_key(transaction, one, transaction.clock.now())
    async with database.transaction() as transaction:
        assert await erase_persons(transaction, [one]) == [one]

    async with database.transaction() as transaction:
        assert await persons_at(transaction, MARKERS[1]) == ()
        assert await languages_of(transaction, one) == ()
        assert await erase_persons(transaction, [one]) == []


async def test_whom_the_caller_may_not_change_is_not_changed_in_silence(database: Database) -> None:
    """A coordinator of elsewhere is told that there is no such person, not that all is well."""
    one = await a_person(database)

    with pytest.raises(NotFound):
        async with database.transaction(ELSEWHERE) as transaction:
            await change_person(transaction, one, PersonDetails(name="B"))

    async with database.transaction() as transaction:
        assert (await details_of(transaction, [one], about="person/1"))[one].name == MARKERS[0]


async def test_reading_and_changing_is_audited(network: Network, database: Database) -> None:
    """Who did what to whose data, by pseudonym; what was refused left nothing."""
    one = await a_person(database)
    async with database.transaction() as transaction:
        await details_of(transaction, [one], about="partner/7")
        await change_person(transaction, one, PersonDetails(name="B"))
        await erase_persons(transaction, [one])
    async with database.transaction() as transaction:
        await audited(transaction, "read", "undone/1", one)
        await transaction.rollback()

    rows = await network.rows("matching", "SELECT action, about, person_ref, principal FROM audit ORDER BY id")
    assert [(row["action"], row["about"]) for row in rows] == [
        ("change", f"person/{one}"),
        ("read", "partner/7"),
        ("change", f"person/{one}"),
        ("erase", f"person/{one}"),
    ]
    assert {(row["person_ref"], row["principal"]) for row in rows} == {(one, "system")}


def test_blind_indexes_need_the_key() -> None:
    """Whoever tries all numbers without it finds none; a mail address and a number never meet."""
    ours, other = Vault(bytes(32), bytes(32)), Vault(bytes(32), bytes(range(32)))

    assert email_index(ours, "a@b.de") != email_index(other, "a@b.de")
    assert len(email_index(ours, "a@b.de") or b"") == 16
    assert ours.blind_index("email:0176") != ours.blind_index("phone:0176")
    assert (email_index(ours, None), email_index(ours, ""), phone_index(ours, None), phone_index(ours, "?")) == (
        None,
    ) * 4
    assert (normalised_email(" A@B.de "), normalised_phone("030 123456")) == ("a@b.de", "+4930123456")


def test_the_key_that_counts_persons() -> None:
    """The same person in the same project is one; another project, or its end, knows nothing of it."""
    project, other = (base64.b64encode(bytes([one]) * 32).decode() for one in (1, 2))

    key, by_chance = count_key(project, email="Amina@example.org", phone=None)
    assert (key, by_chance) == count_key(project, email="amina@example.org ", phone="0176")
    assert key != count_key(other, email="amina@example.org", phone=None)[0]
    assert by_chance is False
    assert count_key(project, email=None, phone="0176 12345678") == count_key(
        project, email=None, phone="+4917612345678"
    )
    first, second = (count_key(project, email=None, phone=None) for _ in range(2))
    assert first[1] is second[1] is True
    assert first[0] != second[0]
    assert count_key(None, email="amina@example.org", phone=None) == (None, False)
    assert "amina" not in (key or "")

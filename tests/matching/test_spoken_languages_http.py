"""Languages are spoken without a script or region: whoever speaks ar-SY understands who speaks ar."""

import asyncio
from importlib import import_module
from uuid import UUID

from sqlalchemy import text

from tests.harness import new_idempotency_key
from tests.matching.field import Field, Json

SPOKEN, LOOKED_AT = [
    import_module(f"services.matching.migrations.versions.matching_00{number}") for number in (27, 30)]


async def test_who_speaks_a_variety_has_the_language_in_common(field: Field) -> None:
    """However either side is entered, in a run, in options and in a file the same; nobody stays without for a tag."""
    household = await field.waiting_household(languages={"ar-SY": "C2"}, interpreter=False)
    mentor = await field.ready_mentor(languages={"AR-eg": "B2", "de": "C2"})
    found = await field.get(f"/options?household_id={household['id']}")

    assert [one["unit_id"] for one in found["options"]] == [mentor["id"]]
    assert (household["languages"], mentor["languages"]) == ({"ar": "C2"}, {"ar": "B2", "de": "C2"})
    run = await field.run()
    assert run["proposed"] == 1


async def test_of_two_varieties_the_better_level_stands(field: Field) -> None:
    """In whichever order they are given; what is no tag is refused, and one that is given in two spellings."""
    first = await field.ready_mentor(languages={"ar-SY": "A1", "ar": "C1"})
    second = await field.ready_mentor(languages={"ar": "C1", "ar-SY": "A1"})

    assert first["languages"] == second["languages"] == {"ar": "C1"}
    for wrong in ({"arabic-": "C1"}, {"de": "C1", "DE": "A1"}):
        answer = await field.send("POST", "/mentors", field.mentor_body(languages=wrong),
                                  headers=field.coordinator | new_idempotency_key())
        assert (answer.status_code, answer.json()["slug"]) == (422, "invalid-request"), wrong


async def as_noted_before(field: Field, pair: Json, noun: str, spoken: str) -> str:
    """The pair as the version before left it: the household spoke this variety, which nobody had in common."""
    async with field.network["matching"].running.database.transaction() as transaction:
        await transaction.execute(
            text("UPDATE household SET languages = jsonb_build_object(CAST(:spoken AS text), 'C2') WHERE id = :id"),
            {"spoken": spoken, "id": UUID(pair["household_id"])})
        await transaction.execute(
            text(f"UPDATE {noun} SET obstacles = '{{no_common_language}}' WHERE id = :id"),
            {"id": UUID(pair["id"])})
    return f"/{noun}s/{pair['id']}"


async def test_what_a_variety_kept_apart_before_is_looked_at_again_once(field: Field, matching: Field) -> None:
    """Who fits by now does so without anybody touching it; of whom it is true still, it stays."""
    noted = [await as_noted_before(field, await field.tandem(), "tandem", "ar-SY"),
             await as_noted_before(field, await field.invited(), "proposal", "ar-SY"),
             await as_noted_before(field, await field.tandem(), "tandem", "ti-ER")]
    assert [len((await field.get(one))["obstacles"]) for one in noted] == [1, 1, 1]
    async with field.network["matching"].running.database.transaction() as transaction:
        for statement in (SPOKEN.AS_SPOKEN.format(table="household"), LOOKED_AT.TO_LOOK_AT):
            await transaction.execute(text(statement))
    async with asyncio.timeout(10):
        while (await field.get(noted[0]))["obstacles"] or (await field.get(noted[1]))["obstacles"]:
            await asyncio.sleep(0.02)
    await matching.network.settled()

    assert [one["code"] for one in (await field.get(noted[2]))["obstacles"]] == ["no_common_language"]
    assert await field.network.rows("matching", "SELECT 1 FROM due WHERE kind = 'obstacles'") == []

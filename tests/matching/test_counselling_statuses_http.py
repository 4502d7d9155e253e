"""The history of a case through the HTTP door: entered, corrected, asked for a day; nothing is ever overwritten."""

import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from libs.common.callers import Caller, Role, Scope
from tests.harness import new_idempotency_key
from tests.matching.field import PARTNER, REGION, Field, Json


async def a_case(field: Field) -> str:
    """The id of a new case."""
    case_id: str = (await field.counselled())["counselling_case_id"]
    return case_id


async def enter(field: Field, case: str, value: str | None, valid_from: str, **given: str) -> Json:
    """Enter a status of a case, of residence unless said otherwise."""
    return await field.create("/counselling_statuses", {
        "counselling_case_id": case, "value": value, "valid_from": valid_from} | given)


async def true_on(field: Field, case: str, day: str) -> Json:
    """What was true on a day."""
    answer = await field.get(f"/counselling_cases/{case}/standing?as_of={day}")
    assert answer["as_of"] == day
    statuses: Json = answer["statuses"]
    return statuses


async def test_what_was_true_on_a_day_is_answered_by_what_is_known_now(field: Field) -> None:
    """Entered late or in any order; a correction speaks for the past too, and what it corrects stays to be read."""
    case = await a_case(field)
    await enter(field, case, "subsidiary", "2025-06-01")
    pending = await enter(field, case, "permission_pending", "2025-01-10")
    await enter(field, case, "A1", "2025-03-01", attribute="language_level")
    await enter(field, case, "B1", "2025-12-01", attribute="language_level")
    await enter(field, case, "reception_centre", "2025-01-10", attribute="housing")
    assert await true_on(field, case, "2025-01-09") == {}
    assert await true_on(field, case, "2025-05-31") == {
        "residence_status": "permission_pending", "language_level": "A1", "housing": "reception_centre"}
    assert (await true_on(field, case, "2026-01-01"))["residence_status"] == "subsidiary"
    right = await enter(field, case, "arrival_certificate", "2025-01-05", corrects=pending["id"])

    assert await true_on(field, case, "2025-01-09") == {"residence_status": "arrival_certificate"}
    history = (await field.get(f"/counselling_statuses?counselling_case_id={case}&attribute=residence_status"))["items"]
    assert [(one["valid_from"], one["value"], one["corrects"]) for one in history] == [
        ("2025-01-05", "arrival_certificate", pending["id"]), ("2025-01-10", "permission_pending", None),
        ("2025-06-01", "subsidiary", None)]
    await enter(field, case, None, "2025-01-05", corrects=right["id"])
    assert await true_on(field, case, "2025-01-09") == {}


async def test_how_somebody_developed_is_read_in_order(field: Field) -> None:
    """All attributes by the day from which they hold, by pages."""
    case = await a_case(field)
    for attribute, value, day in (
        ("course", "integration_course", "2025-03-01"), ("employment", "seeking", "2025-09-01"),
        ("language_level", "A2", "2025-08-15"), ("employment", "employed", "2026-01-01"),
    ):
        await enter(field, case, value, day, attribute=attribute)
    path, found = f"/counselling_statuses?counselling_case_id={case}&limit=3", []
    first = await field.get(path)
    found = first["items"] + (await field.get(f"{path}&cursor={first['next']}"))["items"]

    assert [one["value"] for one in found] == ["integration_course", "A2", "seeking", "employed"]


async def test_an_entry_is_corrected_once_by_one_of_its_own_case(field: Field) -> None:
    """Of the same attribute too; two at the same moment are one; a code is one of its list."""
    case, other = await a_case(field), await a_case(field)
    wrong = await enter(field, case, "asylum", "2025-01-10")
    body = {"counselling_case_id": case, "value": "refugee", "valid_from": "2025-01-10", "corrects": wrong["id"]}
    refused: list[tuple[Json, str]] = [
        ({"counselling_case_id": other}, "status-unknown"), ({"corrects": str(uuid4())}, "status-unknown"),
        ({"attribute": "employment", "value": "seeking"}, "status-unknown"), ({"value": "B1"}, "status-value"),
        ({"value": None, "corrects": None}, "status-value"), ({"valid_from": "2099-01-01"}, "day-in-future"),
        ({"attribute": "shoe_size"}, "invalid-request")]
    for given, slug in refused:
        answer = await field.send("POST", "/counselling_statuses", body | given)
        assert (answer.status_code, answer.json()["slug"]) == (422, slug), given
    answers = await asyncio.gather(*(field.send("POST", "/counselling_statuses", body) for _ in range(3)))

    assert sorted(one.status_code for one in answers) == [201, 409, 409]
    assert {one.json()["slug"] for one in answers if one.status_code == 409} == {"status-corrected"}


async def test_an_entry_is_made_once(field: Field) -> None:
    """A repeated Idempotency-Key answers with the same."""
    body = {"counselling_case_id": await a_case(field), "value": "asylum", "valid_from": "2025-01-10"}
    headers = field.coordinator | new_idempotency_key()
    answers = [await field.send("POST", "/counselling_statuses", body, headers=headers) for _ in range(2)]

    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize("statement", [
    "UPDATE counselling_status SET value = 'other' WHERE id = :id", "DELETE FROM counselling_status WHERE id = :id"])
async def test_nobody_overwrites_a_history_not_even_past_the_code(field: Field, statement: str) -> None:
    """Row-level security lets those who may enter read and add, and no more."""
    entered = await enter(field, await a_case(field), "asylum", "2025-01-10")
    for caller in (Caller("p", Role.COORDINATOR, Scope(regions=(REGION,))),
                   Caller("p", Role.COUNSELLOR, Scope(partners=frozenset({PARTNER})))):
        async with field.network["matching"].running.database.transaction(caller) as transaction:
            done = await transaction.execute(text(statement), {"id": UUID(entered["id"])})
            assert done.rowcount == 0  # type: ignore[attr-defined]
    with pytest.raises(ProgrammingError, match="row-level security"):
        async with field.network["matching"].running.database.transaction(
                Caller("p", Role.COUNSELLOR, Scope(partners=frozenset({uuid4()})))) as transaction:
            await transaction.execute(text(
                "INSERT INTO counselling_status SELECT (jsonb_populate_record(NULL::counselling_status, :row)).*"),
                {"row": f'{{"id": "{uuid4()}", "version": 1, "region": "{REGION}", "partner_id": "{PARTNER}",'
                        f' "counselling_case_id": "{entered["counselling_case_id"]}", "attribute": "course",'
                        ' "valid_from": "2025-01-01", "entered_by": "p", "entered_at": "2025-01-01"}'})

"""A closing of a counselling case that was noted wrongly: its day and result are put right, or it is withdrawn."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from dateutil.relativedelta import relativedelta

from libs.common.callers import Role
from libs.common.facts.registry import ErasureRequested
from tests.harness import new_idempotency_key
from tests.matching.field import PARTNER, Field, Json

MISTAKE = {"reason": "entered_by_mistake"}


def ago(field: Field, days: int) -> date:
    """The day so many days before today."""
    return field.day - timedelta(days=days)


async def closed(field: Field, days: int, *, contact: int = 100) -> str:
    """The address of a case whose only contact, and closing, were so many days ago."""
    made = await field.counselled(held_on=str(ago(field, contact)))
    address = f"/counselling_cases/{made['counselling_case_id']}"
    await field.act(f"{address}/close", {"result": "granted", "closed_on": str(ago(field, days))})
    return address


async def came_again(field: Field, days: int, since: int) -> str:
    """The same, reopened so many days ago."""
    address = await closed(field, days)
    await reopened(field, address, since)
    return address


async def reopened(field: Field, address: str, since: int) -> None:
    """They come again, so many days ago."""
    await field.act(f"{address}/reopen")
    await field.network.rows(
        "matching", "UPDATE counselling_spell SET opened_on = $2, said_opened_on = $2 WHERE counselling_case_id = $1"
        " AND closed_on IS NULL", UUID(address.rsplit("/", 1)[1]), ago(field, since))


async def open_on(field: Field, address: str, *days: int) -> list[bool]:
    """Whether the case was open so many days ago."""
    return [(await field.get(f"{address}/standing?as_of={ago(field, one)}"))["is_open"] for one in days]


async def deletion_of(field: Field, address: str) -> list[date]:
    """The day on which the notes of the case are deleted; none while it is open."""
    rows = await field.network.rows(
        "matching", "SELECT due_at FROM due WHERE kind = 'counselling_deletion' AND about = $1",
        UUID(address.rsplit("/", 1)[1]))
    due: list[datetime] = [row["due_at"] for row in rows]
    return [one.date() for one in due]


async def closings_told(field: Field, address: str) -> list[Json]:
    """The facts about the case after its beginning."""
    told = await field.told(address.rsplit("/", 1)[1], kind="matching.counselling_case.%")
    return [one for one in told if one["subject"] not in {"counselling_case.opened", "counselling_case.corrected"}]


async def test_day_and_result_of_the_last_closing_are_put_right(field: Field) -> None:
    """Later than noted: it was open meanwhile, its notes are kept longer, and the other month is told."""
    address = await closed(field, 90)
    case = address.rsplit("/", 1)[1]
    right = await field.act(
        f"{address}/closing", {"closed_on": str(ago(field, 10)), "result": "rejected"}, method="PUT")

    assert (right["state"], right["closed_on"], right["result"]) == ("closed", str(ago(field, 10)), "rejected")
    assert right["spells"] == [
        {"opened_on": str(ago(field, 100)), "closed_on": str(ago(field, 10)), "result": "rejected"}]
    assert await open_on(field, address, 90, 50, 10, 9) == [True, True, True, False]
    assert await deletion_of(field, address) == [ago(field, 10) + relativedelta(years=3)]
    told = await closings_told(field, address)
    assert [(one["subject"], one["month"], one["spell_id"]) for one in told] == [
        ("counselling_case.closed", f"{ago(field, days):%Y-%m}", case) for days in (90, 10)]


async def test_what_is_left_out_of_a_correction_stays_and_nothing_is_told_of_a_result(field: Field) -> None:
    """Another result of the same day; another day of the same month, with the result as it was."""
    address = await closed(field, 40)
    first = await field.act(f"{address}/closing", {"result": "rejected"}, method="PUT")
    same = await field.act(f"{address}/closing", {"closed_on": first["closed_on"]}, method="PUT")

    assert (first["closed_on"], first["result"]) == (str(ago(field, 40)), "rejected")
    assert (same["closed_on"], same["result"]) == (first["closed_on"], "rejected")
    assert len(await closings_told(field, address)) == 1


async def test_a_closing_is_put_right_only_between_what_lies_around_it(field: Field) -> None:
    """Neither before the last contact nor in the future; and not before it was closed at all, or as it was not read."""
    address = await closed(field, 90)
    for day, slug in ((101, "case-day"), (-1, "day-in-future")):
        answer = await field.attempt(f"{address}/closing", {"closed_on": str(ago(field, day))}, method="PUT")
        assert (answer.status_code, answer.json()["slug"], answer.json()["field"]) == (422, slug, "closed_on")
    body = {"result": "rejected"}
    assert [(await field.send("PUT", f"{address}/closing", body, etag=etag)).status_code for etag in ('"1"', None)] == [
        412, 428]
    made = await field.counselled()
    other = f"/counselling_cases/{made['counselling_case_id']}/closing"
    assert await field.refused(other, body, method="PUT") == (409, "case-not-closed")
    assert await field.refused(f"{other}/withdraw", MISTAKE) == (409, "case-not-closed")

    assert (await field.get(address))["spells"][0]["closed_on"] == str(ago(field, 90))


async def test_who_came_again_was_closed_before(field: Field) -> None:
    """The last closing of a reopened case is put right, and the case stays open; to no day on which they were back."""
    address = await came_again(field, 90, since=20)
    later = await field.counselled(counselling_case_id=address.rsplit("/", 1)[1], held_on=str(ago(field, 60)))
    for day in (20, 5):
        assert await field.refused(f"{address}/closing", {"closed_on": str(ago(field, day))}, method="PUT") == (
            422, "case-came-again")
    assert (await field.get(address))["spells"][1]["opened_on"] == str(ago(field, 60))
    right = await field.act(f"{address}/closing", {"closed_on": str(ago(field, 30))}, method="PUT")

    assert (right["state"], right["closed_on"], right["result"]) == ("reopened", None, None)
    assert right["spells"] == [
        {"opened_on": str(ago(field, 100)), "closed_on": str(ago(field, 30)), "result": "granted"},
        {"opened_on": str(ago(field, 20)), "closed_on": None, "result": None}]
    assert await deletion_of(field, address) == []
    assert await field.refused(f"{address}/closing", {"closed_on": str(ago(field, 61))}, method="PUT") == (
        422, "case-day")
    await field.act(f"/counselling_contacts/{later['id']}/strike", {"reason": "not_held"})
    await field.act(f"{address}/closing", {"closed_on": str(ago(field, 61))}, method="PUT")


async def test_a_closing_by_mistake_is_withdrawn_whenever_it_was(field: Field) -> None:
    """The case is open as if nothing was, its notes are kept, the closing counts no longer, and the audit says why."""
    address = await closed(field, 90)
    case = address.rsplit("/", 1)[1]
    assert await deletion_of(field, address) != []
    again = await field.act(f"{address}/closing/withdraw", MISTAKE)

    assert (again["state"], again["closed_on"], again["result"]) == ("open", None, None)
    assert again["spells"] == [{"opened_on": str(ago(field, 100)), "closed_on": None, "result": None}]
    assert await open_on(field, address, 90, 50, 0) == [True, True, True]
    assert await deletion_of(field, address) == []
    told = (await closings_told(field, address))[-1]
    assert (told["subject"], told["spell_id"]) == ("counselling_case.reopened", case)
    rows = await field.network.rows(
        "matching", "SELECT action FROM audit WHERE about = $1", f"counselling_case/{case}/closing/entered_by_mistake")
    assert [row["action"] for row in rows] == ["withdraw"]
    await field.counselled(counselling_case_id=case)
    assert (await field.act(f"{address}/close", {"result": "granted"}))["state"] == "closed"


async def test_where_a_mistake_was_mended_by_reopening_both_times_become_one(field: Field) -> None:
    """Open all the while, also by a counsellor; of three times the last two; nothing of the first closing is told."""
    address, counsellor = await came_again(field, 90, since=20), await field.network.key(
        Role.COUNSELLOR, partner_id=PARTNER)
    whole = await field.act(f"{address}/closing/withdraw", MISTAKE, headers=counsellor)
    assert (whole["state"], whole["spells"]) == (
        "open", [{"opened_on": str(ago(field, 100)), "closed_on": None, "result": None}])
    assert await open_on(field, address, 90, 50, 20) == [True, True, True]
    thrice = await came_again(field, 90, since=50)
    await field.act(f"{thrice}/close", {"result": "informed", "closed_on": str(ago(field, 40))})
    await field.act(f"{thrice}/reopen")
    found = await field.act(f"{thrice}/closing/withdraw", MISTAKE)

    assert (found["state"], found["spells"]) == ("reopened", [
        {"opened_on": str(ago(field, 100)), "closed_on": str(ago(field, 90)), "result": "granted"},
        {"opened_on": str(ago(field, 50)), "closed_on": None, "result": None}])
    assert (await closings_told(field, thrice))[-1]["spell_id"] != thrice.rsplit("/", 1)[1]


async def test_nothing_is_put_right_of_whom_nothing_is_known_any_more(field: Field) -> None:
    """Erased, or three years after the closing."""
    gone, late = [await closed(field, 90) for _ in range(2)]
    person = (await field.get(gone))["person_ref"]
    await field.network.tell("matching", ErasureRequested(erasure_id=uuid4(), person_refs=(UUID(person),)))
    await field.network.rows(
        "matching", "UPDATE counselling_case SET closed_on = $2 WHERE id = $1", UUID(late.rsplit("/", 1)[1]),
        field.day - relativedelta(years=3))

    for address, refusal in ((gone, (404, "person-erased")), (late, (409, "case-deleted"))):
        assert await field.refused(f"{address}/closing", {"result": "rejected"}, method="PUT") == refusal
        assert await field.refused(f"{address}/closing/withdraw", MISTAKE) == refusal


async def test_who_has_an_open_case_has_no_second_one_by_withdrawing(field: Field) -> None:
    """Also when the other one is opened at the same moment: one of the two is done."""
    for together in (False, True):
        address = await closed(field, 90)
        person = (await field.get(address))["person_ref"]

        async def opened(person: str = person) -> Any:
            body = field.case_body(partner_id=str(PARTNER)) | {"person": None, "person_ref": person}
            return await field.send(
                "POST", "/counselling_cases", body, headers=field.coordinator | new_idempotency_key())

        async def withdrawn(address: str = address) -> Any:
            return await field.attempt(f"{address}/closing/withdraw", MISTAKE)

        answers = await asyncio.gather(opened(), withdrawn()) if together else [await opened(), await withdrawn()]
        refused = [one for one in answers if one.status_code == 409]
        assert sorted(one.status_code for one in answers) in ([200, 409], [201, 409])
        assert [one.json()["slug"] for one in refused] == ["case-open"]


@pytest.mark.parametrize("spells", [1, 2, 3])
@pytest.mark.parametrize("path", ["closing", "closing/withdraw"])
async def test_of_several_who_put_a_closing_right_at_once_one_does(field: Field, path: str, spells: int) -> None:
    """The others have read what holds no longer; also of a case that is open again, of which nothing else changes."""
    address = await (closed(field, 90) if spells == 1 else came_again(field, 90, 60))
    if spells == 3:
        await field.act(f"{address}/close", {"result": "granted", "closed_on": str(ago(field, 40))})
        await reopened(field, address, 30)
    etag = (await field.send("GET", address)).headers["ETag"]
    method, body = ("PUT", {"result": "rejected"}) if path == "closing" else ("POST", MISTAKE)
    answers = await asyncio.gather(*(field.send(method, f"{address}/{path}", body, etag=etag) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    left = spells - 1 if spells > 1 and path == "closing/withdraw" else spells
    assert len((await field.get(address))["spells"]) == left

"""When a counselling case begins: what is entered wrong and put right leaves no trace in it."""

from datetime import date, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.matching.field import Field, Json

LONG_AGO = "2016-03-01"
DAYS = st.integers(0, 400)
STEPS: st.SearchStrategy[Any] = st.lists(st.one_of(
    st.tuples(st.just("enter"), st.integers(0, 1), DAYS), st.tuples(st.just("say"), st.integers(0, 1), DAYS),
    st.tuples(st.sampled_from(["correct", "move", "strike"]), st.integers(0, 9), DAYS)), min_size=1, max_size=8)


async def beginning(field: Field, contact: Json) -> tuple[str, str]:
    """When the case of a contact began, and the month that was told last."""
    case = contact["counselling_case_id"]
    told = [one["month"] for one in await field.told(case, kind="counselling_case")]
    return (await field.get(f"/counselling_cases/{case}"))["opened_on"], told[-1]


async def corrected(field: Field, contact: Json, day: str) -> None:
    """The contact was on another day."""
    right = {"held_on": day, "minutes": 5, "topics": ["housing"]}
    await field.act(f"/counselling_contacts/{contact['id']}", right, method="PUT")


async def test_a_wrong_day_that_is_corrected_moves_the_beginning_back(field: Field) -> None:
    """Entered with its case ten years too early, and put right: the case is of this month, and is told so."""
    contact = await field.counselled(held_on=LONG_AGO)
    assert await beginning(field, contact) == (LONG_AGO, LONG_AGO[:7])
    await corrected(field, contact, str(field.day))

    assert await beginning(field, contact) == (str(field.day), f"{field.day:%Y-%m}")


async def test_a_contact_that_is_struck_or_moved_takes_its_day_along(field: Field) -> None:
    """Of the case that it did not belong to nothing is left; the other begins with it. Of a closed one too."""
    first, second = [await field.counselled() for _ in range(2)]
    wrong = await field.counselled(counselling_case_id=first["counselling_case_id"], held_on=LONG_AGO)
    await field.act(f"/counselling_cases/{first['counselling_case_id']}/close", {"result": "granted"})
    address = f"/counselling_contacts/{wrong['id']}"
    await field.act(f"{address}/move", {"counselling_case_id": second["counselling_case_id"]})
    now = (str(field.day), f"{field.day:%Y-%m}")
    assert [await beginning(field, one) for one in (first, second)] == [now, (LONG_AGO, LONG_AGO[:7])]
    await field.act(f"{address}/strike", {"reason": "wrong_person"})

    assert [await beginning(field, one) for one in (first, second)] == [now, now]


async def test_the_day_that_was_said_of_a_case_is_put_right(field: Field) -> None:
    """Said ten years too early, it is corrected with what is said of the person; left out it stays."""
    contact = await field.counselled(case=field.case_body(opened_on=LONG_AGO))
    address = f"/counselling_cases/{contact['counselling_case_id']}"
    assert (await field.act(address, {}, method="PUT"))["opened_on"] == LONG_AGO
    changed = await field.act(address, {"opened_on": str(field.day)}, method="PUT")

    assert (changed["opened_on"], (await beginning(field, contact))[1]) == (str(field.day), f"{field.day:%Y-%m}")
    tomorrow = str(field.day + timedelta(days=1))
    assert await field.refused(address, {"opened_on": tomorrow}, method="PUT") == (422, "day-in-future")


async def test_a_case_from_before_the_day_was_kept_begins_when_it_began(field: Field) -> None:
    """What an older version wrote knows no day that was said; its beginning stands for it, until it is put right."""
    contact = await field.counselled(case=field.case_body(opened_on=LONG_AGO))
    await field.network.rows("matching", "UPDATE counselling_case SET said_opened_on = NULL")
    await corrected(field, contact, str(field.day - timedelta(days=1)))

    assert (await beginning(field, contact))[0] == LONG_AGO


async def step(field: Field, cases: list[str], known: dict[str, Json], said: list[date], what: Any) -> None:
    """Enter a contact, correct, move or strike one that stands, or say when the case was opened."""
    kind, which, ago = what
    day = field.day - timedelta(days=ago)
    standing = [one for one in known.values() if not one["struck"]]
    if kind == "enter":
        made = await field.counselled(counselling_case_id=cases[which], held_on=str(day))
        known[made["id"]] = {"id": made["id"], "case": which, "day": day, "struck": False}
    elif kind == "say":
        await field.act(f"/counselling_cases/{cases[which]}", {"opened_on": str(day)}, method="PUT")
        said[which] = day
    elif standing:
        contact = standing[which % len(standing)]
        if kind == "correct":
            await corrected(field, contact, str(day))
            contact["day"] = day
        elif kind == "move":
            contact["case"] = 1 - contact["case"]
            body = {"counselling_case_id": cases[contact["case"]]}
            await field.act(f"/counselling_contacts/{contact['id']}/move", body)
        else:
            await field.act(f"/counselling_contacts/{contact['id']}/strike", {"reason": "not_held"})
            contact["struck"] = True


@given(STEPS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_case_begins_with_the_contacts_that_stand(field: Field, steps: Any) -> None:
    """Whatever is entered, corrected, moved and struck, in whatever order; the month that was told last is that one."""
    cases = [(await field.create("/counselling_cases", field.case_body()))["id"] for _ in range(2)]
    known: dict[str, Json] = {}
    said = [field.day, field.day]
    for what in steps:
        await step(field, cases, known, said, what)

    for which, case in enumerate(cases):
        days = [one["day"] for one in known.values() if one["case"] == which and not one["struck"]]
        begins = min(said[which], *days, said[which])
        assert await beginning(field, {"counselling_case_id": case}) == (str(begins), f"{begins:%Y-%m}")

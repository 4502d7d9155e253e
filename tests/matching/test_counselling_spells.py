"""From when until when a counselling case was open: who comes again changes nothing of the time before."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.callers import Role
from libs.common.codes.lists import CounsellingResult
from libs.common.facts.registry import ErasureRequested
from libs.common.refusals import Invalid, Refused
from services.matching.counselling_cases.model import CounsellingCase, CounsellingSpell, last_closed
from services.matching.counselling_figures.queries import _open_cases
from services.matching.counselling_figures.rules import Asked
from tests.matching.field import Field, Json, quarter

BEGAN = date(2024, 1, 15)
MONTHS = 30
Month = tuple[int, int]
STEPS: st.SearchStrategy[Any] = st.lists(st.tuples(
    st.sampled_from(["contact", "correct", "close", "reopen", "say", "put_right", "withdraw"]), st.integers(0, 60),
    st.integers(0, 120),
), min_size=1, max_size=25)


def month_of(day: date) -> Month:
    """A month is its year and its number."""
    return day.year, day.month


def open_months(spells: Sequence[CounsellingSpell], until: date) -> set[Month]:
    """The months in which a case was open some day, up to this one."""
    days = [BEGAN - timedelta(days=150) + timedelta(days=number) for number in range(MONTHS * 62)]
    return {month_of(day) for day in days if day <= until and any(spell.holds(day) for spell in spells)}


@dataclass
class Played:
    """A case as it is played: what day it is, its spells, and the days of its contacts."""

    case: CounsellingCase = field(default_factory=lambda: CounsellingCase(
        id=uuid4(), region="15087", partner_id=uuid4(), person_ref=uuid4(), counsellor="p", opened_by="p",
        opened_on=BEGAN, said_opened_on=BEGAN))
    spells: list[CounsellingSpell] = field(default_factory=list)
    contacts: list[date] = field(default_factory=list)
    today: date = BEGAN

    def contact(self, day: date) -> None:
        """Somebody was counselled."""
        if self.case.is_open:
            self.contacts.append(day)
            self.case.begin(self.spells, self.contacts)

    def correct(self, day: date) -> None:
        """The last contact was on another day."""
        if self.contacts:
            self.case.refuse_after_closing(day)
            self.contacts[-1] = day
            self.case.begin(self.spells, self.contacts)

    def say(self, day: date) -> None:
        """It was said to be opened on this day."""
        self.case.refuse_beginning(self.spells[0], day)
        if self.case.is_open:
            self.case.said_opened_on = day
            self.case.begin(self.spells, self.contacts)

    def close(self, day: date) -> None:
        """It ends; until its last day nothing changes of when it was open."""
        if self.case.is_open:
            last = max(self.contacts, default=None)
            before = open_months(self.spells, day)
            self.case.close(self.spells[-1], CounsellingResult.GRANTED, day, last_contact=last)
            assert open_months(self.spells, day) == before

    def reopen(self, _day: date) -> None:
        """They come again today; until yesterday nothing changes of when it was open."""
        if not self.case.is_open:
            yesterday = self.today - timedelta(days=1)
            before = open_months(self.spells, yesterday)
            spell = self.case.reopen(self.spells[-1], self.today)
            self.spells += [spell] if spell is not self.spells[-1] else []
            assert open_months(self.spells, yesterday) == before


    def put_right(self, day: date) -> None:
        """It was last closed on another day; what came before that spell stays as it was."""
        spell = last_closed(self.spells)
        until = spell.closed_on or date.max
        last = max((one for one in self.contacts if one <= until), default=None)
        before = open_months(self.spells, spell.opened_on)
        self.case.correct_closing(self.spells, None, day, last_contact=last)
        self.case.begin(self.spells, self.contacts)
        assert open_months(self.spells, spell.opened_on) == before
        assert spell.closed_on == day

    def withdraw(self, _day: date) -> None:
        """It should not have been closed: it was open since, until today."""
        spell = self.case.withdraw_closing(self.spells)
        del self.spells[self.spells.index(spell) + 1:]
        self.case.begin(self.spells, self.contacts)
        assert self.case.is_open
        assert all(spell.holds(day) for day in (spell.opened_on, self.today))


@given(STEPS)
def test_spells_follow_one_another_and_leave_the_past_as_it_was(steps: list[tuple[str, int, int]]) -> None:
    """Whatever is entered, corrected, said, closed, reopened, put right, in whatever order, on whatever days."""
    played = Played()
    played.spells.append(played.case.first_spell())
    for kind, later, ago in steps:
        played.today += timedelta(days=later)
        try:
            getattr(played, kind)(played.today - timedelta(days=ago))
        except Refused as refused:
            assert refused.slug in {  # noqa: PT017 - refused for what was drawn
                "case-day", "contact-after-closing", "case-came-again", "case-not-closed"}
        spells, case = played.spells, played.case
        ended = [one.closed_on for one in spells]
        assert all(one.closed_on is None or one.opened_on <= one.closed_on for one in spells)
        assert all(end is not None and end < one.opened_on for end, one in zip(ended, spells[1:], strict=False))
        assert (case.opened_on, case.closed_on, case.result) == (spells[0].opened_on, ended[-1], spells[-1].result)
        assert case.is_open is (ended[-1] is None)
        assert all(sum(spell.holds(day) for spell in spells) == 1 for day in played.contacts)


def closed_case(until: date) -> tuple[CounsellingCase, CounsellingSpell]:
    """A case that was closed on this day, and its spell."""
    case = Played().case
    spell = case.first_spell()
    case.close(spell, CounsellingResult.GRANTED, until)
    return case, spell


def test_who_comes_again_on_the_day_of_the_closing_was_not_gone() -> None:
    """The spell goes on without a result; from the next day on it is another one, and the first keeps its own."""
    for days, same in ((0, True), (1, False)):
        case, spell = closed_case(BEGAN)
        again = case.reopen(spell, BEGAN + timedelta(days=days))
        assert ((again is spell), again.closed_on, again.result) == (same, None, None)
        assert spell.result is (None if same else CounsellingResult.GRANTED)


def test_no_case_begins_behind_its_first_end() -> None:
    """Who comes again is no new case; and nothing is closed before they came again."""
    case, spell = closed_case(BEGAN)
    again = case.reopen(spell, BEGAN + timedelta(days=9))
    case.refuse_beginning(spell, BEGAN)
    with pytest.raises(Invalid) as refused:
        case.refuse_beginning(spell, BEGAN + timedelta(days=1))
    assert (refused.value.slug, refused.value.field) == ("case-day", "opened_on")
    with pytest.raises(Invalid) as refused:
        case.close(again, CounsellingResult.INFORMED, BEGAN + timedelta(days=8))
    assert (refused.value.slug, refused.value.field) == ("case-day", "closed_on")


async def passed(field: Field, case: str, days: int) -> None:
    """What is noted of a case by now was so many days earlier."""
    for table, columns in (("case", ("opened_on", "said_opened_on", "closed_on")), ("contact", ("held_on",)),
                           ("spell", ("opened_on", "said_opened_on", "closed_on"))):
        moved = ", ".join(f"{name} = {name} - $2::int" for name in columns)
        key = "id" if table == "case" else "counselling_case_id"
        await field.network.rows(
            "matching", f"UPDATE counselling_{table} SET {moved} WHERE {key} = $1", UUID(case), days)


async def came_again(field: Field, days: int = 100, **given: Any) -> Json:
    """A case with a contact that was closed so many days ago, and reopened today."""
    made = await field.counselled(**given)
    address = f"/counselling_cases/{made['counselling_case_id']}"
    await field.act(f"{address}/close", {"result": "granted"})
    await passed(field, made["counselling_case_id"], days)
    return await field.act(f"{address}/reopen")


async def test_who_comes_again_is_shown_with_both_times(field: Field) -> None:
    """From when until when, and the result of each; on which days the case was open; a contact in between is of now."""
    case = await came_again(field)
    address, gone = f"/counselling_cases/{case['id']}", field.day - timedelta(days=100)
    first = {"opened_on": str(gone), "closed_on": str(gone), "result": "granted"}
    assert case["spells"] == [first, {"opened_on": str(field.day), "closed_on": None, "result": None}]
    assert (case["opened_on"], case["closed_on"], case["result"]) == (str(gone), None, None)
    between = field.day - timedelta(days=50)
    assert await field.refused(address, {"opened_on": str(between)}, method="PUT") == (422, "case-day")
    contact = await field.counselled(counselling_case_id=case["id"], held_on=str(between))
    assert await open_on(field, address, (101, 100, 99, 51, 50, 0)) == [False, True, False, False, True, True]
    await field.act(f"/counselling_contacts/{contact['id']}/strike", {"reason": "not_held"})

    assert await open_on(field, address, (50, 1, 0)) == [False, False, True]
    assert (await field.get(address))["spells"][0] == first


async def open_on(field: Field, address: str, ago: Sequence[int]) -> list[bool]:
    """Whether a case was open so many days ago."""
    days = [field.day - timedelta(days=number) for number in ago]
    return [(await field.get(f"{address}/standing?as_of={day}"))["is_open"] for day in days]


async def test_a_closing_is_taken_back_on_its_day(field: Field) -> None:
    """One spell without an end, as if it had not been closed."""
    made = await field.counselled()
    address = f"/counselling_cases/{made['counselling_case_id']}"
    closed = await field.act(f"{address}/close", {"result": "granted"})
    assert closed["spells"] == [{"opened_on": str(field.day), "closed_on": str(field.day), "result": "granted"}]

    assert (await field.act(f"{address}/reopen"))["spells"] == [
        {"opened_on": str(field.day), "closed_on": None, "result": None}]


async def test_of_two_who_reopen_at_once_one_does(field: Field) -> None:
    """The other has read what holds no longer; there is one open spell."""
    made = await field.counselled()
    address = f"/counselling_cases/{made['counselling_case_id']}"
    await field.act(f"{address}/close", {"result": "granted"})
    await passed(field, made["counselling_case_id"], 9)
    etag = (await field.send("GET", address)).headers["ETag"]
    answers = await asyncio.gather(*(field.send("POST", f"{address}/reopen", etag=etag) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    assert [one["closed_on"] is None for one in (await field.get(address))["spells"]] == [False, True]


async def test_figures_of_the_past_stay_when_somebody_comes_again(field: Field) -> None:
    """Open cases of the quarters between, and the result of the contacts before; what comes after counts as open."""
    partner = uuid4()
    headers = await field.network.key(Role.COUNSELLOR, partner_id=partner)
    cases = [await came_again(field, 300, case=field.case_body(partner_id=str(partner))) for _ in range(5)]
    last = field.last_quarter
    query = f"from={field.day.year - 2}-01-01&until={last}"
    for case in cases:
        await field.counselled(counselling_case_id=case["id"], held_on=str(last), headers=headers)
    told = await field.get(f"/counselling_figures?by=case_result&{query}", headers=headers)
    work = (await field.get(f"/counselling_figures/workload?{query}", headers=headers))["work"]

    assert {one["value"]: one["contacts"] for one in told["figures"]} == {"granted": 5, "open": 5}
    gone = field.day - timedelta(days=300)
    assert {one["quarter"]: one["open_cases"] for one in work if one["counsellor"] == "total"} == {
        quarter(gone): 5, quarter(last): 5, "total": 5}


async def test_closing_and_reopening_change_no_quarter_that_is_over(field: Field) -> None:
    """Single cases are counted as they are, by those who may: the same before, closed, and reopened after."""
    made = await field.counselled(held_on=str(field.day - timedelta(days=200)))
    case, address = made["counselling_case_id"], f"/counselling_cases/{made['counselling_case_id']}"
    partner = UUID((await field.get(address))["partner_id"])

    async def counted() -> Any:
        asked = Asked((date(field.day.year - 2, 1, 1), field.last_quarter), None, partner)
        async with field.network["matching"].running.database.transaction() as transaction:
            return await _open_cases(transaction, asked)

    before = await counted()
    await field.act(f"{address}/close", {"result": "granted"})
    assert await counted() == before
    await passed(field, case, 200)
    gone = await counted()
    assert gone != before
    await field.act(f"{address}/reopen")
    assert await counted() == gone


async def test_an_erasure_ends_what_is_open_and_leaves_the_times(field: Field) -> None:
    """From when until when somebody was counselled leads to nobody; an open spell ends on the day."""
    case = await came_again(field)
    await field.network.tell("matching", ErasureRequested(erasure_id=uuid4(), person_refs=(UUID(case["person_ref"]),)))
    gone = field.day - timedelta(days=100)
    rows = await field.network.rows(
        "matching", "SELECT opened_on, closed_on, result FROM counselling_spell WHERE counselling_case_id = $1"
        " ORDER BY opened_on", UUID(case["id"]))

    assert [tuple(row) for row in rows] == [(gone, gone, "granted"), (field.day, field.day, None)]

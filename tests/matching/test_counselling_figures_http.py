"""Counselling figures through the HTTP door: what funders ask, few people hidden, five years of contacts at once."""

import time
from collections import Counter
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.common.callers import Role
from services.matching.counselling_figures.rules import By
from services.matching.suppression.rules import LEAST
from tests.matching.field import REGION, Field, Headers, Json, quarter

MANY = """
INSERT INTO counselling_case (id, version, region, partner_id, person_ref, counsellor, opened_by, state, languages,
    gender, origin_region, opened_on)
SELECT gen_random_uuid(), 1, $2, $1, gen_random_uuid(), (ARRAY['a', 'b', 'c'])[1 + n % 3], 'a', 'open', '{}', 'f',
    (ARRAY['145', '034', '151', '014', '015'])[1 + n % 5], date '2021-01-01' + (n % 1500)
FROM generate_series(0, $3 - 1) AS n
"""
MANY_SPELLS = """
INSERT INTO counselling_spell (id, version, counselling_case_id, region, partner_id, opened_on, said_opened_on)
SELECT id, 1, id, region, partner_id, opened_on, opened_on FROM counselling_case WHERE partner_id = $1
"""
MANY_STATUSES = """
INSERT INTO counselling_status (id, version, counselling_case_id, region, partner_id, attribute, value, valid_from,
    entered_by, entered_at)
SELECT gen_random_uuid(), 1, c.id, c.region, c.partner_id, attribute, value, day, 'a', now()
FROM counselling_case c, (VALUES
    ('residence_status', 'permission_pending', date '2021-01-01'), ('residence_status', 'subsidiary', '2022-07-01'),
    ('residence_status', 'settlement', '2025-03-01'), ('employment', 'seeking', '2021-01-01'),
    ('employment', 'employed', '2023-01-01'), ('language_level', 'A1', '2021-01-01'),
    ('language_level', 'B1', '2022-03-01'), ('housing', 'reception_centre', '2021-01-01'),
    ('housing', 'own_flat', '2024-10-01'), ('course', 'waiting', '2021-01-01'),
    ('course', 'integration_course', '2021-07-01')) AS known (attribute, value, day) WHERE c.partner_id = $1
"""
MANY_CONTACTS = """
INSERT INTO counselling_contact (id, version, counselling_case_id, region, partner_id, held_on, minutes, mode, topics,
    results, held_by, recorded_by, recorded_at)
SELECT gen_random_uuid(), 1, c.id, c.region, c.partner_id, date '2021-01-01' + (n * 18 + (c.ctid::text::point)[1]::int)
    % 1825, 20 + n % 40, (ARRAY['in_person', 'phone', 'video'])[1 + n % 3],
    (ARRAY['{housing}', '{housing,health}', '{jobcentre_benefits}', '{residence_asylum,other}'])[1 + n % 4]::text[],
    (ARRAY['{informed}', '{}', '{referred,open}'])[1 + n % 3]::text[], c.counsellor, 'a', now()
FROM counselling_case c, generate_series(1, $2) AS n WHERE c.partner_id = $1
"""
STATUS = """
INSERT INTO counselling_status (id, version, counselling_case_id, region, partner_id, attribute, value, valid_from,
    entered_by, entered_at)
SELECT gen_random_uuid(), 1, id, region, partner_id, $2, $3, $4, 'a', now() FROM counselling_case WHERE id = $1
"""
# Of each status one that was first so, one that was entered wrongly, and one that it was then.
FIRST_WRONG_THEN = {
    By.RESIDENCE_STATUS: ("permission_pending", "asylum", "subsidiary"),
    By.EMPLOYMENT: ("seeking", "mini_job", "employed"), By.LANGUAGE_LEVEL: ("none", "C1", "A2"),
    By.HOUSING: ("reception_centre", "homeless", "own_flat"), By.COURSE: ("waiting", "broken_off", "completed"),
}
Told = tuple[str, str, str]


async def of_partner(field: Field) -> tuple[UUID, Headers]:
    """A partner of its own, and somebody who counsels there."""
    partner = uuid4()
    return partner, await field.network.key(Role.COUNSELLOR, partner_id=partner)


async def many(field: Field, partner: UUID, cases: int, contacts: int) -> None:
    """So many cases of a partner, each with so many contacts over five years, and statuses that change."""
    await field.network.rows("matching", MANY, partner, REGION, cases)
    for statement in (MANY_SPELLS, MANY_STATUSES):
        await field.network.rows("matching", statement, partner)
    await field.network.rows("matching", MANY_CONTACTS, partner, contacts)
    # As autovacuum does within a minute.
    for table in ("case", "spell", "status", "contact"):
        await field.network.rows("matching", f"ANALYZE counselling_{table}")


def by_value(answer: Json) -> dict[str, tuple[int | None, int | None, int | None]]:
    """What was counted of each value."""
    return {one["value"]: (one["contacts"], one["cases"], one["minutes"]) for one in answer["figures"]}


def begins(day: date) -> date:
    """The first day of a day's quarter."""
    return day.replace(month=day.month - (day.month - 1) % 3, day=1)


async def counsel(field: Field, headers: Headers, number: int, **given: Any) -> list[Json]:
    """So many people, each counselled once, in the last quarter that is over."""
    given = {"held_on": str(field.last_quarter)} | given
    case = {name: given.pop(name) for name in ("origin", "opened_on", "region") if name in given}
    return [await field.counselled(headers=headers, case=field.case_body(partner_id=None, **case), **given)
            for _ in range(number)]


async def test_contacts_cases_and_minutes_are_told_apart(field: Field) -> None:
    """By topic, with each of several; in all once. By mode, result, month, region of the world and counsellor too."""
    _, headers = await of_partner(field)
    first = await counsel(field, headers, 6, topics=["housing", "health"], results=[], mode="phone", origin="AF")
    await counsel(field, headers, 5, topics=["health"], results=["granted", "informed"], origin=None)
    await field.counselled(headers=headers, counselling_case_id=first[0]["counselling_case_id"], topics=["health"],
                           mode="phone", results=[], held_on=str(field.last_quarter))
    wanted: dict[str, Any] = {
        "topic": {"housing": (6, 6, 270), "health": (12, 11, 540)},
        "mode": {"phone": (7, 6, 315), "in_person": (5, 5, 225)},
        "result": {"not_said": (7, 6, 315), "granted": (5, 5, 225), "informed": (5, 5, 225)},
        "origin_region": {"034": (7, 6, 315), "not_said": (5, 5, 225)},
        "residence_status": {"not_asked": (12, 11, 540)},
        **{by: {"not_said": (12, 11, 540)} for by in ("employment", "language_level", "housing", "course")},
        "gender": {"f": (12, 11, 540)}, "age_band": {"27-44": (12, 11, 540)}, "language": {"ar": (12, 11, 540)},
        "case_result": {"open": (12, 11, 540)},
        "month": {f"{field.last_quarter:%Y-%m}": (12, 11, 540)},
        "quarter": {quarter(field.last_quarter): (12, 11, 540)}, "counsellor": {first[0]["held_by"]: (12, 11, 540)}}
    for by, figures in wanted.items():
        answer = await field.get(f"/counselling_figures?by={by}", headers=headers)
        assert by_value(answer) == figures, by
        assert [answer["total"][name] for name in ("contacts", "cases", "minutes")] == [12, 11, 540]


async def test_cases_are_told_apart_by_how_they_ended_and_by_whom(field: Field) -> None:
    """Their result, which the contacts do not have; gender, age and languages, of which somebody may have several."""
    _, headers = await of_partner(field)
    given: Json
    for given in ({"gender": "m", "age_band": "18-26", "languages": ["uk", "ru"]},
                  {"gender": "f", "age_band": None, "languages": []}):
        for _ in range(6):
            made = await field.counselled(
                headers=headers, case=field.case_body(partner_id=None, **given), held_on=str(field.last_quarter))
            if given["gender"] == "m":
                await field.act(f"/counselling_cases/{made['counselling_case_id']}/close", {"result": "granted"})
    wanted = {"case_result": {"granted", "open"}, "gender": {"m", "f"}, "age_band": {"18-26", "not_said"},
              "language": {"uk", "ru", "not_said"}}
    for by, values in wanted.items():
        answer = await field.get(f"/counselling_figures?by={by}", headers=headers | {"Accept-Language": "en"})
        assert by_value(answer) == dict.fromkeys(values, (6, 6, 270)), by
        assert answer["total"]["cases"] == 12
    labels = {one["label"] for one in (await field.get("/counselling_figures?by=language", headers=headers))["figures"]}
    assert labels == {"Ukrainisch", "Russisch", "Ohne Angabe"}


async def test_a_coordinator_asks_for_one_district_or_partner(field: Field) -> None:
    """Each sum by itself; what the rest of the scope would tell by subtraction is hidden in it."""
    state = await field.network.key(Role.COORDINATOR, region="14")
    partners = [uuid4() for _ in range(3)]
    for partner, region, many_of in zip(partners, ("14511", "14511", "14521"), (6, 7, 2), strict=True):
        for _ in range(many_of):
            await field.counselled(headers=state, held_on=str(field.last_quarter), case=field.case_body(
                partner_id=str(partner), region=region))

    async def total(query: str) -> Any:
        return (await field.get(f"/counselling_figures?{query}", headers=state))["total"]["cases"]

    assert await total("") == 15
    assert [await total(f"partner_id={partner}") for partner in partners] == [6, 7, None]
    assert await total("region=14511") is None
    assert await total("region=14") == 15
    for path in ("workload", "demand"):
        one = await field.get(f"/counselling_figures/{path}?partner_id={partners[0]}", headers=state)
        told = [number for row in one.get("work") or one["demand"] for number in row.values()]
        assert 6 in told
        assert 15 not in told


async def test_what_was_struck_or_moved_counts_where_it_belongs(field: Field) -> None:
    """Struck: nowhere, in no figure; moved: with the other case."""
    _, headers = await of_partner(field)
    made = await counsel(field, headers, 7, topics=["housing"], opened_on=str(field.last_quarter))
    await field.act(f"/counselling_contacts/{made[0]['id']}/strike", {"reason": "not_held"}, headers=headers)
    await field.act(f"/counselling_contacts/{made[1]['id']}/move", {
        "counselling_case_id": made[2]["counselling_case_id"]}, headers=headers)
    assert by_value(await field.get("/counselling_figures", headers=headers)) == {"housing": (6, 5, 270)}
    work = (await field.get("/counselling_figures/workload", headers=headers))["work"]
    assert (work[-1]["contacts"], work[-1]["cases"]) == (6, 5)
    new = (await field.get("/counselling_figures/demand", headers=headers))["demand"]
    assert (new[-1]["quarter"], new[-1]["new_cases"]) == ("total", 5)


async def test_few_people_are_hidden_and_cannot_be_reckoned(field: Field) -> None:
    """Nor from the sum; not in the file either. Fewer than five in all: nothing is told."""
    _, headers = await of_partner(field)
    await counsel(field, headers, 3, topics=["discrimination"])
    few = await field.get("/counselling_figures", headers=headers)
    assert (by_value(few), few["total"]["cases"]) == ({"discrimination": (None, None, None)}, None)
    await counsel(field, headers, 7, topics=["health"])
    await counsel(field, headers, 9, topics=["housing"])
    answer = await field.get("/counselling_figures?by=topic", headers=headers | {"Accept-Language": "en"})
    hidden = (None, None, None)
    assert by_value(answer) == {"discrimination": hidden, "health": hidden, "housing": (9, 9, 405)}
    assert (answer["total"]["cases"], answer["figures"][0]["label"]) == (19, "Discrimination")

    file = await field.send("GET", "/counselling_figures/export.csv?by=topic", headers=headers | {
        "Accept-Language": "de-DE,de;q=0.9,en;q=0.8"})
    lines = file.text.splitlines()
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert lines[0] == "Beratungsthema,Kontakte,Fälle,Minuten"
    assert lines[3:] == ["Wohnen,9,9,405", "Gesamt,19,19,855"]
    assert lines[1].startswith("Diskriminierung,weniger als 5")


async def test_a_status_that_nobody_asked_for_is_named(field: Field) -> None:
    """And the file has the title of its list, in German and in English."""
    _, headers = await of_partner(field)
    await counsel(field, headers, 5)
    for by, german, english in (
            ("employment", "Beschäftigung", "Employment"), ("housing", "Wohnsituation", "Housing situation"),
            ("language_level", "Sprachniveau (GER)", "Language level (CEFR)"),
            ("course", "Kursteilnahme", "Course attendance")):
        for language, title, unsaid in (("de", german, "Ohne Angabe"), ("en", english, "Not stated")):
            file = await field.send("GET", f"/counselling_figures/export.csv?by={by}", headers=headers | {
                "Accept-Language": language})
            assert file.text.splitlines()[0].startswith(f"{title},")
            assert file.text.splitlines()[1] == f"{unsaid},5,5,225"
            assert f"counselling-{by}.csv" in file.headers["content-disposition"]


@pytest.mark.parametrize(("by", "values"), FIRST_WRONG_THEN.items())
async def test_a_contact_counts_with_the_status_of_its_day(field: Field, by: By, values: tuple[str, str, str]) -> None:
    """As the case itself answers for that day: entered later, corrected and taken back included."""
    _, headers = await of_partner(field)
    last = field.last_quarter
    days = [last.replace(day=1), last - timedelta(days=10), last]
    told: Counter[str] = Counter()
    for number in range(6):
        case = (await field.counselled(
            headers=headers, case=field.case_body(partner_id=None), held_on=str(days[0])))["counselling_case_id"]
        for day in days[1:]:
            await field.counselled(headers=headers, counselling_case_id=case, held_on=str(day))
        entry = {"counselling_case_id": case, "attribute": by.value, "valid_from": str(days[0])}
        await _history(field, headers, entry, values, days, taken_back=number == 0)
        for day in days:
            standing = await field.get(f"/counselling_cases/{case}/standing?as_of={day}", headers=headers)
            told[standing["statuses"].get(by.value, "not_asked")] += 1
    period = f"from={begins(last)}&until={last}"
    answer = await field.get(f"/counselling_figures?by={by}&{period}", headers=headers)

    shown = {value: counts[0] for value, counts in by_value(answer).items()}
    assert told == Counter({values[0]: 7, values[2]: 11})
    assert shown == dict(told)


async def _history(
    field: Field, headers: Headers, entry: Json, values: tuple[str, str, str], days: list[date], *, taken_back: bool,
) -> None:
    """First one status, then another, which was entered a wrong day and, of one, not true at all."""
    first, wrongly, then = values
    await field.create("/counselling_statuses", entry | {"value": first}, headers=headers)
    other = next(attribute for attribute in FIRST_WRONG_THEN if attribute.value != entry["attribute"])
    await field.create("/counselling_statuses", entry | {
        "attribute": other.value, "value": FIRST_WRONG_THEN[other][0], "valid_from": str(days[1])}, headers=headers)
    wrong = await field.create("/counselling_statuses", entry | {
        "value": wrongly, "valid_from": str(days[2])}, headers=headers)
    right = entry | {"value": then, "valid_from": str(days[1]), "corrects": wrong["id"]}
    entered = await field.create("/counselling_statuses", right, headers=headers)
    if taken_back:
        later = right | {"valid_from": str(days[1] + timedelta(days=1)), "corrects": entered["id"]}
        await field.create("/counselling_statuses", later, headers=headers)


@pytest.mark.parametrize(("by", "values"), [
    pytest.param(*one, marks=[pytest.mark.slow] if number else [])
    for number, one in enumerate(FIRST_WRONG_THEN.items())])
async def test_nobody_is_reckoned_from_a_status(field: Field, by: By, values: tuple[str, str, str]) -> None:
    """Few of a value, alone, beside the sum, in a part and its rest, and in two quarters and each of them.

    Who asks for all of these puts in what is shown wherever a sum lacks one count only, as long as there is one.
    """
    region = f"1606{1 + list(FIRST_WRONG_THEN).index(by)}"
    quarters = [begins(field.last_quarter) - timedelta(days=1), field.last_quarter]
    counted = await _of_two_partners(field, by, values, quarters, region)
    headers = await field.network.key(Role.COORDINATOR, region=region)
    told: dict[Told, int | None] = {}
    for part in ("", *{partner for partner, _, _ in counted}):
        for period, (first, last) in {"0": (0, 0), "1": (1, 1), "": (0, 1)}.items():
            query = f"by={by}&from={begins(quarters[first])}&until={quarters[last]}" + (part and f"&partner_id={part}")
            answer = await field.get(f"/counselling_figures?{query}", headers=headers)
            told |= {(part, period, value): 0 for value in values} | {
                (part, period, value): counts[1] for value, counts in by_value(answer).items()}
            told[part, period, ""] = answer["total"]["cases"]
    known = reckoned(told)

    few = {key for key, many in counted.items() if 0 < many < LEAST}
    assert (known["", "1", values[2]], len(few)) == (10, 1)
    assert not few & known.keys()
    assert {key: known[key] for key in counted.keys() & known.keys()} == {
        key: many for key, many in counted.items() if key in known}
    # Of a longer period is shown only what each of its quarters shows.
    assert all(told[part, "", value] is None for part, period, value in told if told[part, period, value] is None)


async def _of_two_partners(
    field: Field, by: By, values: tuple[str, str, str], quarters: list[date], region: str,
) -> dict[Told, int]:
    """People with a status whom two partners counsel in two quarters: with the last value few in the first's second."""
    counted: dict[Told, int] = {}
    for of_each in (((6, 7, 6), (6, 9, 2)), ((8, 7, 0), (7, 8, 8))):
        partner, headers = await of_partner(field)
        for place, row in enumerate(of_each):
            for value, many in zip(values, row, strict=True):
                counted[str(partner), str(place), value] = many
                for made in await counsel(field, headers, many, held_on=str(quarters[place]), region=region):
                    await field.network.rows(
                        "matching", STATUS, UUID(made["counselling_case_id"]), by.value, value, quarters[place])
    return counted


def reckoned(told: dict[Told, int | None]) -> dict[Told, int]:
    """What is known by what was told, and by the sums of values, of quarters and of parts."""
    axes = [{key[place] for key in told} - {""} for place in range(3)]
    sums = [[key, *((*key[:place], one, *key[place + 1:]) for one in axes[place])]
            for key in told for place in range(3) if key[place] == ""]
    known: dict[Any, int] = {key: counted for key, counted in told.items() if counted is not None}
    while lacking := [one for one in sums if sum(key not in known for key in one) == 1]:
        whole, *parts = lacking[0]
        missing = next(key for key in lacking[0] if key not in known)
        others = sum(known[key] for key in parts if key != missing)
        known[missing] = others if missing == whole else known[whole] - others
    return known


async def test_work_and_demand_are_told_over_time(field: Field) -> None:
    """Open cases, contacts and minutes of each counsellor by quarter; new cases by quarter and first topic."""
    _, headers = await of_partner(field)
    _, foreign = await of_partner(field)
    last = field.last_quarter
    before = begins(last) - timedelta(days=1)
    now, earlier = quarter(last), quarter(before)
    old = await counsel(field, headers, 5, topics=["housing"], held_on=str(before), opened_on=str(before))
    await counsel(field, headers, 6, topics=["health"], opened_on=str(last))
    for one in old:
        await field.counselled(headers=headers, counselling_case_id=one["counselling_case_id"], topics=["health"],
                               held_on=str(last))
    query = f"?from={begins(before)}&until={last}"
    work = (await field.get(f"/counselling_figures/workload{query}", headers=headers))["work"]
    me = old[0]["held_by"]
    counted = {(one["counsellor"], one["quarter"]): (one["open_cases"], one["contacts"], one["cases"], one["minutes"])
               for one in work}
    assert counted == {
        (me, earlier): (5, 5, 5, 225), (me, now): (11, 11, 11, 495), (me, "total"): (11, 16, 11, 720),
        ("total", earlier): (5, 5, 5, 225), ("total", now): (11, 11, 11, 495), ("total", "total"): (11, 16, 11, 720)}
    new = (await field.get(f"/counselling_figures/demand{query}", headers=headers))["demand"]
    assert {(one["quarter"], one["topic"]): one["new_cases"] for one in new} == {
        (earlier, "housing"): 5, (earlier, "total"): 5, (now, "health"): 6, (now, "total"): 6,
        ("total", "housing"): 5, ("total", "health"): 6, ("total", "total"): 11}
    for path in ("workload", "demand", ""):
        nothing = await field.get(f"/counselling_figures/{path}{query}".replace("/?", "?"), headers=foreign)
        assert me not in str(nothing)
        assert "health" not in str(nothing)


async def test_a_period_that_cannot_be_meant_is_refused(field: Field) -> None:
    """One that ends before it begins, or never seems to end; single days, and what is not over; an unknown filter."""
    running = begins(field.day)
    for query, slug in ((f"until={field.day}", "period-not-quarters"), ("from=2026-01-02", "period-not-quarters"),
                        ("from=2026-02-01&until=2026-03-31", "period-not-quarters"),
                        (f"from={running}&until={running}", "period-not-quarters"),
                        ("district=15087", "invalid-request"),
                        ("by=topic&partner=x", "invalid-request"), ("region=all", "invalid-request"),
                        ("from=2026-04-01&until=2026-03-31", "period-odd"), ("from=1990-01-01", "period-odd"),
                        ("from=yesterday", "invalid-request"), ("by=name", "invalid-request")):
        answer = await field.send("GET", f"/counselling_figures?{query}")
        assert (answer.status_code, answer.json()["slug"]) == (422, slug), query


@pytest.mark.slow
@pytest.mark.parametrize("path", [
    *(f"?by={by}&" for by in By),
    "/workload?", "/demand?"])
async def test_five_years_of_an_association_are_counted_at_once(field: Field, path: str) -> None:
    """400 people with 100 contacts each, 40,000 in all: a third of a second, where others share the processors more."""
    rows = await field.network.rows(
        "matching", "SELECT partner_id FROM counselling_case GROUP BY 1 HAVING count(*) = 400")
    partner = rows[0][0] if rows else uuid4()
    if not rows:
        await many(field, partner, 400, 100)
    headers = await field.network.key(Role.COUNSELLOR, partner_id=partner)
    began = time.perf_counter()
    answer = await field.get(f"/counselling_figures{path}from=2021-01-01&until=2025-12-31", headers=headers)
    took = time.perf_counter() - began

    assert "40000" in str(answer) or path == "/demand?"
    assert took < 2

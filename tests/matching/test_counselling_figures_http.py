"""Counselling figures through the HTTP door: what funders ask, few people hidden, five years of contacts at once."""

import time
from collections import Counter
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.common.callers import Role
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
SELECT gen_random_uuid(), 1, c.id, c.region, c.partner_id, 'residence_status', value, day, 'a', now()
FROM counselling_case c, (VALUES ('permission_pending', date '2021-01-01'), ('subsidiary', date '2022-07-01'),
    ('settlement', date '2025-03-01')) AS known (value, day) WHERE c.partner_id = $1
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


async def of_partner(field: Field) -> tuple[UUID, Headers]:
    """A partner of its own, and somebody who counsels there."""
    partner = uuid4()
    return partner, await field.network.key(Role.COUNSELLOR, partner_id=partner)


async def many(field: Field, partner: UUID, cases: int, contacts: int) -> None:
    """So many cases of a partner, each with so many contacts over five years, and a status that changes twice."""
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
    case = {name: given.pop(name) for name in ("origin", "opened_on") if name in given}
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


async def test_a_contact_counts_with_the_status_of_its_day(field: Field) -> None:
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
        await _history(field, headers, case, days, taken_back=number == 0)
        for day in days:
            standing = await field.get(f"/counselling_cases/{case}/standing?as_of={day}", headers=headers)
            told[standing["statuses"].get("residence_status", "not_asked")] += 1
    period = f"from={begins(last)}&until={last}"
    answer = await field.get(f"/counselling_figures?by=residence_status&{period}", headers=headers)

    shown = {value: counts[0] for value, counts in by_value(answer).items()}
    assert told == Counter({"permission_pending": 7, "subsidiary": 11})
    assert shown == dict(told)


async def _history(field: Field, headers: Headers, case: str, days: list[date], *, taken_back: bool) -> None:
    """First one status, then another, which was entered a wrong day and, of one, not true at all."""
    entry = {"counselling_case_id": case, "valid_from": str(days[0]), "value": "permission_pending"}
    await field.create("/counselling_statuses", entry, headers=headers)
    wrong = await field.create("/counselling_statuses", entry | {
        "value": "asylum", "valid_from": str(days[2])}, headers=headers)
    right = entry | {"value": "subsidiary", "valid_from": str(days[1]), "corrects": wrong["id"]}
    entered = await field.create("/counselling_statuses", right, headers=headers)
    if taken_back:
        later = right | {"valid_from": str(days[1] + timedelta(days=1)), "corrects": entered["id"]}
        await field.create("/counselling_statuses", later, headers=headers)


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
    *(f"?by={by}&" for by in ("topic", "result", "origin_region", "residence_status", "mode", "month", "quarter",
                            "counsellor", "gender", "age_band", "language", "case_result")),
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

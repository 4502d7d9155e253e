"""What-if files of any size: read and written row by row; a pool that is written is the very same when it is read."""

import gc
import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.runs import json_lines
from services.matching.runs.batch import Inputs, run, run_sides
from services.matching.runs.json_lines import read_apart
from services.matching.runs.pairs import proposal_told, unserved_told
from services.matching.runs.pool import Housing, HousingRule, Rules, Unit
from services.matching.runs.rows import home_rule
from services.matching.runs.solving import told
from services.matching.runs.what_if import read_sides
from services.matching.runs.what_if_file import written
from tests.matching.pools import TODAY, a_household, a_unit, inputs, pools

DECODER = json.JSONDecoder()
Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.text(max_size=3), inner, max_size=3), max_leaves=8)


def whole(text: str) -> Any:
    """The text's value, put together from what is read apart."""
    found = read_apart(text, {"rows"})
    if isinstance(found, dict) and isinstance(json.loads(text)["rows"], list):
        found["rows"] = [DECODER.raw_decode(text, begin)[0] for begin in found["rows"]]
    return found


@given(rows=Json, others=st.dictionaries(st.text(max_size=3), Json, max_size=3), indent=st.sampled_from((None, 1)))
@settings(max_examples=200, deadline=None)
def test_rows_that_are_read_apart_are_the_same(rows: Any, others: dict[str, Any], indent: int | None) -> None:
    """However the text is written, and whatever stands beside them."""
    text = json.dumps(others | {"rows": rows}, indent=indent)

    assert whole(text) == json.loads(text)


@given(given_=st.text(alphabet='{}[]:,"1 rows', max_size=12))
@settings(max_examples=500, deadline=None)
def test_what_is_no_json_is_refused_when_it_is_read_apart(given_: str) -> None:
    """The very texts that are refused as a whole, and those in which a name stands twice."""
    for text in (given_, '{"rows": [' + given_, '{"rows": [1]' + given_):
        try:
            json_lines.DECODER.decode(text)
        except ValueError:
            with pytest.raises(json.JSONDecodeError):
                read_apart(text, {"rows"})
        else:
            read_apart(text, {"rows"})


def of_the_field(unit: Unit) -> Unit:
    """The unit as the field has them: one mentor of one gender, or a group; a home has a day and secured rent."""
    unit = replace(unit, radius_km=min(unit.radius_km, 500))
    if unit.kind == "group":
        home = unit.housing and Housing(unit.housing.persons, unit.housing.step_free, TODAY, date(2027, 3, 2))
        return replace(unit, housing=home, step_free=unit.step_free or bool(home and home.step_free))
    gender = min(unit.contact_genders, default="f")
    return replace(unit, kind="single", housing=None, contact_genders=frozenset({gender}),
                   persons=frozenset(sorted(unit.persons)[:1]))


@given(drawn=pools(6, 5))
@settings(max_examples=100, deadline=None)
def test_a_pool_that_is_written_is_the_same_when_it_is_read(drawn: Inputs) -> None:
    """Every field that counts: the same hash, and the same outcome."""
    housing = home_rule(TODAY, 13) if drawn.rules.housing else None
    given_ = replace(
        drawn, units=tuple(map(of_the_field, drawn.units)), rules=replace(drawn.rules, housing=housing),
        households=tuple(replace(one, kinds=one.kinds - {"duo"}) for one in drawn.households))
    one, other = run(given_), run_sides(read_sides("".join(written(given_.sides()))))

    assert other == one


@pytest.mark.parametrize(("available", "until"), [
    (TODAY, date(2027, 3, 2)), (date(2026, 8, 31), date(2027, 2, 28)), (date(2025, 1, 1), date(2026, 3, 2))])
def test_a_home_is_written_with_its_months(available: date, until: date) -> None:
    """Also where the months end on other days than they began, and where it could be moved into long ago."""
    home = Housing(4, step_free=True, available_from=available, rent_secured_until=until)
    given_ = inputs([a_household()], [a_unit(kind="group", step_free=True, housing=home)],
                    Rules(housing=HousingRule(date(2026, 9, 1), date(2027, 3, 2))))

    (unit,) = read_sides("".join(written(given_.sides()))).units.people(Unit)
    assert unit.housing == home


def test_a_file_may_say_of_which_run_it_is() -> None:
    """What a download says of its run is no part of what is computed."""
    given_ = inputs([a_household()], [a_unit()])
    text = "".join(written(given_.sides(), {"id": "5"}))

    assert json.loads(text)["of_run"] == {"id": "5"}
    assert run_sides(read_sides(text)) == run(given_)


@given(given_=pools(6, 5))
@settings(max_examples=30, deadline=None)
def test_an_outcome_in_parts_is_the_same_json(given_: Inputs) -> None:
    """Byte for byte what the standard library writes of it as a whole."""
    outcome, weights = run(given_), given_.rules.weights
    text = "".join(told(outcome, weights))
    expected = {
        "run": json.loads(text)["run"], "proposals": [proposal_told(one, weights) for one in outcome.proposals],
        "unserved": [unserved_told(one) for one in outcome.unserved]}

    assert text == json.dumps(expected, indent=1, ensure_ascii=False, default=str)


def most_memory(work: Callable[[], Any]) -> int:
    """The most memory in bytes that is held beside what was there before."""
    often = gc.get_threshold()
    gc.set_threshold(700, 10, 10)  # as the command does, and services, which other tests begin, do not
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.set_threshold(*often)


@pytest.mark.slow
def test_memory_does_not_hold_all_rows_of_a_file_nor_all_that_is_told() -> None:
    """A file takes less than its rows alone would, were they read at once; an outcome a small part of its text."""
    given_ = inputs([a_household(number) for number in range(1500)], [a_unit(number) for number in range(1500)])
    text = "".join(written(given_.sides()))
    read_sides(text)
    at_once = most_memory(lambda: json.loads(text))
    assert most_memory(lambda: read_sides(text)) < at_once

    outcome = run(given_)
    size = sum(map(len, told(outcome, given_.rules.weights)))
    assert most_memory(lambda: sum(map(len, told(outcome, given_.rules.weights)))) < size / 4

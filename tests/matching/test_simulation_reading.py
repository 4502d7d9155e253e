"""A market from two CSV files: what they say is what is played, and what is malformed is found by line and column."""

import pytest

from services.matching.simulation.policies import POLICIES, greedy, hindsight
from services.matching.simulation.reading import Malformed, read_market
from services.matching.simulation.year import play

ARRIVALS = """household,arrives,departs,size,score:halle,score:eisleben
a1,0,30,2,900,800
a2,1,30,1,500,
a3,2,30,5,700,600
"""
PLACES = """place,capacity,from,until,largest
eisleben,1,0,364,8
halle,1,0,364,4
"""
PEOPLE = """household,arrives,departs,size,district,lat,lon,languages,radius_km,wishes
b1,0,60,1,15002,51.48,11.97,ar:C2 de:A1,20,school
b2,5,60,1,15002,51.48,11.97,uk:C2,,
b3,6,60,3,15087,,,ar:B1,,
"""
MENTORS = """place,capacity,from,until,largest,district,lat,lon,languages,radius_km,offers
m1,1,0,200,2,15002,51.49,11.98,ar:B2,10,school housing
m2,1,10,200,3,15087,,,ar:C1,10,
"""


def test_scores_of_the_file_are_played() -> None:
    """Worth is 1000 and the score; an empty score is impossible, and so is a household that is too large."""
    market = read_market(ARRIVALS, PLACES)

    assert list(zip(*(column.tolist() for column in market.pairs), strict=True)) == [
        (0, 0, 1800), (0, 1, 1900), (1, 1, 1500), (2, 0, 1600)]
    assert play(market, greedy).worth == 1900 + 1600
    assert hindsight(market).worth == 1900 + 1600


def test_people_are_scored_by_what_they_have() -> None:
    """Language, size, distance and district decide what is possible, as in a run."""
    market = read_market(PEOPLE, MENTORS, days=100, term=50)

    assert list(zip(market.pairs.households.tolist(), market.pairs.units.tolist(), strict=True)) == [(0, 0), (2, 1)]
    assert play(market, POLICIES["live_prices"](1)).days.tolist() == [0, 10]
    assert (market.days, market.term) == (100, 50)


@pytest.mark.parametrize(("old", "new"), [("ar:C1", "AR:C1"), ("ar:B1,,\n", "AR:B1,,\n")])
def test_a_language_is_the_same_however_it_is_spelt(old: str, new: str) -> None:
    """As in the API: the tag's case says nothing."""
    pairs = [read_market(PEOPLE.replace(*change), MENTORS.replace(*change)).pairs for change in (("", ""), (old, new))]
    assert [column.tolist() for column in pairs[0]] == [column.tolist() for column in pairs[1]]


def test_an_interpreter_is_there_or_not() -> None:
    """With one whoever speaks nothing can be accompanied, without one not."""
    places = "place,capacity,from,until\nx,1,0,50\n"
    found = [read_market(f"household,arrives,departs,interpreter\na,0,5,{said}\n", places)
             for said in ("yes", "no", "")]
    assert [len(market.pairs.units) for market in found] == [1, 0, 0]


def test_who_came_before_the_year_is_the_past() -> None:
    """Days may be negative: who has departed by then is never matched, who is still there is."""
    market = read_market("household,arrives,departs,score:x\nold,-9,0,500\nwaits,-9,5,500\n",
                         "place,capacity,from,until\nx,9,-5,50\n")

    assert play(market, greedy).pairs.tolist() == [1]
    past, a_day = market.arrivals_before(1)
    assert (past.tolist(), a_day) == ([0, 1], 0.2)


def test_files_with_headings_alone_are_an_empty_year() -> None:
    """Nobody arrives, nothing happens."""
    assert play(read_market("household,arrives,departs\n", "place,capacity,from,until\n"), greedy).matched == 0


@pytest.mark.parametrize(("old", "new", "file", "line", "column", "wrong"), [
    ("a1,0,30", "a1,soon,30", "arrivals", 2, "arrives", "'soon' is not a whole number"),
    ("a2,1,30", "a2,1,1", "arrivals", 3, "departs", "1 is not within 2.."),
    ("a2,1,30", "a1,1,30", "arrivals", 3, "household", "a1 stands there twice"),
    ("a2,1,30", ",1,30", "arrivals", 3, "household", "empty"),
    ("a3,2,30,5", "a3,2,30,0", "arrivals", 4, "size", "0 is not within 1.."),
    (",900,800", ",1001,800", "arrivals", 2, "score:halle", "1001 is not within 1..1000"),
    (",900,800", ",900,800,700", "arrivals", 2, "score:eisleben", "more values"),
    ("score:halle", "score:berlin", "arrivals", 1, "score:berlin", "a place that the other file does not have"),
    ("size", "name", "arrivals", 1, "name", "not a column of this file"),
    ("departs", "arrives", "arrivals", 1, "arrives", "there twice"),
    ("household,arrives,departs", "household,size,arrives", "arrivals", 1, "size", "there twice"),
    ("a1,0,30", '"a1,0,30', "arrivals", 2, "household", "no CSV"),
    ("halle,1,0", "halle,-1,0", "places", 3, "capacity", "-1 is not within 0.."),
    ("until,largest", "largest,offers", "places", 1, "until", "missing"),
    ("m1,1,0", "m1,1,", "places", 2, "from", "'' is not a whole number"),
    ("ar:B2,10", "ar:D9,10", "places", 2, "languages", "'D9' is not one of"),
    ("ar:B2,10", "ar:B2,far", "places", 2, "radius_km", "'far' is not a whole number"),
    ("ar:C2 de:A1", "ar:C2 AR:A1", "arrivals", 2, "languages", "ar stands there twice"),
    ("ar:C2 de:A1", "ar:C2 d:A1", "arrivals", 2, "languages", "'d' is not a language tag"),
    ("wishes\nb1,0,60,1,15002,51.48,11.97,ar:C2 de:A1,20,school", "interpreter\nb1,0,60,1,15002,51.48,11.97,,20,ja",
     "arrivals", 2, "interpreter", "'ja' is neither yes nor no"),
    ("15002,51.48,11.97,ar", "1500,51.48,11.97,ar", "arrivals", 2, "district", "'1500' is not an AGS"),
    ("15002,51.48,11.97,ar", "15002,91,11.97,ar", "arrivals", 2, "lat", "91.0 is not within"),
    ("15002,51.48,11.97,uk", "15002,51.48,,uk", "arrivals", 3, "lon", "'' is not a number"),
])
def test_what_is_malformed_is_named(old: str, new: str, file: str, line: int, column: str, wrong: str) -> None:
    """File, line and column, and what is wrong there."""
    texts = (ARRIVALS, PLACES) if old in ARRIVALS + PLACES else (PEOPLE, MENTORS)
    assert any(old in text for text in texts)
    with pytest.raises(Malformed) as raised:
        read_market(*(text.replace(old, new, 1) for text in texts))

    told = raised.value
    assert (told.file, told.line, told.column) == (file, line, column)
    assert told.wrong.startswith(wrong)
    assert str(told) == f"{file}, line {line}, column {column}: {told.wrong}"

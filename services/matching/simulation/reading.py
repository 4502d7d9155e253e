"""A market from two CSV files, arrivals and places: checked, with file, line and column of what is malformed.

    household,arrives,departs,size,score:halle,score:eisleben      place,capacity,from,until,largest
    a1,3,60,2,700,540                                              halle,12,0,364,5
    a2,10,80,1,,880                                                eisleben,1,0,200,2

Days are whole numbers from the first day of the year, 0; who arrived earlier and has departed by then is the past. With
a column of scores for each place these count, and an empty one is impossible; without any the people's own attributes
do (docs/simulation.md).
"""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any, TypeVar
from uuid import UUID

import numpy as np

from libs.common.codes.languages import spoken
from services.matching.runs.certificate import Ints
from services.matching.runs.graph import Scored
from services.matching.runs.pool import ALL_SLOTS, FULL_SCORE, Household, Member, Point, Rules, Unit
from services.matching.simulation.market import YEAR, Market, WhoMayCome, pairs_of
from services.matching.simulation.people import TODAY

Side = TypeVar("Side", Household, Unit)

SCORE = "score:"
MOST, MOST_PERSONS, FARTHEST, FAR = 100_000, 100, 10 * YEAR, 20_000
BOTH = ("district", "lat", "lon", "languages", "interests", "radius_km")
ARRIVALS = ("household", "arrives", "departs", "size", "least_level", "interpreter", "wishes", "must_haves", *BOTH)
PLACES = ("place", "capacity", "from", "until", "largest", "offers", *BOTH)
NEEDED = {"arrivals": ARRIVALS[:3], "places": PLACES[:4]}


class Malformed(Exception):
    """A file cannot be played: which one, in which line and column, and what is wrong."""

    def __init__(self, file: str, line: int, column: str, wrong: str) -> None:
        super().__init__(f"{file}, line {line}, column {column}: {wrong}")
        self.file, self.line, self.column, self.wrong = file, line, column, wrong


@dataclass(frozen=True)
class Row:
    """A line of a file, and where it stands there."""

    file: str
    line: int
    cells: Mapping[str, str]

    def text(self, column: str, usual: str = "") -> str:
        """What stands in the column, or the usual where nothing does."""
        return self.cells.get(column, "").strip() or usual

    def whole(self, column: str, least: int, most: int, usual: int | None = None) -> int:
        """The column's whole number, or Malformed."""
        text = self.text(column, "" if usual is None else str(usual))
        try:
            number = int(text)
        except ValueError as raised:
            raise self.malformed(column, f"{text!r} is not a whole number") from raised
        if not least <= number <= most:
            raise self.malformed(column, f"{number} is not within {least}..{most}")
        return number

    def codes(self, column: str) -> frozenset[str]:
        """The column's codes, which stand there with spaces between them."""
        return frozenset(self.text(column).split())

    def truth(self, column: str) -> bool:
        """Whether yes stands in the column; no, or nothing, is not; Malformed for any other word."""
        text = self.text(column, "no")
        if text not in {"yes", "no"}:
            raise self.malformed(column, f"{text!r} is neither yes nor no")
        return text == "yes"

    def levels(self, column: str) -> dict[str, str]:
        """The column's languages, as they are spoken, each with the level behind its colon; each once."""
        found: dict[str, str] = {}
        for tag, _, level in (one.partition(":") for one in self.text(column).split()):
            try:
                language = spoken(tag)
            except ValueError as raised:
                raise self.malformed(column, f"{tag!r} is {raised}") from raised
            if language in found:
                raise self.malformed(column, f"{language} stands there twice")
            found[language] = level
        return found

    def malformed(self, column: str, wrong: str) -> Malformed:
        """The refusal of what stands in this column."""
        return Malformed(self.file, self.line, column, wrong)


def read_market(arrivals: str, places: str, *, days: int = YEAR, term: int = YEAR) -> Market:
    """Return the market of two files' texts; Malformed with file, line and column. Nobody declines in it."""
    coming, there = _rows("arrivals", arrivals), _rows("places", places)
    arrives, departs = _times(coming, "arrives", "departs")
    joins, leaves = _times(there, "from", "until")
    capacities = _ints(row.whole("capacity", 0, MOST) for row in there)
    scored = coming and any(column.startswith(SCORE) for column in coming[0].cells)
    past = np.flatnonzero((arrives < 0) & (departs <= 0))
    pairs, drawn = (_given(coming, there), None) if scored else _computed(coming, there, past)
    return Market(
        pairs=pairs, drawn=drawn, declines=np.zeros(len(pairs.units), dtype=np.bool_), arrives=arrives, departs=departs,
        joins=joins, leaves=leaves, places=capacities, term=term, days=days)


def _rows(file: str, text: str) -> list[Row]:
    """The lines of a file: all columns known, none that is needed missing, and each id once."""
    reader = csv.DictReader(StringIO(text.removeprefix("\ufeff")), restkey="", restval="", strict=True)
    rows: list[Row] = []
    try:
        columns = list(reader.fieldnames or ())
        rows.extend(Row(file, reader.line_num, cells) for cells in reader)
    except csv.Error as raised:
        raise Malformed(file, reader.line_num + 1, NEEDED[file][0], f"no CSV: {raised}") from raised
    _refuse_columns(file, columns)
    _refuse_amiss(rows, columns)
    return rows


def _refuse_columns(file: str, columns: Sequence[str]) -> None:
    known = {"arrivals": ARRIVALS, "places": PLACES}[file]
    for column in columns:
        scores = file == "arrivals" and column.startswith(SCORE)
        if column not in known and not scores:
            raise Malformed(file, 1, column, "not a column of this file")
        if columns.count(column) > 1:
            raise Malformed(file, 1, column, "there twice")
    for column in NEEDED[file]:
        if column not in columns:
            raise Malformed(file, 1, column, "missing")


def _refuse_amiss(rows: Sequence[Row], columns: Sequence[str]) -> None:
    seen: set[str] = set()
    for row in rows:
        if "" in row.cells:
            raise row.malformed(columns[-1], "more values in this line than columns")
        # The first column that is needed says who or what a line is about.
        named = NEEDED[row.file][0]
        name = row.text(named)
        if not name or name in seen:
            raise row.malformed(named, f"{name} stands there twice" if name else "empty")
        seen.add(name)


def _times(rows: Sequence[Row], begins: str, ends: str) -> tuple[Ints, Ints]:
    """From when until when, each row's end after its beginning."""
    first = [row.whole(begins, -FARTHEST, FARTHEST) for row in rows]
    last = [row.whole(ends, start + 1, FARTHEST) for row, start in zip(rows, first, strict=True)]
    return _ints(first), _ints(last)


def _ints(numbers: Iterable[int]) -> Ints:
    return np.fromiter(numbers, dtype=np.int64)


def _given(coming: Sequence[Row], there: Sequence[Row]) -> Scored:
    """The pairs whose scores stand in the file, but for households that are too large for a place."""
    unit_at = {row.text("place"): position for position, row in enumerate(there)}
    largest = [row.whole("largest", 1, MOST, MOST) for row in there]
    columns = [column for column in coming[0].cells if column.startswith(SCORE)]
    for column in columns:
        if column.removeprefix(SCORE) not in unit_at:
            raise Malformed("arrivals", 1, column, "a place that the other file does not have")
    columns.sort(key=lambda column: unit_at[column.removeprefix(SCORE)])
    found: list[tuple[int, int, int]] = []
    for household, row in enumerate(coming):
        size = row.whole("size", 1, MOST, 1)
        for column in columns:
            unit = unit_at[column.removeprefix(SCORE)]
            if row.text(column):
                score = row.whole(column, 1, FULL_SCORE)
                if size <= largest[unit]:
                    found.append((household, unit, Rules().base + score))
    return Scored(*np.array(found, dtype=np.int64).reshape(-1, 3).T)


def _computed(coming: Sequence[Row], there: Sequence[Row], past: Ints) -> tuple[Scored, WhoMayCome]:
    """The possible pairs by the people's attributes, and those of who may come."""
    households = [_made(row, number, _household) for number, row in enumerate(coming)]
    units = [_made(row, number, _unit) for number, row in enumerate(there)]
    return pairs_of(households, units, past=past, seed=0)


def _made(row: Row, number: int, make: Callable[[Row, int], Side]) -> Side:
    """One side; what the core refuses begins with the column's name."""
    try:
        return make(row, number)
    except ValueError as raised:
        column, _, wrong = str(raised).partition(": ")
        raise row.malformed(column, wrong) from raised


def _household(row: Row, number: int) -> Household:
    return Household(
        members=(Member("27-44"),) * row.whole("size", 1, MOST_PERSONS, 1), waiting_since=TODAY,
        least_level=row.text("least_level", "A2"), interpreter=row.truth("interpreter"),
        wishes=row.codes("wishes"), must_haves=row.codes("must_haves"),
        radius_km=row.whole("radius_km", 0, FAR) if row.text("radius_km") else None, **_described(row, number))


def _unit(row: Row, number: int) -> Unit:
    return Unit(
        kind="single", free=row.whole("capacity", 0, MOST), largest=row.whole("largest", 1, MOST, MOST), vetted=True,
        offers=row.codes("offers"), radius_km=row.whole("radius_km", 0, FAR, FAR), **_described(row, number))


def _described(row: Row, number: int) -> dict[str, Any]:
    """What both sides have. A language stands there with its level: `ar:C2 de:A1`; everyone has time."""
    return {
        "id": UUID(int=number), "district": row.text("district", "00000"), "point": _point(row),
        "languages": row.levels("languages"), "interests": row.codes("interests"), "slots": ALL_SLOTS,
        "consented": True}


def _point(row: Row) -> Point | None:
    """Where somebody lives; without it only the same district is near enough."""
    if not row.text("lat") and not row.text("lon"):
        return None
    degrees = []
    for column in ("lat", "lon"):
        try:
            degrees.append(float(row.text(column)))
        except ValueError as raised:
            wrong = f"{row.text(column)!r} is not a number; lat and lon belong together"
            raise row.malformed(column, wrong) from raised
    return Point(*degrees)

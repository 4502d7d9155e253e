"""Cases that HIAS placed in 2017, from published tables, as the files of `lotse simulate` (docs/simulation.md).

python -m benchmarks.placements FOLDER --out FOLDER
"""

import argparse
import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from services.matching.simulation.market import YEAR
from services.matching.simulation.reading import Malformed, Row

SIZE, CAPACITY = "FY17_size.csv", "FY17_cap.csv"
POSSIBLE, EMPLOYMENT = "FY17_Compatibility.csv", "FY17_Employment_weight.csv"
STATED, PERSONS = "stated capacity", ("number of children", "number of adults", "number of seniors")
PLACED = ("actual resettled children", "actual resettled adults", "actual resettled seniors")
# A case is to know within a week. Where no employment was expected of anybody, NA stands, and nobody could be placed.
PATIENCE, NOT_KNOWN = 7, "NA"
# One community is called otherwise in the table of capacities than in the others.
ALSO_CALLED = {"NY-HIAS NEW YORK": "NY-NEW YORK CITY"}
MOST_PERSONS, MOST_PLACES, MOST_EMPLOYED = 100, 100_000, 100
FULL_SCORE = 1000


@dataclass(frozen=True)
class Table:
    """A published table: its rows by what their first column names, in the order in which they stand there."""

    file: str
    columns: Sequence[str]
    rows: Mapping[str, Row]

    def row(self, name: str) -> Row:
        """The row of a case or a community, or Malformed."""
        if name not in self.rows:
            raise Malformed(self.file, 1, self.columns[0], f"no line about {name}")
        return self.rows[name]


def read_table(folder: Path, file: str, needed: Iterable[str] = ()) -> Table:
    """Return a table of the folder; Malformed with file, line and column."""
    with (folder / file).open(encoding="utf-8-sig", newline="") as opened:
        reader = csv.reader(opened, strict=True)
        try:
            lines = [(reader.line_num, [cell.strip() for cell in line]) for line in reader if any(line)]
        except csv.Error as raised:
            raise Malformed(file, reader.line_num, "", f"no CSV: {raised}") from raised
    columns = lines[0][1] if lines else [""]
    for column in needed:
        if column not in columns:
            raise Malformed(file, 1, column, "missing")
    rows: dict[str, Row] = {}
    for number, cells in lines[1:]:
        row = Row(file, number, dict(zip(columns, cells, strict=False)))
        if len(cells) != len(columns):
            raise row.malformed(columns[-1], f"{len(cells)} values in a line of {len(columns)} columns")
        if not cells[0] or _name(cells[0]) in rows:
            raise row.malformed(columns[0], f"{cells[0]} stands there twice" if cells[0] else "empty")
        rows[_name(cells[0])] = row
    return Table(file, columns, rows)


def arrivals(folder: Path) -> list[list[str]]:
    """Return the lines of the arrivals: cases in the order of their numbers, evenly over the year.

    A score is the thousandths of the expected employment, the largest as 1000; where a case cannot go nothing stands.
    """
    possible, employment = read_table(folder, POSSIBLE), read_table(folder, EMPLOYMENT)
    sizes, places = read_table(folder, SIZE, PERSONS), places_of(employment)
    numbers = sorted(sizes.rows, key=lambda name: sizes.row(name).whole(sizes.columns[0], 0, 10**9))
    for others in (possible, employment):
        for name, row in others.rows.items():
            if name not in sizes.rows:
                raise row.malformed(others.columns[0], f"{name} is not a case of {SIZE}")
    thousandths = {name: [_thousandths(employment.row(name), place) for place in places] for name in numbers}
    top = max((most for scores in thousandths.values() for most in scores), default=0) or 1
    lines = [["household", "arrives", "departs", *(f"score:{_name(place)}" for place in places)]]
    for position, name in enumerate(numbers):
        day, may = position * YEAR // len(numbers), possible.row(name)
        scores = [str(max(1, employed * FULL_SCORE // top)) if _whole(may, place, 1) else ""
                  for place, employed in zip(places, thousandths[name], strict=True)]
        lines.append([f"c{name}", str(day), str(day + PATIENCE), *scores])
    return lines


def places(folder: Path, columns: Sequence[str]) -> list[list[str]]:
    """Return the lines of the places: the sum of the columns, persons, by those of a mean case; one at least."""
    capacities = read_table(folder, CAPACITY, columns)
    sizes = read_table(folder, SIZE, PERSONS)
    persons = sum(row.whole(column, 0, MOST_PERSONS) for row in sizes.rows.values() for column in PERSONS)
    lines = [["place", "capacity", "from", "until"]]
    for place in map(_name, places_of(read_table(folder, EMPLOYMENT))):
        row = capacities.row(place)
        room = sum(row.whole(column, 0, MOST_PLACES) for column in columns)
        lines.append([place, str(max(1, round(room * len(sizes.rows) / max(1, persons)))), "0", str(YEAR)])
    return lines


def places_of(employment: Table) -> list[str]:
    """The columns of the communities in which employment was expected of somebody."""
    known = [column for column in employment.columns[1:]
             if any(row.text(column) != NOT_KNOWN for row in employment.rows.values())]
    if not known:
        raise Malformed(employment.file, 1, employment.columns[0], "no community in which employment is expected")
    return known


def _name(text: str) -> str:
    return ALSO_CALLED.get(text.upper(), text.upper())


def _whole(row: Row, place: str, most: int) -> int:
    if place not in row.cells:
        raise Malformed(row.file, 1, place, "missing")
    return row.whole(place, 0, most)


def _thousandths(row: Row, place: str) -> int:
    text = row.text(place)
    try:
        employed = Decimal(text)
    except InvalidOperation as raised:
        raise row.malformed(place, f"{text!r} is not a number") from raised
    if not employed.is_finite() or not 0 <= employed <= MOST_EMPLOYED:
        raise row.malformed(place, f"{text} is not within 0..{MOST_EMPLOYED}")
    return int(employed * 1000)


def main() -> int:
    """Write the three files; 2 when a table is missing or malformed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.placements", description=__doc__)
    parser.add_argument("folder", type=Path, help=f"where {SIZE}, {CAPACITY}, {POSSIBLE} and {EMPLOYMENT} lie")
    parser.add_argument("--out", type=Path, required=True, help="where to write")
    options = parser.parse_args()
    try:
        files = {"arrivals.csv": arrivals(options.folder), "places_stated.csv": places(options.folder, (STATED,)),
                 "places_placed.csv": places(options.folder, PLACED)}
        options.out.mkdir(parents=True, exist_ok=True)
        for name, lines in files.items():
            with (options.out / name).open("w", encoding="utf-8", newline="") as opened:
                csv.writer(opened, lineterminator="\n").writerows(lines)
    except (Malformed, OSError, UnicodeDecodeError) as raised:
        sys.stderr.write(f"{raised}\n")
        return 2
    sys.stdout.write(f"{len(files['arrivals.csv']) - 1} cases, {len(files['places_stated.csv']) - 1} places\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

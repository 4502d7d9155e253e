"""Published tables of placements become files that `lotse simulate` plays; what is malformed is told by its line."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.placements import PLACED, STATED, arrivals, places
from services.matching.simulation.comparing import compare
from services.matching.simulation.reading import Malformed, read_market

# Invented, in the shape of the published ones: communities spelt in two ways, one without expectations, persons by age.
TABLES = {
    "FY17_size.csv": "case,number of children,number of adults,number of seniors\n20,0,1,0\n7,2,2,0\n31,0,0,1\n",
    "FY17_cap.csv": "affiliate,stated capacity,actual resettled children,actual resettled adults,"
                    "actual resettled seniors\nXX-Ahausen ,6,2,2,0\nNY-HIAS New York,1,0,0,1\nXX-Cdorf,9,0,0,0\n",
    "FY17_Compatibility.csv": "Case Num,NY-NEW YORK CITY,XX-AHAUSEN,XX-Cdorf\n7,0,1,NA\n20,1,1,NA\n31,1,0,NA\n",
    "FY17_Employment_weight.csv": "case number,NY-NEW YORK CITY,XX-AHAUSEN,XX-Cdorf\n"
                                  "7,0.4001,2.0009,NA\n20,0.0004,1.5,NA\n31,0,0.25,NA\n",
}


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A folder with the four tables."""
    for name, text in TABLES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_cases_come_in_the_order_of_their_numbers(tables: Path) -> None:
    """Evenly over the year; the largest expected employment is 1000, the least 1; where a case cannot go is empty."""
    assert arrivals(tables) == [
        ["household", "arrives", "departs", "score:NY-NEW YORK CITY", "score:XX-AHAUSEN"],
        ["c7", "0", "7", "", "1000"], ["c20", "121", "128", "1", "750"], ["c31", "242", "249", "1", ""]]


def test_places_are_persons_by_those_of_a_mean_case(tables: Path) -> None:
    """Six persons by two are three places; one at least; a community that none is known of is left out."""
    assert places(tables, (STATED,))[1:] == [["NY-NEW YORK CITY", "1", "0", "364"], ["XX-AHAUSEN", "3", "0", "364"]]
    assert places(tables, PLACED)[1:] == [["NY-NEW YORK CITY", "1", "0", "364"], ["XX-AHAUSEN", "2", "0", "364"]]


def test_what_is_written_is_played(tables: Path) -> None:
    """By the module as somebody types it: the files are those of the simulation."""
    command = [sys.executable, "-m", "benchmarks.placements", str(tables), "--out", str(tables / "out")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    files = [(tables / "out" / name).read_text(encoding="utf-8") for name in ("arrivals.csv", "places_placed.csv")]

    assert done.stdout == "3 cases, 2 places\n"
    lines = {line.policy: line.matched for line in compare({1: lambda: read_market(*files)})}
    assert lines["hindsight"] == 3


@pytest.mark.parametrize(("file", "before", "after", "told"), [
    ("FY17_size.csv", "20,0,1,0", "20,0,one,0", "line 2, column number of adults: 'one' is not a whole number"),
    ("FY17_size.csv", "20,0,1,0", "20,0,1", "line 2, column number of seniors: 3 values in a line of 4 columns"),
    ("FY17_size.csv", "31,0", "7,0", "line 4, column case: 7 stands there twice"),
    ("FY17_size.csv", "31,0,0,1\n", "", "line 4, column Case Num: 31 is not a case of FY17_size.csv"),
    ("FY17_size.csv", "number of adults", "adults", "line 1, column number of adults: missing"),
    ("FY17_Compatibility.csv", "7,0,1", "7,0,2", "line 2, column XX-AHAUSEN: 2 is not within 0..1"),
    ("FY17_Compatibility.csv", "7,0,1,NA\n", "", "line 1, column Case Num: no line about 7"),
    ("FY17_Compatibility.csv", "XX-AHAUSEN", "XX-BHAUSEN", "line 1, column XX-AHAUSEN: missing"),
    ("FY17_Employment_weight.csv", "1.5", "NA", "line 3, column XX-AHAUSEN: 'NA' is not a number"),
    ("FY17_Employment_weight.csv", "1.5", "-1", "line 3, column XX-AHAUSEN: -1 is not within 0..100"),
    ("FY17_Employment_weight.csv", "1.5", "NaN", "line 3, column XX-AHAUSEN: NaN is not within 0..100"),
    ("FY17_Employment_weight.csv", "1.5", '"1.5', "line 4, column : no CSV"),
    ("FY17_cap.csv", "XX-Ahausen", "XX-Bhausen", "line 1, column affiliate: no line about XX-AHAUSEN"),
])
def test_what_is_malformed_is_told_by_file_and_line(
    file: str, before: str, after: str, told: str, tables: Path,
) -> None:
    """Instead of figures that nobody could trust."""
    text = TABLES[file]
    assert before in text
    (tables / file).write_text(text.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(Malformed) as refused:
        (arrivals(tables), places(tables, (STATED,)))

    assert told in str(refused.value)


def test_a_table_that_is_missing_is_a_sentence(tables: Path) -> None:
    """Exit code 2, and the name of the file; nothing is written."""
    (tables / "FY17_cap.csv").unlink()
    command = [sys.executable, "-m", "benchmarks.placements", str(tables), "--out", str(tables / "out")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)

    assert (done.returncode, "FY17_cap.csv" in done.stderr, "Traceback" in done.stderr) == (2, True, False)
    assert not (tables / "out").exists()

"""Reading the CSV files in which code lists and regions are kept."""

import csv
from pathlib import Path

DATA = Path(__file__).with_name("data")


def read_rows(file: Path) -> list[dict[str, str]]:
    """All rows of a CSV file (UTF-8, with a header), each by its column's name."""
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, strict=True))

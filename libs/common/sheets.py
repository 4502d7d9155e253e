"""Files for spreadsheets, in which no cell can be a formula."""

import io
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from defusedcsv import csv  # type: ignore[import-untyped] # it brings no types

FORMULA_SIGNS = frozenset("=+-@|%")


def as_csv(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """The rows as CSV (RFC 4180), the names of the columns first; what a row lacks stays empty."""
    names, file = list(columns), io.StringIO()
    writer = csv.writer(file)
    writer.writerow(names)
    writer.writerows([harmless(row.get(name)) for name in names] for row in rows)
    return file.getvalue()


def harmless(cell: Any) -> Any:
    """A cell as it may be handed to the library, which puts a quote mark before what begins like a formula.

    Spreadsheets look past blanks and control characters before a formula, and take a full-width sign for a plain one;
    the library does not.
    """
    if not isinstance(cell, str):
        return cell
    text = cell
    while text and unicodedata.category(text[0])[0] in "CZ":
        text = text[1:]
    first = unicodedata.normalize("NFKC", text[:1])
    return first + text[1:] if first in FORMULA_SIGNS else text

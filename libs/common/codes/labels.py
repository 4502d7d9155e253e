"""What a code is called in a person's language."""

import inspect
import re
from functools import cache
from pathlib import Path

from libs.common.codes.languages import fallback_chain
from libs.common.codes.lists import CodeList
from libs.common.codes.rows import read_rows

TITLE = ""


def label(of: CodeList | type[CodeList], language: str) -> str:
    """The label of a code, or of a whole list, in this language or the nearest that has one; never empty.

    Labels stand in `data/<list>.csv` beside the module that defines the list: a column for each language, the
    list's own title in the row without a code.
    """
    code_list, code = (of, TITLE) if isinstance(of, type) else (type(of), of.value)
    labels = _labels(code_list)[code]
    return next(labels[tag] for tag in fallback_chain([language]) if labels.get(tag))


def data_file(code_list: type[CodeList]) -> Path:
    """The CSV file that holds a list's labels: FieldOfAction's is `data/field_of_action.csv`."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", code_list.__name__).lower()
    return Path(inspect.getfile(code_list)).parent / "data" / f"{name}.csv"


@cache
def _labels(code_list: type[CodeList]) -> dict[str, dict[str, str]]:
    return {row.pop("code"): row for row in read_rows(data_file(code_list))}

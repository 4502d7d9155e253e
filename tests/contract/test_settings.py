"""Every setting of every service is explained in docs/operations.md, with its default."""

import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from tests.contract.apps import SERVICES
from tests.contract.files import HERE

PAGE = HERE.parents[1] / "docs" / "operations.md"
ROW = re.compile(r"^\| `LOTSE_(?P<name>[A-Z0-9_]+)` \| (?P<default>[^|]*) \| (?P<meaning>[^|]*) \|$")


def settings() -> dict[str, FieldInfo]:
    """The settings of all services by name."""
    found: dict[str, FieldInfo] = {}
    for service in SERVICES:
        found |= import_module(f"services.{service}.settings").Settings.model_fields
    return found


def told(field: FieldInfo) -> str:
    """How the page says a setting's default, and that it is a secret."""
    default: Any = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    if field.is_required():
        said = "required"
    elif default is None:
        said = "none"
    elif default == "":
        said = "empty"
    else:
        said = f"`{str(default).lower() if isinstance(default, bool) else default}`"
    return f"{said}, secret" if "SecretStr" in str(field.annotation) else said


def faults(fields: Mapping[str, FieldInfo], page: str) -> Iterator[str]:
    """Settings that the page leaves out, tells with another default or does not explain; and rows for none."""
    rows = {row["name"].lower(): (row["default"].strip(), row["meaning"].strip())
            for line in page.splitlines() if (row := ROW.match(line))}
    for name, field in fields.items():
        default, meaning = rows.get(name, ("", ""))
        if default != told(field) or not meaning:
            yield f"| `LOTSE_{name.upper()}` | {told(field)} | … |"
    yield from (f"LOTSE_{name.upper()} is explained, but there is no such setting"
                for name in rows.keys() - fields.keys())


def test_every_setting_is_explained_with_its_default() -> None:
    """Whoever runs it finds all that it can be told on one page."""
    assert list(faults(settings(), PAGE.read_text(encoding="utf-8"))) == []


class Planted(BaseModel):
    """Settings of each kind."""

    url: SecretStr
    password: SecretStr = SecretStr("")
    port: int = 1
    folder: str | None = None
    loud: bool = True


def test_planted_faults_of_the_page_are_found() -> None:
    """Missing rows, another default, no explanation, and a row for nothing."""
    right = ("| `LOTSE_URL` | required, secret | a |\n| `LOTSE_PASSWORD` | empty, secret | a |\n"
             "| `LOTSE_PORT` | `1` | a |\n| `LOTSE_FOLDER` | none | a |\n| `LOTSE_LOUD` | `true` | a |\n")

    assert list(faults(Planted.model_fields, right)) == []
    assert len(list(faults(Planted.model_fields, ""))) == len(Planted.model_fields)
    assert list(faults(Planted.model_fields, right.replace("`1`", "`2`"))) == ["| `LOTSE_PORT` | `1` | … |"]
    assert list(faults(Planted.model_fields, right.replace("none | a", "none | "))) == ["| `LOTSE_FOLDER` | none | … |"]
    assert len(list(faults(Planted.model_fields, right + "| `LOTSE_GONE` | none | a |"))) == 1

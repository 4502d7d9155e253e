"""How private each column is: the register is a text file that a reviewer reads in the diff."""

from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import Column, LargeBinary, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import dialect

from libs.common.tables import SPINE
from tests.contract import files
from tests.contract.apps import SERVICES, app_of

REGISTER = files.HERE / "columns"
POSTGRESQL = dialect()  # type: ignore[no-untyped-call] # SQLAlchemy's, without annotations
CLASSES = ("none", "personal", "special", "secret")


def register(metadata: MetaData) -> str:
    """One line per column, by table: its class of privacy, its name and its type; `?` where nobody said."""
    lines = []
    for table in metadata.sorted_tables:
        rows = [(str(column.info.get("privacy", "?")), f"{table.name}.{column.name}", column.type.compile(POSTGRESQL))
                for column in table.columns]
        lines += [f"{privacy:<8}  {name:<40}  {kind}" for privacy, name, kind in rows]
    return "\n".join(sorted(lines, key=lambda line: line[10:]) or ["(no tables yet)"]) + "\n"


def amiss(metadata: MetaData) -> list[str]:
    """Columns that nobody classified, and special ones that can be read without the person's key."""
    return [f"{table.name}.{column.name}" for table in metadata.sorted_tables for column in table.columns
            if column.info.get("privacy") not in CLASSES
            or (column.info["privacy"] == "special" and not isinstance(column.type, LargeBinary))]


def metadata_of(owner: str) -> MetaData:
    """The tables of a service as it runs, or those of the spine."""
    if owner == "spine":
        return SPINE
    app_of(owner)
    metadata: MetaData = import_module(f"services.{owner}.tables").Table.metadata
    return metadata


@pytest.mark.parametrize("owner", ["spine", *SERVICES])
def test_every_column_says_how_private_it_is(owner: str) -> None:
    """none, personal, special or secret; what is special is stored sealed."""
    assert amiss(metadata_of(owner)) == []


@pytest.mark.parametrize("owner", ["spine", *SERVICES])
def test_the_register_is_as_the_tables_say(owner: str) -> None:
    """A new column, or another class of one, is a changed file."""
    assert files.differs(REGISTER / f"{owner}.txt", register(metadata_of(owner))) == ""


def test_planted_columns_are_found(tmp_path: Path) -> None:
    """A column without class, one with a class that is none, and a special one in plain text."""
    planted = MetaData()
    Table("household", planted, Column("name", Text), Column("note", Text, info={"privacy": "private"}),
          Column("health", Text, info={"privacy": "special"}), Column("region", Text, info={"privacy": "personal"}))
    place = tmp_path / "matching.txt"
    files.differs(place, register(MetaData()), write=True)

    assert amiss(planted) == ["household.name", "household.note", "household.health"]
    assert register(planted).splitlines()[1].split() == ["?", "household.name", "TEXT"]
    assert "not what the code says" in files.differs(place, register(planted), write=False)

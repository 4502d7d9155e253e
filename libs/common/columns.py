"""Columns: how a table's field becomes a column that says how private it is."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Enum, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import declared_attr
from sqlmodel import Field, SQLModel
from uuid_utils.compat import uuid7

MISSING: Any = ...


def _column(privacy: str, default: Any, options: dict[str, Any]) -> Any:
    if "default_factory" not in options:
        options["default"] = default
    extra = options.pop("column", {})
    return Field(**options, sa_column_kwargs={"info": {"privacy": privacy}, **extra})


def plain(default: Any = MISSING, **options: Any) -> Any:
    """A column about no person: ids of things, codes, states, texts about offers and events."""
    return _column("none", default, options)


def personal(default: Any = MISSING, **options: Any) -> Any:
    """A column about a person: opaque person_refs, readable codes such as language and district, sealed details."""
    return _column("personal", default, options)


def special(default: Any = MISSING, **options: Any) -> Any:
    """A column with data of Art. 9 GDPR, or as sensitive: always sealed."""
    return _column("special", default, options)


def secret(default: Any = MISSING, **options: Any) -> Any:
    """A column that would let someone in, or count persons: keys, hashes of keys."""
    return _column("secret", default, options)


def moment(default: Any = MISSING, **options: Any) -> Any:
    """A time with time zone, about no person."""
    return plain(default, sa_type=DateTime(timezone=True), **options)


def code(kind: type[StrEnum], default: Any = MISSING, *, privacy: str = "none", **options: Any) -> Any:
    """One code of a list or one state; stored as its text, read back as its member."""
    stored = Enum(kind, native_enum=False, length=40,
                  values_callable=lambda members: [member.value for member in members])
    return _column(privacy, default, {"sa_type": stored, **options})


def codes(**options: Any) -> Any:
    """A list of codes, about no person; empty unless given."""
    return plain(default_factory=list, sa_type=ARRAY(Text), **options)


def texts(**options: Any) -> Any:
    """Texts that people read, by language tag, about no person."""
    return plain(default_factory=dict, sa_type=JSONB, **options)


def sealed(privacy: str = "personal", **options: Any) -> Any:
    """Bytes that only the person's own key opens (privacy.py); None once the person is erased."""
    return _column(privacy, None, {"sa_type": LargeBinary, **options})


class Kept(SQLModel):
    """What every table of the field has: an opaque id, and the version that ETag and If-Match speak of.

    The version rises with each change; two changes of the same version cannot both be committed.
    """

    id: UUID = plain(primary_key=True, default_factory=uuid7)
    version: int = plain(1)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805 - SQLAlchemy's way to declare it
        return {"version_id_col": cls.__table__.c.version} if hasattr(cls, "__table__") else {}

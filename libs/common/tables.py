"""The spine's own tables, alike in every service's database; a service's nouns have theirs in its tables.py."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

NAMES = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
SPINE = MetaData(naming_convention=NAMES)
NOW = text("clock_timestamp()")


def _column(name: str, kind: Any, *rest: Any, privacy: str = "none", **options: Any) -> Column[Any]:
    """A column with its class of privacy: none, personal, special or secret (see privacy.py)."""
    return Column(name, kind, *rest, info={"privacy": privacy}, **options)


def _time(name: str, **options: Any) -> Column[Any]:
    return _column(name, DateTime(timezone=True), **options)


# What this service announced. id is the order of insertion, number the speaker's gapless one that the relay
# gives; announced_at is real time, the fact's own time stands in its headers.
outbox = Table(
    "outbox", SPINE,
    _column("id", BigInteger, Identity(always=True), primary_key=True),
    _column("fact_id", Uuid, nullable=False, unique=True),
    _column("number", BigInteger, unique=True),
    _column("subject", Text, nullable=False),
    _column("about", Text, nullable=False),
    _column("headers", JSONB, nullable=False),
    _column("body", Text, nullable=False),
    _time("announced_at", nullable=False, server_default=NOW),
    Index("ix_outbox_unnumbered", "id", postgresql_where=text("number IS NULL")),
)

# One row: up to which number the stream has everything, and how often it had to be filled again.
relay = Table(
    "relay", SPINE,
    _column("one", Boolean, primary_key=True, server_default=text("true")),
    _column("published", BigInteger, nullable=False, server_default=text("0")),
    _column("refills", Integer, nullable=False, server_default=text("0")),
)

# Up to which number each speaker has been heard without a hole, and which facts that were.
heard = Table(
    "heard", SPINE,
    _column("speaker", Text, primary_key=True),
    _column("number", BigInteger, nullable=False),
)
inbox = Table(
    "inbox", SPINE,
    _column("fact_id", Uuid, primary_key=True),
    _column("speaker", Text, nullable=False),
    _column("number", BigInteger, nullable=False),
)

# Facts that failed, and later ones of the same aggregate behind them; parked_at set: no more tries by itself.
waiting = Table(
    "waiting", SPINE,
    _column("id", BigInteger, Identity(always=True), primary_key=True),
    _column("speaker", Text, nullable=False),
    _column("number", BigInteger),
    _column("fact_id", Uuid),
    _column("subject", Text, nullable=False),
    _column("about", Text, nullable=False),
    _column("headers", JSONB, nullable=False),
    _column("body", LargeBinary, nullable=False),
    _column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    _time("next_try_at", nullable=False, server_default=NOW),
    _time("parked_at"),
    _column("raised", Text, nullable=False, server_default=text("''")),
    Index("ix_waiting_speaker_about", "speaker", "about", "id"),
)

# What falls due; due_at goes by the network's clock, not_before by the real one. id is one of the numbers that
# waiting has too, so that an id names one parked thing.
due = Table(
    "due", SPINE,
    _column("kind", Text, primary_key=True),
    _column("about", Uuid, primary_key=True),
    _time("due_at", nullable=False, index=True),
    _column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    _time("not_before"),
    _time("parked_at"),
    _column("raised", Text, nullable=False, server_default=text("''")),
    _column("id", BigInteger, nullable=False, server_default=text("nextval('waiting_id_seq')")),
)

# Repeated POSTs: the keyed hash of the body and the id that was created, never the body itself.
idempotency = Table(
    "idempotency", SPINE,
    _column("principal", Text, primary_key=True),
    _column("route", Text, primary_key=True),
    _column("key", Text, primary_key=True),
    _column("body_mac", LargeBinary, nullable=False),
    _column("created_id", Uuid, nullable=False),
    _time("at", nullable=False, server_default=NOW, index=True),
)

# Copies of the registry's keys and grants, so that each service decides by itself.
known_key = Table(
    "known_key", SPINE,
    _column("key_id", Uuid, primary_key=True),
    _column("hash", Text, nullable=False, unique=True, privacy="secret"),
    _column("principal", Uuid, nullable=False),
    _time("expires_at", nullable=False),
    _time("revoked_at"),
)
known_grant = Table(
    "known_grant", SPINE,
    _column("grant_id", Uuid, primary_key=True),
    _column("principal", Uuid, nullable=False, index=True),
    _column("role", Text, nullable=False),
    _column("region", Text),
    _column("partner_id", Uuid),
    _column("project_id", Uuid),
    _time("withdrawn_at"),
)

# One key per person, wrapped by the service's master key; destroyed means erased, wiped that its bytes have left the
# server's files too (wiping.py).
person_key = Table(
    "person_key", SPINE,
    _column("person_ref", Uuid, primary_key=True, privacy="personal"),
    _column("wrapped", LargeBinary, privacy="secret"),
    _time("destroyed_at"),
    _time("wiped_at"),
    Index("ix_person_key_unwiped", "person_ref",
          postgresql_where=text("destroyed_at IS NOT NULL AND wiped_at IS NULL")),
)

# Whom this service met first: name and addresses sealed, and blind indexes by which an address is found again.
person = Table(
    "person", SPINE,
    _column("person_ref", Uuid, primary_key=True, privacy="personal"),
    _column("region", Text, privacy="personal"),
    _column("partner_id", Uuid, privacy="personal"),
    _column("languages", ARRAY(Text), nullable=False, privacy="personal"),
    _column("details", LargeBinary, privacy="personal"),
    _column("email_index", LargeBinary, index=True, privacy="personal"),
    _column("phone_index", LargeBinary, index=True, privacy="personal"),
    _time("erased_at"),
)

# Who read or changed which person's data; pseudonyms only, append-only, chained by the leader after the commit.
audit = Table(
    "audit", SPINE,
    _column("id", BigInteger, Identity(always=True), primary_key=True),
    _time("at", nullable=False, server_default=NOW),
    _column("principal", Text, nullable=False),
    _column("role", Text, nullable=False),
    _column("action", Text, nullable=False),
    _column("about", Text, nullable=False),
    _column("person_ref", Uuid, index=True, privacy="personal"),
    _column("correlation", Text, nullable=False),
)
audit_link = Table(
    "audit_link", SPINE,
    _column("position", BigInteger, primary_key=True),
    _column("audit_id", BigInteger, nullable=False, unique=True),
    _column("mac", LargeBinary, nullable=False),
)

# One row: which network and schema this database belongs to, and how far a demonstration's clock is ahead.
network = Table(
    "network", SPINE,
    _column("one", Boolean, primary_key=True, server_default=text("true")),
    _column("slug", Text, nullable=False),
    _column("demonstration", Boolean, nullable=False),
    _column("ahead", Interval, nullable=False, server_default=text("interval '0'")),
)

"""The envelope of a fact on the wire: CloudEvents 1.0 in binary mode, the attributes as `ce-` headers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

SPEC_VERSION = "1.0"
MOST_NUMBERS = 2**62


class Unreadable(Exception):
    """What came over the bus is no fact: a header that every fact has is missing or cannot be read."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A fact as it was heard: its envelope read, its body still JSON.

    number is the speaker's gapless sequence; about the aggregate `<noun>/<id>`; subject the NATS subject.
    """

    speaker: str
    number: int
    fact_id: UUID
    subject: str
    about: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def time(self) -> datetime:
        """When it happened, by the network's clock."""
        return datetime.fromisoformat(self.headers["ce-time"])

    @property
    def region(self) -> str | None:
        """The region (AGS) that the fact is about, if any."""
        return self.headers.get("ce-region")

    @property
    def project(self) -> UUID | None:
        """The project that the fact counts for, if any."""
        project = self.headers.get("ce-project")
        return UUID(project) if project else None

    @property
    def correlation(self) -> str:
        """The id of the request or due work that began it all."""
        return self.headers.get("ce-correlationid", "")


@dataclass(frozen=True, slots=True)
class Told:
    """A page of a speaker's facts as it answers them, and the last number that it has given."""

    facts: list[Heard]
    last: int


def envelope_headers(
    *, network: str, subject: str, fact_id: UUID, about: str, at: datetime, correlation: str, actor_role: str,
    region: str | None = None, project: UUID | None = None, trace: str | None = None,
) -> dict[str, str]:
    """The headers of a fact, but for the number that the relay adds as `ce-sequence`."""
    headers = {
        "ce-specversion": SPEC_VERSION,
        "ce-id": str(fact_id),
        "ce-source": f"/{network}/{subject.split('.', 1)[0]}",
        "ce-type": subject,
        "ce-time": at.isoformat(),
        "ce-subject": about,
        "ce-correlationid": correlation,
        "ce-actorrole": actor_role,
        "content-type": "application/json",
    }
    optional = {"ce-region": region, "ce-project": str(project) if project else None, "traceparent": trace}
    return headers | {name: value for name, value in optional.items() if value}


def read_envelope(subject: str, headers: Mapping[str, str] | None, body: bytes) -> Heard:
    """Read what came over the bus; Unreadable when it is no fact of the speaker that the subject names."""
    headers = headers or {}
    try:
        fact = Heard(
            speaker=subject.split(".", 1)[0], number=int(headers["ce-sequence"]), fact_id=UUID(headers["ce-id"]),
            subject=headers["ce-type"], about=headers["ce-subject"], headers=dict(headers), body=body,
        )
    except (KeyError, ValueError) as missing:
        raise Unreadable(str(missing)) from missing
    # The bus lets a service announce under its own name only; its headers could say another's.
    if fact.subject != subject:
        raise Unreadable("ce-type is not the subject")
    if not 0 < fact.number < MOST_NUMBERS:
        raise Unreadable("ce-sequence")
    return fact

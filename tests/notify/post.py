"""The post of these tests: owners who answer on the bus, a folder in which mails arrive, facts to tell."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import UUID, uuid4

import asyncpg
import nats
from nats.aio.msg import Msg

from deploy.local.cluster import Cluster
from libs.common.facts.events import EventRescheduled, RegistrationConfirmed
from libs.common.facts.registry import OfferChangesRequested, OfferPublished
from tests.harness import Network, Service

Found = TypeVar("Found")
EVENT = UUID(int=9)
TITLES = {"de": "Begleitung zum Jobcenter", "uk": "Супровід до центру зайнятості"}
OFFER = {"offer_id": UUID(int=1), "partner_id": UUID(int=2), "field": "participation", "region": "15087",
         "languages": ("ar", "uk", "de")}
WORDS = {"values": {"partner": "Kupferkreis e.V. (Demo)", "region": "Mansfeld-Südharz", "note": "Uhrzeit fehlt."},
         "texts": {"title": TITLES}, "times": {}}


def changes_requested(*contacts: UUID) -> OfferChangesRequested:
    """The coordinator asked these contacts' partner to change an offer."""
    return OfferChangesRequested(**OFFER, contact_refs=contacts)


def published(**more: Any) -> OfferPublished:
    """An offer became visible for the first time."""
    return OfferPublished(**OFFER | more)


def confirmed(person_ref: UUID, *, registration: UUID | None = None) -> RegistrationConfirmed:
    """A party has its seats at the event of these tests."""
    return RegistrationConfirmed(
        registration_id=registration or uuid4(), event_id=EVENT, person_ref=person_ref, region="15087")


def rescheduled() -> EventRescheduled:
    """The event of these tests takes place at another time."""
    now = datetime(2026, 3, 2, 17, tzinfo=UTC)
    return EventRescheduled(event_id=EVENT, kind="language_cafe", region="15087", starts=now, ends=now)


@dataclass
class Owner:
    """A service that answers on the bus with its own credentials, and nothing else; may be away."""

    cluster: Cluster
    service: str
    persons: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    words: dict[str, Any] = field(default_factory=lambda: dict(WORDS))
    asked: list[dict[str, Any]] = field(default_factory=list)
    refuses: str = ""
    connection: Any = None

    def person(self, *languages: str, email: str | None = "mira@example.org", name: str = "Mira Beispiel") -> UUID:
        """A person whom this service owns."""
        person_ref = uuid4()
        self.persons[person_ref] = {"name": name, "email": email, "languages": list(languages)}
        return person_ref

    async def come(self) -> Self:
        """Answer from now on."""
        self.connection = await nats.connect(
            self.cluster.nats_url, user=self.cluster.nats_user(self.service),
            password=self.cluster.nats_password(self.service), inbox_prefix=f"_INBOX_{self.service}".encode())
        for question in ("addressee", "words"):
            await self.connection.subscribe(f"ask.{self.service}.{question}.v1", cb=self._answer)
        await self.connection.flush()
        return self

    async def go(self) -> None:
        """Be away."""
        if self.connection:
            await self.connection.close()

    async def _answer(self, message: Msg) -> None:
        question = json.loads(message.data)
        self.asked.append(question)
        person = self.persons.get(UUID(question["person_ref"]), {}) if "person_ref" in question else {}
        answer = {"refused": self.refuses} if self.refuses else {"answer": self.words | person}
        await message.respond(json.dumps(answer).encode())


@dataclass
class Mail:
    """A mail as a mail program reads it."""

    message: EmailMessage

    @classmethod
    def of(cls, content: bytes) -> "Mail":
        """Read the bytes of a mail."""
        message = message_from_bytes(content, policy=default)
        assert isinstance(message, EmailMessage)
        return cls(message)

    def __getitem__(self, header: str) -> str:
        """A header's text."""
        return str(self.message[header])

    @property
    def text(self) -> str:
        """The plain text."""
        return self._part("plain")

    @property
    def html(self) -> str:
        """The HTML."""
        return self._part("html")

    def link(self, part: str) -> str:
        """The path of the first link that contains this, below the service's address."""
        found = next(line for line in self.text.splitlines() if line.startswith("http") and part in line)
        return found.split(".test", 1)[1]

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert isinstance(part, EmailMessage)
        return str(part.get_content())


def mails_in(folder: Path) -> list[Mail]:
    """The mails that have arrived, the oldest first."""
    return [Mail.of(path.read_bytes()) for path in sorted(folder.glob("*.eml"))]


async def until(condition: Callable[[], Awaitable[Found]], seconds: float = 12.0) -> Found:
    """Wait until the condition holds, and return what it found."""
    async with asyncio.timeout(seconds):
        while not (found := await condition()):
            await asyncio.sleep(0.02)
        return found


async def deliveries(network: Network) -> list[asyncpg.Record]:
    """All deliveries, the oldest first."""
    return await network.rows("notify", "SELECT * FROM delivery ORDER BY id")


async def all_in(network: Network, *states: str, count: int = 1) -> list[asyncpg.Record]:
    """Wait until there are this many deliveries and all are in one of these states; returns them."""

    async def there() -> list[asyncpg.Record]:
        rows = await deliveries(network)
        return rows if len(rows) == count and all(row["state"] in states for row in rows) else []

    try:
        return await until(there)
    except TimeoutError:
        found = [(row["template"], row["state"], row["reason"]) for row in await deliveries(network)]
        raise AssertionError(found) from None


async def told(network: Network, subject: str) -> list[dict[str, Any]]:
    """The bodies of the facts of this subject that notify has announced."""
    rows = await network.rows("notify", "SELECT body FROM outbox WHERE subject = $1 ORDER BY id", subject)
    return [json.loads(row["body"]) for row in rows]


def sent_count(notify: Service, outcome: str) -> float:
    """How many deliveries the metrics say had this outcome."""
    count = notify.running.metrics.deliveries.labels("notify", outcome)._value.get()
    return float(count)

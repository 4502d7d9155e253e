"""The stage of the tests of events: the service alone, a verified partner, its editor and its region's coordinator."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from libs.common.callers import Role
from libs.common.codes.lists import PartnerKind
from libs.common.facts.registry import PartnerVerified
from tests.harness import Network

REGION = "15087"
# What httpx cannot write itself (lone surrogates) is sent as content, and says what it is.
AS_JSON = {"Content-Type": "application/json"}
Headers = dict[str, str]
TEXTS = {"de": {"title": "Sprachcafé am Markt", "description": "Deutsch sprechen bei Kaffee und Tee."},
         "ar": {"title": "مقهى اللغة", "description": "نتحدث الألمانية معاً."}}


@dataclass
class Stage:
    """Who acts in a test, and shortcuts for what most tests need first."""

    network: Network
    client: httpx.AsyncClient
    partner_id: UUID
    coordinator: Headers
    editor: Headers

    def event(self, **fields: Any) -> dict[str, Any]:
        """The body of an event a week from now, changed by the given fields; None takes a field out."""
        starts = datetime.now(UTC).replace(microsecond=0) + timedelta(days=7)
        body: dict[str, Any] = {
            "partner_id": str(self.partner_id), "region": REGION, "kind": "language_cafe", "field": "language",
            "translations": TEXTS, "languages": ["de", "ar"], "capacity": 20, "starts": starts.isoformat(),
            "ends": (starts + timedelta(hours=2)).isoformat(),
            "venue": {"text": "Mehrgenerationenhaus", "postcode": "06526", "barrier_free": True}}
        return {name: value for name, value in (body | fields).items() if value is not None}

    async def draft(self, **fields: Any) -> httpx.Response:
        """A drafted event."""
        drafted = await self.client.post("/v1/events", json=self.event(**fields), headers=self.editor)
        assert drafted.status_code == 201, drafted.text
        return drafted

    async def published(self, **fields: Any) -> str:
        """The address of a published event."""
        drafted = await self.draft(**fields)
        address = f"/v1/events/{drafted.json()['id']}"
        answer = await self.act(f"{address}/publish", drafted.headers["etag"])
        assert answer.status_code == 200, answer.text
        return address

    async def act(
        self, address: str, etag: str | None = None, *, headers: Headers | None = None, **body: Any,
    ) -> httpx.Response:
        """POST to the address with this ETag, or the present one of what lies there, as the coordinator or another."""
        headers = headers or self.coordinator
        etag = etag or await self.etag(address.rsplit("/", 1)[0])
        return await self.client.post(address, json=body or None, headers=headers | {"If-Match": etag})

    async def etag(self, address: str) -> str:
        """The present ETag of what lies at the address, as the coordinator reads it."""
        return str((await self.client.get(address, headers=self.coordinator)).headers["etag"])

    async def read(self, address: str) -> dict[str, Any]:
        """What lies at the address, as the coordinator reads it."""
        answer = await self.client.get(address, headers=self.coordinator)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def tally(
        self, address: str, body: dict[str, Any], *, headers: dict[str, str] | None = None, etag: str = "",
    ) -> httpx.Response:
        """Count the people at an event, as its editor; without an ETag given, on what it is now."""
        etag = etag or (await self.client.get(address, headers=self.coordinator)).headers["ETag"]
        sent = (self.editor if headers is None else headers) | {"If-Match": etag}
        return await self.client.put(f"{address}/tally", json=body, headers=sent)

    async def register(
        self, address: str, adults: int = 1, children: list[str] | None = None, *, childcare: bool = False,
        **fields: Any,
    ) -> dict[str, Any]:
        """A party of the public that registers at this event; returns what it was told."""
        answer = await self.client.post(
            f"{address}/registrations", json=a_party(adults, children, childcare=childcare, **fields))
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def states(self, address: str) -> list[str]:
        """The states of an event's registrations, by arrival."""
        rows = await self.network.rows(
            "events", "SELECT state FROM registration WHERE event_id = $1 ORDER BY place",
            UUID(address.rsplit("/", 1)[1]))
        return [row["state"] for row in rows]

    async def told(self) -> list[str]:
        """The subjects of what has been announced, in the order of announcing, without service and version."""
        rows = await self.network.rows("events", "SELECT subject FROM outbox ORDER BY id")
        return [row["subject"].removeprefix("events.").removesuffix(".v1") for row in rows]


def a_party(
    adults: int = 1, children: list[str] | None = None, *, childcare: bool = False, **fields: Any,
) -> dict[str, Any]:
    """The body of a registration of someone nobody registered before."""
    return {
        "person": {"name": "Amira Beispiel", "email": f"{uuid4().hex}@example.org", "languages": ["ar", "de"]},
        "party": {"adults": adults, "children": children or []}, "needs": {"childcare": childcare}} | fields


async def set_up(network: Network) -> Stage:
    """Start events, and let it hear of a verified partner."""
    service = await network.start("events")
    partner_id = uuid4()
    await network.tell("events", PartnerVerified(
        partner_id=partner_id, kind=PartnerKind.REGISTERED_ASSOCIATION, region=REGION))
    return Stage(network, service.client, partner_id,
                 coordinator=await network.key(Role.COORDINATOR, region=REGION),
                 editor=await network.key(Role.PARTNER_EDITOR, partner_id=partner_id))

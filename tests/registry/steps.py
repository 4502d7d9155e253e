"""Steps that tests of the registry share: a partner, an offer, a project, taken through the HTTP door."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date
from typing import Any
from uuid import UUID

import httpx
import nats
from nats.aio.msg import Msg

from libs.common.callers import Role
from tests.harness import Network

PARTNER = {
    "name": "Kupferkreis Nachbarschaft e.V. (Demo)", "kind": "registered_association", "region": "15087",
    "contacts": [{"name": "Mira Beispiel", "email": "mira@kupferkreis.example.org", "languages": ["de"]}],
}
OFFER = {
    "region": "15087", "field": "participation", "languages": ["ar", "uk", "de"], "childcare": True,
    "translations": {"de": {"title": "Begleitung zum Jobcenter", "description": "Wir gehen mit."}},
}
PROJECT = {
    "name": "Ankommen auf dem Land (Demo)", "region": "15", "starts": "2077-03-01", "ends": "2077-12-31",
    "target_regions": ["15081", "15084", "15087", "15090", "15091"],
}
STARTS, ENDS = date(2077, 3, 1), date(2077, 12, 31)
Headers = dict[str, str]


def matching(answer: httpx.Response) -> Headers:
    """The If-Match header for the thing as this answer showed it."""
    return {"If-Match": answer.headers["etag"]}


def ok(answer: httpx.Response) -> Any:
    """The body of an answer that went well."""
    assert answer.is_success, answer.text
    return answer.json()


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and slug of a refusal."""
    return answer.status_code, answer.json()["slug"]


async def a_verified_partner(network: Network, **fields: Any) -> tuple[dict[str, Any], Headers, Headers]:
    """A partner, its editor's headers and its coordinator's."""
    registry, body = network["registry"].client, PARTNER | fields
    coordinator = await network.key(Role.COORDINATOR, region=body["region"])
    applied = await registry.post("/v1/partners", json=body)
    partner = ok(applied)
    verified = await registry.post(f"/v1/partners/{partner['id']}/verify", headers=coordinator | matching(applied))
    editor = await network.key(Role.PARTNER_EDITOR, partner_id=UUID(partner["id"]))
    return ok(verified), editor, coordinator


async def step(network: Network, path: str, headers: Headers, body: Any = None) -> httpx.Response:
    """POST a step to the thing at the path's beginning, as it is now."""
    registry = network["registry"].client
    thing = await registry.get(path.rsplit("/", 1)[0], headers=headers)
    ok(thing)
    return await registry.post(path, json=body, headers=headers | matching(thing))


async def a_published_offer(network: Network, **fields: Any) -> tuple[str, Headers, Headers]:
    """The address of a published offer, its editor's headers and its coordinator's."""
    partner, editor, coordinator = await a_verified_partner(network)
    drafted = await network["registry"].client.post(
        "/v1/offers", json=OFFER | {"partner_id": partner["id"]} | fields, headers=editor)
    address = f"/v1/offers/{ok(drafted)['id']}"
    ok(await step(network, f"{address}/submit", editor))
    ok(await step(network, f"{address}/publish", coordinator))
    return address, editor, coordinator


async def a_project(network: Network, *, opened: bool = True, **fields: Any) -> tuple[str, Headers, UUID]:
    """The address of a project, headers of the coordinator of its region, and its carrier's id."""
    carrier, _, _ = await a_verified_partner(network)
    coordinator = await network.key(Role.COORDINATOR, region="15")
    planned = await network["registry"].client.post(
        "/v1/projects", json=PROJECT | {"carrier_id": carrier["id"]} | fields, headers=coordinator)
    address = f"/v1/projects/{ok(planned)['id']}"
    if opened:
        ok(await step(network, f"{address}/open", coordinator))
    return address, coordinator, UUID(carrier["id"])


def id_of(address: str) -> UUID:
    """The id at an address's end."""
    return UUID(address.rsplit("/", 1)[1])


async def an_indicator(network: Network, project: str, headers: Headers, **fields: Any) -> str:
    """The address of a new indicator of the project."""
    body = {"project_id": str(id_of(project)), "label": {"de": "Teilnahmen"}, "metric": "attendances", "target": 100,
            "filter": {"facts": ["attendance"]}} | fields
    added = ok(await network["registry"].client.post("/v1/indicators", json=body, headers=headers))
    return f"/v1/indicators/{added['id']}"


async def told(network: Network, like: str = "%") -> list[str]:
    """The subjects of what the registry has announced, in order."""
    rows = await network.rows("registry", "SELECT subject FROM outbox WHERE subject LIKE $1 ORDER BY id", like)
    return [row["subject"] for row in rows]


@asynccontextmanager
async def answering(
    network: Network, service: str, answers: dict[str, Callable[[bytes], Awaitable[bytes]]],
) -> AsyncIterator[None]:
    """Answer asks on the real bus in the stead of a service that does not run here: by what is asked."""
    cluster = network.cluster
    connection = await nats.connect(
        cluster.nats_url, user=cluster.nats_user(service), password=cluster.nats_password(service),
        inbox_prefix=f"_INBOX_{service}".encode())

    async def reply(message: Msg) -> None:
        await message.respond(await answers[message.subject](message.data))

    for subject in answers:
        await connection.subscribe(subject, cb=reply)
    await connection.flush()
    try:
        yield
    finally:
        await connection.close()

"""Offers through the registry's HTTP door."""

from typing import Any
from uuid import UUID

import pytest

from libs.common.callers import Role
from tests.harness import Network, new_idempotency_key

PARTNER = {
    "name": "Kupferkreis Nachbarschaft e.V. (Demo)", "kind": "registered_association", "region": "15087",
    "contacts": [{"name": "Mira Beispiel", "email": "mira@kupferkreis.example.org", "languages": ["de"]}],
}
OFFER = {
    "region": "15087", "field": "participation", "languages": ["ar", "uk", "de"], "childcare": True,
    "translations": {"de": {"title": "Begleitung zum Jobcenter", "description": "Wir gehen mit."}},
}


async def a_verified_partner(network: Network) -> tuple[dict[str, Any], dict[str, str], dict[str, str]]:
    """A partner, its editor's headers and its coordinator's."""
    registry = network["registry"].client
    coordinator = await network.key(Role.COORDINATOR, region="15087")
    applied = await registry.post("/v1/partners", json=PARTNER)
    assert applied.status_code == 201, applied.text
    partner = applied.json()
    verified = await registry.post(
        f"/v1/partners/{partner['id']}/verify", headers=coordinator | {"If-Match": applied.headers["etag"]})
    assert verified.status_code == 200, verified.text
    editor = await network.key(Role.PARTNER_EDITOR, partner_id=UUID(partner["id"]))
    return verified.json(), editor, coordinator


@pytest.fixture
async def registry(network: Network) -> Any:
    """The registry alone."""
    return (await network.start("registry")).client


async def test_an_offer_is_published_after_review(network: Network, registry: Any) -> None:
    """Draft, submit, publish: everyone sees it then, and nobody before."""
    partner, editor, coordinator = await a_verified_partner(network)
    drafted = await registry.post("/v1/offers", json=OFFER | {"partner_id": partner["id"]}, headers=editor)
    assert drafted.status_code == 201, drafted.text
    address = f"/v1/offers/{drafted.json()['id']}"
    assert (await registry.get(address)).status_code == 404

    submitted = await registry.post(f"{address}/submit", headers=editor | {"If-Match": drafted.headers["etag"]})
    assert submitted.status_code == 200, submitted.text
    published = await registry.post(f"{address}/publish", headers=coordinator | {"If-Match": submitted.headers["etag"]})
    assert published.status_code == 200, published.text

    assert published.json()["state"] == "published"
    assert (await registry.get(address)).json()["translations"]["de"]["title"] == "Begleitung zum Jobcenter"


async def test_another_partners_editor_does_not_see_a_draft(network: Network, registry: Any) -> None:
    """A foreign id answers as an unknown one does."""
    partner, editor, _ = await a_verified_partner(network)
    drafted = await registry.post("/v1/offers", json=OFFER | {"partner_id": partner["id"]}, headers=editor)
    other = await network.key(Role.PARTNER_EDITOR, partner_id=UUID(int=7))

    answer = await registry.post(
        f"/v1/offers/{drafted.json()['id']}/submit", headers=other | {"If-Match": drafted.headers["etag"]})

    assert answer.status_code == 404
    assert answer.json()["slug"] == "not-found"


async def test_the_same_post_twice_creates_one_offer(network: Network, registry: Any) -> None:
    """A repeated Idempotency-Key answers with the same offer; with another body it is refused."""
    partner, editor, _ = await a_verified_partner(network)
    headers, body = editor | new_idempotency_key(), OFFER | {"partner_id": partner["id"]}

    first = await registry.post("/v1/offers", json=body, headers=headers)
    second = await registry.post("/v1/offers", json=body, headers=headers)
    other = await registry.post("/v1/offers", json=body | {"childcare": False}, headers=headers)

    assert first.json()["id"] == second.json()["id"]
    assert (other.status_code, other.json()["slug"]) == (422, "idempotency-key-reused")


async def test_an_unconfirmed_offer_goes_stale_after_90_days(network: Network, registry: Any) -> None:
    """Freshness falls due by the network's clock, and is told."""
    from datetime import timedelta

    partner, editor, coordinator = await a_verified_partner(network)
    drafted = await registry.post("/v1/offers", json=OFFER | {"partner_id": partner["id"]}, headers=editor)
    address = f"/v1/offers/{drafted.json()['id']}"
    submitted = await registry.post(f"{address}/submit", headers=editor | {"If-Match": drafted.headers["etag"]})
    await registry.post(f"{address}/publish", headers=coordinator | {"If-Match": submitted.headers["etag"]})

    await network.move(timedelta(days=91))

    assert (await registry.get(address)).json()["stale"] is True
    told = [row["subject"] for row in await network.rows("registry", "SELECT subject FROM outbox ORDER BY number")]
    assert told[-2:] == ["registry.offer.assurance_due.v1", "registry.offer.staled.v1"]

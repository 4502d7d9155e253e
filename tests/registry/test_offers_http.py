"""Offers through the registry's HTTP door."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from libs.common.callers import Role
from tests.harness import Network, new_idempotency_key
from tests.registry.steps import (
    OFFER,
    a_published_offer,
    a_verified_partner,
    matching,
    ok,
    refusal,
    step,
    told,
)


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
    address, _, _ = await a_published_offer(network)

    await network.move(timedelta(days=91))

    assert (await registry.get(address)).json()["stale"] is True
    assert (await told(network))[-2:] == ["registry.offer.assurance_due.v1", "registry.offer.staled.v1"]


async def test_a_stale_offer_is_hidden_after_30_more_days(network: Network, registry: Any) -> None:
    """The public sees it no longer; its partner does, and one confirmation brings it back."""
    address, editor, _ = await a_published_offer(network)
    await network.move(timedelta(days=121))

    assert (await registry.get(address)).status_code == 404
    assert ok(await registry.get("/v1/offers"))["items"] == []
    assert ok(await registry.get(address, headers=editor))["stale"] is True
    assert ok(await registry.post(f"{address}/assure", headers=editor))["state"] == "published"
    assert (await registry.get(address)).status_code == 200


async def test_a_change_is_seen_after_its_approval(network: Network, registry: Any) -> None:
    """Also one that sets the day on which the offer ends; until then the public sees neither note nor revision."""
    address, editor, coordinator = await a_published_offer(network)
    fields = {name: value for name, value in OFFER.items() if name != "region"}
    texts = {"de": {"title": "Begleitung zum Amt", "description": "Wir gehen mit."}}
    until = (datetime.now(UTC) + timedelta(days=20)).date()
    before = await registry.get(address, headers=editor)
    change = fields | {"translations": texts, "valid_until": until.isoformat()}
    ok(await registry.put(address, json=change, headers=editor | matching(before)))
    seen = ok(await registry.get(address))
    assert (seen["translations"], seen["revision"]) == (OFFER["translations"], None)

    ok(await step(network, f"{address}/submit", editor))
    ok(await step(network, f"{address}/publish", coordinator))

    seen = ok(await registry.get(address))
    assert (seen["translations"], seen["valid_until"]) == (texts, until.isoformat())
    await network.move(timedelta(days=22))
    assert ok(await registry.get(address, headers=editor))["state"] == "expired"
    assert (await told(network))[-1] == "registry.offer.expired.v1"


async def test_an_end_that_is_taken_out_ends_nothing(network: Network, registry: Any) -> None:
    """What fell due for the old last day is moot."""
    until = (datetime.now(UTC) + timedelta(days=5)).date()
    address, editor, coordinator = await a_published_offer(network, valid_until=until.isoformat())
    fields = {name: value for name, value in OFFER.items() if name != "region"}
    before = await registry.get(address, headers=editor)
    ok(await registry.put(address, json=fields, headers=editor | matching(before)))
    ok(await step(network, f"{address}/submit", editor))
    ok(await step(network, f"{address}/publish", coordinator))

    await network.move(timedelta(days=10))

    assert ok(await registry.get(address))["state"] == "published"


async def test_handed_back_with_a_note_and_published_in_the_end(network: Network, registry: Any) -> None:
    """The partner reads what is asked for, changes it and hands it in again."""
    partner, editor, coordinator = await a_verified_partner(network)
    drafted = await registry.post("/v1/offers", json=OFFER | {"partner_id": partner["id"]}, headers=editor)
    address = f"/v1/offers/{ok(drafted)['id']}"
    ok(await step(network, f"{address}/submit", editor))
    ok(await step(network, f"{address}/review", coordinator))
    ok(await step(network, f"{address}/request_changes", coordinator, {"note": "Bitte die Uhrzeit ergänzen."}))

    read = await registry.get(address, headers=editor)
    assert (read.json()["state"], read.json()["review_note"]) == ("changes_requested", "Bitte die Uhrzeit ergänzen.")
    fields = {name: value for name, value in OFFER.items() if name != "region"} | {"women_only": True}
    ok(await registry.put(address, json=fields, headers=editor | matching(read)))
    ok(await step(network, f"{address}/submit", editor))
    published = ok(await step(network, f"{address}/publish", coordinator))

    assert (published["women_only"], published["review_note"]) == (True, None)
    (fact,) = await network.rows(
        "registry", "SELECT body FROM outbox WHERE subject = 'registry.offer.changes_requested.v1'")
    assert '"contact_refs":["' in fact["body"]


async def test_two_reviewers_at_once_decide_once(network: Network, registry: Any) -> None:
    """The second has read what is no longer so."""
    partner, editor, coordinator = await a_verified_partner(network)
    drafted = await registry.post("/v1/offers", json=OFFER | {"partner_id": partner["id"]}, headers=editor)
    address = f"/v1/offers/{ok(drafted)['id']}"
    submitted = await step(network, f"{address}/submit", editor)
    headers = coordinator | matching(submitted)

    answers = await asyncio.gather(registry.post(f"{address}/publish", headers=headers),
                                   registry.post(f"{address}/reject", json={"note": "Nein."}, headers=headers))

    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert len(await told(network, "registry.offer.%")) == 2


async def test_a_coordinator_of_the_offers_region_publishes_and_the_partner_elsewhere_is_told(
    network: Network, registry: Any,
) -> None:
    """The region of the offer counts for its review, wherever the partner sits."""
    partner, editor, _ = await a_verified_partner(network, region="15088")
    drafted = await registry.post("/v1/offers", json=OFFER | {"partner_id": partner["id"]}, headers=editor)
    address = f"/v1/offers/{ok(drafted)['id']}"
    ok(await step(network, f"{address}/submit", editor))
    coordinator = await network.key(Role.COORDINATOR, region="15087")

    ok(await step(network, f"{address}/publish", coordinator))

    (fact,) = await network.rows("registry", "SELECT body FROM outbox WHERE subject = 'registry.offer.published.v1'")
    assert '"contact_refs":["' in fact["body"]


async def test_an_offer_begins_inside_the_own_region(network: Network, registry: Any) -> None:
    """A coordinator drafts for partners and regions of the own, a partner's editor for the own partner."""
    partner, _, coordinator = await a_verified_partner(network)

    outside = ({"region": "15088"}, {"region": "99999"}, {"partner_id": str(UUID(int=5))})

    answers = [await registry.post("/v1/offers", json=OFFER | {"partner_id": partner["id"]} | fields,
                                   headers=coordinator) for fields in outside]

    assert [answer.status_code for answer in answers] == [403, 422, 404]
    assert await network.rows("registry", "SELECT id FROM offer") == []


async def test_capacity_is_set_without_review(network: Network, registry: Any) -> None:
    """How much is free is told at once; more than there is, is refused."""
    address, editor, _ = await a_published_offer(network)
    free = {"unit": "persons", "maximum": 12, "available": 3}
    read = await registry.get(address, headers=editor)

    answer = await registry.put(f"{address}/capacity", json=free, headers=editor | matching(read))
    more = await registry.put(f"{address}/capacity", json=free | {"available": 13}, headers=editor | matching(answer))

    assert ok(answer)["capacity"]["available"] == 3
    assert (await told(network))[-1] == "registry.offer.capacity_changed.v1"
    assert refusal(more) == (422, "invalid-request")


async def test_offers_are_found_by_region_language_and_field(network: Network, registry: Any) -> None:
    """By title, and everything in a region."""
    await a_published_offer(network, languages=["uk"])

    async def found(**query: str) -> int:
        return len(ok(await registry.get("/v1/offers", params=query))["items"])

    assert [await found(region="15"), await found(region="15087"), await found(region="15088")] == [1, 1, 0]
    assert [await found(language="uk"), await found(language="ar"), await found(field="health")] == [1, 0, 0]


async def test_a_withdrawn_offer_is_gone_and_nothing_falls_due_for_it(network: Network, registry: Any) -> None:
    """Nobody is asked to confirm what is no longer offered."""
    address, editor, _ = await a_published_offer(network)
    ok(await step(network, f"{address}/withdraw", editor))

    await network.move(timedelta(days=100))

    assert (await told(network))[-1] == "registry.offer.withdrawn.v1"
    assert (await registry.get(address)).status_code == 404
    assert refusal(await registry.post(f"{address}/assure", headers=editor)) == (409, "offer-state")

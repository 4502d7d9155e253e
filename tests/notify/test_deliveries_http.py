"""Deliveries and templates through notify's HTTP door: what operations and coordinators see, and nobody's name."""

from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio

from libs.common.callers import Role
from tests.harness import Network, Service
from tests.notify.post import Owner, all_in, changes_requested, published, told


@pytest_asyncio.fixture
async def sent(network: Network, notify: Service, registry: Owner) -> dict[str, Any]:
    """A delivery that was sent, as operations see it."""
    await network.tell("notify", changes_requested(registry.person("uk")))
    await all_in(network, "sent")
    answer = await notify.client.get("/v1/deliveries", headers=await network.key(Role.OPS))
    assert answer.status_code == 200, answer.text
    (item,) = answer.json()["items"]
    return dict(item)


async def test_operations_see_what_became_of_a_fact_and_no_name(
    network: Network, notify: Service, registry: Owner, sent: dict[str, Any],
) -> None:
    """Found by its cause and state, with template, version and language; no person, no address."""
    ops = await network.key(Role.OPS)
    found = await notify.client.get(
        "/v1/deliveries", params={"cause": sent["cause"], "state": "sent", "template": sent["template"]}, headers=ops)
    none = [await notify.client.get("/v1/deliveries", params=other, headers=ops)
            for other in ({"cause": str(uuid4())}, {"state": "dead"}, {"template": "offer_new"})]

    assert [item["id"] for item in found.json()["items"]] == [sent["id"]]
    assert [answer.json()["items"] for answer in none] == [[], [], []]
    assert (sent["language"], sent["template"], len(sent["template_version"])) == ("uk", "offer_changes_requested", 12)
    person_ref = str(next(iter(registry.persons)))
    assert not any(text in found.text for text in (person_ref, "Mira", "example.org"))


async def test_a_coordinator_sees_the_own_region(network: Network, notify: Service, sent: dict[str, Any]) -> None:
    """Another region's deliveries answer as unknown ones do, and cannot be changed by a coordinator at all."""
    address = f"/v1/deliveries/{sent['id']}"
    for region, sees in (("15087", True), ("15", True), ("15088", False)):
        coordinator = await network.key(Role.COORDINATOR, region=region)

        listed = await notify.client.get("/v1/deliveries", headers=coordinator)
        read = await notify.client.get(address, headers=coordinator)
        changed = await notify.client.post(f"{address}/retry", headers=coordinator | {"If-Match": '"1"'})

        assert len(listed.json()["items"]) == sees
        assert read.status_code == (200 if sees else 404)
        assert changed.status_code == 403


async def test_nobody_else_looks(network: Network, notify: Service) -> None:
    """Without a key, and for roles that have no part in it."""
    headers = [await network.key(role, partner_id=uuid4()) for role in (Role.PARTNER_EDITOR, Role.COUNSELLOR)]
    for path in ("deliveries", "templates", "templates/gaps", "templates/offer_new/preview"):
        assert (await notify.client.get(f"/v1/{path}")).status_code == 401
        for other in headers:
            assert (await notify.client.get(f"/v1/{path}", headers=other)).status_code == 403


async def test_operations_note_a_mail_that_came_back(network: Network, notify: Service, sent: dict[str, Any]) -> None:
    """A bounce that arrives later is noted once, and told."""
    ops = await network.key(Role.OPS)
    address, tag = f"/v1/deliveries/{sent['id']}", {"If-Match": f'"{sent["version"]}"'}

    noted = await notify.client.post(f"{address}/outcome", json={"outcome": "bounced"}, headers=ops | tag)
    stale = await notify.client.post(f"{address}/outcome", json={"outcome": "delivered"}, headers=ops | tag)
    again = await notify.client.post(
        f"{address}/outcome", json={"outcome": "delivered"}, headers=ops | {"If-Match": noted.headers["etag"]})

    assert (noted.json()["state"], noted.json()["reason"]) == ("bounced", "reported")
    assert (stale.status_code, again.status_code, again.json()["slug"]) == (412, 409, "delivery-state")
    (fact,) = await told(network, "notify.delivery.bounced.v1")
    (row,) = await network.rows("notify", "SELECT person_ref FROM delivery WHERE id = $1", UUID(sent["id"]))
    assert (fact["delivery_id"], fact["person_ref"]) == (sent["id"], str(row["person_ref"]))


async def test_templates_are_listed_with_versions_and_read_with_examples(network: Network, notify: Service) -> None:
    """Every template in four languages; a preview falls back as for a recipient, and an unknown key is refused."""
    ops = await network.key(Role.OPS)
    listed = (await notify.client.get("/v1/templates", headers=ops)).json()
    shown = (await notify.client.get("/v1/templates/offer_new/preview?language=ar", headers=ops)).json()
    other = (await notify.client.get("/v1/templates/offer_new/preview?language=fa", headers=ops)).json()
    unknown = await notify.client.get("/v1/templates/offer_old/preview", headers=ops)

    assert {one["language"] for one in listed if one["key"] == "offer_new"} == {"de", "en", "uk", "ar"}
    assert (shown["language"], shown["direction"], other["language"]) == ("ar", "rtl", "de")
    assert shown["version"] in {one["version"] for one in listed}
    assert 'dir="rtl"' in shown["html"]
    assert (unknown.status_code, unknown.json()["slug"]) == (404, "template-unknown")
    assert (await notify.client.get("/v1/templates/gaps", headers=ops)).json() == []


async def test_pages_go_through_all_deliveries(network: Network, notify: Service, registry: Owner) -> None:
    """Keyset pages, oldest first, without a gap or a repetition."""
    await network.tell("notify", published(contact_refs=tuple(registry.person("de") for _ in range(5))))
    await all_in(network, "sent", count=5)
    ops, seen, cursor = await network.key(Role.OPS), [], None
    while True:
        page = (await notify.client.get(
            "/v1/deliveries", params={"limit": 2} | ({"cursor": cursor} if cursor else {}), headers=ops)).json()
        seen += [item["id"] for item in page["items"]]
        if not (cursor := page["next"]):
            break

    assert (len(seen), seen) == (5, sorted(set(seen)))

"""The real organisations and their offers: listed and found, with nothing put into their mouths."""

from datetime import timedelta
from typing import Any

from libs.common.callers import Role
from services.registry.offers.queries import load_listed
from tests.harness import Network
from tests.registry.steps import OFFER, ok, refusal, told


async def test_real_partners_are_listed_once_and_say_nothing(network: Network, registry: Any) -> None:
    """Twenty of each, by name and by title, however often they are loaded; no contact, no fact, nothing due."""
    database = network["registry"].running.database
    for _ in range(2):
        await load_listed(database)

    partners = ok(await registry.get("/v1/partners", params={"limit": 100}))["items"]
    offers = ok(await registry.get("/v1/offers", params={"limit": 100}))["items"]

    assert [len(partners), len(offers)] == [20, 20]
    names = [one["name"] for one in partners]
    assert names[0] == "Arbeit und Leben Sachsen-Anhalt"
    assert names.index("Bündnis „Niedersachsen packt an“") < names.index("Deutscher Caritasverband")
    assert {one["listed_only"] for one in partners} == {True}
    assert {(one["state"], one["free_of_charge"], one["assured_on"]) for one in offers} == {("published", None, None)}
    for table in ("partner_contact", "outbox", "due", "person"):
        assert await network.rows("registry", f"SELECT 1 FROM {table}") == []


async def test_their_offers_are_found_by_region_and_never_go_stale(network: Network, registry: Any) -> None:
    """What is for the whole country is found everywhere."""
    await load_listed(network["registry"].running.database)
    found = {region: len(ok(await registry.get("/v1/offers", params={"region": region, "limit": 100}))["items"])
             for region in ("05158", "15")}

    await network.move(timedelta(days=400))

    assert found == {"05158": 13, "15": 10}
    assert len(ok(await registry.get("/v1/offers", params={"limit": 100}))["items"]) == 20
    assert await told(network) == []


async def test_nobody_acts_for_who_is_only_listed(network: Network, registry: Any) -> None:
    """No offer is drafted and no contact added in their name."""
    await load_listed(network["registry"].running.database)
    (partner,) = [one for one in ok(await registry.get("/v1/partners"))["items"] if one["region"] == "15087"] or [
        next(one for one in ok(await registry.get("/v1/partners"))["items"] if one["region"] == "15084")]
    coordinator = await network.key(Role.COORDINATOR, region="15")

    draft = await registry.post("/v1/offers", json=OFFER | {"partner_id": partner["id"]}, headers=coordinator)
    contact = await registry.post(f"/v1/partners/{partner['id']}/contacts", headers=coordinator, json={
        "name": "Wer", "email": "wer@example.org"})

    assert [refusal(draft), refusal(contact)] == [(409, "partner-listed-only")] * 2

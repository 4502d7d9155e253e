"""Grants through the registry's HTTP door: who gives which role where, and that it holds at once and ends at once."""

from typing import Any
from uuid import uuid4

from libs.common.callers import Role
from tests.harness import Network, in_days, new_idempotency_key
from tests.registry.steps import a_project, a_verified_partner, id_of, ok, refusal, told


async def test_a_key_and_a_grant_open_what_they_name(network: Network, registry: Any) -> None:
    """A partner's system gets a key, its principal a grant; it holds at once, and is gone when withdrawn."""
    partner, _, coordinator = await a_verified_partner(network)
    key = ok(await registry.post("/v1/access_keys", json={
        "label": "CRM", "region": "15087", "expires": in_days(30).isoformat()}, headers=coordinator))
    caller = {"Authorization": f"Bearer {key['key']}"}
    grant = ok(await registry.post("/v1/grants", json={
        "principal": key["principal"], "role": "partner_editor", "partner_id": partner["id"]}, headers=coordinator))

    contacts = f"/v1/partners/{partner['id']}/contacts"
    assert (await registry.get(contacts, headers=caller)).status_code == 200

    ok(await registry.post(f"/v1/grants/{grant['id']}/withdraw", headers=coordinator))
    network["registry"].app.state.auth._known.clear()
    assert refusal(await registry.get(contacts, headers=caller)) == (403, "not-allowed")
    again = await registry.post(f"/v1/grants/{grant['id']}/withdraw", headers=coordinator)
    assert refusal(again) == (409, "grant-withdrawn-already")
    assert await told(network, "registry.grant.%") == ["registry.grant.given.v1", "registry.grant.withdrawn.v1"]


NOT_TO_GIVE: list[tuple[dict[str, str], tuple[int, str]]] = [
    ({"role": "coordinator", "region": "15087"}, (403, "grant-not-yours")),
    ({"role": "network_admin"}, (403, "grant-not-yours")),
    ({"role": "counsellor", "region": "15087"}, (422, "grant-scope")),
    ({"role": "partner_editor"}, (422, "grant-scope")),
    ({"role": "ops", "region": "15087"}, (422, "grant-scope")),
    ({"role": "public"}, (422, "role-not-given")), ({"role": "link"}, (422, "role-not-given")),
    ({"role": "king"}, (422, "invalid-request")),
]


async def test_a_coordinator_gives_two_roles_in_the_own_region(network: Network, registry: Any) -> None:
    """Everything else is refused, and nothing is told."""
    coordinator = await network.key(Role.COORDINATOR, region="15087")

    for body, expected in NOT_TO_GIVE:
        answer = await registry.post("/v1/grants", json={"principal": str(uuid4())} | body, headers=coordinator)
        assert refusal(answer) == expected, body

    assert await told(network) == []


async def test_a_partner_elsewhere_is_not_a_coordinators_to_give(network: Network, registry: Any) -> None:
    """Verified and known, but of another region: as if it were not there."""
    partner, _, _ = await a_verified_partner(network, region="15088")
    coordinator = await network.key(Role.COORDINATOR, region="15087")

    answer = await registry.post("/v1/grants", json={
        "principal": str(uuid4()), "role": "partner_editor", "partner_id": partner["id"]}, headers=coordinator)

    assert refusal(answer) == (404, "not-found")


async def test_a_network_admin_gives_every_role_once(network: Network, registry: Any) -> None:
    """A repeated request gives nothing twice; a funder's reader needs a project that exists."""
    admin = await network.key(Role.NETWORK_ADMIN)
    project, _, _ = await a_project(network)
    body = {"principal": str(uuid4()), "role": "funder_reader", "project_id": str(id_of(project))}
    headers = admin | new_idempotency_key()

    first, second = [ok(await registry.post("/v1/grants", json=body, headers=headers)) for _ in range(2)]
    nowhere = await registry.post("/v1/grants", json=body | {"project_id": str(uuid4())}, headers=admin)

    assert first == second
    assert refusal(nowhere) == (404, "not-found")
    assert await told(network, "registry.grant.%") == ["registry.grant.given.v1"]


async def test_a_coordinator_sees_the_grants_of_the_own_region(network: Network, registry: Any) -> None:
    """Those that the own region's partners got, not those of others."""
    partner, _, coordinator = await a_verified_partner(network)
    ok(await registry.post("/v1/grants", json={
        "principal": str(uuid4()), "role": "partner_editor", "partner_id": partner["id"]}, headers=coordinator))
    elsewhere = await network.key(Role.COORDINATOR, region="15088")

    assert len(ok(await registry.get("/v1/grants", headers=coordinator))["items"]) == 1
    assert ok(await registry.get("/v1/grants", headers=elsewhere))["items"] == []

"""Projects through the registry's HTTP door: planned, opened, closed; the secret; and who sees which."""

import asyncio
import base64
from typing import Any
from uuid import UUID, uuid4

from libs.common.callers import Caller, Role, Scope
from libs.common.facts.registry import CountSecretAsked
from services.registry.projects.queries import seen_by
from services.registry.projects.reactions import say_secret
from tests.harness import Network, new_idempotency_key
from tests.registry.steps import PROJECT, a_project, a_verified_partner, id_of, matching, ok, refusal, step, told


async def secret_of(network: Network, project_id: UUID) -> str | None:
    """What the registry answers to events and matching."""
    async with network["registry"].running.database.transaction() as transaction:
        return (await say_secret(transaction, CountSecretAsked(project_id=project_id))).secret


async def test_only_an_open_project_has_a_secret(network: Network, registry: Any) -> None:
    """Made at the opening, 32 bytes, the same for whoever asks; destroyed at the closing."""
    address, coordinator, _ = await a_project(network, opened=False)
    assert await secret_of(network, id_of(address)) is None
    ok(await step(network, f"{address}/open", coordinator))
    secret = await secret_of(network, id_of(address))
    assert secret is not None
    assert len(base64.b64decode(secret)) == 32
    assert await secret_of(network, id_of(address)) == secret
    (row,) = await network.rows("registry", "SELECT count_secret FROM project")
    assert base64.b64decode(secret) not in row["count_secret"]

    ok(await step(network, f"{address}/close", coordinator))

    assert await secret_of(network, id_of(address)) is None
    assert await network.rows("registry", "SELECT id FROM project WHERE count_secret IS NOT NULL") == []
    assert await secret_of(network, uuid4()) is None
    assert await told(network, "registry.project.%") == ["registry.project.opened.v1", "registry.project.closed.v1"]


async def test_two_secrets_are_never_the_same(network: Network, registry: Any) -> None:
    """What counts in one project leads nowhere in another."""
    one, _, _ = await a_project(network)
    other, _, _ = await a_project(network)

    assert await secret_of(network, id_of(one)) != await secret_of(network, id_of(other))


async def test_two_at_once_open_a_project_once(network: Network, registry: Any) -> None:
    """One secret, one fact; the other is told that something has changed."""
    address, coordinator, _ = await a_project(network, opened=False)
    headers = coordinator | matching(await registry.get(address, headers=coordinator))

    answers = await asyncio.gather(*(registry.post(f"{address}/open", headers=headers) for _ in range(3)))

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    assert await told(network, "registry.project.%") == ["registry.project.opened.v1"]


async def test_what_was_promised_is_not_changed_after_the_opening(network: Network, registry: Any) -> None:
    """Term and regions may change while it is planned; each step is taken in its order."""
    address, coordinator, carrier = await a_project(network, opened=False)
    body = PROJECT | {"carrier_id": str(carrier), "ends": "2077-11-30"}
    before = await registry.get(address, headers=coordinator)
    changed = await registry.put(address, json=body, headers=coordinator | matching(before))
    assert ok(changed)["ends"] == "2077-11-30"
    assert refusal(await step(network, f"{address}/close", coordinator)) == (409, "project-state")
    opened = await step(network, f"{address}/open", coordinator)

    again = await registry.put(address, json=body, headers=coordinator | matching(opened))

    assert refusal(again) == (409, "project-state")
    assert again.json()["detail"] == "The project is open; that is for one that is planned."
    german = await registry.put(
        address, json=body, headers=coordinator | matching(opened) | {"Accept-Language": "de"})
    assert german.json()["detail"].startswith("Das Projekt steht auf „eröffnet“.")
    assert german.json()["codes"] == {"state": ["open"], "wanted": ["planned"]}


CANNOT_BE: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({"ends": "2077-02-01"}, (422, "term-backwards")),
    ({"target_regions": ["15087", "05158"]}, (422, "target-outside")),
    ({"target_regions": []}, (422, "invalid-request")), ({"target_regions": ["99999"]}, (422, "unknown-region")),
    ({"carrier_id": str(UUID(int=3))}, (404, "not-found")), ({"funder_id": str(UUID(int=3))}, (404, "not-found")),
    ({"programme_id": str(UUID(int=3))}, (404, "not-found")),
    ({"region": None}, (403, "outside-own-region")), ({"region": "05"}, (403, "outside-own-region")),
]


async def test_a_project_that_cannot_be_is_refused(network: Network, registry: Any) -> None:
    """Terms, regions and partners that do not fit; nothing is planned."""
    carrier, _, _ = await a_verified_partner(network)
    coordinator = await network.key(Role.COORDINATOR, region="15")

    for fields, expected in CANNOT_BE:
        body = PROJECT | {"carrier_id": carrier["id"]} | fields
        assert refusal(await registry.post("/v1/projects", json=body, headers=coordinator)) == expected, fields

    assert await network.rows("registry", "SELECT id FROM project") == []


async def test_a_repeated_plan_plans_once(network: Network, registry: Any) -> None:
    """The same key, the same project."""
    carrier, _, _ = await a_verified_partner(network)
    headers = await network.key(Role.COORDINATOR, region="15") | new_idempotency_key()
    body = PROJECT | {"carrier_id": carrier["id"]}

    first, second = [ok(await registry.post("/v1/projects", json=body, headers=headers)) for _ in range(2)]

    assert first == second


async def test_each_sees_what_is_theirs(network: Network, registry: Any) -> None:
    """A funder's reader sees the own project and no other, a partner's editor those it carries and the open ones."""
    mine, coordinator, carrier = await a_project(network, opened=False)
    other, _, _ = await a_project(network, name="Anderes")
    planned, _, _ = await a_project(network, opened=False, name="Geplant")
    callers = {
        "funder": await network.key(Role.FUNDER_READER, project_id=id_of(mine)),
        "carrier": await network.key(Role.PARTNER_EDITOR, partner_id=carrier),
        "elsewhere": await network.key(Role.COORDINATOR, region="05"),
        "admin": await network.key(Role.NETWORK_ADMIN), "coordinator": coordinator,
    }

    seen = {}
    for name, headers in callers.items():
        listed = {one["id"] for one in ok(await registry.get("/v1/projects", headers=headers))["items"]}
        read = [(await registry.get(address, headers=headers)).status_code for address in (mine, other, planned)]
        report = [(await registry.get(f"{address}/report", headers=headers)).status_code
                  for address in (mine, other, planned)]
        assert [str(id_of(address)) in listed for address in (mine, other, planned)] == [code == 200 for code in read]
        seen[name] = (read, report)

    assert seen == {
        "funder": ([200, 404, 404], [200, 404, 404]), "carrier": ([200, 200, 404], [200, 404, 404]),
        "elsewhere": ([404, 200, 404], [404, 404, 404]), "admin": ([200] * 3, [200] * 3),
        "coordinator": ([200] * 3, [200] * 3),
    }
    assert (await registry.get(mine)).status_code == 401


async def test_a_projects_scope_stands_without_row_security(network: Network, registry: Any) -> None:
    """The query by itself shows a funder's reader the own project only: two walls, each whole."""
    mine, _, _ = await a_project(network)
    await a_project(network)
    funder = Caller("someone", Role.FUNDER_READER, Scope(projects=frozenset({id_of(mine)})))

    async with network["registry"].running.database.transaction() as transaction:
        found = (await transaction.scalars(seen_by(funder))).all()

    assert [project.id for project in found] == [id_of(mine)]

"""Partners through the registry's HTTP door: applying, verifying, who sees whom, and who speaks for them."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.common.callers import Role
from libs.common.facts.registry import RegistryAddresseeAsked, RegistryWordsAsked
from libs.common.refusals import NotFound
from services.registry.partners.reactions import reach, say
from tests.harness import Network, new_idempotency_key
from tests.registry.steps import PARTNER, a_verified_partner, matching, ok, refusal, step, told


async def test_an_application_is_hidden_until_it_is_verified(network: Network, registry: Any) -> None:
    """The public sees verified partners only, the coordinator of the region also who applies."""
    coordinator = await network.key(Role.COORDINATOR, region="15087")
    elsewhere = await network.key(Role.COORDINATOR, region="15088")
    applied = await registry.post("/v1/partners", json=PARTNER)
    address = f"/v1/partners/{ok(applied)['id']}"
    assert [(await registry.get(address, headers=who)).status_code for who in ({}, elsewhere, coordinator)] == [
        404, 404, 200]

    ok(await step(network, f"{address}/verify", coordinator))

    assert (await registry.get(address)).status_code == 200
    assert [one["name"] for one in ok(await registry.get("/v1/partners"))["items"]] == [PARTNER["name"]]
    assert await told(network) == ["registry.partner.verified.v1"]


async def test_an_application_sent_twice_arrives_once(network: Network, registry: Any) -> None:
    """Whoever applied cannot read the application, so the repetition is refused instead of answered."""
    headers = new_idempotency_key()
    ok(await registry.post("/v1/partners", json=PARTNER, headers=headers))

    assert refusal(await registry.post("/v1/partners", json=PARTNER, headers=headers)) == (409, "application-received")
    assert len(await network.rows("registry", "SELECT id FROM partner")) == 1


UNREADABLE: list[dict[str, Any]] = [
    {"contacts": []}, {"kind": "club"}, {"region": "99999"}, {"name": "a\u202eb"}, {"name": "x\x00"},
    {"id": str(uuid4())},
]


async def test_an_unreadable_application_changes_nothing(network: Network, registry: Any) -> None:
    """No contact, an unknown kind or region, signs that turn the reading direction, a field that is not asked for."""
    for fields in UNREADABLE:
        assert (await registry.post("/v1/partners", json=PARTNER | fields)).status_code == 422, fields

    assert await network.rows("registry", "SELECT id FROM partner") == []
    assert await network.rows("registry", "SELECT person_ref FROM person") == []


async def test_everyone_applies_and_a_coordinator_in_the_own_region(network: Network, registry: Any) -> None:
    """Whatever else someone may do here, they apply as the public does."""
    callers = [await network.key(Role.FUNDER_READER, project_id=uuid4()), await network.key(Role.OPS),
               await network.key(Role.PARTNER_EDITOR, partner_id=uuid4()),
               await network.key(Role.COORDINATOR, region="15087"), await network.key(Role.COORDINATOR, region="05")]

    answers = [await registry.post("/v1/partners", json=PARTNER, headers=caller) for caller in callers]

    assert [answer.status_code for answer in answers] == [201, 201, 201, 201, 403]


async def test_suspended_verified_again_and_gone(network: Network, registry: Any) -> None:
    """Each step is told; who has left does not come back."""
    partner, editor, coordinator = await a_verified_partner(network)
    address = f"/v1/partners/{partner['id']}"
    ok(await step(network, f"{address}/suspend", coordinator))
    assert (await registry.get(address)).status_code == 404
    ok(await step(network, f"{address}/verify", coordinator))
    ok(await step(network, f"{address}/leave", editor))

    answer = await step(network, f"{address}/verify", coordinator)

    assert refusal(answer) == (409, "partner-state")
    steps = ("verified", "suspended", "verified", "left")
    assert await told(network) == [f"registry.partner.{verb}.v1" for verb in steps]


async def test_two_coordinators_at_once_verify_once(network: Network, registry: Any) -> None:
    """The second is told that something has changed."""
    coordinator = await network.key(Role.COORDINATOR, region="15087")
    applied = await registry.post("/v1/partners", json=PARTNER)
    address, headers = f"/v1/partners/{ok(applied)['id']}", coordinator | matching(applied)

    answers = await asyncio.gather(*(registry.post(f"{address}/verify", headers=headers) for _ in range(2)))

    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert await told(network) == ["registry.partner.verified.v1"]


async def test_an_editor_cannot_leave_on_an_old_reading(network: Network, registry: Any) -> None:
    """If-Match holds for the partner's own editor, too."""
    partner, editor, coordinator = await a_verified_partner(network)
    address = f"/v1/partners/{partner['id']}"
    before = await registry.get(address)
    ok(await step(network, f"{address}/suspend", coordinator))

    assert refusal(await registry.post(f"{address}/leave", headers=editor | matching(before))) == (412, "stale")


async def test_contacts_are_shown_to_their_own_and_every_reading_is_noted(network: Network, registry: Any) -> None:
    """The partner's editor and the coordinator read names; another partner's editor finds nothing."""
    partner, editor, coordinator = await a_verified_partner(network)
    address = f"/v1/partners/{partner['id']}/contacts"
    more = {"name": "Omar Beispiel", "email": "omar@kupferkreis.example.org", "phone": "03476 5550100"}
    added = ok(await registry.post(address, json=more, headers=editor))

    read = ok(await registry.get(address, headers=coordinator))

    assert {one["name"] for one in read} == {"Mira Beispiel", "Omar Beispiel"}
    other = await network.key(Role.PARTNER_EDITOR, partner_id=uuid4())
    admin = await network.key(Role.NETWORK_ADMIN)
    assert [(await registry.get(address, headers=who)).status_code for who in (other, admin, {})] == [404, 403, 401]
    audit = await network.rows(
        "registry", "SELECT action FROM audit WHERE person_ref = $1 ORDER BY id", UUID(added["person_ref"]))
    assert [row["action"] for row in audit] == ["change", "read"]


async def test_a_contact_that_is_sent_twice_is_one_contact(network: Network, registry: Any) -> None:
    """The same key answers with the same person; without a key, or with another, it is one more."""
    partner, editor, _ = await a_verified_partner(network)
    address, once = f"/v1/partners/{partner['id']}/contacts", editor | new_idempotency_key()
    more = {"name": "Omar Beispiel", "email": "omar@kupferkreis.example.org"}
    first, again = [ok(await registry.post(address, json=more, headers=once)) for _ in range(2)]

    assert first == again
    assert len(ok(await registry.get(address, headers=editor))) == 2
    other = await registry.post(address, json=more | {"name": "Omar Anders"}, headers=once)
    assert refusal(other) == (422, "idempotency-key-reused")


async def test_no_name_or_address_is_stored_in_clear(network: Network, registry: Any) -> None:
    """What is personal is sealed; the whole database has no byte of it."""
    await a_verified_partner(network)

    for table in ("person", "partner_contact", "outbox", "audit", "idempotency"):
        text = " ".join(str(dict(row)) for row in await network.rows("registry", f"SELECT * FROM {table}"))
        assert "Mira" not in text
        assert "mira@" not in text


async def test_what_to_say_of_a_partner_is_answered(network: Network, registry: Any) -> None:
    """Who is to be told that they were verified gets the partner's name with it; about nothing, nothing is said."""
    partner, _, _ = await a_verified_partner(network)
    (contact,) = await network.rows("registry", "SELECT person_ref FROM partner_contact")
    async with network["registry"].running.database.transaction() as transaction:
        found = await reach(transaction, RegistryAddresseeAsked(
            person_ref=contact["person_ref"], about=f"partner/{partner['id']}", template="partner_verified"))
        nothing = [f"{noun}/{uuid4()}" for noun in ("partner", "offer", "observation", "tree")]
        for about in (*nothing, "partner/x", ""):
            with pytest.raises(NotFound):
                await say(transaction, RegistryWordsAsked(about=about))

    assert (found.email, found.values["partner"]) == ("mira@kupferkreis.example.org", PARTNER["name"])
    assert found.values["region"] == "Mansfeld-Südharz"

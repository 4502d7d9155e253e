"""Erasures: a person is erased here, the others tell of their part, and a receipt is signed over all of them."""

import asyncio
import hashlib
import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from libs.common.callers import Role
from libs.common.facts.events import EventsPersonErased
from libs.common.facts.matching import MatchingPersonErased
from libs.common.facts.notify import NotifyPersonErased
from libs.common.facts.registry import RegistryPersonsByAddress
from services.registry.erasures.reactions import say_who
from tests.harness import Network, new_idempotency_key
from tests.registry.happened import an_event, attended
from tests.registry.steps import (
    PARTNER,
    Headers,
    a_project,
    a_verified_partner,
    an_indicator,
    answering,
    id_of,
    ok,
    refusal,
    step,
    told,
)

MIRA = "mira@kupferkreis.example.org"
OTHERS = {"events": EventsPersonErased, "matching": MatchingPersonErased, "notify": NotifyPersonErased}


async def others_answer(network: Network, stack: AsyncExitStack, found: dict[str, list[UUID]]) -> list[str]:
    """The other three answer whom they hold under an address; returns the addresses that they are asked for."""
    asked: list[str] = []
    for service in OTHERS:
        async def reply(body: bytes, service: str = service) -> bytes:
            asked.append(json.loads(body)["address"])
            return json.dumps({"answer": {"person_refs": [str(ref) for ref in found.get(service, [])]}}).encode()

        await stack.enter_async_context(answering(network, service, {f"ask.{service}.persons.v1": reply}))
    return asked


async def requested(network: Network, headers: Headers, **body: Any) -> str:
    """The address of an erasure that was requested while nobody else holds the address."""
    async with AsyncExitStack() as stack:
        await others_answer(network, stack, {})
        answer = await network["registry"].client.post("/v1/erasures", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    location = str(answer.headers["location"])
    assert location == f"/v1/erasures/{answer.json()['id']}"
    return location


def part(service: str, erasure: str) -> Any:
    """A service tells that it has done its part."""
    return OTHERS[service](erasure_id=id_of(erasure), service=service, stores=("person", "person_key"))


async def test_a_person_is_asked_for_and_erased_everywhere(network: Network, registry: Any) -> None:
    """Whoever holds the address is found, in all four services and all regions; the key is destroyed here."""
    partner, editor, _ = await a_verified_partner(network, region="15088")
    coordinator = await network.key(Role.COORDINATOR, region="15087")
    (own,) = await network.rows("registry", "SELECT person_ref FROM person")
    foreign = uuid4()
    body = {"address": f" {MIRA.upper()} ", "region": "15087"}
    async with AsyncExitStack() as stack:
        asked = await others_answer(network, stack, {"events": [foreign], "notify": [foreign]})
        answer = await registry.post("/v1/erasures", json=body, headers=coordinator)

    assert (answer.status_code, answer.json()["persons"], answer.json()["state"]) == (202, 2, "requested")
    assert asked == [MIRA.upper()] * 3
    (row,) = await network.rows("registry", "SELECT body FROM outbox WHERE subject = 'registry.erasure.requested.v1'")
    assert set(json.loads(row["body"])["person_refs"]) == {str(own["person_ref"]), str(foreign)}
    await network.settled()
    running = ok(await registry.get(answer.headers["location"], headers=coordinator))
    assert (running["state"], running["missing"], running["receipt"]) == ("running", list(OTHERS), None)
    assert ok(await registry.get(f"/v1/partners/{partner['id']}/contacts", headers=editor)) == []
    assert [row["wrapped"] for row in await network.rows("registry", "SELECT wrapped FROM person_key")] == [None]


async def test_one_receipt_is_signed_over_all_four_parts(network: Network, registry: Any) -> None:
    """It says what was erased when, names nobody, and its hash is told; a forged one is noticed."""
    admin = await network.key(Role.NETWORK_ADMIN)
    address = await requested(network, admin, person_refs=[str(uuid4())])
    await network.tell("registry", *(part(service, address) for service in OTHERS))
    await network.settled()

    done = ok(await registry.get(address, headers=admin))

    assert (done["state"], done["missing"], done["signature_holds"]) == ("completed", [], True)
    receipt = json.loads(done["receipt"])
    assert ([one["service"] for one in receipt["parts"]], receipt["persons"], receipt["network"]) == (
        ["events", "matching", "notify", "registry"], 1, "test")
    assert hashlib.sha256(done["receipt"].encode()).hexdigest() == done["receipt_hash"]
    (row,) = await network.rows("registry", "SELECT body FROM outbox WHERE subject = 'registry.erasure.completed.v1'")
    assert json.loads(row["body"])["receipt_hash"] == done["receipt_hash"]
    await network.rows("registry", "UPDATE erasure SET receipt = replace(receipt, '\"persons\":1', '\"persons\":9')")
    assert ok(await registry.get(address, headers=admin))["signature_holds"] is False


async def test_the_address_is_kept_nowhere(network: Network, registry: Any) -> None:
    """Neither in clear nor sealed, in no table, also when nobody was found under it."""
    coordinator = await network.key(Role.COORDINATOR, region="15087")
    headers = coordinator | new_idempotency_key()
    address = await requested(network, headers, address="niemand@example.org", region="15087")
    await network.tell("registry", *(part(service, address) for service in OTHERS))
    await network.settled()

    for table in ("erasure", "erasure_part", "idempotency", "outbox", "audit", "due"):
        rows = await network.rows("registry", f"SELECT * FROM {table}")
        assert "niemand" not in " ".join(str(dict(row)) for row in rows)
    done = ok(await registry.get(address, headers=coordinator))
    assert (done["persons"], done["state"]) == (0, "completed")


async def everywhere(network: Network, registry: Any) -> tuple[list[str], str, Headers]:
    """One address in a consultation, an observation, a body; two figures, the consultation and a coordinator."""
    today = datetime.now(UTC).date()
    project, coordinator, _ = await a_project(
        network, starts=today.isoformat(), ends=(today + timedelta(days=90)).isoformat())
    advised = {"metric": "distinct_subjects", "filter": {"facts": ["consultation"]}}
    figures = [await an_indicator(network, project, coordinator, **advised),
               await an_indicator(network, project, coordinator)]
    event = an_event(id_of(project), on=today)
    await network.tell("registry", attended(event, "key-of-mira", person_ref=uuid4()))
    planned = ok(await registry.post("/v1/consultations", headers=coordinator, json={
        "project_id": str(id_of(project)), "region": "15087", "planned_for": today.isoformat(),
        "subject": {"kind": "person", "name": "Mira", "email": MIRA, "phone": "03476 5550100"}}))
    consultation = f"/v1/consultations/{planned['id']}"
    held = {"held_on": today.isoformat(), "minutes": 30, "topics": ["start"], "note": "Mira sucht Helfer."}
    ok(await step(network, f"{consultation}/hold", coordinator, held))
    ok(await registry.post("/v1/observations", json={
        "kind": "need", "region": "15087", "description": "Es fehlen Räume.", "submitter": {"email": MIRA}}))
    ok(await registry.post("/v1/bodies", headers=coordinator, json={
        "name": "Beirat", "kind": "council", "region": "15087", "contact": {"name": "Mira", "email": MIRA}}))
    return figures, consultation, coordinator


async def test_figures_stay_and_names_go(network: Network, registry: Any) -> None:
    """The note, the submitter, the body's office and the partner's contact are gone; what was counted is not."""
    figures, consultation, coordinator = await everywhere(network, registry)
    before = [ok(await registry.get(one, headers=coordinator))["actual"] for one in figures]
    assert before == [1, 1]

    await requested(network, coordinator, address=MIRA, region="15087")
    await network.settled()

    assert [ok(await registry.get(one, headers=coordinator))["actual"] for one in figures] == before
    read = ok(await registry.get(consultation, headers=coordinator))
    assert (read["name"], read["note"], read["state"]) == (None, None, "held")
    for query in ("partner_contact", "person WHERE details IS NOT NULL OR email_index IS NOT NULL",
                  "person_key WHERE wrapped IS NOT NULL", "body WHERE contact_ref IS NOT NULL",
                  "observation WHERE submitter_ref IS NOT NULL", "consultation WHERE note IS NOT NULL"):
        assert await network.rows("registry", f"SELECT 1 FROM {query}") == [], query


async def test_parts_that_come_at_once_or_twice_complete_it_once(network: Network, registry: Any) -> None:
    """Three speakers in the same moment, each twice: one receipt, one fact."""
    admin = await network.key(Role.NETWORK_ADMIN)
    address = await requested(network, admin, person_refs=[str(uuid4())])
    await network.settled()

    async def tell_twice(service: str) -> None:
        await network.tell("registry", part(service, address), part(service, address))

    await asyncio.gather(*(tell_twice(service) for service in OTHERS))
    await network.settled()

    assert ok(await registry.get(address, headers=admin))["state"] == "completed"
    assert len(await told(network, "registry.erasure.completed.v1")) == 1
    assert len(await network.rows("registry", "SELECT id FROM erasure_part")) == 4


async def test_whoever_does_not_answer_is_told_again(network: Network, registry: Any) -> None:
    """Every hour, until the last part is there; then no more."""
    admin = await network.key(Role.NETWORK_ADMIN)
    address = await requested(network, admin, person_refs=[str(uuid4())])
    await network.tell("registry", part("events", address), part("matching", address))
    await network.settled()
    await network.move(timedelta(hours=1, minutes=1))
    await network.move(timedelta(hours=1, minutes=1))
    assert len(await told(network, "registry.erasure.requested.v1")) == 3
    assert ok(await registry.get(address, headers=admin))["missing"] == ["notify"]

    await network.tell("registry", part("notify", address))
    await network.move(timedelta(hours=3))

    assert ok(await registry.get(address, headers=admin))["state"] == "completed"
    assert len(await told(network, "registry.erasure.requested.v1")) == 3


async def test_nothing_is_begun_while_a_service_cannot_be_asked(network: Network, registry: Any) -> None:
    """It might hold the address; the same request goes through when it is back, and is answered again afterwards."""
    admin = await network.key(Role.NETWORK_ADMIN)
    body, headers = {"address": "03476 5550100"}, admin | new_idempotency_key()
    assert refusal(await registry.post("/v1/erasures", json=body, headers=headers)) == (503, "owner-away")
    assert (await told(network), await network.rows("registry", "SELECT id FROM erasure")) == ([], [])

    address = await requested(network, headers, **body)
    again = await registry.post("/v1/erasures", json=body, headers=headers)

    assert (again.status_code, again.headers["location"]) == (202, address)
    assert len(await told(network, "registry.erasure.requested.v1")) == 1


NOT_WHOM: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({"region": "15087"}, (422, "invalid-request")),
    ({"address": "irgendwer", "region": "15087"}, (422, "address-unreadable")),
    ({"person_refs": [str(UUID(int=4))], "region": "15088"}, (403, "outside-own-region")),
    ({"person_refs": [str(UUID(int=4))]}, (403, "outside-own-region")),
    ({"person_refs": ["x"], "region": "15087"}, (422, "invalid-request")),
]


async def test_a_request_that_says_not_whom_is_refused(network: Network, registry: Any) -> None:
    """Nobody named, no address, another region; nothing is told."""
    coordinator = await network.key(Role.COORDINATOR, region="15087")

    for body, expected in NOT_WHOM:
        assert refusal(await registry.post("/v1/erasures", json=body, headers=coordinator)) == expected, body
    assert await told(network) == []


async def test_who_sees_an_erasure(network: Network, registry: Any) -> None:
    """The region's coordinator and the auditor; the registry answers its own question like every service."""
    coordinator = await network.key(Role.COORDINATOR, region="15087")
    address = await requested(network, coordinator, person_refs=[str(uuid4())], region="15087")
    callers = [await network.key(Role.AUDITOR), await network.key(Role.COORDINATOR, region="15088"),
               await network.key(Role.OPS)]

    assert [(await registry.get(address, headers=who)).status_code for who in callers] == [200, 404, 403]
    lists = [len(ok(await registry.get("/v1/erasures", headers=who))["items"]) for who in (coordinator, *callers[:2])]
    assert lists == [1, 1, 0]
    ok(await registry.post("/v1/partners", json=PARTNER))
    async with network["registry"].running.database.transaction() as transaction:
        found = await say_who(transaction, RegistryPersonsByAddress(address=MIRA))
    assert len(found.person_refs) == 1

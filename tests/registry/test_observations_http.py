"""Observations: submitted by anyone, put before a body, answered; the body and the submitter are written to."""

import json
from typing import Any
from uuid import UUID, uuid4

from libs.common.callers import Role
from libs.common.facts.registry import RegistryAddresseeAsked
from services.registry.partners.reactions import reach
from tests.harness import Network, new_idempotency_key
from tests.registry.steps import Headers, a_verified_partner, id_of, matching, ok, refusal, step, told

NOTICED = {"kind": "barrier", "region": "15087", "description": "Zum Jobcenter fährt nach 15 Uhr kein Bus."}
COUNCIL = {"name": "Integrationsbeirat Mansfeld-Südharz (Demo)", "kind": "council", "region": "15087",
           "contact": {"name": "Geschäftsstelle", "email": "beirat@example.org"}}


async def submitted(network: Network, headers: Headers | None = None, **fields: Any) -> str:
    """The address of an observation that was submitted, by the public unless said otherwise."""
    answer = await network["registry"].client.post("/v1/observations", json=NOTICED | fields, headers=headers)
    return f"/v1/observations/{ok(answer)['id']}"


async def a_council(network: Network, headers: Headers, **fields: Any) -> str:
    """The id of a body."""
    return str(ok(await network["registry"].client.post("/v1/bodies", json=COUNCIL | fields, headers=headers))["id"])


async def contacts_told(network: Network, verb: str) -> list[str]:
    """Whom the only fact of this verb names as to be told."""
    subject = f"registry.observation.{verb}.v1"
    (row,) = await network.rows("registry", "SELECT body FROM outbox WHERE subject = $1", subject)
    refs: list[str] = json.loads(row["body"])["contact_refs"]
    return refs


async def test_from_the_public_to_the_councils_answer(network: Network, registry: Any) -> None:
    """Received, looked at, forwarded, answered, closed; the council and the submitter are those who are written to."""
    coordinator = await network.key(Role.COORDINATOR, region="15087")
    council = await a_council(network, coordinator)
    submitter = {"email": "mira@example.org", "name": "Mira Beispiel", "languages": ["uk", "de"]}
    address = await submitted(network, submitter=submitter)
    assert (await registry.get(address)).status_code == 401
    ok(await step(network, f"{address}/take_up", coordinator))
    ok(await step(network, f"{address}/forward", coordinator, {"body_id": council}))
    ok(await step(network, f"{address}/answer", coordinator, {"summary": "Der Beirat beantragt eine spätere Linie."}))
    closed = ok(await step(network, f"{address}/close", coordinator))

    assert (closed["state"], closed["body_id"], closed["answer"]) == (
        "closed", council, "Der Beirat beantragt eine spätere Linie.")
    assert await told(network) == [f"registry.observation.{verb}.v1" for verb in ("submitted", "forwarded", "answered")]
    assert await contacts_told(network, "submitted") == []
    async with network["registry"].running.database.transaction() as transaction:
        found = [await reach(transaction, RegistryAddresseeAsked(
            person_ref=UUID(ref), about=f"observation/{id_of(address)}", template="observation_answered"))
            for verb in ("forwarded", "answered") for ref in await contacts_told(network, verb)]
    assert [(one.email, one.languages) for one in found] == [
        ("beirat@example.org", ("de",)), ("mira@example.org", ("uk", "de"))]
    assert found[1].values | {"description": ""} == {
        "kind": "barrier", "region": "Mansfeld-Südharz", "body": COUNCIL["name"], "description": "",
        "answer": "Der Beirat beantragt eine spätere Linie."}


async def test_what_is_put_before_nobody_has_a_reason(network: Network, registry: Any) -> None:
    """And comes to its end all the same; it cannot be answered."""
    coordinator = await network.key(Role.COORDINATOR, region="15087")
    address = await submitted(network)
    assert refusal(await step(network, f"{address}/keep_back", coordinator, {"reason": "?"})) == (
        409, "observation-state")
    ok(await step(network, f"{address}/take_up", coordinator))
    kept = ok(await step(network, f"{address}/keep_back", coordinator, {"reason": "Die Linie fährt wieder."}))
    assert (kept["state"], kept["reason"]) == ("not_forwarded", "Die Linie fährt wieder.")

    answer = await step(network, f"{address}/answer", coordinator, {"summary": "x"})

    assert refusal(answer) == (409, "observation-state")
    assert ok(await step(network, f"{address}/close", coordinator))["state"] == "closed"


NOT_TO_SUBMIT: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({"description": "Frau Beispiel wurde abgewiesen"}, (422, "text-names-someone")),
    ({"description": "Rückruf: 03476 5550123"}, (422, "text-names-someone")),
    ({"region": "99999"}, (422, "unknown-region")), ({"kind": "complaint"}, (422, "invalid-request")),
    ({"description": ""}, (422, "invalid-request")), ({"state": "answered"}, (422, "invalid-request")),
]


async def test_what_names_someone_or_cannot_be_read_is_refused(network: Network, registry: Any) -> None:
    """Nothing is stored; the refusal repeats nothing of it, in German neither."""
    for fields, expected in NOT_TO_SUBMIT:
        answer = await registry.post("/v1/observations", json=NOTICED | fields, headers={"Accept-Language": "de"})
        assert (refusal(answer), "Beispiel" in answer.text) == (expected, False), fields

    assert await network.rows("registry", "SELECT id FROM observation") == []


async def test_whoever_confirms_that_nobody_is_named_is_believed(network: Network, registry: Any) -> None:
    """A street may be called like a person. Sent again by the public it is not answered with what it may not read."""
    street = NOTICED | {"description": "In der Straße namens Anna-Seghers-Weg ist kein Licht."}
    assert refusal(await registry.post("/v1/observations", json=street)) == (422, "text-names-someone")
    headers = new_idempotency_key()

    first = await registry.post("/v1/observations", json=street | {"contains_no_names": True}, headers=headers)
    again = await registry.post("/v1/observations", json=street | {"contains_no_names": True}, headers=headers)

    assert (first.status_code, refusal(again)) == (201, (409, "observation-received"))


async def test_everyone_submits_and_may_leave_an_address(network: Network, registry: Any) -> None:
    """A partner's editor for the partner; everyone else as the public does, also about another region."""
    _, editor, _ = await a_verified_partner(network)
    callers = [editor, await network.key(Role.COORDINATOR, region="05"), await network.key(Role.AUDITOR), None]
    for caller in callers:
        await submitted(network, caller, submitter={"email": "mira@example.org"})

    rows = await network.rows("registry", "SELECT partner_id FROM observation ORDER BY id")
    assert [row["partner_id"] is not None for row in rows] == [True, False, False, False]


async def test_a_partner_sees_its_own_and_a_coordinator_the_regions(network: Network, registry: Any) -> None:
    """Nobody else's, neither in lists nor one by one; an editor's repeated request is answered."""
    _, editor, coordinator = await a_verified_partner(network)
    headers = editor | new_idempotency_key()
    mine, again = [await submitted(network, headers) for _ in range(2)]
    assert mine == again
    theirs = await submitted(network)
    other = await network.key(Role.PARTNER_EDITOR, partner_id=uuid4())
    elsewhere = await network.key(Role.COORDINATOR, region="15088")

    lists = {name: len(ok(await registry.get("/v1/observations", headers=who))["items"]) for name, who in {
        "editor": editor, "coordinator": coordinator, "other": other, "elsewhere": elsewhere}.items()}

    assert lists == {"editor": 1, "coordinator": 2, "other": 0, "elsewhere": 0}
    assert [(await registry.get(theirs, headers=who)).status_code for who in (editor, elsewhere)] == [404, 404]
    filtered = await registry.get("/v1/observations", headers=coordinator, params={"state": "answered"})
    assert ok(filtered)["items"] == []
    assert refusal(await registry.post(f"{mine}/take_up", headers=editor | {"If-Match": '"1"'})) == (403, "not-allowed")


async def test_a_body_is_known_to_all_and_its_office_to_few(network: Network, registry: Any) -> None:
    """Found from below its region; who answers there is read by the coordinator only, and can be changed."""
    coordinator = await network.key(Role.COORDINATOR, region="15087")
    body = await a_council(network, coordinator)
    admin = await network.key(Role.NETWORK_ADMIN)
    await a_council(network, admin, region=None, name="Landesbeirat", contact=None)
    shown = await registry.get(f"/v1/bodies/{body}")
    assert (ok(shown)["name"], shown.json()["reachable"], "beirat@" in shown.text) == (COUNCIL["name"], True, False)
    found = [len(ok(await registry.get("/v1/bodies", params={"region": region}))["items"])
             for region in ("15087370", "15088")]
    assert found == [2, 1]

    change = COUNCIL | {"contact": {"name": "Neue Stelle", "email": "neu@example.org"}}
    ok(await registry.put(f"/v1/bodies/{body}", json=change, headers=coordinator | matching(shown)))

    (office,) = ok(await registry.get(f"/v1/bodies/{body}/contact", headers=coordinator))
    assert office["email"] == "neu@example.org"
    assert (await registry.get(f"/v1/bodies/{body}/contact", headers=admin)).status_code == 403
    outside = await registry.post("/v1/bodies", json=COUNCIL | {"region": None}, headers=coordinator)
    assert refusal(outside) == (403, "outside-own-region")
    stale = await registry.put(f"/v1/bodies/{body}", json=change, headers=coordinator | matching(shown))
    assert refusal(stale) == (412, "stale")

"""Programmes through the registry's HTTP door: NesT as its pilot and from 2023 on, and the network's own."""

import json
from typing import Any

from libs.common.callers import Role
from tests.harness import Network, new_idempotency_key
from tests.registry.steps import matching, ok, refusal, told

NEST = {"name": "NesT - Neustart im Team", "code": "nest", "contact_line": "Montag bis Freitag, 0391 555 0100"}
PILOT = {
    "valid_until": "2022-12-31", "min_members": 5, "rent_months": 24, "support_months": 12, "chooser": "authority",
    "required_trainings": [{"training_code": "basic_training", "members": 1}], "statutory_status": "resettlement",
}
FROM_2023 = PILOT | {
    "valid_until": "2025-12-31", "min_members": 4, "rent_months": 12,
    "required_documents": ["support_plan", "training_certificate"], "main_contacts": 2, "required_records": 4,
    "checkin_days": [365, 28, 182, 28],
}


async def a_programme(network: Network, **fields: Any) -> tuple[str, dict[str, str]]:
    """The address of a programme of the whole network, and a network admin's headers."""
    admin = await network.key(Role.NETWORK_ADMIN)
    entered = await network["registry"].client.post("/v1/programmes", json=NEST | fields, headers=admin)
    return f"/v1/programmes/{ok(entered)['id']}", admin


async def test_nest_is_entered_with_the_rules_of_its_pilot_and_of_2023(network: Network, registry: Any) -> None:
    """Each rule set holds for its years and is told to everyone; whoever looks sees them in order."""
    address, admin = await a_programme(network)
    for day, rules in (("2023-01-01", FROM_2023), ("2019-05-01", PILOT)):
        before = await registry.get(address)
        ok(await registry.put(f"{address}/rule_sets/{day}", json=rules, headers=admin | matching(before)))

    sets = ok(await registry.get(address))["rule_sets"]

    assert [(one["valid_from"], one["min_members"], one["rent_months"]) for one in sets] == [
        ("2019-05-01", 5, 24), ("2023-01-01", 4, 12)]
    assert sets[1]["checkin_days"] == [28, 182, 365]
    assert [one["required_records"] for one in sets] == [0, 4]
    facts = [json.loads(row["body"]) for row in await network.rows("registry", "SELECT body FROM outbox ORDER BY id")]
    assert [(fact["valid_from"], fact["valid_until"], fact["code"]) for fact in facts] == [
        ("2023-01-01", "2025-12-31", "nest"), ("2019-05-01", "2022-12-31", "nest")]
    assert (facts[0]["required_trainings"], facts[0]["chooser"]) == (
        [{"training_code": "basic_training", "members": 1}], "authority")
    assert [fact["required_records"] for fact in facts] == [4, 0]


async def test_the_demonstrations_own_programme_follows_itself(network: Network, registry: Any) -> None:
    """New rules end those that held until further notice the day before, and both changes are told."""
    address, admin = await a_programme(network, code="own_sponsorship", name="Willkommensgruppen (Demo)")
    own = {"min_members": 4, "rent_months": 12, "chooser": "coordinator"}
    for day, members in (("2023-01-01", 4), ("2027-01-01", 3)):
        before = await registry.get(address)
        ok(await registry.put(f"{address}/rule_sets/{day}", json=own | {"min_members": members},
                              headers=admin | matching(before)))

    assert [(one["valid_from"], one["valid_until"]) for one in ok(await registry.get(address))["rule_sets"]] == [
        ("2023-01-01", "2026-12-31"), ("2027-01-01", None)]
    assert len(await told(network, "registry.programme.rules_changed.v1")) == 3


async def test_rules_that_are_set_again_replace_the_earlier_ones(network: Network, registry: Any) -> None:
    """One rule set per first day; who has read what is no longer so is told."""
    address, admin = await a_programme(network)
    entered = await registry.get(address)
    ok(await registry.put(f"{address}/rule_sets/2023-01-01", json=FROM_2023, headers=admin | matching(entered)))

    stale = await registry.put(f"{address}/rule_sets/2023-01-01", json=PILOT, headers=admin | matching(entered))
    assert refusal(stale) == (412, "stale")
    now = await registry.get(address)
    again = await registry.put(f"{address}/rule_sets/2023-01-01", json=FROM_2023 | {"min_members": 6},
                               headers=admin | matching(now))

    assert [one["min_members"] for one in ok(again)["rule_sets"]] == [6]
    assert len(await told(network)) == 2


CANNOT_HOLD: list[tuple[str, dict[str, Any], tuple[int, str]]] = [
    ("2023-01-01", {"valid_until": "2022-12-31"}, (422, "rules-backwards")),
    ("2020-01-01", {}, (409, "rules-overlap")),
    ("2023-13-01", {}, (422, "invalid-request")), ("2023-01-01", {"chooser": "mentors"}, (422, "invalid-request")),
    ("2023-01-01", {"min_members": -1}, (422, "invalid-request")),
]


async def test_rules_that_cannot_hold_are_refused(network: Network, registry: Any) -> None:
    """Nothing is changed and nothing is told."""
    address, admin = await a_programme(network)
    entered = await registry.get(address)
    before = await registry.put(f"{address}/rule_sets/2019-05-01", json=PILOT, headers=admin | matching(entered))

    for day, fields, expected in CANNOT_HOLD:
        path, body = f"{address}/rule_sets/{day}", FROM_2023 | fields
        assert refusal(await registry.put(path, json=body, headers=admin | matching(before))) == expected, (day, fields)

    assert len(ok(await registry.get(address))["rule_sets"]) == 1
    assert len(await told(network)) == 1


async def test_a_coordinator_enters_programmes_of_the_own_region(network: Network, registry: Any) -> None:
    """Not of the whole network, not elsewhere; and changes no other's."""
    coordinator = await network.key(Role.COORDINATOR, region="15087")
    for region in (None, "15088", "15"):
        answer = await registry.post("/v1/programmes", json=NEST | {"region": region}, headers=coordinator)
        assert refusal(answer) == (403, "outside-own-region")
    headers = coordinator | new_idempotency_key()
    mine, again = [ok(await registry.post("/v1/programmes", json=NEST | {"region": "15087"}, headers=headers))
                   for _ in range(2)]
    assert mine == again

    theirs, _ = await a_programme(network)
    read = await registry.get(theirs)
    change = await registry.put(theirs, json={"name": "Meins"}, headers=coordinator | matching(read))
    rules = await registry.put(f"{theirs}/rule_sets/2023-01-01", json=PILOT, headers=coordinator | matching(read))

    assert [refusal(change), refusal(rules)] == [(404, "not-found")] * 2
    assert len(ok(await registry.get("/v1/programmes"))["items"]) == 2


async def test_a_carrier_is_a_partner_that_is_known(network: Network, registry: Any) -> None:
    """No programme of nobody."""
    address, admin = await a_programme(network)
    before = await registry.get(address)
    change = {"name": "NesT", "carrier_id": "00000000-0000-0000-0000-000000000007"}

    assert refusal(await registry.put(address, json=change, headers=admin | matching(before))) == (404, "not-found")
    assert ok(await registry.put(address, json={"name": "NesT"}, headers=admin | matching(before)))["name"] == "NesT"

"""Access keys: issued once, two at a time, ended for good; and the first operator's, made exactly once."""

import asyncio
from typing import Any
from uuid import uuid4

from libs.common.auth import key_hash
from libs.common.callers import Role
from services.registry.access_keys.queries import first_operator
from tests.harness import Network, in_days, new_idempotency_key
from tests.registry.steps import ok, refusal, told

BODY = {"label": "CRM", "region": "15087"}


def a_key(**fields: str) -> dict[str, str]:
    """The body of a request for a key that holds for 30 days."""
    return BODY | {"expires": in_days(30).isoformat()} | fields


async def test_a_key_is_shown_once_and_only_its_hash_is_kept(network: Network, registry: Any) -> None:
    """A repeated request answers without it, and so does every list."""
    coordinator = await network.key(Role.COORDINATOR, region="15")
    headers, body = coordinator | new_idempotency_key(), a_key()

    first, second = [ok(await registry.post("/v1/access_keys", json=body, headers=headers)) for _ in range(2)]
    (listed,) = ok(await registry.get("/v1/access_keys", headers=coordinator))["items"]

    assert first["key"].startswith(f"net_{first['id'].replace('-', '')}_")
    assert (second["key"], listed["key"], second["id"]) == (None, None, first["id"])
    (row,) = await network.rows("registry", "SELECT * FROM access_key")
    assert row["hash"] == key_hash(first["key"])
    assert first["key"] not in str(dict(row))


async def test_a_revoked_key_opens_nothing(network: Network, registry: Any) -> None:
    """It is dead here at once, elsewhere by the fact; a second time is refused."""
    coordinator = await network.key(Role.COORDINATOR, region="15087")
    issued = ok(await registry.post("/v1/access_keys", json=a_key(), headers=coordinator))
    path = f"/v1/access_keys/{issued['id']}/revoke"

    ok(await registry.post(path, headers=coordinator))

    caller = {"Authorization": f"Bearer {issued['key']}"}
    assert refusal(await registry.get("/v1/grants", headers=caller)) == (401, "not-authenticated")
    assert refusal(await registry.post(path, headers=coordinator)) == (409, "key-revoked-already")
    assert await told(network) == ["registry.access_key.issued.v1", "registry.access_key.revoked.v1"]


async def test_two_keys_of_a_principal_hold_at_once_and_no_third(network: Network, registry: Any) -> None:
    """Also when they are asked for at the same moment."""
    admin = await network.key(Role.NETWORK_ADMIN)
    body = a_key(principal=str(uuid4()))

    answers = await asyncio.gather(*(registry.post("/v1/access_keys", json=body, headers=admin) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [201, 201, 409, 409]
    assert {refusal(answer)[1] for answer in answers if answer.status_code == 409} == {"too-many-keys"}


NOT_TO_ISSUE: list[tuple[dict[str, str], tuple[int, str]]] = [
    (a_key(expires=in_days(-1).isoformat()), (422, "key-time")),
    (a_key(expires=in_days(500).isoformat()), (422, "key-time")),
    (a_key(region="15088"), (403, "outside-own-region")),
    ({"label": "CRM", "expires": in_days(30).isoformat()}, (403, "outside-own-region")),
    (a_key(expires="2027-01-01T00:00:00"), (422, "invalid-request")),
]


async def test_a_key_that_would_hold_too_long_or_elsewhere_is_refused(network: Network, registry: Any) -> None:
    """At most 400 days, inside the own region, with an offset."""
    coordinator = await network.key(Role.COORDINATOR, region="15087")

    for body, expected in NOT_TO_ISSUE:
        assert refusal(await registry.post("/v1/access_keys", json=body, headers=coordinator)) == expected, body


async def test_a_coordinator_gives_no_key_to_an_admin(network: Network, registry: Any) -> None:
    """A key leads to all grants of its principal, so it is not given for more than one may give oneself."""
    admin = await network.key(Role.NETWORK_ADMIN)
    coordinator = await network.key(Role.COORDINATOR, region="15087")
    principal = str(uuid4())
    ok(await registry.post("/v1/grants", json={"principal": principal, "role": "auditor"}, headers=admin))

    answer = await registry.post("/v1/access_keys", json=a_key(principal=principal), headers=coordinator)

    assert refusal(answer) == (403, "principal-outside")


async def test_of_two_first_starts_one_gets_the_first_key(network: Network, registry: Any) -> None:
    """It opens both of its roles; afterwards there is no first operator any more."""
    database = network["registry"].running.database

    keys = await asyncio.gather(*(first_operator(database) for _ in range(3)))

    (key,) = [key for key in keys if key]
    caller = {"Authorization": f"Bearer {key}"}
    grants = ok(await registry.get("/v1/grants", headers=caller))["items"]
    assert {grant["role"] for grant in grants} == {"network_admin", "ops"}
    assert (await registry.get("/v1/parked", headers=caller)).status_code == 200
    assert await told(network) == ["registry.access_key.issued.v1", *["registry.grant.given.v1"] * 2]
    assert await first_operator(database) is None

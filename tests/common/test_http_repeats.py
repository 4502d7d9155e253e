"""Repeated requests and pages: one effect for one Idempotency-Key, cursors that only we can make."""

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from libs.common import repeats
from libs.common.callers import Role
from libs.common.repeats import Forgetting
from tests.common.stage import on_stage
from tests.common.things import PERMISSIONS, router
from tests.harness import Network, Service, new_idempotency_key

UKRAINIAN = "Супровід до центру зайнятості та допомога з перекладом документів українською мовою"


@pytest.fixture
async def stage(network: Network) -> Service:
    """A service with things."""
    return await on_stage(network, "registry", router=router, permissions=PERMISSIONS)


@pytest.fixture
async def admin(network: Network) -> dict[str, str]:
    """Who may see every thing."""
    return await network.key(Role.NETWORK_ADMIN)


async def made(network: Network) -> tuple[int, int]:
    """How many things there are, and how many were told of."""
    return (
        len(await network.rows("registry", "SELECT 1 FROM scratch.thing")),
        len(await network.rows("registry", "SELECT 1 FROM outbox")),
    )


async def test_twenty_posts_at_once_with_one_key_make_one_thing(
    network: Network,
    stage: Service,
    admin: dict[str, str],
) -> None:
    """All get the same answer, whoever was first."""
    headers = admin | new_idempotency_key()

    answers = await asyncio.gather(
        *(stage.client.post("/v1/things", json={"name": "a"}, headers=headers) for _ in range(20))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await made(network) == (1, 1)


async def test_a_key_is_forgotten_after_a_month(
    network: Network, stage: Service, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In batches, the oldest first, and never a younger one: the leader does it by itself."""
    monkeypatch.setattr(repeats, "BATCH", 2)
    keys = [new_idempotency_key() for _ in range(5)]
    for key in keys:
        assert (await stage.client.post("/v1/things", json={"name": "a"}, headers=admin | key)).status_code == 201
    await network.rows("registry", "UPDATE idempotency SET at = at - interval '30 days 1 second' WHERE key = ANY ($1)",
                       [key["Idempotency-Key"] for key in keys[:3]])
    forgetting = Forgetting(stage.running.database)

    assert [await forgetting.step() for _ in range(3)] == [2, 1, 0]
    left = await network.rows("registry", "SELECT key FROM idempotency")
    assert {row["key"] for row in left} == {key["Idempotency-Key"] for key in keys[3:]}


async def test_the_leader_forgets_by_itself(
    network: Network, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody has to call anything."""
    monkeypatch.setattr(repeats, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(repeats, "REMEMBERED", timedelta())
    stage = await on_stage(network, "registry", router=router, permissions=PERMISSIONS)
    headers = admin | new_idempotency_key()
    assert (await stage.client.post("/v1/things", json={"name": "a"}, headers=headers)).status_code == 201

    async with asyncio.timeout(10):
        while await network.rows("registry", "SELECT 1 FROM idempotency"):
            await asyncio.sleep(0.05)


async def test_a_key_belongs_to_one_request(network: Network, stage: Service, admin: dict[str, str]) -> None:
    """With another body, or for another thing's parts, it is refused; another caller's or route's key is another."""
    key = new_idempotency_key()
    other = await network.key(Role.NETWORK_ADMIN)

    async def post(path: str, name: str, headers: dict[str, str]) -> httpx.Response:
        return await stage.client.post(path, json={"name": name}, headers=headers | key)

    first = await post("/v1/things", "a", admin)
    assert first.status_code == 201
    reused = await post("/v1/things", "b", admin)
    assert (reused.status_code, reused.json()["slug"]) == (422, "idempotency-key-reused")
    assert (await post("/v1/things", "a", other)).json()["id"] != first.json()["id"]
    parts = f"/v1/things/{first.json()['id']}/parts"
    assert (await post(parts, "a", admin)).status_code == 201
    assert (await post(f"/v1/things/{uuid4()}/parts", "a", admin)).status_code == 422
    assert (await made(network))[0] == 3


async def test_a_refused_request_uses_up_no_key(network: Network, stage: Service, admin: dict[str, str]) -> None:
    """Sent again once it is allowed, it is done."""
    headers = admin | new_idempotency_key()

    refused = await stage.client.post("/v1/things", json={"name": "a", "refuse": True}, headers=headers)
    done = await stage.client.post("/v1/things", json={"name": "a"}, headers=headers)

    assert (refused.status_code, done.status_code) == (409, 201)
    assert await made(network) == (1, 1)


async def test_a_key_that_is_none_is_refused(stage: Service) -> None:
    """1 to 128 printable signs without blanks."""
    for key in (b"", b"x" * 129, b"with blank", b"a\tb", b"\xe4"):
        answer = await stage.client.post("/v1/things", json={"name": "a"}, headers=[(b"Idempotency-Key", key)])
        assert (answer.status_code, answer.json()["slug"]) == (422, "invalid-request"), key


async def test_what_is_kept_of_a_request_is_not_its_body(network: Network, stage: Service) -> None:
    """A keyed hash and the id that was made: the body may be personal."""
    await stage.client.post("/v1/things", json={"name": "Amina Beispiel"}, headers=new_idempotency_key())

    row = (await network.rows("registry", "SELECT * FROM idempotency"))[0]

    assert len(row["body_mac"]) == 32
    assert "Amina" not in str(dict(row))


async def _fill(network: Network, count: int) -> None:
    await network.rows(
        "registry",
        "INSERT INTO scratch.thing SELECT gen_random_uuid(), 1, $1 || (n % 7), NULL, NULL,"
        " date '2026-01-01' + (n % 3) FROM generate_series(1, $2) n RETURNING 1",
        UKRAINIAN,
        count,
    )


async def _walk(stage: Service, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = await stage.client.get(f"{path}?limit=10{cursor}")
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if not answer.json()["next"]:
            return found
        cursor = f"&cursor={answer.json()['next']}"


@pytest.mark.parametrize("path", ["/v1/things", "/v1/things/by_day"])
async def test_pages_hold_everything_once_and_in_order(network: Network, stage: Service, path: str) -> None:
    """Also with long names in other scripts, equal names, and days for keys."""
    await _fill(network, 35)

    found = await _walk(stage, path)

    assert len(found) == len({one["id"] for one in found}) == 35
    if path == "/v1/things":
        assert [one["name"] for one in found] == sorted(one["name"] for one in found)


async def test_a_cursor_that_is_not_ours_is_refused(network: Network, stage: Service) -> None:
    """Changed anywhere, of another list, made up with values of any type: 422, and never a question to the database."""
    await _fill(network, 35)
    ours = (await stage.client.get("/v1/things?limit=1")).json()["next"]
    raw = base64.urlsafe_b64decode(ours)
    changed = [
        base64.urlsafe_b64encode(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]).decode()
        for place in range(0, len(raw), 9)
    ]
    made_up = [
        base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()
        for parts in (
            [["v", "a"], ["u", "no id"]],
            [["v", "a\0"], ["v", 1]],
            [["t", "2026"]],
            [],
            1,
            [["v", {}], ["v", []]],
            [["x", "y"]],
        )
    ]
    of_another = (await stage.client.get("/v1/things/by_day?limit=1")).json()["next"]

    for cursor in [*changed, *made_up, of_another, "AAAA", "=", "-_-_", ours[:-4], ours + "AAAA"]:
        answer = await stage.client.get(f"/v1/things?cursor={cursor}")
        assert (answer.status_code, answer.json()["slug"]) == (422, "cursor-unreadable"), cursor
    assert (await stage.client.get(f"/v1/things?cursor={ours}")).status_code == 200

"""The HTTP door: problem documents, the commit before the answer, limits, versions; bad input changes nothing."""

import asyncio
import io
import json
import logging
from uuid import UUID, uuid4

import httpx
import pytest
import structlog
from sqlalchemy.ext.asyncio import create_async_engine
from structlog.stdlib import ProcessorFormatter

from libs.common import http
from libs.common.callers import Role
from libs.common.http import language_of
from tests.common.stage import on_stage
from tests.common.things import MARKER, PERMISSIONS, router
from tests.harness import Network, Service, new_idempotency_key

PROBLEM = "application/problem+json"


@pytest.fixture
async def stage(network: Network) -> Service:
    """A service with things."""
    return await on_stage(network, "registry", router=router, permissions=PERMISSIONS)


def _logging_to(lines: io.StringIO) -> None:
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and isinstance(handler.formatter, ProcessorFormatter):
            handler.setStream(lines)


async def things(network: Network) -> int:
    """How many things there are."""
    return len(await network.rows("registry", "SELECT 1 FROM scratch.thing"))


def is_problem(answer: httpx.Response, status: int, slug: str) -> None:
    """Check that the answer is this problem document."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    told = answer.json()
    assert (told["status"], told["slug"], told["type"]) == (status, slug, f"urn:lotsennetz:refusal:{slug}")
    assert told["correlation"] == answer.headers["x-correlation-id"]
    assert answer.headers["content-language"] in {"de", "en"}
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_commit_that_fails_is_no_201(network: Network, stage: Service) -> None:
    """The commit precedes the answer: what the client reads is true."""
    answer = await stage.client.post("/v1/things/break_commit")

    is_problem(answer, 500, "bug")
    assert await network.rows("registry", "SELECT 1 FROM scratch.dangling") == []


async def test_a_bug_says_nothing_but_the_correlation_id(stage: Service) -> None:
    """Not in the answer, and not in the log either, where its kind and place stand."""
    lines = io.StringIO()
    _logging_to(lines)

    answer = await stage.client.get("/v1/things/bug", headers={"X-Correlation-ID": "0b5e55ed-1"})

    is_problem(answer, 500, "bug")
    assert answer.json()["correlation"] == "0b5e55ed-1"
    assert set(answer.json()) == {"type", "slug", "title", "status", "detail", "correlation"}
    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    bug = next(line for line in logged if line["event"] == "a bug answered 500")
    assert bug["correlation"] == "0b5e55ed-1"
    assert "raise_bug" in bug["raised"]
    assert MARKER not in answer.text + lines.getvalue()


async def test_a_correlation_id_that_is_not_plain_is_replaced(stage: Service) -> None:
    """It goes into logs, facts and the audit."""
    for unsafe in ("x" * 65, 'a" b', "ä", "<script>"):
        answer = await stage.client.get("/v1/things", headers=[(b"X-Correlation-ID", unsafe.encode("latin-1"))])
        assert UUID(answer.headers["x-correlation-id"]).version == 7


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT", "de"),
        ("en-GB,de;q=0.5", "en"),
        ("uk, de;q=0.7, en;q=0.9", "en"),
        ("uk,ar", "en"),
        ("de; q=0.1, en; q=0.9", "en"),
        ("en;q=0, de", "de"),
        ("de;q=0", "en"),
        ("DE", "de"),
        ("den", "en"),
        ("*", "en"),
        (";;;,q=1,de", "de"),
        ("de;q=nan,en;q=0.1", "en"),
        ("de;q=1e9", "en"),
        ("\xff\xfe, de", "de"),
    ],
)
def test_the_language_is_the_one_that_is_preferred(header: str, language: str) -> None:
    """By quality, then by order; German or English, English when neither is wished for."""
    assert language_of({"headers": [(b"accept-language", header.encode("latin-1"))]}) == language


async def test_a_refusal_is_told_in_german_and_english(stage: Service) -> None:
    """The slug is the same for programs."""
    german = await stage.client.get(f"/v1/things/{uuid4()}", headers={"Accept-Language": "de"})
    english = await stage.client.get(f"/v1/things/{uuid4()}")

    is_problem(german, 404, "not-found")
    is_problem(english, 404, "not-found")
    assert german.json()["detail"].startswith("Das gibt es hier nicht")
    assert english.json()["detail"] == "There is no such thing."
    assert (german.headers["content-language"], english.headers["content-language"]) == ("de", "en")


async def test_unknown_addresses_and_methods_are_problems_too(stage: Service) -> None:
    """With the methods that the address takes; odd methods do not fill the metrics."""
    is_problem(await stage.client.get("/v1/nothing"), 404, "no-such-address")
    wrong = await stage.client.request("DELETE", "/v1/things")
    is_problem(wrong, 405, "wrong-method")
    assert wrong.headers["allow"]
    for place in range(3):
        is_problem(await stage.client.request(f"ODD{place}", "/v1/things"), 405, "wrong-method")

    metrics = (await stage.client.get("/metrics")).text
    assert 'method="other"' in metrics
    assert "ODD" not in metrics


async def test_every_answer_carries_the_security_headers(stage: Service) -> None:
    """Whatever its status."""
    for path in ("/v1/things", "/v1/nothing", "/v1/things/bug", "/health/live", "/metrics"):
        headers = (await stage.client.get(path)).headers

        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-correlation-id"]


async def test_422_names_the_place_and_never_what_was_sent(network: Network, stage: Service) -> None:
    """Neither the values nor names of fields that are not ours."""
    answer = await stage.client.post(
        "/v1/things", json={"name": {"no": MARKER}, "size": MARKER, MARKER + " x": 1, "born": 2}
    )

    is_problem(answer, 422, "invalid-request")
    faults = {fault["field"]: fault["fault"] for fault in answer.json()["faults"]}
    assert {"name", "size", "born", "…"} <= set(faults)
    assert faults["name"] == "string_type"
    assert MARKER not in answer.text
    assert await things(network) == 0


NASTY = [
    b'{"name": "a\\u0000b"}',
    b'{"name": "\\ud800"}',
    b'{"name": "\\udfff\\ud800"}',
    b'{"\\ud800": 1, "name": "a"}',
    b'{"name": "\\u202eevil"}',
    b'{"name": "a\\nb"}',
    b'{"name": ""}',
    b'{"name": "   "}',
    b'{"name": null}',
    b"{}",
    b"[]",
    b"null",
    b"",
    b"{",
    b"\xff\xfe",
    b'{"name": "\xff"}',
    b'{"name": "a", "size": 1e308}',
    b'{"name": "a", "size": NaN}',
    b'{"name": "a", "size": ' + b"9" * 5000 + b"}",
    b'{"name": "a", "size": Infinity}',
    b'{"name": 1}',
    b"[" * 100_000,
    b'{"name": "' + b"x" * 201 + b'"}',
    b'{"name": "a", "name2": "b"}',
    b'"name"',
    b'{"name": "a", "size": "\\ud800"}',
]


async def test_bad_input_is_refused_and_changes_nothing(network: Network, stage: Service) -> None:
    """NUL, lone surrogates, wrong types, other encodings, endless numbers and nesting: 4xx, never 5xx."""
    for body in NASTY:
        answer = await stage.client.post("/v1/things", content=body, headers={"Content-Type": "application/json"})

        assert answer.status_code in {400, 422}, (body[:60], answer.text)
        is_problem(answer, answer.status_code, answer.json()["slug"])
    assert await things(network) == 0


async def test_bad_addresses_are_refused(stage: Service) -> None:
    """Paths and queries of every wrong kind."""
    for path in (
        "/%00",
        "/no-id",
        "/%ff",
        "?limit=0",
        "?limit=101",
        "?limit=x",
        "?cursor=%00",
        "?cursor=" + "a" * 2001,
        "?limit=" + "9" * 400,
    ):
        answer = await stage.client.get(f"/v1/things{path}")

        assert answer.status_code in {404, 422}, (path, answer.text)
        assert answer.headers["content-type"] == PROBLEM


async def test_what_takes_too_long_is_undone(network: Network) -> None:
    """503 with Retry-After, and nothing of it was written."""
    one = await on_stage(network, "registry", router=router, permissions=PERMISSIONS, request_seconds=0.2)

    answer = await one.client.post("/v1/things/take_long")

    is_problem(answer, 503, "took-too-long")
    assert int(answer.headers["retry-after"]) > 0
    assert await things(network) == 0
    assert (await one.client.post("/v1/things", json={"name": "a"})).status_code == 201


async def test_a_database_that_is_away_is_503(network: Network, stage: Service) -> None:
    """Not a bug: trying again helps; readiness says it too, the service lives on."""
    database = stage.running.database
    engine, database.engine = database.engine, create_async_engine("postgresql+asyncpg://nobody@127.0.0.1:9/nothing")
    try:
        answer = await stage.client.post("/v1/things", json={"name": "a"})
        ready = await stage.client.get("/health/ready")
        live = await stage.client.get("/health/live")
    finally:
        await database.engine.dispose()
        database.engine = engine

    is_problem(answer, 503, "database-away")
    assert (ready.status_code, ready.json()["reasons"]) == (503, ["database away"])
    assert live.status_code == 200
    assert (await stage.client.post("/v1/things", json={"name": "a"})).status_code == 201


async def test_a_change_needs_the_version_that_was_read(network: Network, stage: Service) -> None:
    """Missing 428, unreadable 422, older 412; each change raises the version."""
    admin = await network.key(Role.NETWORK_ADMIN)
    made = await stage.client.post("/v1/things", json={"name": "a"}, headers=admin)
    address, first = f"/v1/things/{made.json()['id']}", made.headers["etag"]

    async def rename(version: str | None) -> httpx.Response:
        headers = {} if version is None else {"If-Match": version}
        return await stage.client.put(address, json={"name": "b"}, headers=admin | headers)

    is_problem(await rename(None), 428, "if-match-missing")
    for wrong in ("*", "W/x", '"x"', '"-1"', '"1e3"', "9" * 10):
        is_problem(await rename(wrong), 422, "if-match-unreadable")
    changed = await rename(first)
    assert (changed.status_code, changed.headers["etag"] != first) == (200, True)
    is_problem(await rename(first), 412, "stale")
    assert (await rename(changed.headers["etag"])).status_code == 200


async def test_of_two_changes_of_one_version_one_is_stale(network: Network, stage: Service) -> None:
    """Also where nothing is locked: the second is refused at its commit."""
    admin = await network.key(Role.NETWORK_ADMIN)
    made = await stage.client.post("/v1/things", json={"name": "a"})
    address, headers = f"/v1/things/{made.json()['id']}/slowly", admin | {"If-Match": made.headers["etag"]}

    answers = await asyncio.gather(*(stage.client.put(address, json={"name": name}, headers=headers) for name in "bcd"))

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]


async def test_who_asks_too_often_waits_and_nobody_else(network: Network) -> None:
    """429 with Retry-After, by principal and, without one, by address; credentials that fail count too."""
    one = await on_stage(network, "registry", router=router, permissions=PERMISSIONS, rate_per_minute=5)
    greedy, other = await network.key(Role.AUDITOR), await network.key(Role.AUDITOR)

    async def get(headers: dict[str, str]) -> httpx.Response:
        return await one.client.get("/v1/things", headers=headers)

    assert [(await get(greedy)).status_code for _ in range(6)] == [200] * 5 + [429]
    refused = await get(greedy)
    is_problem(refused, 429, "too-many-requests")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert (await get(other)).status_code == 200
    assert [(await get({})).status_code for _ in range(6)] == [200] * 5 + [429]
    assert [(await get({"Authorization": f"Bearer net_a_{n}"})).status_code for n in range(6)] == [401] * 5 + [429]
    assert (await get(other)).status_code == 200


def test_a_route_outside_the_permission_table_does_not_start(network: Network) -> None:
    """Nor does a table with a route that is none."""
    from tests.common.stage import an_app

    for table in ({}, PERMISSIONS | {"no_route": frozenset({Role.OPS})}):
        with pytest.raises(ValueError, match="permission table"):
            an_app(network, "registry", router=router, permissions=table)


async def test_the_log_holds_no_credentials_and_no_query(stage: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line for each request: method, route, status and time."""
    logged = structlog.testing.CapturingLogger()
    monkeypatch.setattr(http, "log", logged)

    await stage.client.get(
        f"/v1/things?cursor={MARKER}", headers={"Authorization": f"Bearer net_{MARKER}_x"} | new_idempotency_key()
    )

    line = logged.calls[-1]
    assert (line.method_name, line.args) == ("info", ("request",))
    assert (line.kwargs["method"], line.kwargs["status"]) == ("GET", 401)
    assert line.kwargs["route"].endswith("/things")
    assert MARKER not in str(logged.calls)

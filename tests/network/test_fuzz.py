"""Bad input of every kind gets its documented refusal from each operation, and changes nothing; then it does its work.

LOTSE_FUZZ_EXAMPLES says how many requests are generated for each operation and kind (valid, invalid) instead of one.
"""

import contextlib
import json
import os
from collections.abc import AsyncIterator, Iterator
from functools import cache
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import negative_data_rejection
from schemathesis.specs.openapi.schemas import OpenApiSchema

from deploy.local.cluster import Cluster
from libs.common.openapi import HEADERS, PROBLEM, ProblemOut
from tests.harness import Network
from tests.network.fuzz_recipes import request_of
from tests.network.fuzz_world import Operation, Request, World, document_of, operations, set_up

pytestmark = pytest.mark.slow
EXAMPLES = int(os.environ.get("LOTSE_FUZZ_EXAMPLES", "1"))
TRIES = 4
EACH = pytest.mark.parametrize("operation", operations(), ids=[f"{one.service}-{one.name}" for one in operations()])
# Who knows a person may register them for what is public, wherever it takes place.
ANYWHERE = {"register_known_person"}
Bad = tuple[str, Request, set[int]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(cluster: Cluster, databases: dict[str, str]) -> AsyncIterator[World]:
    """The four services with a row of every kind, emptied after the module."""
    network = Network(cluster, databases)
    made = await set_up(network)
    yield made
    await made.end()
    await network.end()


@cache
def schema_of(service: str) -> OpenApiSchema:
    """A service's document as the generator reads it; credentials are given, not generated."""
    schema = schemathesis.openapi.from_dict(document_of(service))
    schema.config.generation.update(with_security_parameters=False)
    schema.config.checks.negative_data_rejection.expected_statuses = ["400", "404", "409", "412", "413", "422", "428"]
    return schema


@cache
def described(operation: Operation) -> APIOperation[Any, Any, Any, Any]:
    """The operation in it."""
    found: APIOperation[Any, Any, Any, Any] = schema_of(operation.service)[operation.path][operation.method]
    return found


def against_the_document(operation: Operation, answer: httpx.Response) -> str:
    """What about an answer is not as documented: its status, its media type, its content."""
    told = operation.told["responses"].get(str(answer.status_code), {})
    if "$ref" in told:
        told = document_of(operation.service)["components"]["responses"][told["$ref"].rsplit("/", 1)[1]]
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if not told or media_type not in (told.get("content") or {""}):
        return f"{answer.status_code} {media_type!r} is not documented"
    carried = {name for name in HEADERS if name in answer.headers}
    if carried != (told.get("headers") or {}).keys():
        return f"{answer.status_code} carries {sorted(carried)}, documented are {sorted(told.get('headers') or {})}"
    if media_type == PROBLEM:
        ProblemOut.model_validate_json(answer.content)
        return ""
    try:
        described(operation).validate_response(answer)
    except FailureGroup as failed:
        return str(failed.exceptions[0])
    return ""


# --- what is sent on purpose


def leaves(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every single value in a body, with where it stands."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inside is None:
        yield place, value
    for name, one in inside or ():
        yield from leaves(one, (*place, name))


def replaced(body: Any, place: tuple[Any, ...], value: Any) -> Any:
    """The body with another value in one place."""
    if not place:
        return value
    copy = body.copy()
    copy[place[0]] = replaced(body[place[0]], place[1:], value)
    return copy


WRONG: dict[type, tuple[Any, ...]] = {
    str: ("a\x00b", "\ud800", "a\u202eb", "x" * 100_000, "", [], {"unknown": 1}, 7),
    int: (10**30, -10**30, 1.5, "viele", [], None), bool: ("maybe", [], None, 7), float: ("x",),
    type(None): ([[[]]],),
}
FORMS = (b"", b"null", b"[]", b'"text"', b"7", b"{", b'{"a":', b"\xff\xfe", b"[" * 50_000, b"9" * 5000, b"NaN")


def bad_bodies(request: Request) -> Iterator[Bad]:
    """Texts, types and codes that do not belong there, one at a time; what is no such body at all; and too much."""
    for place, value in leaves(request.body):
        for wrong in WRONG[type(value)]:
            body = json.dumps(replaced(request.body, place, wrong)).encode()
            yield f"{place} {wrong!r:.20}", request.but(content=body), {422}
    yield "a field that it does not know", request.but(body=request.body | {"unknown": 1}), {422}
    for name in request.body:
        yield f"{name} of no kind", request.but(body=request.body | {name: {"unknown": [0]}}), {422}
    for content in FORMS if request.operation.told["requestBody"].get("required") else FORMS[2:]:
        yield f"{content!r:.20}", request.but(content=content), {400, 422}
    yield "300 KiB", request.but(content=json.dumps(request.body | {"more": "x" * 300_000}).encode()), {413}


def bad_headers(request: Request) -> Iterator[Bad]:
    """Versions that are missing, old or none; keys that do not hold."""
    if request.operation.has_header("if-match"):
        for etag, status in ((None, 428), ('"999999999"', 412), ("x", 422), ('"1', 422)):
            yield f"If-Match {etag}", request.but(headers={"If-Match": etag}), {status}
    if request.operation.has_header("idempotency-key"):
        yield "an Idempotency-Key too long", request.but(headers={"Idempotency-Key": "x" * 129}), {422}
    yield "a key of nobody", request.but(headers={"Authorization": f"Bearer net_{'0' * 32}_{'0' * 64}"}), {401}
    if "public" not in request.operation.roles and "link" not in request.operation.roles:
        yield "no key", request.but(headers={"Authorization": None}), {401}


def bad_paths(world: World, request: Request) -> Iterator[Bad]:
    """Ids, days and tokens that are unknown, another region's, or none."""
    by_region = request.headers.get("Authorization") == world.keys["coordinator"]["Authorization"]
    about_one = any(name.endswith("_id") for name in request.path)
    if by_region and about_one and not request.operation.roles & {"public"} and request.operation.name not in ANYWHERE:
        yield "a coordinator of elsewhere", request.but(headers=world.stranger), {404}
    for name in request.path:
        if name.endswith("_id") and name != "waiting_id":
            yield f"unknown {name}", request.but(path=request.path | {name: uuid4()}), {404}
        if name == "token":
            yield "a forged link", request.but(path=request.path | {name: "A" * 75}), {404}
        yield f"{name} that is none", request.but(path=request.path | {name: "%00"}), {422}


async def wrongly_taken(world: World, bad: list[Bad]) -> list[tuple[str, int, str, str]]:
    """Those that are not refused as they should be, or not as documented."""
    wrong = []
    for what, one, statuses in bad:
        answer = await world.send(one)
        undocumented = against_the_document(one.operation, answer)
        if answer.status_code not in statuses or undocumented:
            wrong.append((what, answer.status_code, undocumented, answer.text[:200]))
    return wrong


async def changed_by(world: World, service: str, bad: list[Bad]) -> dict[str, Any]:
    """The tables that these changed: none. What others still announce is waited for, and all is tried once more."""
    changed: dict[str, Any] = {}
    for _ in range(TRIES):
        before = await world.fingerprint(service)
        assert await wrongly_taken(world, bad) == []
        after = await world.fingerprint(service)
        changed = {table: (before[table], after[table]) for table in after if after[table] != before[table]}
        if not changed:
            break
        await world.network.settled()
    return changed


@EACH
async def test_each_operation_refuses_what_is_bad_and_then_does_what_is_asked(
    world: World, operation: Operation,
) -> None:
    """Nothing bad is accepted or changes anything; the same rows then take the request that the example makes."""
    request = await request_of(world, operation)
    bad = [*bad_headers(request), *bad_paths(world, request), *(bad_bodies(request) if operation.body_schema else ())]
    assert await changed_by(world, operation.service, bad) == {}

    answer = await world.send(request)
    assert answer.is_success, (request.body, answer.text)
    assert against_the_document(operation, answer) == ""
    world.asked[operation] = request
    if operation.has_header("idempotency-key"):
        other = await world.send(request.but(content=json.dumps(request.body).encode() + b" "))
        assert (other.status_code, other.json()["slug"]) == (422, "idempotency-key-reused")


# --- what is generated


def drawn(operation: Operation, mode: GenerationMode, fixed: dict[str, Any]) -> list[Case[Any]]:
    """Generated requests of an operation, the same ones in every run; none where nothing can be made invalid."""
    cases: list[Case[Any]] = []

    @settings(max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(described(operation).as_strategy(mode, **fixed))
    def draw(case: Case[Any]) -> None:
        cases.append(case)

    with contextlib.suppress(Unsatisfiable):
        draw()
    return cases


async def sent(world: World, case: Case[Any], headers: dict[str, str], service: str) -> httpx.Response:
    """The answer to a generated request, with these headers besides."""
    case.headers.update(headers)
    told = case.as_transport_kwargs(base_url=f"http://{service}.test")
    prepared: Any = requests.Request(**{name: told.get(name) for name in SENT}).prepare()
    content = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
    return await world.network[service].client.request(
        prepared.method, prepared.url, headers=dict(prepared.headers), content=content)


def misjudged(case: Case[Any], answer: httpx.Response) -> str:
    """That what fits the document was refused for its form, or that what does not was taken."""
    told = answer.json() if answer.headers.get("content-type") == PROBLEM else {}
    if case.meta and case.meta.generation.mode.is_positive and told.get("slug") == "invalid-request":
        return ", ".join(f"{one['field']}: {one['fault']}" for one in told["faults"] if one["fault"] != "value_error")
    try:
        case.validate_response(answer, checks=[negative_data_rejection])
    except FailureGroup as failed:
        return str(failed.exceptions[0])
    return ""


SENT = ("method", "url", "headers", "params", "cookies", "data", "json", "files")


async def once_more(world: World, operation: Operation) -> Request:
    """The request about rows as they are by now, where it can be repeated; else about new rows."""
    request = world.asked.get(operation)
    if request is None or (operation.body_schema and operation.has_header("if-match")):
        return await request_of(world, operation)
    if operation.has_header("if-match"):
        etag = await world.etag(operation.service, *next(iter(request.path.items())))
        return request.but(headers={"If-Match": etag})
    return request


@EACH
async def test_what_is_made_up_breaks_no_operation(world: World, operation: Operation) -> None:
    """Requests that fit the document, and others that do not: none ends in a bug, each answer is as documented."""
    request = await once_more(world, operation)
    headers = {name: value for name, value in request.headers.items() if name in {"Authorization", "If-Match"}}
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        only_path = not (operation.body_schema or operation.parameters("query"))
        fixed = {} if only_path and mode.is_negative else {"path_parameters": request.path}
        for case in drawn(operation, mode, fixed):
            answer = await sent(world, case, headers, operation.service)
            assert answer.status_code < 500, (case, answer.text)
            assert against_the_document(operation, answer) == "", (case, answer.text)
            assert misjudged(case, answer) == "", (case, answer.text)

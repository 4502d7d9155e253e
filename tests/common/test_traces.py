"""Traces: one from the request through its fact into other services, and nothing in them that is a person's."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Annotated, ClassVar
from uuid import UUID, uuid4

import pytest
from fastapi import APIRouter
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pydantic import BaseModel

from libs.common.asks import ask
from libs.common.callers import Role
from libs.common.db import OpenTransaction
from libs.common.due import schedule
from libs.common.facts.question import Question
from libs.common.links import Holding, Link, by_link
from libs.common.outbox import announce
from libs.common.reactions import answers, reacts_to, when_due
from tests.common.stage import ThingEchoed, ThingMoved, on_stage
from tests.harness import Network, Service

MARKER = "Amina-Beispiel-Markierung"
PERMISSIONS = {"move_by_link": frozenset({Role.LINK})}
router = APIRouter()


class Steps(BaseModel):
    """What is answered."""

    steps: int


class StepsAsked(Question[Steps]):
    """What notify asks the registry while it reacts."""

    subject: ClassVar[str] = "ask.registry.words.v1"
    answer: ClassVar[type[BaseModel]] = Steps
    askers: ClassVar[tuple[str, ...]] = ("notify",)

    about: UUID


@router.post("/links/move/{token}", status_code=204)  # noqa: FAST003 - by_link reads it
async def move_by_link(holding: Annotated[Holding, by_link("move")]) -> None:
    """Move the thing that the link is about."""
    announce(holding.transaction, ThingMoved(thing_id=holding.link.about))


@answers(StepsAsked)
async def _answers(_transaction: OpenTransaction, _question: StepsAsked) -> Steps:
    return Steps(steps=1)


@reacts_to(ThingMoved)
async def _echoes(transaction: OpenTransaction, fact: ThingMoved) -> None:
    answer = await ask(transaction.bus, StepsAsked(about=fact.thing_id))
    announce(transaction, ThingEchoed(thing_id=fact.thing_id, step=answer.steps))
    await schedule(transaction, "move-again", fact.thing_id, transaction.clock.now())


@when_due("move-again")
async def _moves_again(_transaction: OpenTransaction, _about: UUID) -> None:
    """Nothing more; its span is what counts."""


@reacts_to(ThingEchoed)
async def _breaks(_transaction: OpenTransaction, _fact: ThingEchoed) -> None:
    raise ValueError(MARKER)


class Collector:
    """What listens for OTLP over HTTP: every byte that came, and the spans in it by their service."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        received = self.received

        class _Taking(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_said: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Taking)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def spans(self) -> dict[tuple[str, str], Span]:
        """The last span of each name, by service and name."""
        found: dict[tuple[str, str], Span] = {}
        for body in self.received:
            for of_service in ExportTraceServiceRequest.FromString(body).resource_spans:
                named = {one.key: one.value.string_value for one in of_service.resource.attributes}
                for scope in of_service.scope_spans:
                    found |= {(named["service.name"], span.name): span for span in scope.spans}
        return found


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector that listens."""
    one = Collector()
    thread = threading.Thread(target=one.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield one
    one.server.shutdown()
    thread.join()
    one.server.server_close()


@pytest.fixture
async def both(network: Network, collector: Collector) -> tuple[Service, Service]:
    """A speaker and a listener in one process, both with the collector."""
    told = {"otlp_endpoint": collector.url}
    return (await on_stage(network, "registry", _answers, _breaks, router=router, permissions=PERMISSIONS, **told),
            await on_stage(network, "notify", _echoes, _moves_again, **told))


async def moved_by_link(network: Network, speaker: Service) -> str:
    """Let the link's thing be moved, wait for all that follows, and stop both services; returns the link's token."""
    token = speaker.running.database.links.token(Link("move", uuid4(), uuid4()), valid=timedelta(hours=1))
    answer = await speaker.client.post(
        f"/v1/links/move/{token}?name={MARKER}", headers={"tracestate": f"who={MARKER}", "host": f"{MARKER}.example"})
    assert answer.status_code == 204, answer.text
    async with asyncio.timeout(10):
        while not await network.rows("registry", "SELECT 1 FROM waiting"):
            await asyncio.sleep(0.02)
        while await network.rows("notify", "SELECT 1 FROM due"):
            await asyncio.sleep(0.02)
    while network.services:
        await network.services.pop().stop()
    return token


async def test_a_trace_goes_on_through_facts_and_asks_into_other_services(
    network: Network, both: tuple[Service, Service], collector: Collector,
) -> None:
    """Request, its fact's reaction elsewhere, what that asks, and the reaction to what it announces: one trace."""
    await moved_by_link(network, both[0])

    spans = collector.spans()
    way = [("lotse-registry", "POST /v1/links/move/{token}"), ("lotse-notify", f"react {ThingMoved.subject}"),
           ("lotse-registry", f"answer {StepsAsked.subject}"), ("lotse-registry", f"react {ThingEchoed.subject}")]
    assert set(spans) == {*way, ("lotse-notify", "do move-again")}
    request, reaction, answer, echo = (spans[step] for step in way)
    assert {one.trace_id for one in (reaction, answer, echo)} == {request.trace_id}
    assert reaction.parent_span_id == request.span_id
    assert (answer.parent_span_id, echo.parent_span_id) == (reaction.span_id, reaction.span_id)


async def test_nothing_that_is_a_persons_or_opens_anything_is_exported(
    network: Network, both: tuple[Service, Service], collector: Collector,
) -> None:
    """No token of a link, no query, no header of the sender, no message of an exception; the path is the template."""
    token = await moved_by_link(network, both[0])

    exported = b"".join(collector.received)
    assert token.encode() not in exported
    assert MARKER.encode() not in exported
    request = collector.spans()["lotse-registry", "POST /v1/links/move/{token}"]
    attributes = {one.key: one.value.string_value for one in request.attributes}
    assert attributes["url.path"] == "/v1/links/move/{token}"
    assert "url.query" not in attributes


async def test_without_an_endpoint_nothing_is_started(network: Network) -> None:
    """No provider, no thread, no trace in what is announced; and never the process's global provider."""
    speaker = await on_stage(network, "registry", router=router, permissions=PERMISSIONS)
    token = speaker.running.database.links.token(Link("move", uuid4(), uuid4()), valid=timedelta(hours=1))
    await speaker.client.post(f"/v1/links/move/{token}")

    assert speaker.running.traces.provider is None
    assert not any("Otel" in one.name for one in threading.enumerate())
    headers = await network.rows("registry", "SELECT headers::json->>'traceparent' AS trace FROM outbox")
    assert [row["trace"] for row in headers] == [None]
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)

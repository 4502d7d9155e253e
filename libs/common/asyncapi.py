"""AsyncAPI 3.0 of one service: what it announces and hears, on which stream by which durable, and what it answers."""

import importlib
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from libs.common.facts import HEARS
from libs.common.facts.fact import Fact
from libs.common.facts.question import Question
from libs.common.reactions import Reactions

router = APIRouter(include_in_schema=False)
SCHEMAS = "#/components/schemas/{model}"
HEADERS = {
    "ce-id": "The fact's id (UUIDv7); what comes twice has the same.",
    "ce-source": "`/<network>/<service>`.",
    "ce-type": "The NATS subject.",
    "ce-time": "When it happened, RFC 3339.",
    "ce-subject": "The aggregate it is about, `<noun>/<id>`; its facts keep their order.",
    "ce-sequence": "The speaker's gapless number.",
    "ce-correlationid": "Connects a request with all that follows from it.",
    "ce-actorrole": "The role of who caused it.",
    "ce-region": "The region (AGS), where there is one.",
    "ce-project": "The project it counts for, where there is one.",
}


@router.get("/v1/asyncapi.json")
async def show_asyncapi(request: Request) -> dict[str, Any]:
    """The document."""
    return document(request.app.state.running.name, request.app.state.running.inbox.reactions)


def facts_of(speaker: str) -> list[type[Fact]]:
    """Every fact that a service announces, by subject."""
    module = importlib.import_module(f"libs.common.facts.{speaker}")
    found = {one.subject: one for one in _with_parents(Fact)
             if one.__module__ == module.__name__ and "subject" in vars(one)}
    return [found[subject] for subject in sorted(found)]


def document(service: str, reactions: Reactions) -> dict[str, Any]:
    """The AsyncAPI document of a service with these reactions.

    Raises ValueError when two shapes of one name would stand at one place.
    """
    heard = {kind.subject: kind for pairs in reactions.to_facts.values() for kind, _ in pairs}
    channels, operations, messages = {}, {}, {}
    schemas: dict[str, Any] = {}
    for action, facts in (("send", facts_of(service)), ("receive", [heard[subject] for subject in sorted(heard)])):
        for fact in facts:
            messages[fact.__name__] = _message(fact, schemas)
            channels[fact.subject] = _channel(fact)
            operations[f"{'announce' if action == 'send' else 'hear'}{fact.__name__}"] = {
                "action": action, "channel": {"$ref": f"#/channels/{fact.subject.replace('/', '~1')}"},
                "summary": (fact.__doc__ or "").splitlines()[0],
                "bindings": {"nats": _binding(service, fact.speaker(), action)}}
    for question in sorted(reactions.to_questions, key=lambda one: one.subject):
        messages |= _question_messages(question, schemas)
        _add_question(question, channels, operations)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": f"Lotsennetz: facts of {service}", "version": "1"},
        "defaultContentType": "application/json",
        "servers": {"bus": {"host": "nats:4222", "protocol": "nats", "description": (
            f"Announces on the stream `{service}`; hears {', '.join(HEARS[service])} by the durable `{service}`.")}},
        "channels": channels, "operations": operations,
        "components": {"messages": messages, "schemas": schemas},
    }


def _add_question(question: type[Question[Any]], channels: dict[str, Any], operations: dict[str, Any]) -> None:
    name = question.__name__
    channels[question.subject] = {
        "address": question.subject,
        "messages": {part: {"$ref": f"#/components/messages/{part}"} for part in (name, f"{name}Answer")}}
    operations[f"answer{name}"] = {
        "action": "receive", "channel": {"$ref": f"#/channels/{question.subject}"},
        "summary": f"Asked by {', '.join(question.askers)}; not persisted.",
        "reply": {"channel": {"$ref": f"#/channels/{question.subject}"}}}


def _question_messages(question: type[Question[Any]], schemas: dict[str, Any]) -> dict[str, Any]:
    name, answer = question.__name__, question.answer
    return {name: {"name": question.subject, "payload": _payload(question, schemas)},
            f"{name}Answer": {"name": answer.__name__, "payload": _payload(answer, schemas)}}


def _message(fact: type[Fact], schemas: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": fact.subject, "title": fact.__name__, "summary": (fact.__doc__ or "").splitlines()[0],
        "headers": {"type": "object", "properties": {
            name: {"type": "string", "description": about} for name, about in HEADERS.items()}},
        "payload": _payload(fact, schemas)}


def _payload(kind: type[BaseModel], schemas: dict[str, Any]) -> dict[str, Any]:
    """The shape of a message; what it refers to goes beside the others, where references count from the root."""
    shape = kind.model_json_schema(ref_template=SCHEMAS)
    for name, shared in shape.pop("$defs", {}).items():
        if schemas.setdefault(name, shared) != shared:
            raise ValueError(f"two different shapes are called {name}")
    return shape


def _channel(fact: type[Fact]) -> dict[str, Any]:
    return {"address": fact.subject, "messages": {fact.__name__: {"$ref": f"#/components/messages/{fact.__name__}"}}}


def _binding(service: str, speaker: str, action: str) -> dict[str, str]:
    stream = {"x-stream": speaker}
    return stream if action == "send" else stream | {"x-durable": service, "queue": service}


def _with_parents(kind: type[Fact]) -> Iterator[type[Fact]]:
    for child in kind.__subclasses__():
        yield child
        yield from _with_parents(child)

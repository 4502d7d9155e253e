"""Asks: request/reply between services for what is never a fact; answers are not stored anywhere."""

import json
from typing import Any, TypeVar

import structlog
from faststream.exceptions import SkipMessage
from faststream.nats import NatsMessage
from pydantic import BaseModel, ValidationError
from sqlalchemy import func, select

from libs.common.bus import Bus, NoBus
from libs.common.callers import Caller, Role, Scope
from libs.common.codes.words import Said
from libs.common.db import Database
from libs.common.envelope import Told, Unreadable, read_envelope
from libs.common.facts.question import Question
from libs.common.http import german_sentences
from libs.common.logs import correlation, current_correlation
from libs.common.reactions import Reaction, Reactions
from libs.common.refusals import Refused, Unavailable
from libs.common.tables import outbox
from libs.common.traces import UNTRACED, Traces, current_trace

log = structlog.get_logger()
ANSWER_SECONDS = 5.0
PAGE_ROWS, PAGE_BYTES = 500, 600_000
FAILED = Refused("could-not-answer", "Something went wrong there; try again later, or tell us the correlation id.")
UNREADABLE = Refused("unreadable-question", "It could not read the question; tell us the correlation id.")
Answer = TypeVar("Answer", bound=BaseModel)


async def ask(bus: Bus, question: Question[Answer], *, seconds: float = ANSWER_SECONDS) -> Answer:
    """Ask the owner and return its answer; Unavailable when it is away, `owner-refused` when it refuses."""
    headers = {"asker": bus.service, "ce-correlationid": current_correlation()}
    if trace := current_trace():
        headers["traceparent"] = trace
    try:
        raw = await bus.request(question.subject, question.model_dump_json().encode(), seconds=seconds, headers=headers)
    except NoBus as away:
        raise Unavailable("owner-away", "The {owner} service does not answer.", owner=question.owner()) from away
    envelope = json.loads(raw)
    if slug := envelope.get("refused"):
        said = Said(**{"de": slug, "en": slug} | envelope.get("said", {}), codes=(slug,))
        raise Refused("owner-refused", "The {owner} service refused: {refusal}", owner=question.owner(), refusal=said)
    answer: Answer = question.answer.model_validate(envelope["answer"])  # type: ignore[assignment]
    return answer


async def ask_for_facts(bus: Bus, speaker: str, after: int) -> Told:
    """A page of the speaker's facts behind the number, from its outbox. NoBus when it is away.

    Unreadable when it tells what is not its own: a service may announce under its own name only, here too.
    """
    question = json.dumps({"after": after}).encode()
    told = json.loads(await bus.request(f"ask.{speaker}.facts.v1", question, seconds=ANSWER_SECONDS, headers={}))
    facts = [read_envelope(row["headers"]["ce-type"], row["headers"], row["body"].encode()) for row in told["facts"]]
    if any(fact.speaker != speaker for fact in facts):
        raise Unreadable(f"{speaker} told another's facts")
    return Told(facts, told["last"])


def answer_asks(bus: Bus, database: Database, reactions: Reactions, traces: Traces = UNTRACED) -> None:
    """Subscribe this service to the questions it answers, and to being asked for its facts; any instance may answer."""
    _answer_for_facts(bus, database)
    for kind in reactions.to_questions:
        _answer_question(bus, database, kind, reactions.to_questions[kind], traces)


def _answer_question(
    bus: Bus, database: Database, kind: type[Question[BaseModel]], answer: Reaction, traces: Traces,
) -> None:
    @bus.broker.subscriber(kind.subject, queue=bus.service, decoder=_whole, title=kind.subject)
    async def reply(message: NatsMessage) -> bytes:
        """Answer within one transaction, in the asking service's correlation."""
        token = correlation.set(message.headers.get("ce-correlationid", ""))
        try:
            caller = Caller("service", Role.SYSTEM, Scope(everything=True))
            with traces.span("answer", kind.subject, message.headers.get("traceparent")):
                async with database.transaction(caller) as transaction:
                    found = await answer(transaction, kind.model_validate_json(bytes(message.body)))
            return b'{"answer":%s}' % found.model_dump_json().encode()
        except Refused as refused:
            return _refusing(bus, refused)
        except ValidationError:
            return _refusing(bus, UNREADABLE)
        except Exception as raised:
            log.warning("could not answer", subject=kind.subject, exc_info=raised)
            return _refusing(bus, FAILED)
        finally:
            correlation.reset(token)


def _refusing(bus: Bus, why: Refused) -> bytes:
    """The slug for the program that asks, and the sentences for whoever it asks on behalf of."""
    said = {language: why.sentence(german_sentences(bus.service), language) for language in ("de", "en")}
    return json.dumps({"refused": why.slug, "said": said}).encode()


def _answer_for_facts(bus: Bus, database: Database) -> None:
    @bus.broker.subscriber(f"ask.{bus.service}.facts.v1", queue=bus.service, decoder=_whole, title="facts by number")
    async def facts(message: NatsMessage) -> bytes:
        """A page of this service's numbered facts behind `after`."""
        after = int(json.loads(bytes(message.body))["after"])
        async with database.transaction() as transaction:
            last = await transaction.scalar(select(func.max(outbox.c.number))) or 0
            rows = (await transaction.execute(
                select(outbox).where(outbox.c.number > after).order_by(outbox.c.number).limit(PAGE_ROWS)
            )).all()
        page, size = list[dict[str, Any]](), 0
        for row in rows:
            size += len(row.body) + 800
            if page and size > PAGE_BYTES:
                break
            page.append({"headers": {**row.headers, "ce-sequence": str(row.number)}, "body": row.body})
        return json.dumps({"facts": page, "last": last}).encode()


async def _whole(message: NatsMessage) -> NatsMessage:
    # An answer goes where its asker waits, and never into a stream that only this service may write to.
    if message.reply_to and not message.reply_to.startswith("_INBOX_"):
        raise SkipMessage
    return message

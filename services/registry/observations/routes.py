"""The HTTP door of observations: submit one, put it before a body, record the answer."""

from datetime import date
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, EmailStr, Field
from sqlmodel import col, or_, select

from libs.common.bodies import Body, Line, Paragraph
from libs.common.callers import Role
from libs.common.clock import day_of
from libs.common.codes.regions import region as region_of
from libs.common.codes.types import Ags, Code, LanguageTag
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from libs.common.facts.registry import (
    ObservationAnswered,
    ObservationFact,
    ObservationForwarded,
    ObservationSubmitted,
)
from libs.common.outbox import announce
from libs.common.persons import PersonDetails, meet
from libs.common.refusals import Refused
from services.registry.bodies.queries import known_body
from services.registry.observations.model import Observation, ObservationKind, ObservationState
from services.registry.observations.rules import refuse_names

router = APIRouter(prefix="/observations", tags=["observations"])


class SubmitterIn(Body):
    """Who wants to be told the answer; known to nobody else."""

    name: Line | None = Field(None, examples=["Mira Beispiel"])
    email: EmailStr = Field(max_length=200, examples=["mira@example.org"])
    languages: list[LanguageTag] = Field(default=["de"], min_length=1, max_length=5)


class ObservationIn(Body):
    """What was noticed, without naming anyone. contains_no_names: the author has looked again and confirms it."""

    kind: ObservationKind = Field(examples=["barrier"])
    region: Ags = Field(examples=["15087"])
    description: Paragraph = Field(examples=["Zum Jobcenter fährt nach 15 Uhr kein Bus."])
    affected_group: Code | None = Field(None, examples=["single_parents"])
    contains_no_names: bool = False
    submitter: SubmitterIn | None = None


class ForwardIn(Body):
    """Before which body it is put."""

    body_id: UUID


class ReasonIn(Body):
    """Why it is put before nobody."""

    reason: Paragraph = Field(examples=["Ist seit März gelöst: Die Linie fährt wieder."])


class AnswerIn(Body):
    """What the body answered, in short; whoever submitted it reads this."""

    summary: Paragraph = Field(examples=["Der Beirat hat eine spätere Linie beantragt."])


class ObservationOut(BaseModel):
    """An observation and what became of it."""

    id: UUID
    version: int
    kind: ObservationKind
    state: ObservationState
    region: str
    description: str
    affected_group: str | None
    learning_id: UUID | None
    body_id: UUID | None
    forwarded_on: date | None
    reason: str | None
    answer: str | None
    answered_on: date | None

    @classmethod
    def of(cls, observation: Observation) -> "ObservationOut":
        """The answer's form of an observation, without who submitted it."""
        return cls.model_validate(observation, from_attributes=True)


@router.post("", status_code=201)
async def submit_observation(
    body: ObservationIn, transaction: Transaction, once: Creation, response: Response,
) -> ObservationOut:
    """Tell the network what stands in the way, what was learned, or what is needed; a coordinator looks at it."""
    if once.repeated:
        return await _again(transaction, once.id, response)
    region_of(body.region)
    refuse_names(body.description, field="description", confirmed=body.contains_no_names)
    partner_id = next(iter(transaction.caller.scope.partners), None)
    observation = Observation(id=once.id, partner_id=partner_id,
                              **body.model_dump(exclude={"submitter", "contains_no_names"}))
    if body.submitter:
        details = PersonDetails(name=body.submitter.name or "", email=body.submitter.email)
        observation.submitter_ref = await meet(
            transaction, details, languages=body.submitter.languages, region=body.region, partner_id=partner_id)
    return await enter(transaction, observation, response)


@router.get("")
async def list_observations(
    transaction: Transaction, paging: PageOf, state: ObservationState | None = None,
    kind: ObservationKind | None = None, body_id: UUID | None = None,
) -> Page[ObservationOut]:
    """The observations of the caller's scope, the oldest first; partners see their own."""
    query, scope = select(Observation), transaction.caller.scope
    if not scope.everything:
        own = [col(Observation.region).startswith(prefix) for prefix in scope.regions]
        query = query.where(or_(col(Observation.partner_id).in_(scope.partners), *own))
    for given, column in ((state, Observation.state), (kind, Observation.kind), (body_id, Observation.body_id)):
        query = query.where(col(column) == given) if given is not None else query
    rows, following = await page(transaction, query, paging, col(Observation.id))
    return Page(items=[ObservationOut.of(row) for row in rows], next=following)


@router.get("/{observation_id}")
async def read_observation(observation_id: UUID, transaction: Transaction, response: Response) -> ObservationOut:
    """One observation."""
    return _shown(await get_or_refuse(transaction, Observation, observation_id), response)


@router.post("/{observation_id}/take_up")
async def take_up_observation(
    observation_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> ObservationOut:
    """The coordinator begins to look at it."""
    observation = await get_or_refuse(transaction, Observation, observation_id, version=expected, lock=True)
    observation.take_up()
    await transaction.flush()
    return _shown(observation, response)


@router.post("/{observation_id}/forward")
async def forward_observation(
    observation_id: UUID, body: ForwardIn, transaction: Transaction, expected: Expected, response: Response,
) -> ObservationOut:
    """The coordinator puts it before a body, which is written to."""
    observation = await get_or_refuse(transaction, Observation, observation_id, version=expected, lock=True)
    reviewing = await known_body(transaction, body.body_id)
    observation.forward(reviewing.id, day_of(transaction.clock.now()))
    return await _told(transaction, observation, ObservationForwarded, reviewing.contact_ref, response)


@router.post("/{observation_id}/keep_back")
async def keep_back_observation(
    observation_id: UUID, body: ReasonIn, transaction: Transaction, expected: Expected, response: Response,
) -> ObservationOut:
    """The coordinator puts it before nobody, and says why."""
    observation = await get_or_refuse(transaction, Observation, observation_id, version=expected, lock=True)
    observation.keep_back(body.reason)
    await transaction.flush()
    return _shown(observation, response)


@router.post("/{observation_id}/answer")
async def answer_observation(
    observation_id: UUID, body: AnswerIn, transaction: Transaction, expected: Expected, response: Response,
) -> ObservationOut:
    """The body answered; whoever submitted it and left an address is told."""
    observation = await get_or_refuse(transaction, Observation, observation_id, version=expected, lock=True)
    observation.take_answer(body.summary, day_of(transaction.clock.now()))
    return await _told(transaction, observation, ObservationAnswered, observation.submitter_ref, response)


@router.post("/{observation_id}/close")
async def close_observation(
    observation_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> ObservationOut:
    """Nothing more follows from it."""
    observation = await get_or_refuse(transaction, Observation, observation_id, version=expected, lock=True)
    observation.close()
    await transaction.flush()
    return _shown(observation, response)


async def enter(transaction: OpenTransaction, observation: Observation, response: Response) -> ObservationOut:
    """A new observation is there, and told."""
    transaction.add(observation)
    return await _told(transaction, observation, ObservationSubmitted, None, response)


async def _again(transaction: OpenTransaction, observation_id: UUID, response: Response) -> ObservationOut:
    if transaction.caller.role is Role.PUBLIC:
        raise Refused("observation-received", "This observation has arrived already.")
    return _shown(await get_or_refuse(transaction, Observation, observation_id), response)


async def _told(
    transaction: OpenTransaction, observation: Observation, kind: type[ObservationFact], to: UUID | None,
    response: Response,
) -> ObservationOut:
    refs: dict[str, Any] = {"contact_refs": (to,)} if to else {}
    announce(transaction, kind(observation_id=observation.id, kind=observation.kind.value, region=observation.region,
                               body_id=observation.body_id, **refs))
    await transaction.flush()
    return _shown(observation, response)


def _shown(observation: Observation, response: Response) -> ObservationOut:
    tag(response, observation.version)
    return ObservationOut.of(observation)

"""The HTTP door of learnings: read them, and make an observation of one."""

from datetime import date
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlmodel import col, or_, select

from libs.common.db import get_or_refuse
from libs.common.dependencies import Creation, Page, PageOf, Transaction, page
from services.registry.learnings.model import Learning
from services.registry.learnings.reactions import fetch_text
from services.registry.observations.model import Observation, ObservationKind
from services.registry.observations.routes import ObservationOut, enter

router = APIRouter(prefix="/learnings", tags=["learnings"])


class LearningOut(BaseModel):
    """A learning; without text as long as matching has not answered with it."""

    id: UUID
    kind: str
    field: str | None
    region: str
    text: str | None
    language: str | None
    captured_on: date | None
    observation_id: UUID | None

    @classmethod
    def of(cls, learning: Learning) -> "LearningOut":
        """The answer's form of a learning."""
        return cls.model_validate(learning, from_attributes=True)


@router.get("")
async def list_learnings(transaction: Transaction, paging: PageOf) -> Page[LearningOut]:
    """The learnings of the caller's region."""
    query, scope = select(Learning), transaction.caller.scope
    if not scope.everything:
        query = query.where(or_(*(col(Learning.region).startswith(prefix) for prefix in scope.regions)))
    rows, following = await page(transaction, query, paging, col(Learning.id))
    return Page(items=[LearningOut.of(row) for row in rows], next=following)


@router.get("/{learning_id}")
async def read_learning(learning_id: UUID, transaction: Transaction) -> LearningOut:
    """One learning."""
    return LearningOut.of(await get_or_refuse(transaction, Learning, learning_id))


@router.post("/{learning_id}/observation", status_code=201)
async def observe_learning(
    learning_id: UUID, transaction: Transaction, once: Creation, response: Response,
) -> ObservationOut:
    """The coordinator makes an observation of a learning, which can be put before a body; once of each."""
    if once.repeated:
        return ObservationOut.of(await get_or_refuse(transaction, Observation, once.id))
    learning = await get_or_refuse(transaction, Learning, learning_id, lock=True)
    learning.become(once.id)
    observation = Observation(id=once.id, kind=ObservationKind.LESSON, region=learning.region,
                              description=await fetch_text(transaction, learning), learning_id=learning.id)
    return await enter(transaction, observation, response)

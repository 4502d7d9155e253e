"""The HTTP door of prerequisites: a group's checklist, and what the coordinator does without."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from libs.common.bodies import Body, Line
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Expected, Transaction, tag
from services.matching.decisions.model import Decided
from services.matching.decisions.reactions import decided
from services.matching.mentor_groups.model import MentorGroup
from services.matching.obstacles.reactions import check
from services.matching.prerequisites.model import Demand, Prerequisite, Standing
from services.matching.prerequisites.queries import checklist
from services.matching.proposals.queries import lock_unit

router = APIRouter(prefix="/prerequisites", tags=["prerequisites"])


class WhyIn(Body):
    """Why this group need not show it; no person's name."""

    why: Line = Field(examples=["Die Gruppe hat die Schulung bei einem anderen Träger besucht."])


class DemandIn(Body):
    """Why the group has to show it after all; no person's name."""

    why: Line = Field(examples=["Die Bescheinigung gilt für eine andere Schulung."])


class PrerequisiteOut(BaseModel):
    """One line of a checklist: how many are needed and there, how it stands, and what shows it."""

    id: UUID
    version: int
    mentor_group_id: UUID
    demand: Demand
    subject: str
    rule: str
    needed: int
    there: int
    standing: Standing
    evidence: list[str]
    fulfilled_at: datetime | None
    waived_by: str | None
    waived_why: str | None

    @classmethod
    def of(cls, line: Prerequisite) -> "PrerequisiteOut":
        """The answer's form of a line."""
        return cls.model_validate(line, from_attributes=True)


@router.get("")
async def list_prerequisites(mentor_group_id: UUID, transaction: Transaction) -> list[PrerequisiteOut]:
    """A group's checklist, from the rule set of the day it registered interest."""
    group = await get_or_refuse(transaction, MentorGroup, mentor_group_id)
    return [PrerequisiteOut.of(line) for line in await checklist(transaction, group.id)]


@router.post("/{prerequisite_id}/waive")
async def waive_prerequisite(
    prerequisite_id: UUID, body: WhyIn, transaction: Transaction, expected: Expected, response: Response,
) -> PrerequisiteOut:
    """The coordinator does without this line; if it was the last one open, the group becomes ready."""
    line, group = await _locked(transaction, prerequisite_id, expected)
    line.waive(transaction.caller.principal, body.why)
    await decided(transaction, group, Decided.WAIVED, subject=line.rule, why=body.why)
    return await _checked(transaction, line, group, response)


@router.post("/{prerequisite_id}/demand")
async def demand_prerequisite(
    prerequisite_id: UUID, transaction: Transaction, expected: Expected, response: Response,
    body: DemandIn | None = None,
) -> PrerequisiteOut:
    """The coordinator takes a waiver back; a group that is ready without it goes back to its preparation.

    Who waived it and why, and who takes that back, stays to be read (`GET /v1/decisions`).
    """
    line, group = await _locked(transaction, prerequisite_id, expected)
    line.demand_again()
    await decided(transaction, group, Decided.DEMANDED, subject=line.rule, why=body.why if body else None)
    return await _checked(transaction, line, group, response)


async def _locked(
    transaction: OpenTransaction, prerequisite_id: UUID, expected: int,
) -> tuple[Prerequisite, MentorGroup]:
    """The line and its group, the group locked first, as everything that checks it does."""
    line = await get_or_refuse(transaction, Prerequisite, prerequisite_id)
    group = await lock_unit(transaction, MentorGroup, line.mentor_group_id)
    return await get_or_refuse(transaction, Prerequisite, prerequisite_id, version=expected, lock=True), group


async def _checked(
    transaction: OpenTransaction, line: Prerequisite, group: MentorGroup, response: Response,
) -> PrerequisiteOut:
    await check(transaction, group)
    tag(response, line.version)
    return PrerequisiteOut.of(line)

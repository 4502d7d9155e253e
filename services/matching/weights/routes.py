"""The HTTP door of weights: read the versions of a programme, set a new one."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import text
from sqlmodel import col, select

from libs.common.bodies import Body, Line
from libs.common.codes.words import Said
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Page, PageOf, Transaction, page
from libs.common.refusals import Invalid
from services.matching.prerequisites.queries import rules_or_refuse
from services.matching.profiles.rules import today
from services.matching.runs.explanation import LANGUAGES, label
from services.matching.runs.pool import CRITERIA
from services.matching.weights.model import WeightSet
from services.matching.weights.queries import values_of, weights_now

router = APIRouter(prefix="/weights", tags=["weights"])
FULL_SCORE = 1000
MOST = 1_000_000


Points = Annotated[int, Field(strict=True, ge=0, le=FULL_SCORE)]
Amount = Annotated[int, Field(strict=True, ge=0, le=MOST)]
Slots = Annotated[int, Field(strict=True, le=28)]


class Weights(BaseModel):
    """What a run computes with: points by criterion, together 1000, and what counts besides."""

    language: Points = 250
    distance: Points = 200
    needs: Points = 250
    interests: Points = 150
    availability: Points = 150
    base: Amount = Field(1000, description="More of it leans to more people matched.")
    min_common_slots: Slots = Field(2, ge=0)
    waiting_per_week: Points = 5
    waiting_most: Amount = 200
    urgency_bonus: Amount = 100
    far_km: int = Field(40, strict=True, ge=1, le=1000)
    enough_slots: Slots = Field(8, ge=1)


def _without_usual(schema: dict[str, Any]) -> None:
    for told in schema["properties"].values():
        told.pop("default", None)


class FullWeights(Weights, Body):
    """Weights as somebody gives them; what is left out is as the programme has it now."""

    # Whoever leaves a weight out is not given the usual one.
    model_config = ConfigDict(json_schema_extra=_without_usual)

    def full(self, now: dict[str, int], *, inside: str = "") -> dict[str, int]:
        """All of them, those left out as they are now; no run computes with other scores than of 1000 points.

        inside: where the weights stand in a request.
        """
        given = self.model_fields_set & now.keys()
        weights = now | {name: getattr(self, name) for name in given}
        made = sum(weights[name] for name in CRITERIA)
        if made != FULL_SCORE:
            points = {language: ", ".join(f"{label('criterion', name, language)} {weights[name]}" for name in CRITERIA)
                      for language in LANGUAGES}
            at = next((name for name in CRITERIA if name in given), CRITERIA[0])
            raise Invalid("weights-not-full", "The criteria make {made} points together, and not {full}: {points}.",
                          field=inside + at, made=made, full=FULL_SCORE, points=Said(points["de"], points["en"]))
        return weights


class WeightsIn(FullWeights):
    """A new version for a programme; earlier runs keep the version they computed with.

    A weight that is left out stays as it is in the version before.
    """

    programme_id: UUID
    reason: Line = Field(description="Why, for those who look at runs later; no person's name.", examples=[
        "Sprachkurse fallen aus: gemeinsame Sprache zählt mehr."])


class WeightsOut(Weights):
    """One version of a programme's weights, who set it and why."""

    id: UUID
    programme_id: UUID
    number: int
    set_at: datetime
    set_by: str
    reason: str | None

    @classmethod
    def of(cls, weights: WeightSet) -> "WeightsOut":
        """The answer's form of a version."""
        return cls.model_validate(weights, from_attributes=True)


@router.post("", status_code=201)
async def set_weights(body: WeightsIn, transaction: Transaction, once: Creation) -> WeightsOut:
    """A network admin sets how much each criterion counts; protected traits are none of them."""
    if once.repeated:
        return WeightsOut.of(await get_or_refuse(transaction, WeightSet, once.id))
    await rules_or_refuse(transaction, body.programme_id, today(transaction.clock.now()))
    await transaction.execute(text("SELECT pg_advisory_xact_lock(hashtext(:programme))"),
                              {"programme": f"weights {body.programme_id}"})
    last = await weights_now(transaction, body.programme_id)
    weights = WeightSet(
        id=once.id, number=last.number + 1 if last else 1, programme_id=body.programme_id, reason=body.reason,
        set_by=transaction.caller.principal, set_at=transaction.clock.now(), **body.full(values_of(last)))
    transaction.add(weights)
    await transaction.flush()
    return WeightsOut.of(weights)


async def tried(transaction: OpenTransaction, programme_id: UUID, given: FullWeights | None) -> dict[str, int] | None:
    """All that a simulated run computes with, where it tries weights: what it leaves out is as in the programme now."""
    return given.full(values_of(await weights_now(transaction, programme_id)), inside="weights.") if given else None


@router.get("")
async def list_weights(programme_id: UUID, transaction: Transaction, paging: PageOf) -> Page[WeightsOut]:
    """The versions of a programme's weights, the first first."""
    query = select(WeightSet).where(WeightSet.programme_id == programme_id)
    rows, following = await page(transaction, query, paging, col(WeightSet.number))
    return Page(items=[WeightsOut.of(row) for row in rows], next=following)

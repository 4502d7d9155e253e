"""What operations can do with a running service: the clock of a demonstration, what is parked, the audit chain."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy import func, select, update

from libs.common import parked
from libs.common.bodies import Body
from libs.common.callers import Role
from libs.common.dependencies import Transaction
from libs.common.refusals import Invalid, Refused
from libs.common.tables import network, outbox

router = APIRouter(tags=["operations"])
OPS = frozenset({Role.OPS})
AHEAD_AT_MOST = timedelta(days=36_525)
PERMISSIONS = {
    "list_facts": OPS, "read_clock": OPS, "move_clock": OPS,
    "list_parked": OPS, "replay_parked": OPS, "discard_parked": OPS,
    "verify_audit": frozenset({Role.OPS, Role.AUDITOR}),
}
WaitingId = Annotated[int, Path(ge=1, le=2**62, description="The `id` that the list of what is parked shows.")]


class ClockOut(BaseModel):
    """What time it is in this network, and whether it is a demonstration, whose time can be moved forward."""

    now: datetime
    demonstration: bool


class ClockIn(Body):
    """The time to move to, with offset; later than now."""

    now: AwareDatetime = Field(examples=["2031-03-01T09:00:00+01:00"])


class ParkedOut(BaseModel):
    """A parked fact with how many facts wait behind it, or parked due work; what was raised where, nothing personal."""

    id: int
    what: parked.What
    speaker: str = Field(description="Who announced the fact; empty for due work.")
    number: int | None = Field(description="The fact's number; none for due work.")
    subject: str = Field(description="The fact's subject, or the kind of the due work.")
    about: str = Field(description="The fact's aggregate, or the id that the due work is about.")
    attempts: int
    raised: str
    parked_at: datetime
    behind: int
    next_try_at: datetime | None = Field(description="When due work is tried again by itself; a fact never is.")


class FactOut(BaseModel):
    """A fact's envelope: its number, NATS subject, aggregate, time and correlation."""

    number: int
    id: UUID
    subject: str
    about: str
    time: datetime
    correlation: str
    region: str | None


class AuditOut(BaseModel):
    """The state of the audit chain: its length and head, and what is wrong with it (nothing, if it is whole)."""

    position: int
    mac: str
    wrong: list[str]


@router.get("/clock")
async def read_clock(transaction: Transaction) -> ClockOut:
    """What time it is in this network."""
    demonstration = bool(await transaction.scalar(select(network.c.demonstration)))
    return ClockOut(now=transaction.clock.now(), demonstration=demonstration)


@router.post("/clock/move")
async def move_clock(body: ClockIn, transaction: Transaction) -> ClockOut:
    """Move a demonstration's time forward; what falls due in between is done. Never back, never in a real network."""
    if not await transaction.scalar(select(network.c.demonstration)):
        raise Refused("clock-is-real", "Only a demonstration network's clock can be moved.")
    ahead = body.now - transaction.clock.now() + transaction.clock.ahead
    if ahead < transaction.clock.ahead:
        raise Invalid("clock-never-back", "The clock can only be moved forward.", field="now")
    if ahead > AHEAD_AT_MOST:
        raise Invalid("clock-too-far", "The clock cannot be moved more than {days} days ahead.", field="now",
                      days=AHEAD_AT_MOST.days)
    await transaction.execute(update(network).values(ahead=func.greatest(network.c.ahead, ahead)))
    transaction.after_commit.append(transaction.due_changed.set)
    transaction.after_commit.append(lambda: setattr(transaction.clock, "ahead", max(ahead, transaction.clock.ahead)))
    return ClockOut(now=body.now, demonstration=True)


@router.get("/facts")
async def list_facts(
    transaction: Transaction, after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[FactOut]:
    """What this service announced, in order, behind a number: codes and opaque ids, nothing personal."""
    rows = await transaction.execute(
        select(outbox).where(outbox.c.number > after).order_by(outbox.c.number).limit(limit))
    return [FactOut(number=row.number, id=row.fact_id, subject=row.subject, about=row.about,
                    time=row.headers["ce-time"], correlation=row.headers["ce-correlationid"],
                    region=row.headers.get("ce-region")) for row in rows]


@router.get("/parked")
async def list_parked(transaction: Transaction) -> list[ParkedOut]:
    """What failed for good: facts, each with its aggregate's later facts behind it, and due work."""
    return [ParkedOut.model_validate(one, from_attributes=True) for one in await parked.list_parked(transaction)]


@router.post("/parked/{waiting_id}/replay", status_code=204, response_class=Response)
async def replay_parked(waiting_id: WaitingId, transaction: Transaction) -> None:
    """Try a parked fact again, and what waits behind it; or parked due work, without waiting for its next hour."""
    await parked.replay(transaction, waiting_id)


@router.post("/parked/{waiting_id}/discard", status_code=204, response_class=Response)
async def discard_parked(waiting_id: WaitingId, transaction: Transaction) -> None:
    """Give a parked fact up, and what waits behind it goes on; or parked due work, which is never done then."""
    await parked.discard(transaction, waiting_id)


@router.get("/audit/chain")
async def verify_audit(transaction: Transaction, request: Request) -> AuditOut:  # noqa: ARG001 - asks who is calling
    """Walk the audit's chain and say whether anything was changed, removed or added."""
    chain: Any = request.app.state.running.audit_chain
    return AuditOut(**await chain.head(), wrong=await chain.verify())

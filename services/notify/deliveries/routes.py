"""The HTTP door of deliveries: what became of each, without a name; suppress, retry, and note what came back."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from sqlmodel import col, select

from libs.common.bodies import Body
from libs.common.codes.types import Code
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Expected, Page, PageOf, Transaction, page, tag
from libs.common.facts.notify import Channel, DeliveryBounced
from libs.common.outbox import announce
from services.notify.deliveries.model import Delivery, DeliveryState, Outcome, Reason
from services.notify.deliveries.queries import inside, suppress

router = APIRouter(prefix="/deliveries", tags=["deliveries"])


class DeliveryOut(BaseModel):
    """One notification on its way; cause is the id of the fact that it tells of, or of a series. Nobody is named."""

    id: UUID
    version: int
    cause: UUID
    about: str
    template: str
    template_version: str | None
    channel: Channel
    region: str | None
    state: DeliveryState
    reason: Reason | None
    missing: str | None
    language: str | None
    attempts: int
    uncertain: bool
    not_before: datetime | None
    queued_at: datetime
    sent_at: datetime | None

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryOut":
        """The answer's form of a delivery."""
        return cls.model_validate(delivery, from_attributes=True)


class OutcomeIn(Body):
    """What the receiving side said of a mail that was sent."""

    outcome: Outcome = Field(examples=["bounced"])


@router.get("")
async def list_deliveries(
    transaction: Transaction, paging: PageOf,
    cause: Annotated[UUID | None, Query(description="The id of the fact that was told.")] = None,
    state: DeliveryState | None = None,
    template: Annotated[Code | None, Query(examples=["offer_new"])] = None,
) -> Page[DeliveryOut]:
    """Operations and coordinators see what was sent, what was not, and why; the oldest first."""
    query = select(Delivery).where(inside(transaction.caller.scope))
    for given, condition in (
        (cause, Delivery.cause == cause), (state, Delivery.state == state), (template, Delivery.template == template),
    ):
        query = query.where(condition) if given is not None else query
    rows, following = await page(transaction, query, paging, col(Delivery.id))
    return Page(items=[DeliveryOut.of(row) for row in rows], next=following)


@router.get("/{delivery_id}")
async def read_delivery(delivery_id: UUID, transaction: Transaction, response: Response) -> DeliveryOut:
    """One delivery, for operations and coordinators."""
    return await _shown(transaction, await get_or_refuse(transaction, Delivery, delivery_id), response)


@router.post("/{delivery_id}/suppress")
async def suppress_delivery(
    delivery_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> DeliveryOut:
    """Operations stop a delivery that has not been sent."""
    delivery = await get_or_refuse(transaction, Delivery, delivery_id, version=expected, lock=True)
    suppress(transaction, delivery, Reason.BY_OPERATOR)
    return await _shown(transaction, delivery, response)


@router.post("/{delivery_id}/retry")
async def retry_delivery(
    delivery_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> DeliveryOut:
    """Operations let a dead delivery be tried again, once what was in its way is mended."""
    delivery = await get_or_refuse(transaction, Delivery, delivery_id, version=expected, lock=True)
    delivery.retry()
    return await _shown(transaction, delivery, response)


@router.post("/{delivery_id}/outcome")
async def report_outcome(
    delivery_id: UUID, body: OutcomeIn, transaction: Transaction, expected: Expected, response: Response,
) -> DeliveryOut:
    """Operations, or the program that reads the sender's mailbox, note that a sent mail arrived or came back."""
    delivery = await get_or_refuse(transaction, Delivery, delivery_id, version=expected, lock=True)
    delivery.report(body.outcome)
    if body.outcome is Outcome.BOUNCED:
        announce(transaction, DeliveryBounced(
            delivery_id=delivery.id, cause=delivery.cause, template=delivery.template, channel=delivery.channel,
            person_ref=delivery.person_ref,
        ), region=delivery.region)
    return await _shown(transaction, delivery, response)


async def _shown(transaction: OpenTransaction, delivery: Delivery, response: Response) -> DeliveryOut:
    await transaction.flush()
    tag(response, delivery.version)
    return DeliveryOut.of(delivery)

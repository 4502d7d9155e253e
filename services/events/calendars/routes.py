"""The HTTP door of calendars: one event to take over, and a feed to subscribe to."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from sqlmodel import col

from libs.common.codes.lists import EventKind
from libs.common.codes.types import Ags, LanguageTag
from libs.common.db import OpenTransaction
from libs.common.dependencies import Transaction
from services.events.calendars.rules import calendar_text
from services.events.events.model import Event
from services.events.events.queries import EventFilter, seen_by, seen_event

router = APIRouter(prefix="/events", tags=["calendars"])
FEED_BACK, FEED_MOST = timedelta(days=60), 500
MEDIA_TYPE = "text/calendar"


class CalendarResponse(Response):
    """An iCalendar document."""

    media_type = MEDIA_TYPE


@router.get("/calendar", response_class=CalendarResponse)
async def read_calendar(
    transaction: Transaction, region: Annotated[Ags | None, Query(description="A region and everything in it.")] = None,
    kind: EventKind | None = None, language: LanguageTag | None = None,
) -> CalendarResponse:
    """The feed of what the caller sees, from two months back on: any calendar program subscribes to it."""
    since = transaction.clock.now() - FEED_BACK
    wanted = EventFilter(region=region, kind=kind, language=language, since=since)
    query = wanted.narrow(seen_by(transaction.caller)).where(col(Event.published_at).is_not(None))
    rows = await transaction.scalars(query.order_by(col(Event.starts), col(Event.id)).limit(FEED_MOST))
    return _as_calendar(transaction, rows.all(), language)


@router.get("/{event_id}/calendar", response_class=CalendarResponse)
async def read_event_calendar(
    event_id: UUID, transaction: Transaction, language: LanguageTag | None = None,
) -> CalendarResponse:
    """One event as iCalendar, to be taken over into the own calendar."""
    return _as_calendar(transaction, [await seen_event(transaction, event_id)], language)


def _as_calendar(transaction: OpenTransaction, events: Iterable[Event], language: str | None) -> CalendarResponse:
    languages = [language] if language else ["de"]
    return CalendarResponse(calendar_text(events, network=transaction.network, languages=languages))

"""The HTTP door of calendars: each person's own check-ins by link, and for the coordinator those of the region."""
# ruff: noqa: FAST003 - the token is read where the link is checked

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response

from libs.common.codes.types import Day, LanguageTag
from libs.common.dependencies import Transaction
from libs.common.links import Holding, by_link
from libs.common.persons import languages_of
from services.matching.calendars.queries import entries_inside, own_entries
from services.matching.calendars.rules import calendar_text
from services.matching.links.queries import CALENDAR
from services.matching.profiles.rules import today

router = APIRouter(prefix="/checkins", tags=["calendars"])
Subscribed = Annotated[Holding, by_link(CALENDAR.name)]
BACK, AHEAD = timedelta(days=60), timedelta(days=400)
MEDIA_TYPE = "text/calendar"


class CalendarResponse(Response):
    """An iCalendar document."""

    media_type = MEDIA_TYPE


@router.get("/calendar.ics", response_class=CalendarResponse)
async def read_checkin_calendar(
    transaction: Transaction,
    since: Annotated[Day | None, Query(description="Two months back unless given.")] = None,
    until: Annotated[Day | None, Query(description="Some 13 months ahead unless given.")] = None,
    language: LanguageTag = "de",
) -> CalendarResponse:
    """The check-ins inside the caller's scope, by region and tandem, without names.

    At most 500: those to come, the next first; what they leave room for, of those that are past the latest.
    """
    day: date = today(transaction.clock.now())
    entries = await entries_inside(transaction, [language], since=since or day - BACK, until=until or day + AHEAD)
    return CalendarResponse(calendar_text(entries, network=transaction.network))


@router.get("/calendars/{token}", response_class=CalendarResponse)
async def read_own_checkin_calendar(holding: Subscribed) -> CalendarResponse:
    """When somebody is asked how it goes, from two months back on: any calendar program subscribes to it."""
    transaction, person_ref = holding.transaction, holding.link.person_ref
    languages = await languages_of(transaction, person_ref)
    entries = await own_entries(transaction, person_ref, languages, since=transaction.clock.now() - BACK)
    return CalendarResponse(calendar_text(entries, network=transaction.network))

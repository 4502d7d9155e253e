"""The HTTP door of series: start one, publish its events, extend it, leave a day out, cancel what is left."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlmodel import col, or_, select

from libs.common.bodies import Body, Line
from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.dependencies import Creation, Expected, Page, PageOf, Transaction, page, tag
from services.events.events.model import AHEAD, Event, EventState
from services.events.events.reactions import cancel_now, publish_now
from services.events.events.routes import CancelEventIn, EventFields, EventIn, columns_of, refuse_outside
from services.events.events.rules import BERLIN
from services.events.series.model import Series
from services.events.series.rules import first_times, lead, parsed_rule, wall_clock, without

router = APIRouter(prefix="/series", tags=["series"])


class SeriesIn(EventIn):
    """The first event of a series, and the rule by which it repeats: every event at the same time on the clock."""

    rrule: Line = Field(description="RFC 5545 RRULE: FREQ=WEEKLY with INTERVAL and BYDAY, and COUNT or UNTIL.",
                        examples=["FREQ=WEEKLY;BYDAY=TU;COUNT=10"])
    exceptions: list[date] = Field(default=[], max_length=60, description="Days without an event.",
                                   examples=[["2031-04-01"]])


class ExtensionIn(Body):
    """The last day on which a further event may take place."""

    until: date = Field(examples=["2031-12-16"])


class ExceptionIn(Body):
    """The day without an event, and why: who is registered for it reads that."""

    on: date = Field(examples=["2031-03-11"])
    reason: Line = Field(examples=["An diesem Tag ist das Haus geschlossen."])


class SeriesEventOut(BaseModel):
    """One event of a series; the rest stands at the event itself."""

    id: UUID
    state: EventState
    starts: datetime


class SeriesOut(BaseModel):
    """A series: its rule without a bound, its first and latest event by the clock in Berlin, and its events so far."""

    id: UUID
    version: int
    partner_id: UUID
    region: str
    project_id: UUID | None
    pattern: str
    first: datetime
    last: datetime
    exceptions: list[date]
    events: list[SeriesEventOut] = []

    @classmethod
    def of(cls, series: Series, events: Iterable[Event] = ()) -> "SeriesOut":
        """The answer's form of a series."""
        listed = [SeriesEventOut(id=event.id, state=event.state, starts=event.starts.astimezone(BERLIN))
                  for event in events]
        times = {name: getattr(series, name).replace(tzinfo=BERLIN) for name in ("first", "last")}
        return cls(**series.model_dump() | times, events=listed)


@router.post("", status_code=201)
async def start_series(body: SeriesIn, transaction: Transaction, once: Creation, response: Response) -> SeriesOut:
    """The organiser plans events that repeat every week, as drafts; they keep their time when clocks change."""
    if once.repeated:
        return await _shown(transaction, await get_or_refuse(transaction, Series, once.id), response)
    await refuse_outside(transaction, body.partner_id, body.region, body.project_id)
    rule, first = parsed_rule(body.rrule), wall_clock(body.starts).replace(second=0, microsecond=0)
    times = first_times(rule, first)
    series = Series(
        id=once.id, partner_id=body.partner_id, region=body.region, project_id=body.project_id, pattern=rule.pattern,
        first=first, last=times[-1], exceptions=sorted({day.isoformat() for day in body.exceptions}),
        minutes=int((wall_clock(body.ends) - first) / timedelta(minutes=1)),
        opens_before=lead(body.registration_opens, first), closes_before=lead(body.registration_closes, first),
        template=body.model_dump(mode="json", exclude={"rrule", "exceptions", "partner_id", "region"}))
    transaction.add(series)
    await transaction.flush()
    _add_events(transaction, series, times)
    return await _shown(transaction, series, response)


@router.get("")
async def list_series(transaction: Transaction, paging: PageOf) -> Page[SeriesOut]:
    """The series inside the caller's scope, without their events."""
    query, scope = select(Series), transaction.caller.scope
    if not scope.everything:
        own = [col(Series.region).startswith(prefix) for prefix in scope.regions]
        query = query.where(or_(col(Series.partner_id).in_(scope.partners), *own))
    rows, following = await page(transaction, query, paging, col(Series.id))
    return Page(items=[SeriesOut.of(row) for row in rows], next=following)


@router.get("/{series_id}")
async def read_series(series_id: UUID, transaction: Transaction, response: Response) -> SeriesOut:
    """One series with its events."""
    return await _shown(transaction, await get_or_refuse(transaction, Series, series_id), response)


@router.post("/{series_id}/publish")
async def publish_series(
    series_id: UUID, transaction: Transaction, expected: Expected, response: Response,
) -> SeriesOut:
    """The organiser shows all of the series' drafts that lie ahead; again after it was extended."""
    series = await get_or_refuse(transaction, Series, series_id, version=expected, lock=True)
    for event in await _events_of(transaction, series):
        if event.state is EventState.DRAFT and event.starts > transaction.clock.now():
            await publish_now(transaction, event)
    return await _shown(transaction, series, response)


@router.post("/{series_id}/extend")
async def extend_series(
    series_id: UUID, body: ExtensionIn, transaction: Transaction, expected: Expected, response: Response,
) -> SeriesOut:
    """The organiser lets the series go on until a day; the further events are drafts."""
    series = await get_or_refuse(transaction, Series, series_id, version=expected, lock=True)
    _add_events(transaction, series, series.extend(body.until))
    return await _shown(transaction, series, response)


@router.post("/{series_id}/leave_out")
async def leave_out_day(
    series_id: UUID, body: ExceptionIn, transaction: Transaction, expected: Expected, response: Response,
) -> SeriesOut:
    """There is no event on this day: one that was planned is cancelled, and everyone registered is told why."""
    series = await get_or_refuse(transaction, Series, series_id, version=expected, lock=True)
    series.leave_out(body.on)
    for event in await _events_of(transaction, series):
        if event.state in AHEAD and event.starts.astimezone(BERLIN).date() == body.on:
            await cancel_now(transaction, event.id, body.reason)
    return await _shown(transaction, series, response)


@router.post("/{series_id}/cancel")
async def cancel_series(
    series_id: UUID, body: CancelEventIn, transaction: Transaction, expected: Expected, response: Response,
) -> SeriesOut:
    """None of the series' events that lie ahead takes place; everyone registered is told why."""
    series = await get_or_refuse(transaction, Series, series_id, version=expected, lock=True)
    for event in await _events_of(transaction, series):
        if event.state in AHEAD and event.starts > transaction.clock.now():
            await cancel_now(transaction, event.id, body.reason)
    return await _shown(transaction, series, response)


def _add_events(transaction: OpenTransaction, series: Series, times: Sequence[datetime]) -> None:
    columns = columns_of(EventFields.model_validate(series.template))
    for at in without(times, series.exceptions):
        transaction.add(Event(
            partner_id=series.partner_id, region=series.region, series_id=series.id,
            changed_at=transaction.clock.now(), **columns | series.times_of(at)))


async def _events_of(transaction: OpenTransaction, series: Series) -> Sequence[Event]:
    """The series' events in the order of their ids' making, locked so that two requests wait for one another."""
    query = select(Event).where(Event.series_id == series.id)
    return (await transaction.scalars(query.order_by(col(Event.starts), col(Event.id)).with_for_update())).all()


async def _shown(transaction: OpenTransaction, series: Series, response: Response) -> SeriesOut:
    await transaction.flush()
    query = select(Event).where(Event.series_id == series.id).order_by(col(Event.starts), col(Event.id))
    events = (await transaction.scalars(query)).all()
    tag(response, series.version)
    return SeriesOut.of(series, events)

"""Reads about meetings: that of a day, all of a region and how long they took; and the page on which they are noted."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from fastapi.responses import HTMLResponse
from sqlalchemy import Select, func
from sqlmodel import col, select

from libs.common.db import OpenTransaction, get_or_refuse
from libs.common.facts.matching import Side
from libs.common.links import Holding
from libs.common.pages import Field, Section
from libs.common.persons import languages_of
from services.matching.links.queries import Sent, asking_page, say
from services.matching.meetings.model import LONGEST_MINUTES, NOTED_BACK, Meeting, is_closed
from services.matching.own_data.rules import said_day
from services.matching.profiles.rules import today
from services.matching.tandems.model import Tandem
from services.matching.tandems.queries import side_in


def ended_on(tandem: Tandem) -> date | None:
    """The day on which the tandem ended, if it has."""
    return today(tandem.ended_at) if tandem.ended_at else None


async def meeting_of(transaction: OpenTransaction, tandem: Tandem, day: date) -> Meeting | None:
    """The meeting that was noted of a day, locked."""
    query = select(Meeting).where(Meeting.tandem_id == tandem.id, Meeting.met_on == day).with_for_update()
    return (await transaction.scalars(query)).one_or_none()


async def first_met_on(transaction: OpenTransaction, tandem: Tandem) -> date | None:
    """The earliest day of which a meeting was noted."""
    query = select(func.min(Meeting.met_on)).where(Meeting.tandem_id == tandem.id)
    return (await transaction.scalars(query)).one()


async def sums_of(transaction: OpenTransaction, query: Select[Any]) -> tuple[int, int]:
    """How many meetings a list has on all its pages, and their minutes together."""
    each = query.subquery()
    found = (await transaction.execute(select(func.count(), func.coalesce(func.sum(each.c.minutes), 0)))).one()
    return found[0], int(found[1])


async def meetings_page(holding: Holding, token: str, sent: Sent, at: str = "") -> HTMLResponse:
    """The page on which a side notes that they met, and says what was noted wrongly; at: leads back to its address."""
    transaction, person_ref = holding.transaction, holding.link.person_ref
    tandem = await get_or_refuse(transaction, Tandem, holding.link.about)
    side = await side_in(transaction, tandem, person_ref)
    languages, day = await languages_of(transaction, person_ref), today(transaction.clock.now())
    if is_closed(ended_on=ended_on(tandem), day=day):
        return await asking_page(holding, "meetings", [say("refused_meetings-closed", languages).text], [], sent=sent)
    since = max(today(tandem.started_at), day - NOTED_BACK)
    query = select(Meeting).where(Meeting.tandem_id == tandem.id, col(Meeting.met_on) >= since)
    there = (await transaction.scalars(query.order_by(col(Meeting.met_on).desc()))).all()
    last = min(day, ended_on(tandem) or day)
    sections = [_noting(f"{at}{token}", languages, sent, since, last),
                *_noted(f"{at}{token}/not_met", languages, sent, there, side)]
    return await asking_page(
        holding, "meetings", [say("meetings_text", languages).text], [], sections=sections, sent=sent)


def _noting(address: str, languages: Sequence[str], sent: Sent, since: date, last: date) -> Section:
    fields = [
        Field("on", say("meetings_on", languages).text, [last.isoformat()], kind="date", least=since.isoformat(),
              most=last.isoformat()),
        Field("minutes", say("meetings_minutes", languages).text, kind="number", least="1", most=str(LONGEST_MINUTES))]
    return sent.section("meeting", fields, [("meetings_save", address)], languages)


def _noted(
    address: str, languages: Sequence[str], sent: Sent, there: Sequence[Meeting], side: Side,
) -> list[Section]:
    """All that was noted, and a form that withdraws what this side noted itself."""
    if not there:
        return []
    said = {one.met_on: say("meetings_long", languages, minutes=one.minutes).text for one in there}
    known = [(said_day(on), long) for on, long in said.items()]
    own = [one.met_on for one in there if one.is_of(side)]
    days = [(on.isoformat(), f"{said_day(on)} · {said[on]}") for on in own]
    if not days:
        return [Section(say("meetings_noted", languages).text, known=known)]
    section = sent.section("not_met", [Field("on", say("meetings_wrong", languages).text, options=days)],
                           [("meetings_not_met", address)], languages, "meetings_noted")
    return [replace(section, known=known)]

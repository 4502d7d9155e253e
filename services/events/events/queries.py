"""Reads about events: who sees which, and what a notification says about one."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select
from sqlmodel import and_, col, or_, select

from libs.common.callers import Caller, Role, Scope
from libs.common.codes.lists import EventKind
from libs.common.codes.regions import region as region_of
from libs.common.codes.types import Ags, LanguageTag
from libs.common.db import OpenTransaction
from libs.common.facts.question import Words
from libs.common.refusals import NotFound
from services.events.events.model import Event, EventState, Visibility
from services.events.events.rules import BERLIN, Moment


@dataclass
class EventFilter:
    """Which events are wanted: in a region and everything in it, from a time on, up to a time; all unless narrowed."""

    region: Ags | None = None
    kind: EventKind | None = None
    language: LanguageTag | None = None
    state: EventState | None = None
    partner_id: UUID | None = None
    project_id: UUID | None = None
    series_id: UUID | None = None
    since: Moment | None = None
    until: Moment | None = None

    def narrow(self, query: Select[Any]) -> Select[Any]:
        """The query, narrowed to what is wanted."""
        for name in ("kind", "state", "partner_id", "project_id", "series_id"):
            wanted = getattr(self, name)
            query = query if wanted is None else query.where(getattr(Event, name) == wanted)
        if self.region:
            query = query.where(col(Event.region).startswith(self.region))
        if self.language:
            query = query.where(col(Event.languages).contains([self.language]))
        if self.since:
            query = query.where(col(Event.ends) >= self.since)
        return query.where(col(Event.starts) < self.until) if self.until else query


def shown_to(role: Role) -> ColumnElement[bool]:
    """What is seen beyond the own scope: published public events, and with any role those for the network."""
    seen = [Visibility.PUBLIC] if role is Role.PUBLIC else [Visibility.PUBLIC, Visibility.NETWORK]
    return and_(col(Event.published_at).is_not(None), col(Event.visibility).in_(seen))


def seen_by(caller: Caller) -> Select[Any]:
    """What a caller sees: what is shown to it, and everything inside its scope."""
    return _seen_by(caller.role, caller.scope)


@lru_cache(maxsize=256)
def _seen_by(role: Role, scope: Scope) -> Select[Any]:
    """Built once for all who see the same."""
    query: Select[Any] = select(Event)
    if scope.everything:
        return query
    own = [col(Event.region).startswith(prefix) for prefix in scope.regions]
    return query.where(or_(
        shown_to(role), col(Event.partner_id).in_(scope.partners), col(Event.project_id).in_(scope.projects), *own))


async def seen_event(transaction: OpenTransaction, event_id: UUID) -> Event:
    """One event that the caller may see, else NotFound."""
    query = seen_by(transaction.caller).where(col(Event.id) == event_id)
    event: Event | None = (await transaction.scalars(query)).one_or_none()
    if event is None:
        raise NotFound("not-found", "There is no such {noun}.", noun="event")
    return event


async def words_of(transaction: OpenTransaction, event_id: UUID) -> Words:
    """What is said about an event: texts, place and times, and why it does not take place if so."""
    event = await transaction.get(Event, event_id)
    if event is None:
        raise NotFound("not-found", "There is no such {noun}.", noun="event")
    texts = event.translations
    values = {"region": region_of(event.region).name, "venue": event.venue, "postcode": event.postcode,
              "reason": event.cancel_reason}
    return Words(
        values={name: value for name, value in values.items() if value},
        texts={name: {language: text[name] for language, text in texts.items()} for name in ("title", "description")},
        times={"starts": event.starts.astimezone(BERLIN).isoformat(),
               "ends": event.ends.astimezone(BERLIN).isoformat()})

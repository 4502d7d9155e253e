"""What is told of an event, what day it is in Germany, and which times an event may have."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime

from libs.common.codes.languages import fallback_chain
from libs.common.facts.events import EventFact
from services.events.events.model import Event, Visibility

BERLIN = ZoneInfo("Europe/Berlin")
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
Told = TypeVar("Told", bound=EventFact)


def _in_reach(moment: datetime) -> datetime:
    if not EARLIEST <= moment < LATEST:
        raise ValueError("not within 2000 to 2099")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_reach)]
"""A time with offset, within this century; kept in UTC."""


def event_fact(kind: type[Told], event: Event) -> Told:
    """The fact of this kind about the event."""
    return kind(
        event_id=event.id, kind=event.kind, region=event.region, starts=event.starts, ends=event.ends,
        field=event.field, languages=tuple(event.languages), project_id=event.project_id,
        partner_id=event.partner_id, series_id=event.series_id, open_to_all=event.visibility is Visibility.PUBLIC)


def day_of(event: Event) -> date:
    """The day on which the event begins, in Germany."""
    return event.starts.astimezone(BERLIN).date()


def text_of(event: Event, name: str, languages: Sequence[str]) -> str:
    """The title or description in the first of these languages that has one, or in any."""
    texts = event.translations
    tag = next((tag for tag in fallback_chain(languages) if tag in texts), next(iter(texts)))
    text: str = texts[tag][name]
    return text

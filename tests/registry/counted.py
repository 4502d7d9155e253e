"""Counted facts, projects and indicators as tests of the figures need them, without a database."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from services.registry.indicators.model import Counted, CountedFact, Indicator, Metric
from services.registry.indicators.rules import Figure, figures
from services.registry.projects.model import Project

START = datetime(2077, 3, 1, 9, tzinfo=UTC)
SPACE = UUID(int=42)
PROJECT = Project(
    id=UUID(int=1), name="Ankommen", sort_key="ankommen", carrier_id=UUID(int=2), region="15",
    starts=date(2077, 3, 1), ends=date(2077, 12, 31), target_regions=["15081", "15084", "15087", "15090", "15091"])


def thing(name: str) -> UUID:
    """The id of an attendance, event or tandem by a name."""
    return uuid5(SPACE, name)


def an_indicator(metric: Metric = Metric.ATTENDANCES, *counted: Counted, **fields: Any) -> Indicator:
    """An indicator of the project for these facts, attendances unless said otherwise."""
    plain: dict[str, Any] = {"facts": [kind.value for kind in counted or [Counted.ATTENDANCE]], "target": 10,
                             "deadline": PROJECT.ends, "label": {"de": "Figur"}}
    return Indicator(project_id=PROJECT.id, partner_id=PROJECT.carrier_id, metric=metric, **plain | fields)


def a_fact(kind: Counted, source: str, number: int = 1, **fields: Any) -> CountedFact:
    """A counted fact about a thing, told as the number-th of its speaker."""
    plain: dict[str, Any] = {
        "region": "15087", "occurred_on": date(2077, 4, 12), "told_at": START + timedelta(seconds=number)}
    return CountedFact(id=uuid5(SPACE, f"{kind}/{source}/{number}"), kind=kind, project_id=PROJECT.id, number=number,
                       source_id=thing(source), **plain | fields)


def attended(who: str | None, event: str = "training", number: int = 1, **fields: Any) -> CountedFact:
    """Someone was at an event; who is their key, None: without one."""
    plain = {"subject_kind": "person", "subject_key": who, "event_id": thing(event), "event_kind": "training"}
    return a_fact(Counted.ATTENDANCE, f"{who}@{event}@{number if who is None else ''}", number, **plain | fields)


def corrected(attendance: CountedFact, number: int, *, counts: bool = False) -> CountedFact:
    """The attendance did not take place after all, or did."""
    return CountedFact(
        id=uuid5(SPACE, f"correction/{attendance.source_id}/{number}"), kind=Counted.CORRECTION, number=number,
        project_id=PROJECT.id, region=attendance.region, occurred_on=attendance.occurred_on, value=int(counts),
        source_id=attendance.source_id, told_at=START + timedelta(seconds=number), event_id=attendance.event_id)


def tallied(total: int, event: str = "cafe", number: int = 1, **fields: Any) -> CountedFact:
    """So many people were at a drop-in event."""
    plain = {"value": total, "subject_kind": "person", "event_id": thing(event), "event_kind": "language_cafe"}
    return a_fact(Counted.TALLY, event, number, **plain | fields)


def held(event: str, number: int = 1, **fields: Any) -> CountedFact:
    """An event took place."""
    return a_fact(Counted.EVENT_HELD, event, number, **{"event_id": thing(event), "event_kind": "training"} | fields)


def figure_of(indicator: Indicator, facts: list[CountedFact], project: Project = PROJECT) -> Figure:
    """The indicator's figure."""
    (figure,) = figures([indicator], project, facts)
    return figure


def actual(indicator: Indicator, facts: list[CountedFact], project: Project = PROJECT) -> int:
    """The figure's number."""
    return figure_of(indicator, facts, project).actual

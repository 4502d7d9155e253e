"""Tandems and meetings in the figures: as of the day they happened, moved to another project, in any order."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.codes.lists import TandemKind
from libs.common.facts.fact import Fact
from libs.common.facts.matching import (
    MeetingCorrected,
    MeetingDocumented,
    MeetingWithdrawn,
    TandemCompleted,
    TandemCorrected,
    TandemStarted,
)
from services.registry.indicators.model import Counted, CountedFact, Metric
from services.registry.indicators.reactions import counted, rebuild, remembered
from tests.harness import Network
from tests.registry.counted import PROJECT, SPACE, START, actual, an_indicator
from tests.registry.happened import as_heard
from tests.registry.steps import a_project, answering, id_of, ok
from tests.registry.steps import an_indicator as added_indicator
from tests.registry.test_indicators_rebuild import outbox_of

OTHER = PROJECT.model_copy(update={"id": UUID(int=7)})
DAY, OUTSIDE = date(2077, 4, 12), date(2077, 2, 1)
STARTED = an_indicator(Metric.RECORDS, Counted.TANDEM_STARTED)
COMPLETED = an_indicator(Metric.RECORDS, Counted.TANDEM_COMPLETED)
MINUTES = an_indicator(Metric.MEETING_MINUTES, Counted.MEETING)
PROJECTS = st.sampled_from([PROJECT.id, OTHER.id, None])


def tandem(kind: type[Fact], about: UUID, project: UUID | None, **fields: Any) -> Fact:
    """What matching tells of a tandem."""
    plain: dict[str, Any] = {"tandem_id": about, "kind": TandemKind.EVERYDAY, "programme_id": UUID(int=5),
                             "region": "15087", "project_id": project}
    return kind(**plain | fields)


def meeting(kind: type[Fact], about: UUID, project: UUID | None, **fields: Any) -> Fact:
    """What matching tells of the meeting that goes with this id."""
    plain: dict[str, Any] = {"meeting_id": uuid5(about, "meeting"), "tandem_id": UUID(int=6), "minutes": 60,
                             "person_ref": UUID(int=8), "month": "2077-04", "region": "15087", "project_id": project}
    return kind(**plain | fields)


def kept(facts: list[Fact]) -> list[CountedFact]:
    """The facts as told one after the other, as the registry keeps them."""
    found: list[CountedFact] = []
    for number, fact in enumerate(facts, 1):
        heard = as_heard(fact, number, uuid5(SPACE, f"tandem/{number}"))
        found += [one.model_copy(update={"told_at": START + timedelta(seconds=number)})
                  for one in remembered(fact, heard)]
    return found


def both(indicator: Any, facts: list[CountedFact]) -> list[int]:
    """The figure for either project."""
    return [actual(indicator, [fact for fact in facts if fact.project_id == project.id], project)
            for project in (PROJECT, OTHER)]


@pytest.mark.parametrize(("fact", "day"), [
    (tandem(TandemStarted, uuid4(), PROJECT.id, started_on=OUTSIDE), OUTSIDE),
    (tandem(TandemStarted, uuid4(), PROJECT.id), date(2077, 6, 3)),
    (tandem(TandemCorrected, uuid4(), PROJECT.id, started_on=DAY), DAY),
    (tandem(TandemCompleted, uuid4(), PROJECT.id), date(2077, 6, 3)),
    (tandem(TandemCorrected, uuid4(), PROJECT.id, completed_on=DAY), DAY),
    (meeting(MeetingDocumented, uuid4(), PROJECT.id, counts_on=DAY), DAY),
    (meeting(MeetingDocumented, uuid4(), PROJECT.id), date(2077, 4, 30)),
    (meeting(MeetingCorrected, uuid4(), PROJECT.id, counts_on=DAY, documented_on=date(2077, 4, 20)), DAY),
    (meeting(MeetingCorrected, uuid4(), PROJECT.id, documented_on=date(2077, 4, 20)), date(2077, 4, 20))])
def test_what_is_told_lies_on_the_day_that_it_says(fact: Fact, day: date) -> None:
    """What earlier versions told says none: then on the day on which it was told, or noted."""
    found = counted(fact, fact_id=uuid4(), told_at=datetime(2077, 6, 3, tzinfo=UTC))

    assert found is not None
    assert found.occurred_on == day


def test_a_tandem_that_is_moved_counts_for_one_project_only() -> None:
    """There and back, taken away at last; that it was completed is another matter, and is moved by itself."""
    about = uuid4()
    facts = kept([
        tandem(TandemStarted, about, PROJECT.id, started_on=DAY),
        tandem(TandemCorrected, about, OTHER.id, started_on=DAY, former_project_id=PROJECT.id),
        tandem(TandemCompleted, about, PROJECT.id),
        tandem(TandemCorrected, about, PROJECT.id, started_on=DAY, former_project_id=OTHER.id),
        tandem(TandemCorrected, about, None, started_on=DAY, former_project_id=PROJECT.id),
        tandem(TandemCorrected, about, PROJECT.id, completed_on=DAY),
        tandem(TandemCorrected, about, OTHER.id, completed_on=DAY, former_project_id=PROJECT.id)])
    until = [[fact for fact in facts if fact.number <= number] for number in range(1, 8)]

    assert [both(STARTED, each) for each in until] == [
        [1, 0], [0, 1], [0, 1], [1, 0], [0, 0], [0, 0], [0, 0]]
    # It was told completed today, before the projects' term.
    assert [both(COMPLETED, each) for each in until[2:]] == [[0, 0], [0, 0], [0, 0], [1, 0], [0, 1]]
    assert len({fact.id for fact in facts}) == len(facts)


def test_a_report_is_not_changed_by_what_is_moved_afterwards() -> None:
    """What is told after the closing strikes nothing out."""
    about, closed = uuid4(), PROJECT.model_copy(update={"closed_at": START + timedelta(seconds=1)})
    facts = kept([tandem(TandemStarted, about, PROJECT.id, started_on=DAY),
                  tandem(TandemCorrected, about, None, started_on=DAY, former_project_id=PROJECT.id)])

    assert (actual(STARTED, facts, closed), actual(STARTED, facts)) == (1, 0)


WORDS = st.tuples(st.sampled_from("ab"), st.sampled_from(["moved", "minutes", "withdrawn"]), PROJECTS,
                  st.integers(1, 90))


@given(st.lists(WORDS, max_size=15), st.randoms(use_true_random=False))
def test_of_each_tandem_and_meeting_the_last_word_counts(
    words: list[tuple[str, str, UUID | None, int]], chance: Random,
) -> None:
    """However often moved, corrected or withdrawn, heard in any order and repeated."""
    facts: list[Fact] = []
    last: dict[UUID, tuple[UUID | None, int]] = {}
    for name, said, project, minutes in words:
        about = uuid5(SPACE, name)
        former, _ = last.get(about, (None, 0))
        if said == "withdrawn":
            facts.append(meeting(MeetingWithdrawn, about, former))
            last[about] = former, 0
            continue
        now = project if said == "moved" else former
        gone = former if former != now else None
        facts += [
            meeting(MeetingCorrected, about, now, minutes=minutes, counts_on=DAY, former_project_id=gone),
            tandem(TandemCorrected, about, now, started_on=DAY, former_project_id=gone)]
        last[about] = now, minutes
    heard = kept(facts)
    again = [*heard, *chance.sample(heard, len(heard) // 2)]
    chance.shuffle(again)
    begun = {fact.tandem_id: fact.project_id for fact in facts if isinstance(fact, TandemCorrected)}

    assert both(MINUTES, again) == [sum(long for at, long in last.values() if at == project.id)
                                    for project in (PROJECT, OTHER)]
    assert both(STARTED, again) == [list(begun.values()).count(project.id) for project in (PROJECT, OTHER)]


@pytest.mark.slow
async def test_what_was_moved_is_counted_anew_alike(network: Network, registry: Any) -> None:
    """Heard twice it counts once, and a rebuild leaves the same rows behind."""
    project, coordinator, _ = await a_project(network)
    asked: list[dict[str, Any]] = [{"metric": "records", "filter": {"facts": ["tandem_started"]}},
                                   {"metric": "meeting_minutes", "filter": {"facts": ["meeting"]}}]
    addresses = [await added_indicator(network, project, coordinator, **fields) for fields in asked]
    first, second = uuid4(), uuid4()
    facts = [tandem(TandemStarted, first, id_of(project), started_on=DAY), tandem(TandemStarted, second, None),
             meeting(MeetingDocumented, first, id_of(project), counts_on=DAY),
             meeting(MeetingDocumented, second, id_of(project), counts_on=DAY),
             tandem(TandemCorrected, first, None, started_on=DAY, former_project_id=id_of(project)),
             meeting(MeetingCorrected, first, uuid4(), counts_on=DAY, former_project_id=id_of(project)),
             tandem(TandemCorrected, second, id_of(project), started_on=DAY)]
    heard = [as_heard(fact, number, uuid4()) for number, fact in enumerate(facts, 1)]
    for _ in range(2):
        await network["registry"].running.inbox.take("matching", heard)

    async def stands(read: Callable[[Any], Any]) -> list[Any]:
        found = [read(ok(await registry.get(one, headers=coordinator))) for one in addresses]
        return [found, await network.rows("registry", "SELECT * FROM counted_fact ORDER BY id")]

    before = await stands(lambda one: one["actual"])
    assert (before[0], len(before[1])) == ([1, 60], 7)
    async with (answering(network, "events", {"ask.events.facts.v1": outbox_of([])}),
                answering(network, "matching", {"ask.matching.facts.v1": outbox_of(heard)}),
                network["registry"].running.database.transaction() as transaction):
        await rebuild(transaction)

    assert await stands(lambda one: one["actual"]) == before

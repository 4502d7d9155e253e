"""Any steps through the doors: what is told of a tandem gives the figures that are true of it in the end."""

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from libs.common.envelope import read_envelope
from libs.common.facts.registry import ProjectClosed, ProjectOpened
from services.registry.indicators.model import Counted, CountedFact, Metric
from services.registry.indicators.reactions import BY_SUBJECT, remembered
from services.registry.projects.model import Project
from tests.matching.field import REGION, Field, Json
from tests.registry.counted import actual, an_indicator

pytestmark = pytest.mark.slow

FIGURES: list[tuple[Metric, Counted]] = [
    (Metric.RECORDS, Counted.TANDEM_STARTED), (Metric.RECORDS, Counted.TANDEM_COMPLETED),
    (Metric.RECORDS, Counted.MEETING), (Metric.MEETING_MINUTES, Counted.MEETING)]
# First and last day of each project's term, and the days of meetings, counted from today.
TERMS = {"former": (-400, -150), "long": (-250, 40), "short": (-110, -33), "inside": (-100, -50)}
BEGAN, DAYS = -200, st.sampled_from([-200, -160, -151, -150, -111, -110, -75, -49, -34, -33, -32, -10, 0])
STEPS: st.SearchStrategy[list[tuple[str, Any]]] = st.lists(st.one_of(
    st.tuples(st.just("name"), st.sampled_from([*TERMS, None])), st.tuples(st.just("meet"), DAYS),
    st.tuples(st.just("correct"), DAYS), st.tuples(st.just("withdraw"), DAYS),
    st.tuples(st.just("report"), st.sampled_from([*TERMS])),
    st.tuples(st.sampled_from(["complete", "end"]), st.none())), min_size=1, max_size=14)


async def entered(field: Field, **given: Any) -> Json:
    """A tandem that is entered today."""
    proposal = await field.accepted()
    await field.act(f"/proposals/{proposal['id']}/first_meeting", {"on": str(field.day)})
    return await field.create("/tandems", {"proposal_id": proposal["id"], "kind": "everyday"} | given)


class Truth:
    """What happened of one tandem, done through the doors and kept by hand beside them."""

    def __init__(self, field: Field, tandem: Json, projects: dict[str, UUID]) -> None:
        """The tandem began on the day BEGAN."""
        self.field, self.tandem, self.projects = field, tandem, projects
        self.named: list[str] = []
        self.met: dict[int, tuple[str, int]] = {}
        self.ended = ""
        # What was counted when a project's report was made, by the project; and the report, with when it was made.
        self.kept: dict[Any, str] = {}
        self.reports: dict[str, tuple[list[int], datetime]] = {}

    async def step(self, kind: str, what: Any) -> None:
        """One of STEPS, unless it is not to be done now: then it is passed over."""
        address, day = f"/tandems/{self.tandem['id']}", self.field.day
        if kind == "name":
            await self.name(what, address)
        elif kind == "report" and what not in self.reports:
            await self.report(what)
        elif kind == "meet" and what not in self.met:
            noted = await self.field.create("/meetings", {
                "tandem_id": self.tandem["id"], "side": "mentors", "minutes": 60,
                "on": str(day + timedelta(days=what))})
            self.met[what] = noted["id"], 60
        elif kind == "correct" and what in self.met:
            await self.field.act(f"/meetings/{self.met[what][0]}/correct", {"minutes": 45})
            self.met[what] = self.met[what][0], 45
        elif kind == "withdraw" and what in self.met:
            await self.field.act(f"/meetings/{self.met.pop(what)[0]}/withdraw")
            self.kept.pop(what, None)
        elif kind in {"complete", "end"} and not self.ended:
            await self.end(kind, address, day)

    async def name(self, what: str | None, address: str) -> None:
        """It is to count for this project, or for none; not for one whose report is made, unless it did already."""
        body = {"planned_until": self.tandem["planned_until"], "project_id": what and str(self.projects[what])}
        if what in self.reports and what not in self.named[-1:]:
            assert await self.field.refused(address, body, method="PUT") == (422, "project-not-open")
            return
        await self.field.act(address, body, method="PUT")
        self.named = [*(one for one in self.named if one != what), what] if what else []

    async def report(self, name: str) -> None:
        """A project is closed by its report: what counts for it stays, and nothing is added."""
        things = ("began", "completed", *self.met) if self.ended == "complete" else ("began", *self.met)
        self.kept |= {thing: name for thing in things if self.counts_for(thing) == name}
        self.reports[name] = self.figures(name), self.field.network["matching"].running.database.clock.now()
        await self.field.network.tell("matching", ProjectClosed(project_id=self.projects[name]))

    async def end(self, kind: str, address: str, day: date) -> None:
        """It comes to its good end, or ends early while still on trial."""
        self.ended = kind
        if kind == "end":
            await self.field.act(f"{address}/end_early", {"reason": "moved", "rematch": False})
            return
        for side in ("mentors", "household"):
            await self.field.act(f"{address}/consents", {"side": side})
        await self.field.create("/closings", {"tandem_id": self.tandem["id"], "held_on": str(day)})

    def counts_for(self, thing: Any) -> str | None:
        """For which project the beginning, the end or a day's meeting counts; what was in a report stays there."""
        if thing in self.kept:
            return self.kept[thing]
        return self.lies_in({"began": BEGAN, "completed": 0}.get(thing, thing))

    def lies_in(self, day: int) -> str | None:
        """Of the projects named until it was taken away, the last in whose term the day lies, unless reported on."""
        fitting = [one for one in self.named if TERMS[one][0] <= day <= TERMS[one][1]]
        return fitting[-1] if fitting and fitting[-1] not in self.reports else None

    def figures(self, name: str) -> list[int]:
        """The figures of a project by hand."""
        if name in self.reports:
            return self.reports[name][0]
        completed = self.ended == "complete" and self.counts_for("completed") == name
        minutes = [long for day, (_, long) in self.met.items() if self.counts_for(day) == name]
        return [int(self.counts_for("began") == name), int(completed), len(minutes), sum(minutes)]


async def counted_facts(field: Field, tandem: Json) -> list[CountedFact]:
    """What the registry remembers of all that matching told of the tandem."""
    rows = await field.network.rows(
        "matching", "SELECT subject, headers, body FROM outbox WHERE body LIKE $1 ORDER BY id", f"%{tandem['id']}%")
    found: list[CountedFact] = []
    for number, row in enumerate(rows, 1):
        headers = {**json.loads(row["headers"]), "ce-sequence": str(number)}
        heard = read_envelope(row["subject"], headers, row["body"].encode())
        if row["subject"] in BY_SUBJECT:
            found += remembered(BY_SUBJECT[row["subject"]].model_validate_json(row["body"]), heard)
    return found


def computed(truth: Truth, name: str, facts: Sequence[CountedFact]) -> list[int]:
    """The figures of a project as the registry computes them from these facts."""
    starts, ends = (truth.field.day + timedelta(days=one) for one in TERMS[name])
    project_id, (_, closed_at) = truth.projects[name], truth.reports.get(name, ([], None))
    project = Project(id=project_id, name=name, sort_key=name, carrier_id=UUID(int=2), region="15", starts=starts,
                      ends=ends, target_regions=[REGION], closed_at=closed_at)
    own = [fact for fact in facts if fact.project_id == project_id]
    return [actual(an_indicator(metric, kind, deadline=ends), own, project) for metric, kind in FIGURES]


@settings(max_examples=15, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS, chance=st.randoms(use_true_random=False))
@example(steps=[("meet", -75), ("meet", -160), ("name", "former"), ("name", "short"), ("name", "long"),
                ("correct", -75), ("name", "inside"), ("meet", -33), ("withdraw", -160), ("complete", None),
                ("meet", -34), ("name", "former"), ("name", "long")], chance=Random(1))
@example(steps=[("name", "long"), ("meet", -75), ("meet", -34), ("report", "long"), ("name", "short"), ("meet", -49),
                ("withdraw", -34), ("meet", -34), ("name", "long"), ("complete", None)],
         chance=Random(2))
async def test_in_whatever_order_the_figures_are_those_of_what_is_true(
    field: Field, steps: list[tuple[str, Any]], chance: Random,
) -> None:
    """Projects named, changed and taken away, meetings noted, corrected and withdrawn, the end: heard in any order."""
    projects = {name: uuid4() for name in TERMS}
    await field.network.tell("matching", *(ProjectOpened(
        project_id=projects[name], starts=field.day + timedelta(days=first), ends=field.day + timedelta(days=last),
        regions=("15",)) for name, (first, last) in TERMS.items()))
    tandem = await entered(field, started_on=str(field.day + timedelta(days=BEGAN)))
    truth = Truth(field, tandem, projects)
    for kind, what in steps:
        await truth.step(kind, what)
    facts = await counted_facts(field, tandem)
    again = [*facts, *chance.sample(facts, len(facts) // 2)]
    chance.shuffle(again)

    for name in projects:
        assert computed(truth, name, again) == truth.figures(name), name

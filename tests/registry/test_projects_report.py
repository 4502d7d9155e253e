"""The funder's report: the targets of the rural project, computed from facts, as JSON and as CSV."""

import csv
import io
from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from libs.common.callers import Role
from libs.common.codes.lists import EventKind
from libs.common.facts.events import AttendanceRecorded, EventHeld
from libs.common.facts.fact import Fact
from tests.harness import Network
from tests.registry.happened import an_event, as_heard, attended, tallied
from tests.registry.steps import a_project, an_indicator, id_of, matching, ok

TRAINING, MEETING = ["training"], ["best_practice_meeting"]
PROMISED: list[dict[str, Any]] = [
    {"label": {"de": "Schulungen"}, "metric": "records", "target": 14,
     "filter": {"facts": ["event_held"], "event_kinds": TRAINING}},
    {"label": {"de": "Erreichte in Schulungen"}, "metric": "distinct_persons", "target": 140,
     "filter": {"facts": ["attendance"], "event_kinds": TRAINING}},
    {"label": {"de": "Best-Practice-Treffen"}, "metric": "records", "target": 2,
     "filter": {"facts": ["event_held"], "event_kinds": MEETING},
     "condition": {"min_per_event": 20, "min_rural_regions": 2}},
    {"label": {"de": "Beratene"}, "metric": "distinct_subjects", "target": 15, "filter": {"facts": ["consultation"]}},
    {"label": {"de": "Erreichte insgesamt"}, "metric": "distinct_persons", "target": 180,
     "filter": {"facts": ["attendance"], "event_kinds": [*TRAINING, *MEETING]}},
    {"label": {"de": "=Newsletter", "en": "Newsletters"}, "metric": "records", "target": 7,
     "filter": {"facts": ["newsletter"]}},
]
DISTRICTS = ["15081", "15084", "15087", "15090", "15091"]


def crowd(event: EventHeld, people: range, homes: list[str]) -> Iterator[AttendanceRecorded]:
    """These people were there, from these districts by turns."""
    for one in people:
        yield attended(event, f"person{one}", home_region=homes[one % len(homes)])


def ten_months(project: UUID) -> list[Fact]:
    """14 trainings with ten each, two full meetings, and what must not count."""
    facts: list[Fact] = []
    for one in range(14):
        training = an_event(project, region=DISTRICTS[one % 5], on=date(2077, 3 + one % 10, 10))
        facts += [training, *crowd(training, range(10 * one, 10 * one + 10), DISTRICTS)]
    for one in range(2):
        meeting = an_event(project, EventKind.BEST_PRACTICE_MEETING, on=date(2077, 9 + one, 1))
        facts += [meeting, *crowd(meeting, range(140 + 20 * one, 160 + 20 * one), ["15087", "15084"])]
    small = an_event(project, EventKind.BEST_PRACTICE_MEETING, on=date(2077, 6, 1))
    city = an_event(project, region="15002", on=date(2077, 6, 1))
    early = an_event(project, on=date(2077, 2, 27))
    cafe = an_event(project, EventKind.LANGUAGE_CAFE)
    facts += [small, *crowd(small, range(140, 150), ["15087"]), city, *crowd(city, range(900, 950), DISTRICTS)]
    return [*facts, early, *crowd(early, range(950, 960), DISTRICTS), cafe, tallied(cafe, 300)]


async def advise(network: Network, project: str, headers: dict[str, str], who: str, kind: str) -> None:
    """A consultation that was agreed on and held today."""
    today = date.today().isoformat()  # noqa: DTZ011 - any day inside the term will do
    planned = await network["registry"].client.post("/v1/consultations", headers=headers, json={
        "project_id": str(id_of(project)), "region": "15087", "planned_for": today,
        "subject": {"kind": kind, "email": f"{who}@example.org"}})
    held = {"held_on": today, "minutes": 45, "topics": ["founding_a_group"]}
    ok(await network["registry"].client.post(
        f"/v1/consultations/{ok(planned)['id']}/hold", json=held, headers=headers | matching(planned)))


async def reported(network: Network) -> tuple[str, dict[str, str], dict[str, str]]:
    """The rural project with everything that it promised, its coordinator's headers and its funder's."""
    project, coordinator, _ = await a_project(network)
    for promised in PROMISED:
        await an_indicator(network, project, coordinator, **promised)
    funder = await network.key(Role.FUNDER_READER, project_id=id_of(project))
    return project, coordinator, funder


async def test_the_rural_project_reaches_what_it_promised(network: Network, registry: Any) -> None:
    """14 trainings with 140 people, two meetings of 20 from two rural districts, 180 in all; newsletters do not exist.

    What happened in a city, before the term, or with too few people does not count.
    """
    project, _, funder = await reported(network)
    heard = [as_heard(fact, number, uuid4()) for number, fact in enumerate(ten_months(id_of(project)), 1)]
    await network["registry"].running.inbox.take("events", heard)

    report = ok(await registry.get(f"{project}/report", headers=funder))

    assert [(one["label"]["de"], one["actual"], one["target"], one["state"]) for one in report["indicators"]] == [
        ("Schulungen", 14, 14, "reached"), ("Erreichte in Schulungen", 140, 140, "reached"),
        ("Best-Practice-Treffen", 2, 2, "reached"), ("Beratene", 0, 15, "on_track"),
        ("Erreichte insgesamt", 180, 180, "reached"), ("=Newsletter", 0, 7, "on_track")]
    assert report["indicators"][2]["condition"] == {"min_per_event": 20, "min_rural_regions": 2}
    assert (report["project"]["name"], report["indicators"][1]["filter"]["event_kinds"]) == (
        "Ankommen auf dem Land (Demo)", TRAINING)


async def test_people_and_groups_are_counted_as_they_are_advised(network: Network, registry: Any) -> None:
    """Fifteen of them, one twice; their consultations count at once."""
    today = date.today()  # noqa: DTZ011 - any day inside the term will do
    project, coordinator, _ = await a_project(
        network, starts=today.replace(day=1).isoformat(), ends=f"{today.year + 1}-12-31")
    address = await an_indicator(network, project, coordinator, **PROMISED[3])
    for one in range(14):
        await advise(network, project, coordinator, f"subject{one}", "person" if one % 2 else "group")
    await advise(network, project, coordinator, "Subject1", "person")
    assert ok(await registry.get(address, headers=coordinator))["actual"] == 14

    await advise(network, project, coordinator, "subject1", "group")

    read = ok(await registry.get(address, headers=coordinator))
    assert (read["actual"], read["state"], read["random_keys"]) == (15, "reached", 0)


async def test_the_same_report_as_a_file_without_formulas(network: Network, registry: Any) -> None:
    """One line per indicator, labels in the reader's language, filter and counting beside each figure."""
    project, coordinator, funder = await reported(network)
    event = an_event(id_of(project))
    await network.tell("registry", event, attended(event, "anna"), attended(event, "drawn", random_key=True),
                       attended(event, None))

    file = await registry.get(f"{project}/report.csv", headers=funder)
    english = await registry.get(f"{project}/report.csv", headers=coordinator | {"Accept-Language": "en, de;q=0.5"})

    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in file.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(file.text)))
    assert [row["actual"] for row in rows] == ["1", "2", "0", "0", "2", "0"]
    assert (rows[1]["random_keys"], rows[1]["without_key"], rows[1]["metric"]) == ("1", "1", "distinct_persons")
    assert (rows[2]["min_per_event"], rows[2]["event_kinds"], rows[0]["min_per_event"]) == (
        "20", "best_practice_meeting", "")
    assert rows[5]["label"] == "'=Newsletter"
    assert [row["label"] for row in csv.DictReader(io.StringIO(english.text))][5] == "Newsletters"


async def test_a_report_is_for_its_readers_only(network: Network, registry: Any) -> None:
    """Another project's funder finds nothing, in either form; neither does the public."""
    project, _, _ = await reported(network)
    other, _, _ = await a_project(network)
    funder = await network.key(Role.FUNDER_READER, project_id=id_of(other))

    for path in ("report", "report.csv"):
        assert (await registry.get(f"{project}/{path}", headers=funder)).status_code == 404
        assert (await registry.get(f"{project}/{path}")).status_code == 401

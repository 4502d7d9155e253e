"""Step 8: a funded project's figures from what really happened, a drill-down, the CSV, and one person erased."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from deploy.local.demo.households import MOTHER
from deploy.local.demo.offers import DISTRICT
from deploy.local.demo.stage import Actor, Stage

DISTRICTS = ("15081", "15084", "15085", "15087", "15088")
TRAININGS, PEOPLE_EACH, MEETINGS, ADVISED = 14, 10, 2, 15
# label, metric, filter, condition, target, and what the demonstration expects
INDICATORS: tuple[tuple[str, str, dict[str, Any], dict[str, int] | None, int, int], ...] = (
    ("Schulungen", "records", {"facts": ["event_held"], "event_kinds": ["training"]}, None, 14, 14),
    ("Menschen in Schulungen", "attendances", {"facts": ["attendance"], "event_kinds": ["training"]}, None, 140, 140),
    ("Austauschtreffen mit mindestens 20 Menschen aus 2 ländlichen Kreisen", "records",
     {"facts": ["event_held"], "event_kinds": ["best_practice_meeting"]},
     {"min_per_event": 20, "min_rural_regions": 2}, 2, 2),
    ("Beratene Menschen oder Gruppen", "distinct_subjects", {"facts": ["consultation"]}, None, 15, 15),
    ("Erreichte Menschen insgesamt", "attendances", {"facts": ["attendance"]}, None, 180, 180),
    ("Newsletter", "records", {"facts": ["newsletter"]}, None, 7, 0),
)


async def act(stage: Stage) -> None:
    """Open the project, let its events and talks happen, read its report as the funder does, erase a person."""
    editor = stage.cast["partner_editor"]
    project = await _project(stage)
    await _events(stage, editor, project)
    await _consultations(stage, editor, project)
    funder = await stage.enter("Förderstiftung Miteinander (Demo)", "funder_reader", project_id=project)
    before = await _report(stage, funder, project)
    await _drill_down(stage, project, before)
    await _erase(stage)
    after = await _report(stage, funder, project, quiet=True)
    stage.observe(after == before, "the figures are unchanged")


async def _project(stage: Stage) -> str:
    start = (await stage.now()).date()
    planned = await stage.post(stage.operator, "registry", "/projects", {
        "name": "Integration im ländlichen Raum (Demo)", "carrier_id": stage.things["partner"],
        "starts": start.isoformat(), "ends": (start + timedelta(days=303)).isoformat(),
        "target_regions": list(DISTRICTS)})
    for label, metric, facts, condition, target, _ in INDICATORS:
        await stage.post(stage.operator, "registry", "/indicators", {
            "project_id": planned["id"], "label": {"de": label}, "metric": metric, "filter": facts,
            "condition": condition, "target": target})
    await stage.post(stage.operator, "registry", f"/projects/{planned['id']}/open", after=planned)
    stage.tell("A project of ten months in five rural districts is opened, with six indicators.")
    return str(planned["id"])


async def _events(stage: Stage, editor: Actor, project: str) -> None:
    now = await stage.now()
    kinds = ["training"] * TRAININGS + ["best_practice_meeting"] * MEETINGS
    events = [await _event(stage, editor, project, kind, now, position) for position, kind in enumerate(kinds)]
    await stage.pass_time(timedelta(days=len(kinds) + 3))

    async def all_held() -> bool:
        found = [await stage.get(editor, "events", f"/events/{event}") for event in events]
        return all(event["state"] == "held" for event in found)

    # Each changes by itself once its time is over: whoever reads it before that holds an old version.
    await stage.wait_for(all_held, "the trainings and the meetings took place, by the clock")
    for event in events[:TRAININGS]:
        await stage.call(editor, "PUT", "events", f"/events/{event}/tally", body={"total": PEOPLE_EACH},
                         after=await stage.get(editor, "events", f"/events/{event}"))
    for event in events[TRAININGS:]:
        for home in DISTRICTS[:2]:
            await stage.post(editor, "events", f"/events/{event}/attendance/walk_in", {
                "party": {"adults": 10}, "home_region": home})
    stage.tell("14 trainings are counted anonymously, 10 people each; two meetings have 20 people from two districts.")


async def _event(stage: Stage, editor: Actor, project: str, kind: str, now: datetime, position: int) -> str:
    start = (now + timedelta(days=position + 1)).replace(hour=10, minute=0, second=0, microsecond=0)
    drop_in = {"registration_mode": "none"} if kind == "training" else {}
    event = await stage.until_accepted(editor, "events", "/events", {
        "partner_id": stage.things["partner"], "region": DISTRICTS[position % len(DISTRICTS)], "kind": kind,
        "project_id": project, "starts": start.isoformat(), "ends": (start + timedelta(hours=4)).isoformat(),
        "translations": {"de": {"title": f"Veranstaltung {position + 1} (Demo)", "description": "Offen für alle."}},
        **drop_in})
    await stage.post(editor, "events", f"/events/{event['id']}/publish", after=event)
    return str(event["id"])


async def _consultations(stage: Stage, editor: Actor, project: str) -> None:
    day = (await stage.now()).date().isoformat()
    for number in range(ADVISED):
        planned = await stage.post(editor, "registry", "/consultations", {
            "project_id": project, "partner_id": stage.things["partner"], "region": DISTRICT, "planned_for": day,
            "subject": {"kind": "group", "name": f"Gruppe {number}", "email": f"gruppe.{number}@rat.example.org"}})
        await stage.post(editor, "registry", f"/consultations/{planned['id']}/hold", {
            "held_on": day, "minutes": 60, "topics": ["founding_a_group"]}, after=planned)
    stage.tell("15 groups are advised.")


async def _report(stage: Stage, funder: Actor, project: str, *, quiet: bool = False) -> dict[str, int]:
    expected = {label: value for label, *_, value in INDICATORS}

    async def counted() -> Any:
        found = (await stage.get(funder, "registry", f"/projects/{project}/report"))["indicators"]
        figures = {one["label"]["de"]: one["actual"] for one in found}
        return found if figures == expected else None

    found = await stage.wait_for(counted, "the funder's report holds exactly what happened")
    for one in () if quiet else found:
        stage.tell(f"{one['label']['de']}: {one['actual']} of {one['target']} ({one['metric']}, {one['state']})")
    return {one["label"]["de"]: one["actual"] for one in found}


async def _drill_down(stage: Stage, project: str, figures: dict[str, int]) -> None:
    report = await stage.get(stage.operator, "registry", f"/projects/{project}/report")
    indicator = report["indicators"][0]["id"]
    facts = await stage.get(stage.operator, "registry", f"/indicators/{indicator}/facts", limit=100)
    stage.observe(len(facts["items"]) == TRAININGS,
                  f"behind the figure stand its {TRAININGS} facts, with day and region")
    csv = await stage.get(stage.operator, "registry", f"/projects/{project}/report.csv")
    stage.observe(all(label in csv.content for label in figures), "the same report as a CSV file")


async def _erase(stage: Stage) -> None:
    started = await stage.post(stage.operator, "registry", "/erasures", {"address": MOTHER})

    async def completed() -> Any:
        erasure = await stage.get(stage.operator, "registry", f"/erasures/{started['id']}")
        return erasure if erasure["state"] == "completed" else None

    erasure = await stage.wait_for(completed, "the mother is erased in all four services")
    stage.observe(erasure["signature_holds"] is True and len(erasure["parts"]) == len(stage.urls),
                  "one receipt, with a part of each service, signed")
    contact = await stage.call(stage.cast["coordinator"], "GET", "matching",
                               f"/households/{stage.things['household']}/contact", expect=(200, 404))
    stage.observe(contact.status != HTTPStatus.OK, "nobody can read her name or address any more")

"""Step 2: a mentor group from its first interest to being ready, its checklist ticked by a training it attended."""

from datetime import timedelta
from typing import Any

from deploy.local.demo.offers import DISTRICT
from deploy.local.demo.stage import Actor, Answer, Stage

RULES_2023 = {
    "min_members": 4, "main_contacts": 1, "rent_months": 12, "support_months": 12, "trial_days": 28,
    "checkin_days": [28, 182, 365], "required_trainings": [{"training_code": "basic_training", "members": 2}],
    "required_records": 4, "chooser": "coordinator",
}
MENTORING = {"min_members": 1, "rent_months": 0, "chooser": "coordinator"}
MEMBERS = [
    {"contact": {"name": name, "email": f"{name.split()[0].lower()}@gruppe.example.org", "written_in": ["de"]},
     "gender": gender, "is_main_contact": position == 0}
    for position, (name, gender) in enumerate((
        ("Hanna Beispiel", "f"), ("Karl Beispiel", "m"), ("Ute Beispiel", "f"), ("Jens Beispiel", "m")))
]
GROUP = {
    "label": "Gruppe Kupferkreis (Demo)", "region": DISTRICT, "postcode": "06295", "radius_km": 30, "largest": 6,
    "languages": {"de": "C2", "ar": "B1"}, "slots": ["tue_evening", "thu_evening", "sat_morning"],
    "offers": ["school", "jobcentre"], "interests": ["cooking"], "childcare": True, "step_free": True,
}
RENT_MONTHS = 12


async def act(stage: Stage) -> None:
    """Rules are entered, the group registers, two members attend the training, certificates and the rent are shown."""
    coordinator = stage.cast["coordinator"]
    await _programme(stage, coordinator)
    address, group = await _interest(stage, coordinator)
    await _training(stage, coordinator, group)
    await _certificates(stage, coordinator, group)
    await _ready(stage, coordinator, address)


async def _programme(stage: Stage, coordinator: Actor) -> None:
    for thing, name, rules in (("programme", "Gemeinsam ankommen (Demo)", RULES_2023),
                               ("mentoring", "Alltagspatenschaften (Demo)", MENTORING)):
        entered = await stage.post(coordinator, "registry", "/programmes", {
            "name": name, "code": f"demo_{thing}", "region": DISTRICT})
        await stage.call(coordinator, "PUT", "registry", f"/programmes/{entered['id']}/rule_sets/2023-01-01",
                         body=rules, after=entered)
        stage.things[thing] = entered["id"]
    stage.tell("The network's own community sponsorship is entered with the rules of 2023; its coordinator chooses.")


async def _interest(stage: Stage, coordinator: Actor) -> tuple[str, Answer]:
    day = (await stage.now()).date().isoformat()
    body = GROUP | {"programme_id": stage.things["programme"],
                    "members": [member | {"consented_on": day, "consented_besides": ["checkins", "learnings"]}
                                for member in MEMBERS]}
    group = await stage.until_accepted(coordinator, "matching", "/mentor_groups", body)
    address = f"/mentor_groups/{group['id']}"
    stage.things["group"] = group["id"]
    formed = await stage.post(coordinator, "matching", f"{address}/form", after=group)
    await stage.post(coordinator, "matching", f"{address}/prepare", after=formed)
    stage.tell("A group of four registers its interest and gets its checklist.")
    standing = await _checklist(stage, coordinator)
    stage.observe("open" in standing.values(), f"the checklist: {_told(standing)}")
    return address, group


async def _training(stage: Stage, coordinator: Actor, group: Answer) -> None:
    start = (await stage.now() + timedelta(days=5)).replace(hour=9, minute=0, second=0, microsecond=0)
    event = await stage.until_accepted(stage.cast["partner_editor"], "events", "/events", {
        "partner_id": stage.things["partner"], "region": DISTRICT, "kind": "training",
        "training_code": "basic_training", "starts": start.isoformat(),
        "ends": (start + timedelta(hours=7)).isoformat(), "capacity": 20, "translations": {
            "de": {"title": "Basisschulung für Mentoring-Gruppen", "description": "Ein Tag, verpflichtend."}}})
    await stage.post(stage.cast["partner_editor"], "events", f"/events/{event['id']}/publish", after=event)
    members = (await stage.get(coordinator, "matching", "/members", mentor_group_id=group["id"])).content[:2]
    registered = [await stage.post(coordinator, "events", f"/events/{event['id']}/registrations/known", {
        "person_ref": member["person_ref"], "home_region": DISTRICT}) for member in members]
    stage.observe(all(one["state"] == "confirmed" for one in registered),
                  "two members are registered for the basic training")
    await stage.pass_time(timedelta(days=6))
    await stage.post(coordinator, "events", f"/events/{event['id']}/attendance", {
        "present": [{"registration_id": one["id"]} for one in registered]})
    stage.tell("The training took place; the coordinator ticks who was there.")


async def _certificates(stage: Stage, coordinator: Actor, group: Answer) -> None:
    day = (await stage.now()).date().isoformat()
    for member in (await stage.get(coordinator, "matching", "/members", mentor_group_id=group["id"])).content:
        read = Answer(200, member, f'"{member["version"]}"')
        await stage.post(coordinator, "matching", f"/members/{member['id']}/record", {
            "seen_on": day, "certificate_date": day, "relevant_entry": False}, after=read)
    stage.observe((await _checklist(stage, coordinator))["record_seen"] == "fulfilled",
                  "all four have shown a criminal-record certificate: only that it was seen is kept")


async def _ready(stage: Stage, coordinator: Actor, address: str) -> None:
    async def ticked() -> bool:
        return (await _checklist(stage, coordinator)).get("training: basic_training") == "fulfilled"

    await stage.wait_for(ticked, "the attendance ticked the checklist by itself, across services and without a name")
    group = await stage.get(coordinator, "matching", address)
    await stage.call(coordinator, "PUT", "matching", f"{address}/housing", after=group, body={
        "rooms": 4, "max_persons": 5, "barrier_free": True, "net_cold_rent": 52000, "secured_months": RENT_MONTHS,
        "available_from": (await stage.now()).date().isoformat()})
    stage.tell("The group shows a home without steps, its rent secured for 12 months.")

    async def ready() -> Any:
        return (await stage.get(coordinator, "matching", address))["state"] == "ready"

    await stage.wait_for(ready, "nothing is open any more: the group is ready")


async def _checklist(stage: Stage, coordinator: Actor) -> dict[str, str]:
    lines = await stage.get(coordinator, "matching", "/prerequisites", mentor_group_id=stage.things["group"])
    return {f"{line['demand']}{': ' if line['subject'] else ''}{line['subject']}": line["standing"]
            for line in lines.content}


def _told(standing: dict[str, str]) -> str:
    return ", ".join(f"{what} {how}" for what, how in standing.items())

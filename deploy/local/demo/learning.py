"""Step 7: the closing talk leaves a learning, which reaches the district's council and is answered."""

from datetime import timedelta
from typing import Any

from deploy.local.demo.offers import DISTRICT
from deploy.local.demo.stage import Stage

WITH_A_NAME = "Dilan hat sich gefreut, dass immer jemand zum Elternabend mitkam."
LEARNING = "Feste Treffen am selben Wochentag haben geholfen. Zum Elternabend fehlte der letzte Bus."
ANSWER = "Der Beirat hat beim Landkreis eine spätere Fahrt an Elternabenden beantragt."


async def act(stage: Stage) -> None:
    """Close the tandem, check and approve its learning, put it before the council, and enter the answer."""
    coordinator = stage.cast["coordinator"]
    await stage.pass_time(timedelta(days=170))
    day = (await stage.now()).date().isoformat()
    body: dict[str, Any] = {
        "tandem_id": stage.things["tandem"], "held_on": day, "reason": "goal_reached", "mentors_rating": 5,
        "household_rating": 5, "goals_reached": ["school", "housing"],
        "learning": {"text": WITH_A_NAME, "language": "de", "kind": "barrier"}}
    await stage.refused(coordinator, "matching", "/closings", body, slug="learning-names-someone")
    closing = await stage.post(coordinator, "matching", "/closings", body | {
        "learning": {"text": LEARNING, "language": "de", "kind": "barrier"}})
    await stage.post(coordinator, "matching", f"/closings/{closing['id']}/approve", after=closing)
    tandem = await stage.get(coordinator, "matching", f"/tandems/{stage.things['tandem']}")
    stage.observe(tandem["state"] == "completed", "after a year the tandem is completed, with a closing talk")
    await _observation(stage)


async def _observation(stage: Stage) -> None:
    coordinator = stage.cast["coordinator"]
    council = await stage.post(coordinator, "registry", "/bodies", {
        "name": "Integrationsbeirat des Landkreises (Demo)", "kind": "council", "region": DISTRICT,
        "contact": {"name": "Geschäftsstelle", "email": "beirat@landkreis.example.org"}})

    async def arrived() -> Any:
        found = (await stage.get(coordinator, "registry", "/learnings"))["items"]
        return [one for one in found if one["text"] == LEARNING]

    learning = (await stage.wait_for(arrived, "the registry has asked for the learning's checked text"))[0]
    step = await stage.post(coordinator, "registry", f"/learnings/{learning['id']}/observation")
    address = f"/observations/{step['id']}"
    step = await stage.post(coordinator, "registry", f"{address}/take_up", after=step)
    step = await stage.post(coordinator, "registry", f"{address}/forward", {"body_id": council["id"]}, after=step)
    stage.observe(step["state"] == "forwarded", "it lies before the district's integration council as an observation")
    step = await stage.post(coordinator, "registry", f"{address}/answer", {"summary": ANSWER}, after=step)
    stage.observe(step["state"] == "answered", f"the council answered: {ANSWER}")

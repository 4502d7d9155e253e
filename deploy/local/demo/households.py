"""Step 3: a household is registered by a counsellor and waits; beside it another, for the run to choose between."""

from typing import Any

from deploy.local.demo.offers import DISTRICT
from deploy.local.demo.stage import EVERYONE, Actor, Answer, Stage

COUNSELLING = {
    "name": "Beratungsstelle Wegweiser (Demo)", "kind": "welfare_association", "region": DISTRICT, "postcode": "06526",
    "contacts": [{"name": "Ines Beispiel", "email": "ines@wegweiser.example.org", "languages": ["de"]}],
}
MOTHER = "dilan@haushalt.example.org"
FAMILY: dict[str, Any] = {
    "region": DISTRICT, "postcode": "06295", "languages": {"ckb": "C2", "ar": "C1", "de": "A1"}, "least_level": "A2",
    "members": [{"age_band": "27-44", "gender": "f"}, {"age_band": "6-13", "gender": "m"},
                {"age_band": "0-5", "gender": "f"}],
    "slots": ["tue_evening", "sat_morning", "sat_afternoon"], "only_female_mentor": True, "barrier_free": True,
    "must_haves": ["school"], "wishes": ["jobcentre", "childcare"], "interests": ["cooking"],
    "contact": {"name": "Dilan Beispiel", "email": MOTHER, "written_in": ["ar", "de"]},
}
YOUNG_MAN: dict[str, Any] = {
    "region": DISTRICT, "postcode": "06526", "languages": {"uk": "C2", "en": "B2"}, "least_level": "A2",
    "members": [{"age_band": "18-26", "gender": "m"}], "slots": ["mon_evening", "wed_evening"],
    "contact": {"name": "Дмитро Приклад", "email": "dmytro@haushalt.example.org", "written_in": ["uk"]},
}
MENTOR: dict[str, Any] = {
    "region": DISTRICT, "postcode": "06526", "radius_km": 15, "languages": {"de": "C2", "en": "B2"}, "gender": "f",
    "slots": ["mon_evening", "wed_evening", "sun_morning"],
    "contact": {"name": "Gesa Beispiel", "email": "gesa@mentorin.example.org", "written_in": ["de"]},
}


async def act(stage: Stage) -> None:
    """The counsellor registers both; a single mentor is screened, so that the run has something to weigh."""
    counsellor = await _counsellor(stage)
    family = await _waiting(stage, counsellor, FAMILY, "programme")
    stage.things["household"], stage.things["household_person"] = family["id"], family["person_ref"]
    stage.observe(family["waiting_since"] is not None,
                  "a mother with two children waits: a woman as main contact, no steps, Kurdish and Arabic")
    other = await _waiting(stage, counsellor, YOUNG_MAN, "mentoring")
    stage.things["other_household"] = other["id"]
    await _mentor(stage)


async def _counsellor(stage: Stage) -> Actor:
    coordinator = stage.cast["coordinator"]
    applied = await stage.post(EVERYONE, "registry", "/partners", COUNSELLING)
    await stage.post(coordinator, "registry", f"/partners/{applied['id']}/verify", after=applied)
    return await stage.enter("Beratungsstelle Wegweiser (Demo), counsellor", "counsellor", partner_id=applied["id"])


async def _waiting(stage: Stage, counsellor: Actor, household: dict[str, Any], programme: str) -> Answer:
    day = (await stage.now()).date().isoformat()
    body = household | {"programme_id": stage.things[programme]}
    step = await stage.until_accepted(counsellor, "matching", "/households", body)
    address = f"/households/{step['id']}"
    step = await stage.post(counsellor, "matching", f"{address}/interview", after=step)
    await stage.refused(counsellor, "matching", f"{address}/wait", slug="consent-missing", after=step)
    step = await stage.post(counsellor, "matching", f"{address}/consent", {
        "given_on": day, "besides": ["checkins", "learnings"]}, after=step)
    return await stage.post(counsellor, "matching", f"{address}/wait", after=step)


async def _mentor(stage: Stage) -> None:
    coordinator, day = stage.cast["coordinator"], (await stage.now()).date().isoformat()
    step = await stage.post(coordinator, "matching", "/mentors", MENTOR | {
        "programme_id": stage.things["mentoring"], "consented_on": day})
    address = f"/mentors/{step['id']}"
    step = await stage.post(coordinator, "matching", f"{address}/screen", after=step)
    step = await stage.post(coordinator, "matching", f"{address}/record", {
        "seen_on": day, "certificate_date": day, "relevant_entry": False}, after=step)
    await stage.post(coordinator, "matching", f"{address}/approve", after=step)
    stage.tell("A single mentor is screened; of her certificate only that it was seen is kept.")

"""Step 5: first meeting, trial, both consents, check-ins with each side separately, one missed, one concern."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from deploy.local.demo.households import MOTHER
from deploy.local.demo.mailbox import Mail, mails_to
from deploy.local.demo.matches import MAIN_CONTACT
from deploy.local.demo.offers import DISTRICT
from deploy.local.demo.stage import EVERYONE, Actor, Stage

CONCERN = "Bei den Treffen fühlt sich etwas nicht richtig an."
SIDES = (("household", MOTHER), ("mentors", MAIN_CONTACT))


async def act(stage: Stage) -> None:
    """A trial of four weeks, then the year; the neutral contact reads what nobody else does."""
    neutral = await stage.enter("Ombudsstelle (Demo)", "neutral_contact", region=DISTRICT)
    coordinator = stage.cast["coordinator"]
    tandem = await _trial(stage, coordinator)
    await _consents(stage, coordinator, tandem)
    await _first_talk(stage, coordinator, neutral)
    await _missed_talk(stage, coordinator, tandem)


async def _trial(stage: Stage, coordinator: Actor) -> str:
    address = f"/proposals/{stage.things['proposal']}"
    await stage.pass_time(timedelta(days=3))
    day = (await stage.now()).date().isoformat()
    accepted = await stage.get(coordinator, "matching", address)
    await stage.post(coordinator, "matching", f"{address}/first_meeting", {"on": day}, after=accepted)
    tandem = await stage.post(coordinator, "matching", "/tandems", {
        "proposal_id": stage.things["proposal"], "kind": "community_sponsorship", "goals": ["school", "housing"]})
    stage.observe(tandem["state"] == "trial", "they have met; the tandem is on trial for four weeks")
    stage.things["tandem"] = tandem["id"]
    return str(tandem["id"])


async def _consents(stage: Stage, coordinator: Actor, tandem: str) -> None:
    await stage.pass_time(timedelta(days=28))
    for side, address in SIDES:
        mail = await _asked(stage, address, "/checkins/answers/",
                            f"after four weeks the {side} side is asked how it goes")
        page = await stage.get(EVERYONE, "matching", mail.link("/checkins/answers/"))
        give = page.content.split("/consents/")[1].split('"')[0]
        await stage.post(EVERYONE, "matching", f"{stage.urls['matching']}/v1/tandems/consents/{give}")
    now = await stage.get(coordinator, "matching", f"/tandems/{tandem}")
    stage.observe(now["state"] == "active", "both sides, each by the own link, want to go on: the tandem is active")


async def _first_talk(stage: Stage, coordinator: Actor, neutral: Actor) -> None:
    household = await _asked(stage, MOTHER, "/checkins/answers/", "the mother's check-in is open")
    await stage.call(EVERYONE, "POST", "matching", household.link("/checkins/answers/"),
                     query={"issue": "true"}, body={"note": CONCERN})
    mentors = await _asked(stage, MAIN_CONTACT, "/checkins/answers/", "the group's check-in is open")
    await stage.call(EVERYONE, "POST", "matching", mentors.link("/checkins/answers/"), query={"mood": 4, "meetings": 5})
    found = await stage.get(neutral, "matching", "/concerns")
    concern = await stage.get(neutral, "matching", f"/concerns/{found['items'][0]['id']}")
    stage.observe(concern["text"] == CONCERN, "the mother's concern reaches the neutral contact, in her own words")
    for who in (coordinator, stage.cast["counsellor"]):
        answer = await stage.call(who, "GET", "matching", "/concerns", expect=(200, 403, 404))
        stage.observe(answer.status != HTTPStatus.OK, f"and nobody else: {who.name} is refused")
    taken = await stage.post(neutral, "matching", f"/concerns/{concern['id']}/take_up", after=concern)
    await stage.post(neutral, "matching", f"/concerns/{concern['id']}/resolve", {
        "outcome": "Ein Gespräch mit beiden Seiten hat stattgefunden."}, after=taken)


async def _missed_talk(stage: Stage, coordinator: Actor, tandem: str) -> None:
    await stage.pass_time(timedelta(days=155))
    mail = await _asked(stage, MAIN_CONTACT, "/checkins/answers/",
                        "after half a year both sides are asked again", after=1)
    await stage.call(EVERYONE, "POST", "matching", mail.link("/checkins/answers/"), query={"mood": 5, "meetings": 20})
    await stage.pass_time(timedelta(days=20))

    async def escalated() -> Any:
        talks = await stage.get(coordinator, "matching", "/checkins", tandem_id=tandem)
        return [one for one in talks["items"] if one["side"] == "household" and one["escalated_at"]]

    await stage.wait_for(escalated, "the household did not answer: the missed check-in lies before the coordinator")


async def _asked(stage: Stage, address: str, part: str, sentence: str, *, after: int = 0) -> Mail:
    async def arrived() -> Mail | None:
        found = [mail for mail in await mails_to(stage.mailbox, address) if any(part in link for link in mail.links)]
        return found[-1] if len(found) > after else None

    mail: Mail = await stage.wait_for(arrived, sentence)
    return mail

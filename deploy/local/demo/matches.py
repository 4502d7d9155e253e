"""Step 4: the exact run, one proposal approved, one dismissed, both sides asked in their language, one slot once."""

import asyncio
from http import HTTPStatus
from typing import Any

from deploy.local.demo.households import MOTHER
from deploy.local.demo.mailbox import Mail, mails_to
from deploy.local.demo.offers import DISTRICT
from deploy.local.demo.stage import EVERYONE, Actor, Answer, Stage

MAIN_CONTACT = "hanna@gruppe.example.org"


async def act(stage: Stage) -> None:
    """Run, decide, invite, and let both sides answer by their links."""
    coordinator = stage.cast["coordinator"]
    chosen = await _run(stage, coordinator, "programme", "household")
    other = await _run(stage, coordinator, "mentoring", "other_household")
    dismissed = await stage.post(coordinator, "matching", f"/proposals/{other['id']}/dismiss",
                                 {"reason": "other_plan"}, after=other)
    stage.observe(dismissed["state"] == "dismissed", "the coordinator dismisses the other proposal, with a reason")
    approved = await stage.post(coordinator, "matching", f"/proposals/{chosen['id']}/approve", {}, after=chosen)
    await stage.post(coordinator, "matching", f"/proposals/{chosen['id']}/invite", after=approved)
    stage.things["proposal"] = chosen["id"]
    await _answers(stage, coordinator)


async def _run(stage: Stage, coordinator: Actor, programme: str, household: str) -> Answer:
    started = await stage.post(coordinator, "matching", "/runs", {
        "programme_id": stage.things[programme], "region": DISTRICT})

    async def finished() -> Any:
        run = await stage.get(coordinator, "matching", f"/runs/{started['id']}")
        return run if run["state"] in {"done", "failed"} else None

    run = await stage.wait_for(finished, f"the run over the {programme} is through")
    stage.observe(run["certified"] is True and run["objective"] == run["bound"],
                  f"it is proven optimal: objective {run['objective']} = bound {run['bound']} ({run['solver']})")
    listed = await stage.get(coordinator, "matching", "/proposals", run_id=started["id"])
    found = next(one for one in listed["items"] if one["household_id"] == stage.things[household])
    proposal = await stage.get(coordinator, "matching", f"/proposals/{found['id']}")
    stage.observe(sum(proposal["points"].values()) == proposal["score"],
                  f"the points of the proposal sum to its score of {proposal['score']}")
    for language in ("de", "en"):
        stage.tell(f"why ({language}): {' '.join(reason[language] for reason in proposal['reasons'])}")
    return proposal


async def _answers(stage: Stage, coordinator: Actor) -> None:
    mother = await _invitation(stage, MOTHER, "ar")
    group = await _invitation(stage, MAIN_CONTACT, "de")
    accept = mother.link("/invitations/") + "/accept"
    await stage.post(EVERYONE, "matching", accept)
    stage.tell("The mother accepts by the link in her mail.")
    both = group.link("/invitations/") + "/accept"
    answers = await asyncio.gather(*(
        stage.call(EVERYONE, "POST", "matching", both, expect=(200, 409)) for _ in range(2)))
    refused = [answer for answer in answers if answer.status != HTTPStatus.OK]
    stage.observe(len(refused) == 1,
                  f"two acceptances at the same moment: one holds, the other hears “{_said(refused)}”")
    proposal = await stage.get(coordinator, "matching", f"/proposals/{stage.things['proposal']}")
    stage.observe(proposal["state"] == "accepted_both", "both sides have accepted")


def _said(refused: list[Answer]) -> str:
    return str(refused[0]["detail"]) if refused and isinstance(refused[0].content, dict) else ""


async def _invitation(stage: Stage, address: str, language: str) -> Mail:
    async def invited() -> Mail | None:
        found = [mail for mail in await mails_to(stage.mailbox, address)
                 if any("/invitations/" in link for link in mail.links)]
        return found[-1] if found else None

    mail: Mail = await stage.wait_for(invited, f"an invitation has arrived at {address}")
    stage.observe(mail.language == language, f"it is written in the person's language ({language}): “{mail.subject}”")
    return mail

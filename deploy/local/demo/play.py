"""The play: the steps in their order, each with its heading, time and what travelled; ends at the first that fails."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import httpx

from deploy.local.demo import accompaniment, cafe, figures, groups, households, learning, matches, offers
from deploy.local.demo.mailbox import Mailbox
from deploy.local.demo.provoking import provoke
from deploy.local.demo.stage import EVERYONE, Say, Stage, StepFailed

Act = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True)
class Step:
    """One step of the main job."""

    number: int
    title: str
    act: Act


STEPS = (
    Step(1, "A partner's offer is submitted, reviewed, published and told to people in their own language", offers.act),
    Step(2, "A mentor group becomes ready through a training", groups.act),
    Step(3, "A household is registered and waits", households.act),
    Step(4, "They are matched, and both sides accept", matches.act),
    Step(5, "The tandem is accompanied: trial, consent, check-ins, a concern", accompaniment.act),
    Step(6, "A weekly language café with childcare: a family waits and is promoted together", cafe.act),
    Step(7, "A learning reaches the district's council and is answered", learning.act),
    Step(8, "A funder's figures from what happened, and one person erased", figures.act),
)


@dataclass(frozen=True)
class Played:
    """How it went: the steps that held, the one that did not with the reason, the roles' keys, and all refusals."""

    held: int
    failed: str | None
    keys: Mapping[str, str]
    seconds: float
    refusals: Sequence[str] = ()


async def play(
    urls: Mapping[str, str], operator_key: str, mailbox: Mailbox, say: Say, *, provoking: bool = False,
) -> Played:
    """Play all steps against these services through their public APIs; asks back what must hold after each.

    provoking: afterwards send personal data where it is refused, to see what the refusals repeat of it.
    """
    began, held = time.monotonic(), 0
    async with Stage(urls, operator_key, mailbox, say) as stage:
        try:
            await stage.known_everywhere(stage.operator)
            seen = await _facts_so_far(stage)
            await _tell_listed(stage)
            for step in STEPS:
                since = time.monotonic()
                say(f"\n[bold]{step.number}. {step.title}[/]")
                await step.act(stage)
                seen = await _tell_facts(stage, seen)
                held += 1
                say(f"   [dim]({time.monotonic() - since:.1f} s)[/]")
            if provoking:
                await provoke(stage)
        except (StepFailed, LookupError, TypeError, httpx.HTTPError) as failed:
            reason = failed if isinstance(failed, StepFailed) else repr(failed)
            where = f"step {STEPS[held].number}" if held < len(STEPS) else "afterwards"
            return Played(held, f"{where}: {reason}", stage.keys, time.monotonic() - began, stage.refusals)
        return Played(held, None, stage.keys, time.monotonic() - began, stage.refusals)


async def _tell_listed(stage: Stage) -> None:
    """Say which real organisations can be found, where they have been loaded: listed, nothing put into their mouths."""
    partners = (await stage.get(EVERYONE, "registry", "/partners", limit=100))["items"]
    offers = (await stage.get(EVERYONE, "registry", "/offers", limit=100))["items"]
    listed = [one["name"] for one in partners if one["listed_only"]]
    if listed:
        stage.tell(f"{len(listed)} real organisations with {len(offers)} offers can be found, such as {listed[0]}.")


async def _facts_so_far(stage: Stage) -> dict[str, int]:
    return {service: await _last(stage, service, 0) for service in stage.urls}


async def _last(stage: Stage, service: str, after: int) -> int:
    while facts := (await stage.get(stage.operator, service, "/facts", after=after, limit=500)).content:
        after = facts[-1]["number"]
    return after


async def _tell_facts(stage: Stage, seen: dict[str, int]) -> dict[str, int]:
    """Say which facts travelled since, each kind once with how often; returns up to where they have been told."""
    count: dict[str, int] = {}
    for service, told_up_to in seen.items():
        after = told_up_to
        while facts := (await stage.get(stage.operator, service, "/facts", after=after, limit=500)).content:
            for fact in facts:
                count[fact["subject"]] = count.get(fact["subject"], 0) + 1
            after = facts[-1]["number"]
        seen[service] = after
    if count:
        told = ", ".join(f"{subject.removesuffix('.v1')}{f' x{times}' if times > 1 else ''}"
                         for subject, times in count.items())
        stage.tell(f"[dim]facts that travelled: {told}[/]")
    return seen

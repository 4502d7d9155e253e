"""What is told of a proposal."""

from collections.abc import Collection
from typing import Any, TypeVar
from uuid import UUID

from libs.common.facts.matching import ProposalFact
from services.matching.proposals.model import Proposal
from services.matching.runs.explanation import DENIED, LANGUAGES, in_all_languages, why_not
from services.matching.runs.outcome import NextBest
from services.matching.runs.outcome import Proposal as Found
from services.matching.runs.points import Points
from services.matching.runs.pool import Weights

WEEK = "week"
Told = TypeVar("Told", bound=ProposalFact)


def proposal_fact(kind: type[Told], proposal: Proposal, person_refs: tuple[UUID, ...] = (), **more: Any) -> Told:
    """The fact of this kind about the proposal; person_refs are those to be told now."""
    return kind(proposal_id=proposal.id, region=proposal.region, household_id=proposal.household_id,
                mentor_id=proposal.mentor_id, mentor_group_id=proposal.mentor_group_id, person_refs=person_refs, **more)


def reasons_of(proposal: Proposal, now: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """A sentence per criterion in German and English, and what else to know, by language; nothing once it is erased.

    now: what the two have in common today, and what is against it. `found` of a reason: the sentence that its points
    were given for, where it is another one today.
    """
    if WEEK not in proposal.shared:
        return proposal.reasons, proposal.besides
    reasons, besides = _told_of(proposal, proposal.shared)
    against = now.get("against", ())
    today = {one["criterion"]: one | _denied(one["criterion"], against)
             for one in _told_of(proposal, proposal.shared | now)[0]}
    return [_with_found(one, today[one["criterion"]]) for one in reasons], besides


def _with_found(found: dict[str, Any], today: dict[str, Any]) -> dict[str, Any]:
    return today | {"found": None if found == today else {language: found[language] for language in LANGUAGES}}


def _denied(criterion: str, against: Collection[str]) -> dict[str, str]:
    """The sentences of what stands against a criterion's reason, by language; none where nothing does."""
    code = DENIED.get(criterion)
    return {language: why_not([code], language)[0] for language in LANGUAGES} if code and code in against else {}


def _told_of(proposal: Proposal, shared: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """The proposal's points and price, in the words for what two have in common."""
    weights, next_best = Weights(**proposal.shared["most"]), proposal.next_best
    return in_all_languages(Found(
        household=proposal.household_id, unit=proposal.unit_id, points=Points(**proposal.points), bonus=proposal.bonus,
        worth=proposal.worth, languages=dict(sorted(shared["languages"].items())),
        interpreter=shared["interpreter"], metres=shared["metres"],
        slots=shared[WEEK], wishes_met=tuple(shared["wishes_met"]), wishes_missing=tuple(shared["wishes_missing"]),
        interests=tuple(shared["common_interests"]), unit_price=proposal.unit_price,
        next_best=NextBest(unit=UUID(next_best["unit_id"]), score=next_best["score"],
                           unit_price=next_best["unit_price"]) if next_best else None), weights,
        "price" if proposal.run_id else "live_price", alone=proposal.run_id is None)

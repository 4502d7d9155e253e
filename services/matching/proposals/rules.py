"""What is told of a proposal."""

from typing import Any, TypeVar
from uuid import UUID

from libs.common.facts.matching import ProposalFact
from services.matching.proposals.model import Proposal
from services.matching.runs.explanation import in_all_languages
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


def reasons_of(proposal: Proposal) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """A sentence per criterion in German and English, and what else to know, by language; nothing once it is erased."""
    if WEEK not in proposal.shared:
        return proposal.reasons, proposal.besides
    given = dict(proposal.shared)
    weights, next_best = Weights(**given.pop("most")), proposal.next_best
    return in_all_languages(Found(
        household=proposal.household_id, unit=proposal.unit_id, points=Points(**proposal.points), bonus=proposal.bonus,
        worth=proposal.worth, languages=dict(sorted(given["languages"].items())),
        interpreter=given["interpreter"], metres=given["metres"],
        slots=given[WEEK], wishes_met=tuple(given["wishes_met"]), wishes_missing=tuple(given["wishes_missing"]),
        interests=tuple(given["common_interests"]), unit_price=proposal.unit_price,
        next_best=NextBest(unit=UUID(next_best["unit_id"]), score=next_best["score"],
                           unit_price=next_best["unit_price"]) if next_best else None), weights,
        "price" if proposal.run_id else "live_price", alone=proposal.run_id is None)

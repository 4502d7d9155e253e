"""What is told of a proposal."""

from typing import Any, TypeVar
from uuid import UUID

from libs.common.facts.matching import ProposalFact
from services.matching.proposals.model import Proposal

Told = TypeVar("Told", bound=ProposalFact)


def proposal_fact(kind: type[Told], proposal: Proposal, person_refs: tuple[UUID, ...] = (), **more: Any) -> Told:
    """The fact of this kind about the proposal; person_refs are those to be told now."""
    return kind(proposal_id=proposal.id, region=proposal.region, household_id=proposal.household_id,
                mentor_id=proposal.mentor_id, mentor_group_id=proposal.mentor_group_id, person_refs=person_refs, **more)

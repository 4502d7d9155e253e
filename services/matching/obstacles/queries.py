"""Reads about obstacles: what stands between the two of a pair as they are now."""

from libs.common.callers import Role
from libs.common.db import OpenTransaction
from libs.common.refusals import Refused
from services.matching.obstacles.rules import in_sentences, left_out
from services.matching.proposals.model import Proposal
from services.matching.proposals.queries import pair_of
from services.matching.runs import hard
from services.matching.runs.queries import load_pair
from services.matching.runs.rows import household_of, rules_of, unit_of
from services.matching.tandems.model import Tandem


async def between(transaction: OpenTransaction, of: Proposal | Tandem) -> list[str]:
    """The hard codes that a run would name between this pair today, but for those that count no more."""
    await transaction.flush()  # what was changed here counts
    pair = await load_pair(transaction, of)
    codes = hard.obstacles(
        household_of(pair["households"][0]), unit_of(pair["units"][0], pair["today"]), rules_of(pair))
    beside = left_out(of, (await pair_of(transaction, of)).unit)
    return [code.value for code in codes if code not in beside]


async def refuse_obstacles(transaction: OpenTransaction, proposal: Proposal) -> None:
    """Nobody is brought together whom a hard constraint keeps apart, whatever was noted of it.

    Who answers by a link learns only that: a code may tell what the other side said in confidence, a veto or a wish.
    """
    codes = await between(transaction, proposal)
    if codes:
        raise Refused(
            "pair-no-longer-fits", "The two no longer fit together. Their data must fit again. {why}",
            why="" if transaction.caller.role is Role.LINK else in_sentences(codes))

"""What matching answers about learnings: the text of one that was checked and approved, and of no other."""

from libs.common.db import OpenTransaction
from libs.common.facts.matching import LearningText, LearningTextAsked
from libs.common.reactions import answers
from libs.common.refusals import NotFound
from services.matching.closings.model import Closing, LearningState
from services.matching.profiles.rules import today


@answers(LearningTextAsked)
async def tell_learning(transaction: OpenTransaction, question: LearningTextAsked) -> LearningText:
    """The approved text of a learning; NotFound for one that is not approved."""
    closing = await transaction.get(Closing, question.learning_id)
    if (closing is None or closing.learning_state is not LearningState.APPROVED or closing.learning is None
            or closing.approved_at is None):
        raise NotFound("not-found", "There is no such {noun}.", noun="learning")
    return LearningText(text=closing.learning, language=closing.learning_language or "de",
                        captured_on=today(closing.approved_at))

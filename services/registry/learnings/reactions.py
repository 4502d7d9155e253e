"""What is heard of learnings, and how their text is fetched while matching may be away."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from libs.common.asks import ask
from libs.common.db import OpenTransaction
from libs.common.due import schedule
from libs.common.facts.matching import LearningCaptured, LearningTextAsked
from libs.common.reactions import reacts_to, when_due
from libs.common.refusals import Unavailable
from services.registry.learnings.model import Learning

AGAIN = timedelta(seconds=30)
ASKED_SECONDS = 2.0


@reacts_to(LearningCaptured)
async def note_learning(transaction: OpenTransaction, fact: LearningCaptured) -> None:
    """A learning was captured; its text is asked for next."""
    learning = Learning(id=fact.learning_id, kind=fact.kind, field=fact.field, region=fact.region)
    await transaction.execute(insert(Learning).values(learning.model_dump()).on_conflict_do_nothing())
    await schedule(transaction, "learning_text", fact.learning_id, transaction.clock.now())


@when_due("learning_text")
async def fetch_text_later(transaction: OpenTransaction, learning_id: UUID) -> None:
    """Ask for the text; while matching is away, again a little later."""
    learning = await transaction.get_one(Learning, learning_id)
    try:
        await fetch_text(transaction, learning)
    except Unavailable:
        await schedule(transaction, "learning_text", learning_id, transaction.clock.now() + AGAIN)


async def fetch_text(transaction: OpenTransaction, learning: Learning) -> str:
    """The learning's text, asked of matching unless it is there; Unavailable while matching is away."""
    if learning.text is not None:
        return learning.text
    answer = await ask(transaction.bus, LearningTextAsked(learning_id=learning.id), seconds=ASKED_SECONDS)
    learning.take_text(answer.text, answer.language, answer.captured_on)
    return answer.text

"""What follows when a concern is raised: it stands in the neutral contact's list, and a fact says that there is one.

Nobody is written to: a neutral contact is a principal, whose address no service knows. They look at their list.
"""

from uuid import UUID

from sqlmodel import col, or_, select
from uuid_utils.compat import uuid7

from libs.common.db import OpenTransaction
from libs.common.facts.matching import ConcernRaised, ConcernRaisedAlone
from libs.common.outbox import announce
from libs.common.privacy import seal
from libs.common.refusals import NotFound, Refused
from services.matching.concerns.model import SEALED_TEXT, Concern, ConcernAbout, ConcernState, Matter
from services.matching.households.model import Note
from services.matching.profiles.queries import is_erased


async def refuse_waiting(transaction: OpenTransaction, matter: Matter, person_ref: UUID) -> None:
    """Who has a link raises no other concern while an earlier one of theirs waits to be taken up."""
    if await transaction.scalar(select(Concern.id).where(
            or_(Concern.tandem_id == matter.id, Concern.own_id == matter.id), Concern.person_ref == person_ref,
            col(Concern.state) == ConcernState.RAISED)):
        raise Refused("concern-waiting", "Your concern has arrived; the neutral contact will get in touch with you.")


async def raised(
    transaction: OpenTransaction, matter: Matter, person_ref: UUID, text: str | None,
    *, checkin_id: UUID | None = None, concern_id: UUID | None = None,
) -> Concern:
    """Somebody raises a concern, with words or without; each is kept, whatever of theirs waits to be taken up.

    NotFound once they are erased; an erasure that begins meanwhile takes it along.
    """
    if await is_erased(transaction, person_ref, lock=True):
        raise NotFound("person-erased", "This person's data has been erased.")
    of_tandem = matter.about is ConcernAbout.TANDEM
    concern = Concern(id=concern_id or uuid7(), about=matter.about, tandem_id=matter.id if of_tandem else None,
                      own_id=None if of_tandem else matter.id, checkin_id=checkin_id, region=matter.region,
                      person_ref=person_ref, side=matter.side, raised_at=transaction.clock.now())
    if text is not None:
        concern.text = await seal(transaction, person_ref, SEALED_TEXT, Note(text=text))
    transaction.add(concern)
    await transaction.flush()
    announce(transaction, ConcernRaised(concern_id=concern.id, tandem_id=matter.id, region=matter.region)
             if of_tandem else ConcernRaisedAlone(concern_id=concern.id, region=matter.region))
    return concern

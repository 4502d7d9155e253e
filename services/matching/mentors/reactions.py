"""What falls due for mentors: what was noted of a certificate is deleted."""

from uuid import UUID

from libs.common.audit import audited
from libs.common.db import OpenTransaction
from libs.common.reactions import when_due
from services.matching.mentors.model import Mentor, MentorState


@when_due("record_deletion")
async def delete_record(transaction: OpenTransaction, mentor_id: UUID) -> None:
    """Three months after the activity ended nothing is known any more of a certificate that was seen."""
    mentor = await transaction.get_one(Mentor, mentor_id, with_for_update=True)
    if mentor.state is MentorState.LEFT:
        mentor.forget_record()
        await audited(transaction, "erase", f"mentor/{mentor.id}", mentor.person_ref)

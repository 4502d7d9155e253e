"""The HTTP door of trainings that who accompanies alone attended elsewhere; those of a group stand with its members."""

from uuid import UUID

from fastapi import APIRouter, Response

from libs.common.db import get_or_refuse
from libs.common.dependencies import Expected, Transaction
from services.matching.mentors.model import Mentor
from services.matching.mentors.routes import MentorOut
from services.matching.mentors.routes import told as mentor_told
from services.matching.profiles.queries import taken_back
from services.matching.profiles.rules import TakingTrainingBackIn, TrainingShownIn, refuse_future

router = APIRouter(tags=["trainings"])


@router.post("/mentors/{mentor_id}/trainings")
async def note_mentor_training(
    mentor_id: UUID, body: TrainingShownIn, transaction: Transaction, expected: Expected, response: Response,
) -> MentorOut:
    """The coordinator has seen that a mentor was trained elsewhere; the certificate's code is the evidence.

    It counts as a training of the network that they attended.
    """
    refuse_future(body.attended_on, transaction.clock.now(), "attended_on")
    mentor = await get_or_refuse(transaction, Mentor, mentor_id, version=expected, lock=True)
    mentor.note_training(**body.model_dump())
    return await mentor_told(transaction, mentor, response)


@router.post("/mentors/{mentor_id}/trainings/withdraw")
async def withdraw_mentor_training(
    mentor_id: UUID, body: TakingTrainingBackIn, transaction: Transaction, expected: Expected, response: Response,
) -> MentorOut:
    """A training that a mentor had shown counts no longer; what the events service recorded stays as it is.

    Who is ready stays so; `trainings_missing` says what is missing.
    """
    mentor = await get_or_refuse(transaction, Mentor, mentor_id, version=expected, lock=True)
    mentor.withdraw_training(body.training_code)
    await taken_back(transaction, f"mentor/{mentor.id}/training/{body.training_code}", body.reason, mentor.person_ref)
    return await mentor_told(transaction, mentor, response)

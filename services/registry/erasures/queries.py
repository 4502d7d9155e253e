"""Reads about erasures, and what the registry itself erases of a person."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, update
from sqlmodel import col, select

from libs.common.db import OpenTransaction
from libs.common.persons import erase_persons
from services.registry.bodies.model import Body
from services.registry.consultations.model import Consultation
from services.registry.erasures.model import ErasurePart
from services.registry.observations.model import Observation
from services.registry.partners.model import Contact

STORES = ("person", "person_key", "partner_contact", "body", "observation", "consultation")


async def parts_of(transaction: OpenTransaction, erasure_ids: Iterable[UUID]) -> Sequence[ErasurePart]:
    """The parts of these erasures that are done, in the order in which they were told."""
    query = select(ErasurePart).where(col(ErasurePart.erasure_id).in_(list(erasure_ids)))
    return (await transaction.scalars(query.order_by(col(ErasurePart.id)))).all()


async def erase_here(transaction: OpenTransaction, person_refs: Sequence[UUID]) -> tuple[str, ...]:
    """The registry's own part: keys destroyed, names and notes gone, no row leads to them; returns what was looked at.

    What was counted stays, since it never had a name; the consultation's own copy of the key goes.
    """
    await erase_persons(transaction, person_refs)
    await transaction.execute(delete(Contact).where(col(Contact.person_ref).in_(person_refs)))
    blank: tuple[tuple[type[Any], Any, dict[str, Any]], ...] = (
        (Body, Body.contact_ref, {"contact_ref": None}),
        (Observation, Observation.submitter_ref, {"submitter_ref": None}),
        (Consultation, Consultation.person_ref, {"person_ref": None, "note": None, "subject_key": None}),
    )
    for kind, column, values in blank:
        change = update(kind).where(col(column).in_(person_refs))
        await transaction.execute(change.values(**values, version=kind.version + 1))
    return STORES

"""Reads about decisions: the words in which somebody says why, sealed for whom they may tell of."""

from uuid import UUID

from libs.common.db import OpenTransaction
from libs.common.privacy import seal, unseal
from services.matching.households.model import Household, Note
from services.matching.mentor_groups.model import MentorGroup
from services.matching.prerequisites.queries import contact_refs
from services.matching.proposals.queries import Unit


async def sealed_about(
    transaction: OpenTransaction, of: Household | Unit, label: str, row_id: UUID, words: str,
) -> tuple[bytes, UUID | None]:
    """Seal words about somebody: with the key of a mentor or a household's contact, or who speaks for a group first.

    Of a group to which nobody belongs they tell of no person, and are sealed for this row as what is nobody's.
    """
    note = Note(text=words)
    ref = next(iter(await contact_refs(transaction, of.id)), None) if isinstance(of, MentorGroup) else of.person_ref
    if ref is None:
        return transaction.vault.seal(f"{label}:{row_id}", note.model_dump_json().encode()), None
    return await seal(transaction, ref, label, note), ref


async def opened_about(
    transaction: OpenTransaction, label: str, row_id: UUID, ref: UUID | None, sealed: bytes | None,
) -> str | None:
    """The words; none once they, or the key of whom they were sealed for, are gone."""
    if ref is not None:
        note = await unseal(transaction, ref, label, sealed, Note)
        return note.text if note else None
    return Note.model_validate_json(transaction.vault.unseal(f"{label}:{row_id}", sealed)).text if sealed else None

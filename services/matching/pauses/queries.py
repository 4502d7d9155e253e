"""Reads about pauses: the reason for which somebody is held back or, once that has ended, goes on; it is sealed."""

from collections.abc import Sequence
from uuid import UUID

from libs.common.audit import audited
from libs.common.db import OpenTransaction
from libs.common.privacy import load_keys, seal, unseal
from services.matching.households.model import Note
from services.matching.mentors.model import Mentor
from services.matching.prerequisites.queries import contact_refs
from services.matching.proposals.queries import Unit


async def keep_why(transaction: OpenTransaction, unit: Unit, why: str) -> None:
    """Seal the reason: a mentor's with their own key, a group's with that of who speaks for it first.

    Of a group to which nobody belongs it tells of no person, and is sealed as what is nobody's.
    """
    note = Note(text=why)
    ref = unit.person_ref if isinstance(unit, Mentor) else next(iter(await contact_refs(transaction, unit.id)), None)
    if ref is None:
        sealed = transaction.vault.seal(f"{_column(unit)}:{unit.id}", note.model_dump_json().encode())
    else:
        sealed = await seal(transaction, ref, _column(unit), note)
    unit.note_why(sealed, ref)


async def whys_of(transaction: OpenTransaction, units: Sequence[Unit]) -> dict[UUID, dict[str, str | None]]:
    """By id what held_back_why or resumed_why says, for whom a reason is sealed; each reading is noted in the audit."""
    found: dict[UUID, dict[str, str | None]] = {unit.id: {} for unit in units}
    # In plain text stands only what the version before has noted, until it is sealed.
    told = [unit for unit in units if unit.held_back_note and not (unit.held_back_why or unit.resumed_why)]
    await load_keys(transaction, [unit.held_back_ref for unit in told if unit.held_back_ref])
    for unit in told:
        note = await _opened(transaction, unit)
        found[unit.id] = {"held_back_why" if unit.held_back_on else "resumed_why": note.text if note else None}
        await audited(transaction, "read", f"{unit.__tablename__}/{unit.id}", unit.held_back_ref)
    return found


async def _opened(transaction: OpenTransaction, unit: Unit) -> Note | None:
    if unit.held_back_ref:
        return await unseal(transaction, unit.held_back_ref, _column(unit), unit.held_back_note, Note)
    return Note.model_validate_json(
        transaction.vault.unseal(f"{_column(unit)}:{unit.id}", unit.held_back_note or b""))


def _column(unit: Unit) -> str:
    return f"{unit.__tablename__}.held_back_note"

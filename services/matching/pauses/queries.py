"""Reads about pauses: the reason for which somebody is held back or, once that has ended, goes on; it is sealed."""

from collections.abc import Sequence
from uuid import UUID

from libs.common.audit import audited
from libs.common.db import OpenTransaction
from libs.common.privacy import load_keys
from services.matching.decisions.queries import opened_about, sealed_about
from services.matching.proposals.queries import Unit


async def keep_why(transaction: OpenTransaction, unit: Unit, why: str) -> None:
    """Seal the reason with the unit."""
    unit.note_why(*await sealed_about(transaction, unit, _column(unit), unit.id, why))


async def whys_of(transaction: OpenTransaction, units: Sequence[Unit]) -> dict[UUID, dict[str, str | None]]:
    """By id what held_back_why or resumed_why says, for whom a reason is sealed; each reading is noted in the audit."""
    found: dict[UUID, dict[str, str | None]] = {unit.id: {} for unit in units}
    # In plain text stands only what the version before has noted, until it is sealed.
    told = [unit for unit in units if unit.held_back_note and not (unit.held_back_why or unit.resumed_why)]
    await load_keys(transaction, [unit.held_back_ref for unit in told if unit.held_back_ref])
    for unit in told:
        why = await opened_about(transaction, _column(unit), unit.id, unit.held_back_ref, unit.held_back_note)
        found[unit.id] = {"held_back_why" if unit.held_back_on else "resumed_why": why}
        await audited(transaction, "read", f"{unit.__tablename__}/{unit.id}", unit.held_back_ref)
    return found


def _column(unit: Unit) -> str:
    return f"{unit.__tablename__}.held_back_note"

"""Personal data: sealed with a key of each person, wrapped by the service's master key; no key, no data."""

import hmac
import os
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import BaseModel
from sqlalchemy import insert, select, update

from libs.common.refusals import NotFound
from libs.common.tables import person_key

if TYPE_CHECKING:
    from libs.common.db import OpenTransaction

NONCE_BYTES = 12
KEY_BITS = 256
KEEP_KEY = insert(person_key)
Details = TypeVar("Details", bound=BaseModel)


class Vault:
    """Wraps and unwraps the keys of persons; the master key never enters the database."""

    def __init__(self, master_key: bytes, index_key: bytes) -> None:
        """Both keys have 32 bytes; index_key makes blind indexes."""
        self._master = AESGCM(master_key)
        self._index_key = index_key

    def wrap(self, person_ref: UUID, key: bytes) -> bytes:
        """The person's key as it is stored."""
        return _encrypt(self._master, key, f"person_key:{person_ref}")

    def unwrap(self, person_ref: UUID, wrapped: bytes) -> bytes:
        """The person's key as it is used; InvalidTag when the master key is another one."""
        return _decrypt(self._master, wrapped, f"person_key:{person_ref}")

    def blind_index(self, normalised: str) -> bytes:
        """A keyed hash by which an address can be found again without being readable (16 bytes)."""
        return hmac.digest(self._index_key, normalised.encode(), "sha256")[:16]

    def seal(self, place: str, content: bytes) -> bytes:
        """Bytes of no one person that only this service opens again, bound to their place `<table>.<column>:<id>`."""
        return _encrypt(self._master, content, place)

    def unseal(self, place: str, stored: bytes) -> bytes:
        """What was sealed for this place; InvalidTag for another place or master key."""
        return _decrypt(self._master, stored, place)

    def sign(self, purpose: str, content: bytes) -> bytes:
        """A MAC by which this service knows again what it has issued for a purpose (32 bytes)."""
        return hmac.digest(self._index_key, purpose.encode() + b"\0" + content, "sha256")


async def new_person(transaction: "OpenTransaction", person_ref: UUID) -> UUID:
    """Make the key of a person whom this service meets first; returns the person_ref."""
    await transaction.execute(KEEP_KEY, {"person_ref": person_ref, "wrapped": fresh_key(transaction, person_ref)})
    return person_ref


def fresh_key(transaction: "OpenTransaction", person_ref: UUID) -> bytes:
    """Make a key that seal() uses in this transaction; returns it wrapped, as it has to be kept."""
    key = AESGCM.generate_key(KEY_BITS)
    transaction.person_keys[person_ref] = key
    return transaction.vault.wrap(person_ref, key)


async def load_keys(transaction: "OpenTransaction", person_refs: Iterable[UUID]) -> None:
    """Fetch the keys of these persons in one query, for seal() and unseal()."""
    missing = [ref for ref in set(person_refs) if ref not in transaction.person_keys]
    if not missing:
        return
    rows = await transaction.execute(
        select(person_key.c.person_ref, person_key.c.wrapped).where(person_key.c.person_ref.in_(missing)))
    for ref, wrapped in rows:
        transaction.person_keys[ref] = transaction.vault.unwrap(ref, wrapped) if wrapped else None


async def key_of(transaction: "OpenTransaction", person_ref: UUID) -> bytes:
    """The key with which this person's data is sealed; NotFound when the person is erased or unknown."""
    await load_keys(transaction, [person_ref])
    key = transaction.person_keys.get(person_ref)
    if key is None:
        raise NotFound("person-erased", "This person's data has been erased.")
    return key


async def seal(transaction: "OpenTransaction", person_ref: UUID, column: str, details: BaseModel) -> bytes:
    """The details as bytes for the column `<table>.<column>`; NotFound when the person is erased or unknown."""
    key = await key_of(transaction, person_ref)
    return _encrypt(AESGCM(key), details.model_dump_json(exclude_none=True).encode(), f"{column}:{person_ref}")


async def unseal(
    transaction: "OpenTransaction", person_ref: UUID, column: str, stored: bytes | None, kind: type[Details],
) -> Details | None:
    """The details of one row, or None when the person has been erased. Fetch many keys first with load_keys()."""
    await load_keys(transaction, [person_ref])
    key = transaction.person_keys.get(person_ref)
    if key is None or stored is None:
        return None
    return kind.model_validate_json(_decrypt(AESGCM(key), stored, f"{column}:{person_ref}"))


async def destroy_key(transaction: "OpenTransaction", person_ref: UUID, at: datetime) -> bool:
    """Erase: what was sealed for this person can never be read again. Returns whether there was a key."""
    done = await transaction.execute(
        update(person_key).where(person_key.c.person_ref == person_ref, person_key.c.wrapped.is_not(None))
        .values(wrapped=None, destroyed_at=at))
    transaction.person_keys[person_ref] = None
    return bool(done.rowcount)  # type: ignore[attr-defined]


def _encrypt(key: AESGCM, plain: bytes, context: str) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + key.encrypt(nonce, plain, context.encode())


def _decrypt(key: AESGCM, stored: bytes, context: str) -> bytes:
    return key.decrypt(stored[:NONCE_BYTES], stored[NONCE_BYTES:], context.encode())


__all__ = ["InvalidTag", "Vault", "destroy_key", "key_of", "load_keys", "new_person", "seal", "unseal"]

"""What routes ask for: the transaction, the caller, an idempotent creation, the expected version, a page."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Header, Query, Request, Response
from pydantic import BaseModel
from sqlalchemy import Select, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped
from uuid_utils.compat import uuid7

from libs.common.callers import Caller
from libs.common.db import OpenTransaction
from libs.common.refusals import Invalid, Missing
from libs.common.repeats import REMEMBERED
from libs.common.tables import idempotency

Item = TypeVar("Item")
PAGE_MOST = 100
KEY_LENGTH = 128
# A version as ETag: quoted, or for who types it, bare.
ETAG = re.compile(r'("?)([0-9]{1,9})\1')
# A name's sort key, sealed and in base64, fits in.
CURSOR_LENGTH = 2000
MAC_BYTES = 12
# What JSON does not know, and how it is read back; a time is also a day, so it comes first.
KINDS: dict[str, tuple[type, Callable[[str], Any]]] = {
    "t": (datetime, datetime.fromisoformat), "d": (date, date.fromisoformat), "u": (UUID, UUID)}


async def _caller(request: Request) -> Caller:
    caller: Caller = await request.app.state.auth.caller(request, request.scope["route"].name)
    return caller


CallerOf = Annotated[Caller, Depends(_caller)]


async def _transaction(request: Request, caller: CallerOf) -> AsyncIterator[OpenTransaction]:
    async with request.app.state.database.transaction(caller) as transaction:
        yield transaction


# scope="function": the commit must precede the response. With FastAPI's default the client is told 201
# first, and a commit that fails afterwards loses what we said was saved.
Transaction = Annotated[OpenTransaction, Depends(_transaction, scope="function")]


CLAIM = insert(idempotency).on_conflict_do_nothing()


@dataclass
class Once:
    """An idempotent creation: id is what is to be created, or was created by an earlier request with the same key.

    repeated says which; a route then answers with the thing as it is now, and creates nothing.
    """

    id: UUID
    repeated: bool


async def _once(
    request: Request,
    transaction: Transaction,
    idempotency_key: Annotated[str | None, Header(
        min_length=1, max_length=KEY_LENGTH, pattern="^[!-~]+$",
        description="Any text of your choice; the same POST with the same key creates nothing twice."
                    f" It is remembered for {REMEMBERED.days} days.",
    )] = None,
) -> Once:
    fresh = Once(uuid7(), repeated=False)
    if idempotency_key is None:
        return fresh
    secret: bytes = request.app.state.secret
    # With the path: the same key for another thing's sub-list is another request.
    mac = hmac.digest(secret, request.scope["path"].encode() + b"\0" + await request.body(), hashlib.sha256)
    claim = {"principal": transaction.caller.principal, "route": request.scope["route"].name, "key": idempotency_key}
    made = await transaction.execute(CLAIM, {**claim, "body_mac": mac, "created_id": fresh.id})
    if made.rowcount:  # type: ignore[attr-defined]
        return fresh
    earlier = (await transaction.execute(select(idempotency).filter_by(**claim))).one()
    if not hmac.compare_digest(earlier.body_mac, mac):
        raise Invalid("idempotency-key-reused", "This Idempotency-Key was used with another request before.",
                      field="Idempotency-Key")
    return Once(earlier.created_id, repeated=True)


Creation = Annotated[Once, Depends(_once)]


def _if_match(if_match: Annotated[str | None, Header(
    max_length=40, description="The ETag that you read; required, so that you do not overwrite another's change.",
    examples=['"1"'], json_schema_extra={"pattern": '^("[0-9]{1,9}"|[0-9]{1,9})$'},
)] = None) -> int:
    if if_match is None:
        raise Missing("if-match-missing", "Send If-Match with the ETag that you read.", field="If-Match")
    etag = ETAG.fullmatch(if_match.strip())
    if not etag:
        raise Invalid("if-match-unreadable", "If-Match is not an ETag of this service.", field="If-Match")
    return int(etag[2])


Expected = Annotated[int, Depends(_if_match)]


def tag(response: Response, version: int) -> None:
    """Set the ETag of the answer to the aggregate's version."""
    response.headers["ETag"] = f'"{version}"'


class Page(BaseModel, Generic[Item]):
    """A page of a list; next is the cursor of the next page, absent on the last."""

    items: list[Item]
    next: str | None = None


@dataclass(frozen=True)
class Paging:
    """Where the page begins, how many it holds at most, and the key that signs this list's cursors."""

    after: tuple[Any, ...] | None
    limit: int
    key: bytes


def _paging(
    request: Request,
    cursor: Annotated[str | None, Query(
        max_length=CURSOR_LENGTH, pattern="^[A-Za-z0-9_=-]+$", description="`next` of the page before.",
    )] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MOST)] = 50,
) -> Paging:
    # A key of each list's own: a cursor that was made up, or belongs to another list, never reaches the database.
    key = hmac.digest(request.app.state.secret, f"cursor {request.scope['route'].name}".encode(), "sha256")
    if cursor is None:
        return Paging(None, limit, key)
    try:
        raw = base64.b64decode(cursor, altchars=b"-_", validate=True)
    except ValueError as raised:
        raise _not_ours() from raised
    mac, content = raw[:MAC_BYTES], raw[MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(key, content)):
        raise _not_ours()
    return Paging(tuple(_decode(part) for part in json.loads(content)), limit, key)


PageOf = Annotated[Paging, Depends(_paging)]


async def page(
    transaction: OpenTransaction, query: Select[Any], paging: Paging, *order: Mapped[Any],
) -> tuple[Sequence[Any], str | None]:
    """The rows of one page in keyset order (the last column must be unique) and the next page's cursor."""
    if paging.after is not None:
        if len(paging.after) != len(order):
            raise _not_ours()
        query = query.where(tuple_(*order) > tuple_(*paging.after))
    rows = (await transaction.scalars(query.order_by(*order).limit(paging.limit + 1))).all()
    if len(rows) <= paging.limit:
        return rows, None
    last = rows[paging.limit - 1]
    content = json.dumps([_encode(getattr(last, _name(column))) for column in order], ensure_ascii=False).encode()
    return rows[: paging.limit], base64.urlsafe_b64encode(_mac(paging.key, content) + content).decode()


def _mac(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, "sha256")[:MAC_BYTES]


def _not_ours() -> Invalid:
    return Invalid("cursor-unreadable", "This cursor is not one of ours.", field="cursor")


def _name(column: Mapped[Any]) -> str:
    name: str = column.key  # type: ignore[attr-defined] # Mapped's annotations leave it out
    return name


def _encode(value: Any) -> list[Any]:
    for mark, (kind, _) in KINDS.items():
        if isinstance(value, kind):
            return [mark, str(value)]
    return ["", value]


def _decode(part: list[Any]) -> Any:
    mark, value = part
    return KINDS[mark][1](value) if mark else value

"""What routes ask for: the transaction, the caller, an idempotent creation, the expected version, a page."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
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
from libs.common.tables import idempotency

Item = TypeVar("Item")
PAGE_MOST = 100
KEY_LENGTH = 128
VERSION_DIGITS = 9


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
        description="Any text of your choice; the same POST with the same key creates nothing twice.",
    )] = None,
) -> Once:
    fresh = Once(uuid7(), repeated=False)
    if idempotency_key is None:
        return fresh
    secret: bytes = request.app.state.secret
    mac = hmac.digest(secret, await request.body(), hashlib.sha256)
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
)] = None) -> int:
    if if_match is None:
        raise Missing("if-match-missing", "Send If-Match with the ETag that you read.", field="If-Match")
    text = if_match.strip().strip('"')
    if not (text.isascii() and text.isdigit() and len(text) <= VERSION_DIGITS):
        raise Invalid("if-match-unreadable", "If-Match is not an ETag of this service.", field="If-Match")
    return int(text)


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
    """Where the page begins, and how many it holds at most."""

    after: tuple[Any, ...] | None
    limit: int


def _paging(
    cursor: Annotated[str | None, Query(
        max_length=400, pattern="^[A-Za-z0-9_=-]+$", description="`next` of the page before.",
    )] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MOST)] = 50,
) -> Paging:
    if cursor is None:
        return Paging(None, limit)
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor))
        return Paging(tuple(_decode(part) for part in parts), limit)
    except (ValueError, TypeError, KeyError) as raised:
        raise Invalid("cursor-unreadable", "This cursor is not one of ours.", field="cursor") from raised


PageOf = Annotated[Paging, Depends(_paging)]


async def page(
    transaction: OpenTransaction, query: Select[Any], paging: Paging, *order: Mapped[Any],
) -> tuple[Sequence[Any], str | None]:
    """The rows of one page in keyset order (the last column must be unique) and the next page's cursor."""
    if paging.after is not None:
        if len(paging.after) != len(order):
            raise Invalid("cursor-unreadable", "This cursor is not one of ours.", field="cursor")
        query = query.where(tuple_(*order) > tuple_(*paging.after))
    rows = (await transaction.scalars(query.order_by(*order).limit(paging.limit + 1))).all()
    if len(rows) <= paging.limit:
        return rows, None
    last = rows[paging.limit - 1]
    parts = [_encode(getattr(last, _name(column))) for column in order]
    return rows[: paging.limit], base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def _name(column: Mapped[Any]) -> str:
    name: str = column.key  # type: ignore[attr-defined] # Mapped's annotations leave it out
    return name


def _encode(value: Any) -> list[Any]:
    if isinstance(value, datetime):
        return ["t", value.isoformat()]
    return ["u", str(value)] if isinstance(value, UUID) else ["v", value]


def _decode(part: list[Any]) -> Any:
    kind, value = part
    if not isinstance(value, str | int | float):
        raise TypeError("not a key")
    kinds: dict[str, Callable[[Any], Any]] = {"t": datetime.fromisoformat, "u": UUID, "v": lambda plain: plain}
    return kinds[kind](value)

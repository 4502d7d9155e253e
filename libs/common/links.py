"""Signed links: for people without an account, each for one purpose about one thing; opening one changes nothing."""

import base64
import hmac
import struct
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path, Request

from libs.common.callers import EVERYTHING, Caller, Role
from libs.common.db import OpenTransaction
from libs.common.refusals import NotFound

MAC_BYTES = 16
FORMAT = struct.Struct(">16s16sQ")
# Of the last number: enough for some thirty thousand years.
EXPIRY_BITS = 40
TOKEN_PATTERN = "^[A-Za-z0-9_-]{75}$"  # noqa: S105 - a pattern, no token


@dataclass(frozen=True, slots=True)
class Link:
    """What a link lets its holder do: this purpose, about this thing, as this person.

    `sent_to`: a mark of the address that it was sent to, below 2 to the 24; 0 where that does not matter.
    """

    purpose: str
    about: UUID
    person_ref: UUID
    sent_to: int = 0


class Links:
    """Signs and checks the links of one service. They expire by the real clock."""

    def __init__(self, key: bytes, public_url: str) -> None:
        """The key is derived from the service's master key; links begin with the service's public URL."""
        self._key, self._public_url = key, public_url

    def url(self, path: str, link: Link, *, valid: timedelta) -> str:
        """The whole address, `{token}` in the path replaced by a token that holds for this long."""
        return self._public_url + path.replace("{token}", self.token(link, valid=valid))

    def token(self, link: Link, *, valid: timedelta) -> str:
        """The token alone: ids, the address's mark above the expiry, and a MAC over them and the purpose."""
        expires = int(time.time() + valid.total_seconds())
        content = FORMAT.pack(link.about.bytes, link.person_ref.bytes, link.sent_to << EXPIRY_BITS | expires)
        return _text(content + self._mac(link.purpose, content))

    def read(self, purpose: str, token: str) -> Link:
        """The link behind a token; NotFound when it is not one of ours for this purpose, or has expired."""
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
            content, mac = raw[: FORMAT.size], raw[FORMAT.size :]
            about, person_ref, numbers = FORMAT.unpack(content)
        except (ValueError, struct.error) as raised:
            raise _not_valid() from raised
        # Base64 has spare bits and passes over what is none: one link is one text.
        if token != _text(raw) or not hmac.compare_digest(mac, self._mac(purpose, content)):
            raise _not_valid()
        sent_to, expires = divmod(numbers, 1 << EXPIRY_BITS)
        if expires < time.time():
            raise NotFound("link-expired", "This link has expired; ask the coordinators or its sender for a new one.")
        return Link(purpose, UUID(bytes=about), UUID(bytes=person_ref), sent_to)

    def _mac(self, purpose: str, content: bytes) -> bytes:
        return hmac.digest(self._key, purpose.encode() + b"\0" + content, "sha256")[:MAC_BYTES]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _not_valid() -> NotFound:
    return NotFound("link-not-valid", "This link is not complete or not valid; open it again from the mail it came in.")


def by_link(purpose: str) -> Any:
    """A dependency: the checked link in the path's `{token}`, and a transaction as its holder.

    A route takes `holding: Annotated[Holding, by_link("cancel-registration")]`. The link itself is the scope: such a
    route touches only what the link is about.
    """

    async def holding(
        request: Request, token: Annotated[str, Path(pattern=TOKEN_PATTERN)],
    ) -> AsyncIterator["Holding"]:
        await request.app.state.auth.caller(request, request.scope["route"].name)
        link = request.app.state.links.read(purpose, token)
        caller = Caller(f"link/{link.person_ref}", Role.LINK, EVERYTHING)
        async with request.app.state.database.transaction(caller) as transaction:
            yield Holding(link, transaction)

    return Depends(holding, scope="function")


@dataclass(frozen=True, slots=True)
class Holding:
    """A link and the transaction of the person who holds it."""

    link: Link
    transaction: OpenTransaction

"""Who is calling: access keys and OIDC tokens lead to a principal, its grants to a caller with a scope."""

import hashlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import select
from starlette.requests import Request

from libs.common.callers import PUBLIC, Caller, Grant, Role, Scope
from libs.common.clock import real_now
from libs.common.db import Database
from libs.common.refusals import NotAllowed, NotAuthenticated, TooMany
from libs.common.settings import CommonSettings
from libs.common.tables import known_grant, known_key
from libs.common.tokens import Tokens, does_not_hold

KNOWN_SECONDS = 2.0
KNOWN_MOST = 10_000
KEY_PARTS = 3
Permissions = Mapping[str, Iterable[Role]]


class _Hits(MemoryStorage):
    """limits' storage in memory, without its timer: that starts a thread every 10 ms while requests come in."""

    def _MemoryStorage__schedule_expiry(self) -> None:  # noqa: N802 - the name that limits gives it
        """Expire nothing by itself; a key expires when it is looked at, and Auth empties what grows too large."""


@dataclass(frozen=True, slots=True)
class Known:
    """A principal and its grants, looked up at a moment of the monotonic clock."""

    principal: UUID
    grants: tuple[Grant, ...]
    at: float = field(default_factory=time.monotonic)


def key_hash(key: str) -> str:
    """What is stored of an access key: SHA-256, enough for 256 random bits."""
    return hashlib.sha256(key.encode()).hexdigest()


class Auth:
    """Finds the caller of a request and checks the service's permission table; each service decides by itself."""

    def __init__(self, database: Database, settings: CommonSettings, permissions: Permissions) -> None:
        """permissions: the roles that may call each operation, by the name of its route."""
        self._database = database
        self._tokens = Tokens(settings)
        self._permissions = {operation: frozenset(roles) for operation, roles in permissions.items()}
        self._known: dict[str, Known] = {}
        self._hits = _Hits()
        self._limiter = FixedWindowRateLimiter(self._hits)
        self._rate = RateLimitItemPerMinute(settings.rate_per_minute)

    async def caller(self, request: Request, operation: str) -> Caller:
        """The caller in the role and scope that this operation gives it.

        NotAuthenticated without a valid key or token, NotAllowed without a fitting grant, TooMany over the rate.
        """
        roles = self._permissions[operation]
        credentials = request.headers.get("authorization", "")
        if not credentials:
            self._within_rate(f"address {request.client.host if request.client else ''}")
            return _without_credentials(roles)
        known = await self._principal(credentials, request)
        self._within_rate(f"principal {known.principal}")
        return _caller(known, roles)

    async def _principal(self, credentials: str, request: Request) -> Known:
        scheme, _, token = credentials.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise does_not_hold()
        digest = key_hash(token)
        known = self._known.get(digest)
        if known and time.monotonic() - known.at < KNOWN_SECONDS:
            return known
        try:
            known = await (self._by_key(token, digest) if token.startswith("net_") else self._by_token(token))
        except NotAuthenticated:
            self._within_rate(f"failed {request.client.host if request.client else ''}")
            raise
        if len(self._known) >= KNOWN_MOST:
            self._known.clear()
        self._known[digest] = known
        return known

    async def _by_key(self, token: str, digest: str) -> Known:
        if token.count("_") != KEY_PARTS - 1 or not token.isascii():
            raise does_not_hold()
        async with self._database.engine.connect() as connection:
            row = (await connection.execute(select(known_key.c.principal).where(
                known_key.c.hash == digest, known_key.c.revoked_at.is_(None), known_key.c.expires_at > real_now(),
            ))).one_or_none()
        if row is None:
            raise does_not_hold()
        return await self._with_grants(row.principal)

    async def _by_token(self, token: str) -> Known:
        return await self._with_grants(await self._tokens.principal(token))

    async def _with_grants(self, principal: UUID) -> Known:
        async with self._database.engine.connect() as connection:
            rows = (await connection.execute(select(known_grant).where(
                known_grant.c.principal == principal, known_grant.c.withdrawn_at.is_(None)))).all()
        grants = (Grant(Role(row.role), row.region, row.partner_id, row.project_id) for row in rows)
        return Known(principal, tuple(grants))

    def _within_rate(self, who: str) -> None:
        if len(self._hits.storage) > KNOWN_MOST:
            self._hits.reset()
        if not self._limiter.hit(self._rate, who):
            seconds = max(1, round(self._limiter.get_window_stats(self._rate, who).reset_time - time.time()))
            raise TooMany("too-many-requests", "Too many requests; try again in {seconds} s.", seconds=seconds)


def _without_credentials(roles: frozenset[Role]) -> Caller:
    if Role.PUBLIC in roles:
        return PUBLIC
    if Role.LINK in roles:
        return Caller("link", Role.LINK, Scope())
    raise does_not_hold()


def _caller(known: Known, roles: frozenset[Role]) -> Caller:
    fitting = [grant for grant in known.grants if grant.role in roles]
    if not fitting:
        if Role.PUBLIC in roles:
            return PUBLIC
        raise NotAllowed("not-allowed", "Your grants do not allow this.")
    order = list(Role)
    role = min((grant.role for grant in fitting), key=order.index)
    return Caller(str(known.principal), role, Scope.of(fitting))

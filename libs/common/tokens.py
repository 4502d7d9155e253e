"""OIDC tokens: a resource server only; pinned algorithms, cached keys that outlive an issuer's outage."""

import asyncio
import base64
import hmac
import time
from typing import Any
from uuid import UUID

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from libs.common.refusals import NotAuthenticated, Unavailable
from libs.common.settings import CommonSettings

log = structlog.get_logger()
ALGORITHMS = ["ES256", "RS256", "EdDSA", "Ed25519"]  # the last two are one, before and since RFC 9864
LEEWAY_SECONDS = 30
FRESH_SECONDS = 300.0
USABLE_SECONDS = 3600.0
REFETCH_SECONDS = 30.0
# What joserfc raises on tokens and keys that are none, besides its own.
UNREADABLE = (JoseError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


def principal_of(secret: bytes, issuer: str, subject: str) -> UUID:
    """The opaque principal of a token's `iss` and `sub`; `sub` may be a mail address, so it is keyed."""
    return UUID(bytes=hmac.digest(secret, f"{issuer}\0{subject}".encode(), "sha256")[:16], version=4)


class Tokens:
    """Checks signature, `iss`, `aud`, `exp` and `nbf`, by the real clock."""

    def __init__(self, settings: CommonSettings) -> None:
        """Without an issuer in the settings no token holds."""
        self._issuer, self._audience = settings.oidc_issuer, settings.oidc_audience
        self._url = settings.oidc_jwks_url
        self._secret = base64.b64decode(settings.installation_secret.get_secret_value())
        self._keys: KeySet | None = None
        self._fetched, self._tried = -USABLE_SECONDS, -USABLE_SECONDS
        self._fetching = asyncio.Lock()

    async def principal(self, token: str) -> UUID:
        """The principal of a valid token; NotAuthenticated otherwise, Unavailable while no keys can be had."""
        if not self._issuer:
            raise does_not_hold()
        subject = (await self._claims(token))["sub"]
        if not isinstance(subject, str) or not subject:
            raise does_not_hold()
        return principal_of(self._secret, self._issuer, subject)

    async def _claims(self, token: str) -> dict[str, Any]:
        try:
            decoded = jwt.decode(token, await self._key_set(), algorithms=ALGORITHMS)
        except UNREADABLE:
            decoded = await self._with_new_keys(token)
        registry = jwt.JWTClaimsRegistry(
            now=int(time.time()), leeway=LEEWAY_SECONDS, iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._audience}, sub={"essential": True}, exp={"essential": True},
        )
        try:
            registry.validate(decoded.claims)
        except UNREADABLE as raised:
            raise does_not_hold() from raised
        return decoded.claims

    async def _with_new_keys(self, token: str) -> jwt.Token:
        """Once more with keys fetched anew, at most every 30 s: the issuer may have rotated them."""
        if time.monotonic() - self._tried < REFETCH_SECONDS:
            raise does_not_hold()
        await self._fetch()
        try:
            return jwt.decode(token, await self._key_set(), algorithms=ALGORITHMS)
        except UNREADABLE as raised:
            raise does_not_hold() from raised

    async def _key_set(self) -> KeySet:
        if time.monotonic() - self._fetched > FRESH_SECONDS:
            await self._fetch()
        if self._keys is None or time.monotonic() - self._fetched > USABLE_SECONDS:
            raise Unavailable("issuer-away", "The sign-in service cannot be reached; try again later.")
        return self._keys

    async def _fetch(self) -> None:
        # Whoever comes while the keys are being fetched waits for them, and does not fetch them again.
        async with self._fetching:
            if time.monotonic() - self._tried >= REFETCH_SECONDS:
                self._tried = time.monotonic()
                await self._fetch_now()

    async def _fetch_now(self) -> None:
        try:
            async with httpx.AsyncClient(timeout=5, follow_redirects=False) as client:
                answer = await client.get(self._url)
            answer.raise_for_status()
            self._keys, self._fetched = KeySet.import_key_set(answer.json()), time.monotonic()
        except (httpx.HTTPError, httpx.InvalidURL, *UNREADABLE) as raised:
            log.warning("cannot fetch the issuer's keys", kind=type(raised).__name__)


def does_not_hold() -> NotAuthenticated:
    """The one refusal for every kind of credentials that do not hold, so that nothing is learned from it."""
    return NotAuthenticated(
        "not-authenticated", "Please authenticate: the access key or token is missing or does not hold.")

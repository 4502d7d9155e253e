"""The HTTP door: what every request of every service passes, before and behind its route."""

import asyncio
import re
import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils.compat import uuid7

from libs.common.codes.words import german_of
from libs.common.db import is_away, is_conflict
from libs.common.logs import correlation, current_correlation
from libs.common.metrics import Metrics
from libs.common.openapi import PROBLEM
from libs.common.refusals import GERMAN_OF_ALL, Refused, TooLarge, Unavailable

log = structlog.get_logger()
BODY_BYTES = 256 * 1024
SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
]
CLOSED_POLICY = (
    b"content-security-policy",
    b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
)
CORRELATION_MOST = 64
WISH = re.compile(r"(?P<language>[A-Za-z]{2,8})(-[A-Za-z0-9-]+)?(\s*;\s*q\s*=\s*(?P<quality>[01](\.[0-9]{0,3})?))?")
# Names of fields as we give them; any other is the sender's own text, which an answer does not repeat.
FIELD_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,40}|[0-9]{1,4}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Door:
    """Pure ASGI around the app: correlation id, body limit, time-out, security headers, metrics, one log line."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, seconds: float, german: dict[str, str]) -> None:
        """seconds is the longest a request may take."""
        self._app, self._metrics, self._seconds, self._german = app, metrics, seconds, german

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request through; what is no HTTP (the lifespan) goes straight on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        token = correlation.set(_header(scope, b"x-correlation-id") or str(uuid7()))
        sending = _Sending(send, current_correlation())
        began = time.perf_counter()
        try:
            await self._pass(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            took = time.perf_counter() - began
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._metrics.request(method, route, sending.status, took)
            # Asked every few seconds by whoever looks after the service: said only to who wants to know all.
            say = log.debug if route.startswith("/health/") or route == "/metrics" else log.info
            say("request", method=method, route=route, status=sending.status, ms=round(took * 1000, 1))
            correlation.reset(token)

    async def _pass(self, scope: Scope, receive: Receive, sending: "_Sending") -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._app(scope, await _limited(scope, receive), sending)
        except TooLarge as refused:
            await self._refuse(scope, receive, sending, refused)
        except TimeoutError:
            slow = Unavailable("took-too-long", "This took too long; look whether it was done, else try again.")
            await self._refuse(scope, receive, sending, slow)
        except Exception as raised:
            if is_away(raised):
                met = Unavailable("changed-at-once", "Someone changed the same at this moment; try again.", seconds=1)
                away = Unavailable("database-away", "The database cannot be reached just now; try again.")
                log.warning("two in conflict" if is_conflict(raised) else "database away", exc_info=raised)
                await self._refuse(scope, receive, sending, met if is_conflict(raised) else away)
                return
            log.error("a bug answered 500", exc_info=raised)
            if sending.started:
                raise
            await bug(scope, self._german)(scope, receive, sending)

    async def _refuse(self, scope: Scope, receive: Receive, sending: "_Sending", refused: Refused) -> None:
        if not sending.started:
            await problem(refused, language_of(scope), self._german)(scope, receive, sending)


class _Sending:
    """Sends, and adds what every answer carries."""

    def __init__(self, send: Send, correlation_id: str) -> None:
        self._send, self._correlation = send, correlation_id.encode()
        self.started, self.status = False, 500

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            headers = message.setdefault("headers", [])
            there = {name.lower() for name, _ in headers}
            extra = [*SECURITY_HEADERS, CLOSED_POLICY, (b"x-correlation-id", self._correlation)]
            message["headers"] = [*headers, *((name, value) for name, value in extra if name not in there)]
        await self._send(message)


async def _limited(scope: Scope, receive: Receive) -> Receive:
    """Read the body up to the limit and hand it on; TooLarge at once when it announces or turns out to be more."""
    length = _header(scope, b"content-length")
    if length and (not length.isascii() or not length.isdigit() or int(length) > BODY_BYTES):
        raise _too_large()
    if not length and not _header(scope, b"transfer-encoding"):
        return receive
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return _replaying(message, receive)  # gone in the middle: what came so far is no request
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > BODY_BYTES:
            raise _too_large()
    return _replaying({"type": "http.request", "body": body, "more_body": False}, receive)


def _replaying(message: Message, receive: Receive) -> Receive:
    messages = [message]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


def _too_large() -> TooLarge:
    return TooLarge("body-too-large", "The request is larger than {limit} bytes.", limit=BODY_BYTES)


def _header(scope: Scope, name: bytes) -> str:
    found: bytes = next((value for key, value in scope["headers"] if key == name), b"")
    text = found.decode("latin-1")
    return text if name != b"x-correlation-id" or _is_plain(text) else ""


def _is_plain(text: str) -> bool:
    return len(text) <= CORRELATION_MOST and text.isascii() and text.replace("-", "").isalnum()


def language_of(scope: Scope) -> str:
    """`de` or `en`, whichever the Accept-Language header prefers; English when it says neither."""
    wishes = []
    for position, wish in enumerate(_header(scope, b"accept-language").split(",")):
        asked = WISH.fullmatch(wish.strip())
        if asked:
            wishes.append((-float(asked["quality"] or 1), position, asked["language"].lower()))
    return next((language for weight, _, language in sorted(wishes) if language in {"de", "en"} and weight < 0), "en")


def problem(refused: Refused, language: str, german: dict[str, str], **more: Any) -> JSONResponse:
    """A refusal as RFC 9457 problem document: slug in `type`, the sentence in `detail`, the field at fault, values."""
    content = {
        "type": f"urn:lotsennetz:refusal:{refused.slug}",
        "slug": refused.slug,
        "title": HTTPStatus(refused.status).phrase,
        "status": refused.status,
        "detail": refused.sentence(german, language),
        "correlation": current_correlation(),
        **({"field": refused.field} if refused.field else {}),
        **({"codes": refused.codes} if refused.codes else {}),
        **more,
    }
    headers = {"Content-Language": language}
    if refused.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if refused.status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        headers["Retry-After"] = str(refused.values.get("seconds", 2))
    return JSONResponse(content, status_code=refused.status, media_type=PROBLEM, headers=headers)


def bug(scope: Scope, german: dict[str, str]) -> JSONResponse:
    """The answer to a bug: says nothing but the correlation id, by which an operator finds the log line."""
    ours = Refused("bug", "Something is wrong on our side. Nothing was changed. Please tell us the correlation id.")
    ours.__dict__["status"] = HTTPStatus.INTERNAL_SERVER_ERROR.value
    return problem(ours, language_of(scope), german)


def show_refusals(app: FastAPI, german: dict[str, str]) -> None:
    """Render refusals, unreadable requests and unknown paths as problem documents."""

    async def refused(request: Request, raised: Exception) -> JSONResponse:
        assert isinstance(raised, Refused)  # noqa: S101 - registered for Refused only
        return problem(raised, language_of(request.scope), german)

    async def unreadable(request: Request, raised: Exception) -> JSONResponse:
        assert isinstance(raised, RequestValidationError)  # noqa: S101 - registered for it only
        return _unreadable(request, raised, german)

    async def unknown(request: Request, raised: Exception) -> JSONResponse:
        assert isinstance(raised, HTTPException)  # noqa: S101 - registered for it only
        slug, reason = UNKNOWN.get(raised.status_code, UNKNOWN[400])
        plain = Refused(slug, reason)
        plain.__dict__["status"] = raised.status_code
        answer = problem(plain, language_of(request.scope), german)
        answer.headers.update(raised.headers or {})
        return answer

    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(RequestValidationError, unreadable)
    app.add_exception_handler(HTTPException, unknown)


UNKNOWN = {
    400: ("unreadable", "The request cannot be read."),
    404: ("no-such-address", "There is nothing at this address."),
    405: ("wrong-method", "This address does not take this method."),
}


def _unreadable(request: Request, raised: RequestValidationError, german: dict[str, str]) -> JSONResponse:
    """422 with the place and kind of each fault, never the values that were sent."""
    faults = [{"field": _place(fault["loc"][1:] or fault["loc"]), "in": str(fault["loc"][0]), "fault": fault["type"]}
              for fault in raised.errors()[:20]]
    first = faults[0]["field"] if faults else ""
    refused = Refused("invalid-request", "The request is not as expected: look at {field}.", field=first or None)
    refused.values = {"field": first}
    refused.__dict__["status"] = HTTPStatus.UNPROCESSABLE_ENTITY.value
    return problem(refused, language_of(request.scope), german, faults=faults)


def _place(parts: Sequence[Any]) -> str:
    return ".".join(str(part) if FIELD_NAME.fullmatch(str(part)) else "…" for part in parts)


def catalogues_of(service: str) -> Path:
    """Where a service keeps the German sentences of its own refusals."""
    return Path(__file__).resolve().parents[2] / "services" / service / "refusals.de.toml"


def german_sentences(service: str) -> dict[str, str]:
    """The German sentences by slug that this service needs."""
    return german_of(GERMAN_OF_ALL, catalogues_of(service))



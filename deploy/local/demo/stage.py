"""The stage: who acts with which key, what is called, and what is observed to hold."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import uuid4

import httpx

from deploy.local.demo.mailbox import Mailbox
from libs.common.openapi import PROBLEM

OBSERVE_SECONDS = 30.0
POLL_SECONDS = 0.05
FAR_AHEAD = timedelta(days=360)
Say = Callable[[str], None]


class StepFailed(Exception):
    """What the demonstration expected did not hold; the sentence says what was seen instead."""


@dataclass(frozen=True)
class Actor:
    """Someone who acts: a name to tell, and the headers that say who it is (none: the public)."""

    name: str
    headers: Mapping[str, str] = field(default_factory=dict)
    principal: str = ""


@dataclass(frozen=True)
class Answer:
    """What a service answered: the status, the JSON or text, and the ETag for the next change."""

    status: int
    content: Any
    etag: str

    def __getitem__(self, name: str) -> Any:
        return self.content[name]


EVERYONE = Actor("Anyone")


class Stage:
    """Calls the four services over HTTP and tells what happens; knows nothing of their insides.

    refusals: every problem document that came, also where it was expected.
    """

    def __init__(self, urls: Mapping[str, str], operator_key: str, mailbox: Mailbox, say: Say) -> None:
        """urls: the services' addresses by name; operator_key: the first key, with network_admin and ops."""
        self.urls, self.mailbox, self._say = dict(urls), mailbox, say
        self.operator = Actor("Operations", bearer(operator_key))
        self.cast: dict[str, Actor] = {}
        self.keys: dict[str, str] = {"operator (network_admin, ops)": operator_key}
        self.things: dict[str, Any] = {}
        self.refusals: list[str] = []
        self.client = httpx.AsyncClient(timeout=20, trust_env=False, event_hooks={"response": [self._note_refusal]})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.client.aclose()

    async def _note_refusal(self, answer: httpx.Response) -> None:
        """Keep a refusal as it came, headers and all."""
        if answer.headers.get("content-type", "").startswith(PROBLEM):
            text = (await answer.aread()).decode()
            self.refusals.append(f"{answer.status_code} {dict(answer.headers)}\n{text}\n")

    def tell(self, sentence: str) -> None:
        """Say what someone did, in plain words."""
        self._say(f"   {sentence}")

    async def call(
        self, who: Actor, method: str, service: str, path: str, *, body: Any = None, after: Answer | None = None,
        expect: int | tuple[int, ...] = (200, 201, 202, 204), query: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Call a service as this actor; `after` gives the ETag to change. StepFailed when the status is unexpected."""
        headers = dict(who.headers) | {"Accept-Language": "de"}
        if after is not None:
            headers["If-Match"] = after.etag
        if method == "POST":
            headers["Idempotency-Key"] = uuid4().hex
        address = path if path.startswith("http") else f"{self.urls[service]}/v1{path}"
        answer = await self.client.request(method, address, json=body, headers=headers, params=query)
        content = answer.json() if "json" in answer.headers.get("content-type", "") else answer.text
        if answer.status_code not in (expect if isinstance(expect, tuple) else (expect,)):
            raise StepFailed(f"{who.name}: {method} {service} {path} answered {answer.status_code}: {content}")
        return Answer(answer.status_code, content, answer.headers.get("etag", ""))

    async def get(self, who: Actor, service: str, path: str, **query: Any) -> Answer:
        """Read."""
        return await self.call(who, "GET", service, path, query=query)

    async def post(
        self, who: Actor, service: str, path: str, body: Any = None, *, after: Answer | None = None,
    ) -> Answer:
        """Create or change; the first answer of each kind is expected to be a success."""
        return await self.call(who, "POST", service, path, body=body, after=after)

    async def until_accepted(self, who: Actor, service: str, path: str, body: Any) -> Answer:
        """Create something that names what another service has just announced: as soon as this one has heard of it."""
        deadline, not_yet = time.monotonic() + OBSERVE_SECONDS, (404, 409, 422)
        while True:
            answer = await self.call(who, "POST", service, path, body=body, expect=(200, 201, 202, *not_yet))
            if answer.status not in not_yet:
                return answer
            if time.monotonic() > deadline:
                raise StepFailed(f"{service} {path} keeps refusing: {answer['detail']}")
            await asyncio.sleep(POLL_SECONDS)

    async def refused(self, who: Actor, service: str, path: str, body: Any = None, *, slug: str,
                      after: Answer | None = None) -> str:
        """Expect a refusal with this slug; returns the sentence that a person reads."""
        answer = await self.call(who, "POST", service, path, body=body, after=after, expect=tuple(range(400, 500)))
        self.observe(answer["slug"] == slug, f"refused ({slug}): {answer['detail']}")
        return str(answer["detail"])

    def observe(self, holds: bool, sentence: str) -> None:
        """What was asked back must hold; StepFailed otherwise."""
        if not holds:
            raise StepFailed(f"not observed: {sentence}")
        self._say(f"   [green]✓[/] {sentence}")

    async def wait_for(self, probe: Callable[[], Awaitable[Any]], sentence: str) -> Any:
        """Ask until the answer is true, at most 30 s; returns it. StepFailed with the sentence otherwise."""
        deadline, found = time.monotonic() + OBSERVE_SECONDS, None
        while time.monotonic() < deadline:
            found = await probe()
            if found:
                self._say(f"   [green]✓[/] {sentence}")
                return found
            await asyncio.sleep(POLL_SECONDS)
        raise StepFailed(f"not observed within {OBSERVE_SECONDS:.0f} s: {sentence}")

    async def now(self) -> datetime:
        """What time it is in the network."""
        return datetime.fromisoformat((await self.get(self.operator, "registry", "/clock"))["now"])

    async def pass_time(self, by: timedelta) -> datetime:
        """Let days pass in all four services, by the demonstration's clock."""
        target = await self.now() + by
        for service in self.urls:
            await self.call(self.operator, "POST", service, "/clock/move", body={"now": target.isoformat()})
        passed = f"{by.days} days" if by.days else f"{round(by.total_seconds() / 3600)} hours"
        self.tell(f"[dim]… {passed} pass: {target:%d.%m.%Y}[/]")
        return target

    async def enter(self, name: str, role: str, *, region: str | None = None, **scope: str) -> Actor:
        """Someone gets a key and a grant from the operator, and may act in all services once they know it."""
        # The grant first: facts keep their order, so whoever knows the key knows the grant too.
        principal = str(uuid4())
        await self.post(self.operator, "registry", "/grants", {
            "principal": principal, "role": role, **({"region": region} if region and not scope else {}), **scope})
        issued = await self.post(self.operator, "registry", "/access_keys", {
            "label": name, "region": region, "principal": principal,
            "expires": (datetime.now().astimezone() + FAR_AHEAD).isoformat()})
        actor = Actor(name, bearer(issued["key"]), issued["principal"])
        self.cast[role], self.keys[f"{name} ({role})"] = actor, issued["key"]
        await self.known_everywhere(actor)
        return actor

    async def known_everywhere(self, actor: Actor) -> None:
        """Wait until each service has heard of the actor's key and grant."""
        await asyncio.gather(*(self._known(service, actor) for service in self.urls))

    async def _known(self, service: str, actor: Actor) -> None:
        deadline = time.monotonic() + OBSERVE_SECONDS
        while time.monotonic() < deadline:
            # An ops route: 200 or 403 says that the key is known, 401 that it is not known yet.
            answer = await self.call(actor, "GET", service, "/parked", expect=(200, 401, 403))
            if answer.status == (200 if actor is self.operator else 403):
                return
            await asyncio.sleep(POLL_SECONDS)
        raise StepFailed(f"{service} does not know the key of {actor.name}")


def bearer(key: str) -> dict[str, str]:
    """The header that shows an access key."""
    return {"Authorization": f"Bearer {key}"}

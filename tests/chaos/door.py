"""The client's side: requests are repeated until they are answered, whether or not an earlier try has worked."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx

TRY_SECONDS = 12.0
GIVE_UP_SECONDS = 60.0
SERVER_AT_FAULT, TOO_MANY = 500, 429


class NeverAnswered(Exception):
    """A request that no try of a whole minute got an answer to."""


@dataclass(frozen=True)
class Answer:
    """What a service said in the end; tries - 1 earlier ones may have worked without our hearing of it."""

    status: int
    json: Any
    etag: int
    tries: int

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.status < 300

    @property
    def slug(self) -> str:
        """The stable name of the refusal."""
        return str(self.json.get("slug", "")) if isinstance(self.json, dict) else ""


class Door:
    """HTTP to all services; a service may have several addresses while a second instance runs."""

    def __init__(self, chance: Random) -> None:
        """Nothing is asked yet."""
        self.addresses: dict[str, list[str]] = {}
        self.on_answer: Callable[[str], None] = lambda _service: None
        self.unanswered = 0
        self.bugs: list[str] = []
        self._chance = chance
        self._client = httpx.AsyncClient(timeout=TRY_SECONDS, trust_env=False, limits=httpx.Limits(max_connections=50))

    async def once(self, service: str, method: str, path: str, **more: Any) -> Answer | None:
        """One try at any instance; None when nobody knows whether it was done."""
        url = self._chance.choice(self.addresses[service]) + path
        try:
            response = await self._client.request(method, url, **more)
        except httpx.TransportError:
            response = None
        if response is None or response.status_code >= SERVER_AT_FAULT or response.status_code == TOO_MANY:
            if response is not None and response.status_code == SERVER_AT_FAULT:
                self.bugs.append(f"{method} {path} of {service} answered 500: {response.text}")
            self.unanswered += 1
            return None
        if response.is_success and method != "GET":
            self.on_answer(service)
        etag = response.headers.get("etag", "").strip('"')
        found = response.json() if response.content and "json" in response.headers.get("content-type", "") else None
        return Answer(response.status_code, found, int(etag) if etag.isdigit() else 0, 1)

    async def insist(self, service: str, method: str, path: str, **more: Any) -> Answer:
        """The same request again and again until it is answered; NeverAnswered after a minute."""
        tries, pause = 0, 0.05
        try:
            async with asyncio.timeout(GIVE_UP_SECONDS):
                while True:
                    tries += 1
                    answer = await self.once(service, method, path, **more)
                    if answer is not None:
                        return Answer(answer.status, answer.json, answer.etag, tries)
                    await asyncio.sleep(self._chance.uniform(0, pause))
                    pause = min(pause * 2, 0.8)
        except TimeoutError as passed:
            raise NeverAnswered(f"{method} {path} of {service}, {tries} tries") from passed

    async def ready(self, url: str) -> dict[str, Any] | None:
        """What an instance says of itself; None when it does not answer."""
        try:
            state: dict[str, Any] = (await self._client.get(f"{url}/health/ready", timeout=4)).json()
        except (httpx.TransportError, ValueError):
            return None
        return state

    async def close(self) -> None:
        """Leave."""
        await self._client.aclose()

"""Everything that a run is made of, as its workloads, faults and checks see it."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from deploy.local import ports
from deploy.local.demo.mailbox import MailFolder
from tests.chaos.door import Answer, Door
from tests.chaos.instances import Instance
from tests.chaos.ledger import Ledger, Thing
from tests.chaos.probes import Unsettled, look_at_the_dead, settle
from tests.chaos.promises import Promise, Violation
from tests.chaos.stage import Stage
from tests.harness import in_days
from tests.proxy import Proxy

UP_SECONDS = 60.0


@dataclass
class Planted:
    """A poison that was published under a speaker's name.

    parks: who hears it must park it; behind: as many later facts of its aggregate must wait, everywhere.
    """

    speaker: str
    fact_id: UUID
    about: str
    parks: bool
    behind: int = 0


@dataclass
class Person:
    """Somebody who can be erased: their address, what they are in the ledger, and who they are in the services.

    contact: where their person_ref is read, unless it is in refs; taken: they are being erased, or have been.
    """

    email: str
    things: list[Thing]
    contact: str = ""
    refs: set[str] = field(default_factory=set)
    taken: bool = False


@dataclass
class World:
    """A run: its stage, processes, client, ledger, and what was found so far."""

    stage: Stage
    services: tuple[str, ...]
    folder: Path
    chance: Random
    bug: str = ""
    instances: list[Instance] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    planted: list[Planted] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    unsettled: list[Unsettled] = field(default_factory=list)
    stopping: bool = False
    bus_forgot_at: float = 0.0
    coordinator: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """A client and a ledger of its own."""
        self._lines = AsyncExitStack()
        self.door = Door(self.chance)
        self.ledger = Ledger(self.folder / "ledger.jsonl")
        self.mailbox = MailFolder(self.folder / "mail")
        self.operator = {"Authorization": f"Bearer {self.stage.operator}"}

    def violated(self, promise: Promise, sentence: str) -> None:
        """Note what must not be; the first one ends the run."""
        self.violations.append(Violation(promise, sentence))

    def instance(self, service: str) -> Instance:
        """The first instance of a service."""
        return next(one for one in self.instances if one.service == service)

    async def start(self, service: str) -> Instance:
        """Start one more instance with lines of its own to the servers; requests go to it as soon as it is `up`."""
        port, cluster = ports.free_port(0, service), self.stage.cluster
        bus = await self._lines.enter_async_context(Proxy(cluster.nats_port))
        database = await self._lines.enter_async_context(Proxy(cluster.postgres_port))
        environment = self.stage.environment(
            service, port, self.folder / "mail", bus=bus.port, database=database.port)
        one = Instance(service, port, environment, self.folder / f"{service}.log",
                       bug=self.bug, chance=self.chance, on_death=self._died)
        one.bus, one.database = bus, database
        self.instances.append(one)
        return one

    async def start_all(self) -> None:
        """Start every service, and return when all are ready."""
        for service in self.services:
            self.door.addresses[service] = [(await self.start(service)).url]
        if not await self.up(self.instances):
            raise RuntimeError(f"the services do not become ready; their logs are in {self.folder}")

    async def up(self, instances: Iterable[Instance], seconds: float = UP_SECONDS) -> bool:
        """Wait until these instances answer and are ready; whether they are."""
        try:
            async with asyncio.timeout(seconds):
                for one in instances:
                    while not ((state := await self.door.ready(one.url)) and not state["reasons"]):
                        await asyncio.sleep(0.05)
        except TimeoutError:
            return False
        return True

    async def operate(self, service: str, method: str, path: str, **more: Any) -> Answer:
        """A request of the operator, who is network_admin and ops."""
        return await self.door.insist(service, method, path, headers=self.operator, **more)

    async def enter(self, role: str, region: str) -> dict[str, str]:
        """Somebody with a key and a role in a region; what their requests carry."""
        body = {"label": role, "expires": in_days(200).isoformat()}
        issued = (await self.operate("registry", "POST", "/v1/access_keys", json=body)).json
        key = self.ledger.add(Thing("registry", "access_key", role, issued["id"]))
        self.ledger.note("POST /v1/access_keys", key, fact="registry.access_key.issued.v1")
        body = {"principal": issued["principal"], "role": role, "region": region}
        given = (await self.operate("registry", "POST", "/v1/grants", json=body)).json
        grant = self.ledger.add(Thing("registry", "grant", role, given["id"]))
        self.ledger.note("POST /v1/grants", grant, fact="registry.grant.given.v1")
        return {"Authorization": f"Bearer {issued['key']}"}

    async def now(self, service: str) -> datetime:
        """What time it is in a service's network."""
        return datetime.fromisoformat((await self.operate(service, "GET", "/v1/clock")).json["now"])

    async def today(self, service: str) -> str:
        """What day it is in a service's network, in Germany."""
        return (await self.now(service)).astimezone(ZoneInfo("Europe/Berlin")).date().isoformat()

    async def move_clocks(self, by: timedelta) -> None:
        """Move every service's clock forward, to the same time; a try whose answer was lost is looked after."""
        target = max([await self.now(service) for service in self.services]) + by
        for service in self.services:
            while await self.now(service) < target:
                await self.operate(service, "POST", "/v1/clock/move", json={"now": target.isoformat()})
        self.ledger.acknowledged += 1

    async def settled(self, seconds: float) -> tuple[float, list[str]]:
        """Wait until nothing is on its way any more; the seconds it took, and what was left when it was given up."""
        return await settle(self.stage, self.services, seconds, self.unsettled)

    async def stop(self) -> None:
        """End every process of this run, and close what it opened."""
        await asyncio.gather(*(one.stop() for one in self.instances))
        await self._lines.aclose()
        await self.door.close()
        self.ledger.close()

    async def _died(self, one: Instance, by_itself: bool) -> None:
        if by_itself:
            for sentence in await look_at_the_dead(self.stage, one.service, self.recently_forgotten, self.planted_ids):
                self.violated(Promise.CRASHED, sentence)

    @property
    def recently_forgotten(self) -> bool:
        """Whether the bus lost something so recently that the relays may not have filled it again."""
        return asyncio.get_running_loop().time() < self.bus_forgot_at + 15

    @property
    def erased(self) -> set[str]:
        """The person_refs of those whose erasure has been asked for, as far as the workloads know them."""
        return {ref for person in self.people if person.taken for ref in person.refs}

    @property
    def planted_ids(self) -> set[UUID]:
        """The ids of all poison."""
        return {one.fact_id for one in self.planted}

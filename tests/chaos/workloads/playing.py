"""What every workload is made of: callers who give commands until they are told to stop, and a look back at the end."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar

from tests.chaos.door import Answer
from tests.chaos.ledger import Thing
from tests.chaos.promises import Promise
from tests.chaos.world import World

Caller = Callable[[], Awaitable[None]]
Shown = dict[str, Any]
REPEAT, REPEAT_ALTERED = 0.1, 0.04


class Workload:
    """The commands that one service's nouns are given; services are those that must run for it."""

    services: ClassVar[tuple[str, ...]] = ()

    def __init__(self, world: World) -> None:
        """Nothing is asked before prepare()."""
        self.world, self.door, self.ledger, self.chance = world, world.door, world.ledger, world.chance
        self.headers: dict[str, str] = {}

    async def prepare(self) -> None:
        """Make what the callers need, before the first fault."""

    def callers(self) -> Sequence[Caller]:
        """One command each time that one is called; all are called again and again at the same time."""
        return ()

    async def unsettled(self) -> list[str]:
        """What this workload knows of that is still on its way, in words; empty when nothing is."""
        return []

    async def look_back(self) -> None:
        """Compare what the API shows with the ledger; what differs is a violation."""

    async def create(
        self, path: str, body: dict[str, Any], thing: Thing, *, state: str = "", fact: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """A POST with an Idempotency-Key until it is answered; now and then repeated, as it was and with another body.

        state: in which the thing is then, where the answer does not say so; headers: another caller's.
        """
        key = f"{thing.noun}-{self.chance.getrandbits(64):x}"
        headers = {**(headers or self.headers), "Idempotency-Key": key}
        answer = await self.door.insist(thing.service, "POST", path, json=body, headers=headers)
        if answer.ok:
            thing.id, thing.version, thing.state = answer.json["id"], answer.etag, answer.json.get("state", state)
            self.ledger.note(f"POST {path}", thing, fact=fact, tries=answer.tries)
            await self._repeat(path, body, thing, headers)
        return answer

    async def _repeat(self, path: str, body: dict[str, Any], thing: Thing, headers: dict[str, str]) -> None:
        if self.chance.random() < REPEAT:
            again = await self.door.insist(thing.service, "POST", path, json=body, headers=headers)
            self.ledger.repeated += 1
            if again.ok and again.json["id"] != thing.id:
                self.world.violated(Promise.ONCE, f"POST {path} made {again.json['id']} beside {thing.about}")
        if self.chance.random() < REPEAT_ALTERED:
            other = body | {"chaos": 1}
            again = await self.door.insist(thing.service, "POST", path, json=other, headers=headers)
            if again.ok:
                self.world.violated(Promise.ONCE, f"POST {path} took the key of {thing.about} with another body")
            else:
                self.ledger.refused_rightly += 1

    def take(self, noun: str, states: frozenset[str]) -> Thing | None:
        """One of these in one of these states, now `taken` by this caller, who ends that; None when none is free."""
        free = [one for one in self.ledger.of(noun) if one.state in states and not one.more["taken"]]
        if not free:
            return None
        one = self.chance.choice(free)
        one.more["taken"] = True
        return one

    async def read(self, path: str, thing: Thing) -> Answer:
        """The thing as the API shows it now; that it is not there is a violation."""
        answer = await self.door.insist(thing.service, "GET", f"{path}/{thing.id}", headers=self.headers)
        if not answer.ok:
            self.world.violated(Promise.KEPT, f"{thing.about} was acknowledged and answers {answer.status}")
        return answer

    async def change(
        self, method: str, path: str, thing: Thing, *, to: str | None, done: Callable[[dict[str, Any]], bool],
        fact: str | None = None, body: dict[str, Any] | None = None,
    ) -> bool:
        """A command with If-Match, repeated until it is known to be done; False when the thing has changed meanwhile.

        path is `<collection>/{id}/<verb>`; to: the state it leads to; done: whether what is shown has it done.
        """
        collection, doubted = path.split("/{id}", maxsplit=1)[0], 0
        address = path.replace("{id}", thing.id)
        while True:
            headers = {**self.headers, "If-Match": f'"{thing.version}"'}
            answer = await self.door.once(thing.service, method, address, json=body, headers=headers)
            if answer is not None and answer.ok:
                thing.version, thing.state = answer.etag, to or thing.state
                self.ledger.note(f"{method} {path}", thing, fact=fact, tries=doubted + 1)
                return True
            shown = await self.read(collection, thing)
            if not shown.ok:
                return False
            if doubted and done(shown.json):
                thing.version, thing.state = shown.etag, to or thing.state
                self.ledger.note(f"{method} {path}", thing, fact=fact, tries=doubted + 1)
                return True
            if answer is not None:
                thing.version, thing.state = shown.etag, shown.json.get("state", thing.state)
                return False
            doubted += 1

    async def stale(self, method: str, path: str, thing: Thing, body: dict[str, Any] | None = None) -> None:
        """The same command with an outdated ETag: it must be refused."""
        headers = {**self.headers, "If-Match": f'"{thing.version - 1}"'}
        address = path.replace("{id}", thing.id)
        answer = await self.door.insist(thing.service, method, address, json=body, headers=headers)
        if answer.ok:
            self.world.violated(Promise.KEPT, f"{method} {path} took an outdated ETag of {thing.about}")
        self.ledger.refused_rightly += 1

    async def pages(self, service: str, path: str) -> list[dict[str, Any]]:
        """Everything that a list shows, page by page."""
        found: list[dict[str, Any]] = []
        joint, following = "&" if "?" in path else "?", ""
        while True:
            answer = await self.door.insist(service, "GET", f"{path}{joint}limit=100{following}", headers=self.headers)
            found += answer.json["items"]
            if not answer.json["next"]:
                return found
            following = f"&cursor={answer.json['next']}"

    def compare(self, noun: str, shown: list[Shown], name: Callable[[Shown], str]) -> dict[str, Shown]:
        """Hold a complete list against the ledger: nothing twice, nothing lost, nothing that was never asked for."""
        known = {thing.id: thing for thing in self.ledger.of(noun)}
        there: dict[str, Shown] = {}
        for item in shown:
            if item["id"] in there:
                self.world.violated(Promise.ONCE, f"{noun} {item['id']} is listed twice")
            elif item["id"] not in known:
                twin = next((one.id for one in known.values() if one.mark == name(item)), "nothing")
                self.world.violated(Promise.ONCE, f"{noun} {item['id']} was made beside {twin} for one command")
            there[item["id"]] = item
        for missing in known.keys() - there.keys():
            self.world.violated(Promise.KEPT, f"{noun} {missing} was acknowledged and is not listed")
        return there

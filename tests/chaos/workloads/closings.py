"""Commands for closings and concerns: tandems end with a learning, and people turn to the neutral contact."""

import asyncio
from collections.abc import Sequence
from string import ascii_lowercase
from typing import Any, ClassVar

import httpx

from tests.chaos.ledger import Thing
from tests.chaos.promises import Promise
from tests.chaos.workloads.playing import Caller, Shown, Workload

LASTING = frozenset({"active", "paused"})
CLOSED = LASTING | {"ended_early"}
LEARNED = "matching.learning.captured.v1"
RAISED = "matching.concern.raised.v1"
RAISING = "/concerns/raised/"
WITHOUT_TEXT = "SELECT count(*) AS count FROM learning WHERE text IS NULL"
NOBODY_ELSE = (403, 404)


class ClosingsWorkload(Workload):
    """The closing talks of tandems that have lasted, or ended early, and what others learn from them."""

    services: ClassVar[tuple[str, ...]] = ("registry", "matching")

    async def prepare(self) -> None:
        """The coordinator holds them."""
        self.headers = self.world.coordinator

    def callers(self) -> Sequence[Caller]:
        """One at a time."""
        return (self.close,)

    async def close(self) -> None:
        """A closing talk is held; its learning is mostly approved, and so leaves matching."""
        tandem = self.take("tandem", CLOSED)
        if tandem is None or (tandem.state in LASTING and self.chance.random() < 0.8):
            if tandem:
                tandem.more["taken"] = False
            await asyncio.sleep(0.5)
            return
        number = len(self.ledger.things)
        text = f"Feste Treffen am selben Wochentag haben geholfen, und ein {_word(number)}."
        closing = self.ledger.add(Thing("matching", "closing", text))
        closing.more = {"tandem_id": tandem.id, "learning": "draft"}
        body = {"tandem_id": tandem.id, "held_on": await self.world.today("matching"), "mentors_rating": 4,
                "household_rating": 5, "goals_reached": ["school"], "learning": {"text": text, "kind": "lesson"}}
        answer = await self.create("/v1/closings", body, closing)
        if answer.ok:
            # Whoever takes it after this finds it closed: it stays taken.
            await self._ended(tandem)
            await self._decide(closing, tandem)
        elif not self._parted(tandem):
            self.world.violated(Promise.KEPT, f"the closing talk of {tandem.about}, {tandem.state}: {answer.slug}")

    async def _ended(self, tandem: Thing) -> None:
        shown = await self.read("/v1/tandems", tandem)
        if shown.ok and shown.json["state"] == "completed":
            tandem.state, tandem.version = "completed", shown.etag
            self.ledger.note("POST /v1/closings", tandem, fact="matching.tandem.completed.v1")
            for household in self.ledger.of("household"):
                if household.id == tandem.more["household_id"]:
                    household.state = "closed"

    async def _decide(self, closing: Thing, tandem: Thing) -> None:
        verb = "discard" if self.chance.random() < 0.2 else "approve"
        state = {"discard": "discarded", "approve": "approved"}[verb]
        if await self.change("POST", f"/v1/closings/{{id}}/{verb}", closing, to=None,
                             done=lambda shown: shown["learning_state"] == state):
            closing.more["learning"] = state
            if verb == "approve":
                learning = self.ledger.add(Thing("matching", "learning", closing.mark, closing.id))
                learning.facts[LEARNED] = 1
        elif not self._parted(tandem):
            self.world.violated(Promise.KEPT, f"{closing.about}: its learning could not be {state}")

    def _parted(self, tandem: Thing) -> bool:
        pair = {tandem.more["mentor_id"], tandem.more["household_id"]}
        return any(thing.id in pair for person in self.world.people if person.taken for thing in person.things)

    async def unsettled(self) -> list[str]:
        """Learnings whose text the registry has not been given yet."""
        count = (await self.world.stage.rows("registry", WITHOUT_TEXT))[0]["count"]
        return [f"registry: {count} learnings without text"] if count else []

    async def look_back(self) -> None:
        """Each closing is there once; what was approved has reached the registry once, word by word, nothing else."""
        shown = self.compare("closing", await self.pages("matching", "/v1/closings"), lambda item: str(item["text"]))
        for closing in self.ledger.of("closing"):
            tandem = next(one for one in self.ledger.of("tandem") if one.id == closing.more["tandem_id"])
            # An erasure takes a draft with it.
            allowed = {closing.more["learning"], "discarded" if self._parted(tandem) else closing.more["learning"]}
            state = shown.get(closing.id, {}).get("learning_state")
            if state and state not in (allowed if closing.more["learning"] == "draft" else {closing.more["learning"]}):
                self.world.violated(Promise.KEPT, f"{closing.about} was {closing.more['learning']} and is {state}")
        received: dict[str, Any] = {one["id"]: one["text"] for one in await self.pages("registry", "/v1/learnings")}
        told = {thing.id: thing.mark for thing in self.ledger.of("learning")}
        if wrong := [key for key in received.keys() | told.keys() if received.get(key) != told.get(key)]:
            self.world.violated(Promise.LEARNED, f"learning {wrong[0]} is {told.get(wrong[0])!r}, and the registry has "
                                                 f"{received.get(wrong[0])!r} ({len(wrong)} differ)")


class ConcernsWorkload(Workload):
    """What mentors and households raise by the links in their mails, and the neutral contact settles."""

    services: ClassVar[tuple[str, ...]] = ("registry", "matching", "notify")

    async def prepare(self) -> None:
        """A neutral contact of the region, whom the coordinator is not."""
        self.headers = await self.world.enter("neutral_contact", "15")
        self._used: set[str] = set()
        await self.world.settled(30)

    def callers(self) -> Sequence[Caller]:
        """One raises concerns, one settles them."""
        return (self.raise_one, self.settle_one)

    async def raise_one(self) -> None:
        """Somebody turns to the neutral contact, by the link in a mail about their tandem."""
        await asyncio.sleep(0.3)
        links = {link: mail.to for mail in await self.world.mailbox.all() for link in mail.links if RAISING in link}
        if not (fresh := sorted(links.keys() - self._used)):
            return
        link = self.chance.choice(fresh)
        self._used.add(link)
        concern = self.ledger.add(Thing("matching", "concern", f"Etwas fühlt sich nicht richtig an: {len(self._used)}"))
        concern.more = {"taken": False, "to": links[link]}
        path = httpx.URL(link).raw_path.decode()
        answer = await self.door.insist("matching", "POST", path, json={"text": concern.mark})
        if answer.ok:
            self._came(concern, answer.json["concern_id"], answer.tries)
        elif answer.tries > 1 and answer.slug == "concern-waiting":
            # An earlier try has worked, or another mail's link was used before.
            await self._find(concern, answer.tries)

    def _came(self, concern: Thing, concern_id: str, tries: int) -> None:
        concern.id, concern.state, concern.version = concern_id, "raised", 1
        self.ledger.note("POST /v1/concerns/raised", concern, fact=RAISED, tries=tries)

    async def _find(self, concern: Thing, tries: int) -> None:
        known = {one.id for one in self.ledger.of("concern")}
        for item in await self.pages("matching", "/v1/concerns"):
            if item["id"] not in known and (await self._detail(item["id"]))["text"] == concern.mark:
                self._came(concern, item["id"], tries)

    async def _detail(self, concern_id: str) -> Shown:
        shown: Shown = (await self.door.insist("matching", "GET", f"/v1/concerns/{concern_id}",
                                               headers=self.headers)).json
        return shown

    async def settle_one(self) -> None:
        """The neutral contact takes a concern up, or writes down what came of it."""
        await asyncio.sleep(0.3)
        concern = self.take("concern", frozenset({"raised", "taken_up"}))
        if concern is None:
            return
        verb, to, body = ("take_up", "taken_up", None) if concern.state == "raised" else (
            "resolve", "resolved", {"outcome": "Ein Gespräch mit beiden hat stattgefunden."})
        if not await self.change("POST", f"/v1/concerns/{{id}}/{verb}", concern, to=to, body=body,
                                 done=lambda shown: shown["state"] == to):
            # The person's erasure has changed it, and it can have no outcome any more.
            concern.state = "given_up" if self._erased(concern) and verb == "resolve" else concern.state
        concern.more["taken"] = False

    def _erased(self, concern: Thing) -> bool:
        return any(person.taken and person.email in concern.more["to"] for person in self.world.people)

    async def look_back(self) -> None:
        """The neutral contact finds each concern once, in its own words; nobody else finds any."""
        there = self.compare("concern", await self.pages("matching", "/v1/concerns"), lambda item: str(item["id"]))
        for concern in self.ledger.of("concern"):
            if concern.id not in there:
                continue
            shown, erased = await self._detail(concern.id), self._erased(concern)
            if shown["text"] != (None if erased else concern.mark):
                self.world.violated(Promise.NEUTRAL, f"{concern.about} reads {shown['text']!r}")
            if shown["state"] != concern.state and not erased:
                self.world.violated(Promise.KEPT, f"{concern.about} was {concern.state} and is {shown['state']}")
        for headers in (self.world.coordinator, self.world.operator):
            for path in ("/v1/concerns", *(f"/v1/concerns/{one.id}" for one in self.ledger.of("concern")[:1])):
                answer = await self.door.insist("matching", "GET", path, headers=headers)
                if answer.status not in NOBODY_ELSE:
                    self.world.violated(Promise.NEUTRAL, f"{path} answers {answer.status} to who is not neutral")


def _word(number: int) -> str:
    """A number in letters: a learning must hold nothing that looks like a telephone number."""
    return "".join(ascii_lowercase[int(digit)] for digit in f"{number:06}")

"""Commands for erasures: people who are in all four services ask to be forgotten, at any moment."""

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from libs.common.facts import SERVICES
from tests.chaos.ledger import Thing
from tests.chaos.promises import Promise
from tests.chaos.workloads.playing import Caller, Workload
from tests.chaos.world import Person

MOST_ERASURES, AT_LEAST = 12, 3
REGION = "15087"
OFTEN = 0.6
REQUESTED, COMPLETED = "registry.erasure.requested.v1", "registry.erasure.completed.v1"
# As long as a part is missing everybody is told again every hour, and clocks leap.
TOLD_AGAIN = 10_000


class ErasuresWorkload(Workload):
    """Households, mentors, members of groups and parties, each made known elsewhere too before it is erased."""

    services: ClassVar[tuple[str, ...]] = SERVICES

    async def prepare(self) -> None:
        """The coordinator takes the requests."""
        self.headers = self.world.coordinator

    def callers(self) -> Sequence[Caller]:
        """One at a time."""
        return (self.erase,)

    async def erase(self) -> None:
        """Somebody asks to be erased, by their address or by who they are."""
        await asyncio.sleep(0.5)
        free = [person for person in self.world.people if not person.taken]
        if len(free) < AT_LEAST or len(self.ledger.of("erasure")) >= MOST_ERASURES:
            return
        # Each kind as often as any other, however many parties there are.
        kind = self.chance.choice(sorted({person.things[0].noun for person in free}))
        person = self.chance.choice([one for one in free if one.things[0].noun == kind])
        if await self._known(person):
            await self._elsewhere(person)
        person.taken = True
        for thing in person.things:
            thing.more["erased"] = True
        erasure = self.ledger.add(Thing("registry", "erasure", person.email))
        by_address = self.chance.random() < 0.7
        body = {"address": person.email} if by_address else {"person_refs": sorted(person.refs)}
        answer = await self.create("/v1/erasures", body | {"region": REGION}, erasure)
        erasure.more = {"refs": set(person.refs), "by_address": by_address}
        erasure.facts.update({REQUESTED: 1, COMPLETED: 1})
        erasure.again[REQUESTED] = TOLD_AGAIN
        if not answer.ok:
            self.world.violated(Promise.KEPT, f"the erasure of {person.email} was refused: {answer.slug}")

    async def _known(self, person: Person) -> bool:
        """Who they are in matching, unless that is known."""
        if person.contact:
            answer = await self.door.insist("matching", "GET", person.contact, headers=self.headers)
            if answer.ok:
                person.refs.add(answer.json["person_ref"])
        return bool(person.refs)

    async def _elsewhere(self, person: Person) -> None:
        """They come to an event, by their address and as whom another service knows; speak for a partner; subscribe."""
        events = [one for one in self.ledger.of("event") if "parties" in one.more]
        for known in (False, True):
            if self.chance.random() < OFTEN:
                await self._register(person, events[-1] if not known else events[0], known=known)
        if self.chance.random() < OFTEN:
            partner = next(one for one in self.ledger.of("partner") if one.state == "verified")
            answer = await self.door.insist("registry", "POST", f"/v1/partners/{partner.id}/contacts",
                                            json={"name": "Mira Beispiel", "email": person.email}, headers=self.headers)
            if answer.ok:
                person.refs.add(answer.json["person_ref"])
        if self.chance.random() < OFTEN:
            wish = self.ledger.add(Thing("notify", "subscription", person.email))
            wish.more["erased"] = True
            await self.create("/v1/subscriptions", {"email": person.email, "region": "15", "fields": ["health"],
                                                    "languages": ["de"]}, wish)

    async def _register(self, person: Person, event: Thing, *, known: bool) -> None:
        party = self.ledger.add(Thing("events", "registration", f"Amira {len(self.ledger.things)}"))
        party.more = {"event": event.id, "taken": True}
        who = {"person_ref": min(person.refs)} if known else {"person": {"name": party.mark, "email": person.email}}
        path = f"/v1/events/{event.id}/registrations{'/known' if known else ''}"
        answer = await self.create(path, {"party": {"adults": 1}, **who}, party)
        if answer.ok:
            person.things.append(party)
            person.refs.add(answer.json["person_ref"])

    async def look_back(self) -> None:
        """Every erasure is there once; and at the addresses of the erased there is nobody any more."""
        for erasure in self.ledger.of("erasure"):
            again = self.ledger.add(Thing("registry", "erasure", erasure.mark))
            again.more = {"refs": set(), "by_address": True}
            answer = await self.create("/v1/erasures", {"address": erasure.mark, "region": REGION}, again)
            if erasure.more["by_address"] and answer.json["persons"]:
                self.world.violated(Promise.ERASED, f"{answer.json['persons']} persons are found at {erasure.mark}")
        self.compare("erasure", await self.pages("registry", "/v1/erasures"), lambda item: str(item["id"]))

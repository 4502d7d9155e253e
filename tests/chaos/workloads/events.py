"""Commands for events: parties register for events with too few seats, cancel, and take what is offered to them."""

from collections.abc import Sequence
from typing import Any, ClassVar

from tests.chaos.ledger import Thing
from tests.chaos.promises import Promise
from tests.chaos.workloads.playing import Caller, Workload
from tests.chaos.world import Person
from tests.harness import in_days

REGION = "15087"
CAPACITY, CHILDCARE = 6, 2
MOST_PARTIES = 40
# Clocks leap by months in a run, and what lies ahead must stay ahead.
STARTS = 365 * 40
HOLDING = frozenset({"confirmed", "offered"})
ALIVE = HOLDING | {"waitlisted"}
# What time and others may have led to since a state was acknowledged.
# The erasure of the person leads to cancelled, if the event has not begun.
LATER = {"waitlisted": {"waitlisted", "offered", "expired"}, "offered": {"offered", "expired"}}
CANCELLED = "events.registration.cancelled.v1"


class EventsWorkload(Workload):
    """Events of one partner, contended by all callers at once."""

    services: ClassVar[tuple[str, ...]] = ("registry", "events")

    async def prepare(self) -> None:
        """An event to begin with; its partner is one that the registry has verified, as soon as events knows it."""
        self.headers = self.world.coordinator
        await self.world.settled(30)
        await self._event()

    def callers(self) -> Sequence[Caller]:
        """Two register at the same event, one cancels and accepts."""
        return (self.register, self.register, self.cancel_or_accept)

    async def register(self) -> None:
        """A party registers for the newest event."""
        event = [one for one in self.ledger.of("event") if "parties" in one.more][-1]
        event.more["parties"] += 1
        if event.more["parties"] == MOST_PARTIES:
            await self._event()
        party = self.ledger.add(Thing("events", "registration", f"Amira {len(self.ledger.things)}"))
        party.more = {"event": event.id, "taken": True}
        looked_after = self.chance.random() < 0.3
        person: dict[str, Any] = {"name": party.mark}
        if self.chance.random() < 0.2:
            person["email"] = f"amira{len(self.ledger.things)}@example.org"
        body = {"person": person, "needs": {"childcare": looked_after}, "party": {
            "adults": self.chance.randint(1, 2), "children": ["0-5"] if looked_after else []}}
        answer = await self.create(f"/v1/events/{event.id}/registrations", body, party)
        party.more["taken"] = False
        if answer.ok and "email" in person:
            self.world.people.append(Person(person["email"], [party], refs={answer.json["person_ref"]}))

    async def cancel_or_accept(self) -> None:
        """A party does not come, or takes the seats that were kept for it."""
        party = self.take("registration", ALIVE)
        if party is None:
            return
        shown = await self.read("/v1/registrations", party)
        if shown.ok:
            party.version, party.state = shown.etag, shown.json["state"]
            await self._answer(party)
        party.more["taken"] = False

    async def _answer(self, party: Thing) -> None:
        if party.state == "offered" and self.chance.random() < 0.6:
            await self.change("POST", "/v1/registrations/{id}/accept", party, to="confirmed",
                              done=lambda shown: shown["state"] == "confirmed", fact="events.registration.confirmed.v1")
        elif party.state in {"confirmed", "waitlisted"}:
            await self.change("POST", "/v1/registrations/{id}/cancel", party, to="cancelled",
                              done=lambda shown: shown["state"] == "cancelled", fact=CANCELLED)

    async def _event(self) -> None:
        partner = next(one for one in self.ledger.of("partner") if one.state == "verified")
        event = self.ledger.add(Thing("events", "event", f"Sprachcafé {len(self.ledger.things)}"))
        event.more = {"parties": 0}
        body = {"partner_id": partner.id, "region": REGION, "kind": "language_cafe", "capacity": CAPACITY,
                "childcare": {"places": CHILDCARE}, "starts": in_days(STARTS).isoformat(),
                "ends": in_days(STARTS + 0.1).isoformat(),
                "translations": {"de": {"title": event.mark, "description": "Deutsch bei Tee."}}}
        answer = await self.create("/v1/events", body, event)
        if not answer.ok:
            raise RuntimeError(f"an event was refused: {answer.json}")
        await self.change("POST", "/v1/events/{id}/publish", event, to="published",
                          done=lambda shown: shown["state"] != "draft", fact="events.event.published.v1")

    async def look_back(self) -> None:
        """Every acknowledged party is at its event once, in its turn; places are neither given twice nor idle."""
        shown: list[dict[str, Any]] = []
        for event in self.ledger.of("event"):
            parties = await self.pages("events", f"/v1/events/{event.id}/participants")
            if "parties" in event.more:
                self._compare_places(event, parties)
            shown += parties
        there = self.compare("registration", shown, lambda item: str(item["name"]))
        for thing in self.ledger.of("registration"):
            state = there.get(thing.id, {}).get("state")
            gone = {"cancelled"} if thing.more.get("erased") else set()
            if state and state not in LATER.get(thing.state, {thing.state}) | gone:
                self.world.violated(Promise.KEPT, f"{thing.about} was {thing.state} and is {state}")

    def _compare_places(self, event: Thing, parties: list[dict[str, Any]]) -> None:
        places = sorted(party["place"] for party in parties)
        if places != list(range(1, len(parties) + 1)):
            self.world.violated(Promise.IN_TURN, f"{event.about}: places {places}")
        seats = sum(party["seats"] for party in parties if party["state"] in HOLDING)
        childcare = sum(party["childcare"] for party in parties if party["state"] in HOLDING)
        if seats > CAPACITY or childcare > CHILDCARE:
            self.world.violated(Promise.SEATS, f"{event.about}: {seats} seats and {childcare} with childcare are held")
        waiting = [party for party in parties if party["state"] == "waitlisted"]
        waiting.sort(key=lambda party: int(party["place"]))
        if waiting and seats + waiting[0]["seats"] <= CAPACITY and childcare + waiting[0]["childcare"] <= CHILDCARE:
            self.world.violated(Promise.IN_TURN, f"{event.about}: registration {waiting[0]['id']} waits for free seats")

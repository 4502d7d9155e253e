"""Commands for matching: mentors and households come, runs propose, both sides answer, tandems begin and are lived."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from libs.common.links import Link
from services.matching.links.queries import ANSWER
from tests.chaos.ledger import Thing
from tests.chaos.promises import Promise
from tests.chaos.workloads.playing import Caller, Shown, Workload
from tests.chaos.world import Person

REGION = "15087"
MOST_MENTORS, MOST_HOUSEHOLDS, FOR_EACH_MENTOR, PLACES = 8, 36, 4, 3
POLL_SECONDS = 0.2
BY_LINK = 0.5
LONG_AGO = "2024-01-08"
TALKS = (28, 182, 364)
RULES = {"min_members": 0, "main_contacts": 0, "chooser": "coordinator", "trial_days": 28, "checkin_days": TALKS}
SUITED = {"languages": {"de": "B1", "ar": "C2"}, "slots": ["tue_evening", "sat_morning"], "radius_km": 40}
SIDES = ("mentors", "household")
LIVE = frozenset({"proposed", "approved", "invited", "accepted_one", "accepted_both", "first_meeting"})
HOLDING = LIVE - {"proposed", "approved"}
RUNNING = frozenset({"trial", "active", "paused"})
# What time and others may have led to since a state was acknowledged.
LATER = {
    # A mentor who takes fewer leaves pending proposals without a place.
    "proposed": {"proposed", "dismissed"}, "approved": {"approved", "dismissed"},
    "ready": {"ready", "active"}, "waiting": {"waiting", "proposed", "in_tandem"},
    "invited": {"invited", "expired"}, "accepted_one": {"accepted_one", "expired"},
    "due": {"due", "escalated", "dropped"}, "escalated": {"escalated", "dropped"},
}
# What the erasure of one of a pair may have led to, whatever was acknowledged before.
PARTED = {
    "mentor": {"left"}, "household": {"closed"}, "proposal": {"dismissed", "declined", "expired", "tandem"},
    "tandem": {"ended_early"}, "checkin": {"dropped"},
}
PAIR = ("mentor_id", "household_id")
# Live proposals and running tandems of a household in each of its states.
TOGETHER = {"waiting": (0, 0), "proposed": (1, 0), "in_tandem": (0, 1)}
Done = Callable[[Shown], bool]


class MatchingWorkload(Workload):
    """Mentors and households of one programme, whom runs bring together."""

    services: ClassVar[tuple[str, ...]] = ("registry", "matching")

    async def prepare(self) -> None:
        """The programme, with its rules, as soon as matching knows them."""
        self.headers = self.world.coordinator
        programme = self.ledger.add(Thing("registry", "programme", "Lotsentandem (Demo)"))
        body = {"name": programme.mark, "code": "tandems", "region": "15"}
        await self.create("/v1/programmes", body, programme)
        await self.must("PUT", "/v1/programmes/{id}/rule_sets/2023-01-01", programme, body=RULES,
                        done=lambda shown: bool(shown["rule_sets"]), fact="registry.programme.rules_changed.v1")
        self.programme = programme.id
        await self.world.settled(30)

    def callers(self) -> Sequence[Caller]:
        """One enters who comes, one matches, two decide about proposals, one looks after tandems."""
        return (self.arrive, self.match, self.decide, self.decide, self.accompany)

    async def must(
        self, method: str, path: str, thing: Thing, *, done: Done, to: str | None = None, **more: Any,
    ) -> None:
        """A command that nothing in this run may stand in the way of."""
        if not await self.change(method, path, thing, to=to, done=done, **more):
            self.world.violated(Promise.KEPT, f"{method} {path}: refused for {thing.about}, which is {thing.state}")

    async def step(
        self, thing: Thing, verb: str, to: str | None, done: str = "", *, fact: str = "", **body: Any,
    ) -> bool:
        """A command about a thing; done: the field that says so, or else its state does."""
        return await self.change(
            "POST", f"/v1/{thing.noun}s/{{id}}/{verb}", thing, to=to, body=body, fact=self.subject(thing, fact),
            done=lambda shown: bool(shown[done]) if done else shown["state"] == to)

    def subject(self, thing: Thing, verb: str) -> str | None:
        """The fact that tells it; None when none does."""
        return f"matching.{thing.noun}.{verb}.v1" if verb else None

    async def arrive(self) -> None:
        """A mentor or a household comes, as long as there are few; or a mentor has less time than was thought."""
        mentors, households = len(self.ledger.of("mentor")), len(self.ledger.of("household"))
        spoken_for = [one.more["mentor_id"] for one in self.ledger.of("proposal") if one.state in LIVE - HOLDING]
        if spoken_for and self.chance.random() < 0.4:
            await self._lower(self.chance.choice(spoken_for))
        elif mentors < MOST_MENTORS and mentors * FOR_EACH_MENTOR <= households:
            await self._mentor()
        elif households < MOST_HOUSEHOLDS:
            await self._household()
        else:
            await asyncio.sleep(1)

    async def _mentor(self) -> None:
        mentor, number = self.ledger.add(Thing("matching", "mentor", "")), len(self.ledger.things)
        contact = {"name": f"Mira Beispiel {number}", "email": f"mentor{number}@example.org"}
        body = {"region": REGION, "programme_id": self.programme, "contact": contact, "postcode": "06295",
                "capacity": PLACES, "consented_on": LONG_AGO,
                "consented_besides": ["checkins", "learnings"], **SUITED}
        await self.create("/v1/mentors", body, mentor)
        today = (await self.world.now("matching")).date().isoformat()
        seen = {"seen_on": today, "certificate_date": today, "relevant_entry": False}
        await self.must("POST", "/v1/mentors/{id}/screen", mentor, to="screening", done=_is("screening"))
        await self.must("POST", "/v1/mentors/{id}/record", mentor, done=_has("record_seen_on"), body=seen)
        await self.must("POST", "/v1/mentors/{id}/approve", mentor, to="ready", done=_is("ready", "active"))
        self._known(mentor, contact["email"])

    def _known(self, thing: Thing, email: str) -> None:
        """From now on they may ask to be erased."""
        self.world.people.append(Person(email, [thing], contact=f"/v1/{thing.noun}s/{thing.id}/contact"))

    async def _lower(self, mentor_id: str) -> None:
        """Whoever is proposed for a place that is there no longer must not get it."""
        mentor = next(one for one in self.ledger.of("mentor") if one.id == mentor_id)
        shown = await self.read("/v1/mentors", mentor)
        if not shown.ok or shown.json["capacity"] == 1:
            return
        mentor.version, mentor.state = shown.etag, shown.json["state"]
        places = shown.json["capacity"] - 1
        body = {"gender": "not_stated", "postcode": "06295", "capacity": places, **SUITED}
        await self.change("PUT", "/v1/mentors/{id}", mentor, to=None, body=body,
                          done=lambda shown: shown["capacity"] == places)

    async def _household(self) -> None:
        household, number = self.ledger.add(Thing("matching", "household", "")), len(self.ledger.things)
        contact = {"name": f"Samira Demo {number}", "email": f"household{number}@example.org"}
        body = {"region": REGION, "programme_id": self.programme, "contact": contact, "postcode": "06526",
                "members": [{"age_band": "27-44", "gender": "f"}], **SUITED}
        await self.create("/v1/households", body, household)
        given = {"given_on": LONG_AGO, "text_version": 1, "besides": ["checkins", "learnings"]}
        await self.must("POST", "/v1/households/{id}/interview", household, to="interviewed", done=_is("interviewed"))
        await self.must("POST", "/v1/households/{id}/consent", household, done=_has("consented_on"), body=given)
        await self.must("POST", "/v1/households/{id}/wait", household, to="waiting", done=_has("waiting_since"),
                        fact="matching.household.waiting.v1")
        self._known(household, contact["email"])

    async def match(self) -> None:
        """A run; its proposals are what the callers decide about."""
        run = self.ledger.add(Thing("matching", "run", ""))
        await self.create("/v1/runs", {"programme_id": self.programme, "region": REGION}, run)
        while not self.world.stopping:
            shown = await self.read("/v1/runs", run)
            if not shown.ok or shown.json["state"] in {"done", "failed"}:
                break
            await asyncio.sleep(POLL_SECONDS)
        await self._learn(run)

    async def _learn(self, run: Thing) -> None:
        """What a run has proposed is acknowledged from the moment on in which it is seen."""
        known = {thing.id for thing in self.ledger.of("proposal")}
        for item in await self.pages("matching", f"/v1/proposals?run_id={run.id}"):
            if item["id"] not in known:
                proposal = self.ledger.add(Thing("matching", "proposal", "", item["id"], item["state"]))
                proposal.version, proposal.more = item["version"], {"taken": False, **{one: item[one] for one in PAIR}}
                proposal.facts["matching.proposal.created.v1"] = 1

    async def decide(self) -> None:
        """The next step of a proposal, mostly on towards a tandem."""
        # Mostly one that is far already, or few would get there before their time is over.
        far = self.take("proposal", HOLDING) if self.chance.random() < 0.7 else None
        proposal = far or self.take("proposal", LIVE)
        if proposal is None:
            return
        shown = await self.read("/v1/proposals", proposal)
        if shown.ok:
            proposal.version, proposal.state = shown.etag, shown.json["state"]
            await self._decide(proposal, shown.json)
        proposal.more["taken"] = False

    async def _decide(self, proposal: Thing, shown: Shown) -> None:
        against = self.chance.random() < 0.1
        match proposal.state:
            case "proposed" | "approved" if against:
                await self.step(proposal, "dismiss", "dismissed", fact="dismissed", reason="conflict")
            case "proposed":
                await self.step(proposal, "approve", "approved", "approved_at", fact="approved")
            case "approved":
                await self.step(proposal, "invite", "invited", "invited_at", fact="invited")
            case "invited" | "accepted_one":
                await self._answer(proposal, shown, accepted=not against)
            case "accepted_both":
                day = await self.world.today("matching")
                await self.step(proposal, "first_meeting", "first_meeting", "first_meeting_on", on=day)
            case "first_meeting":
                await self._begin(proposal)

    async def _answer(self, proposal: Thing, shown: Shown, *, accepted: bool) -> None:
        side = self.chance.choice([one for one in SIDES if not shown[f"{one}_accepted_at"]])
        if not accepted:
            await self.step(proposal, "answers", "declined", fact="declined", side=side, accepted=False,
                            reason="no_time")
            return
        to = "accepted_both" if proposal.state == "accepted_one" else "accepted_one"
        if self.chance.random() < BY_LINK:
            await self._accept_by_link(proposal, side, to)
        else:
            await self.step(proposal, "answers", to, f"{side}_accepted_at", fact="accepted", side=side, accepted=True)

    async def _accept_by_link(self, proposal: Thing, side: str, to: str) -> None:
        """The side itself says yes, by the link of its mail and without an ETag, until that is known to be done."""
        path, doubted = f"{await self._link(proposal, side)}/accept", 0
        while True:
            answer = await self.door.once("matching", "POST", path)
            if answer is not None and answer.ok:
                proposal.version += 1
                break
            shown = await self.read("/v1/proposals", proposal)
            if not shown.ok:
                return
            proposal.version = shown.etag
            if doubted and shown.json[f"{side}_accepted_at"]:
                break
            if answer is not None:
                proposal.state = shown.json["state"]
                return
            doubted += 1
        proposal.state = to
        self.ledger.note(f"POST {ANSWER.path}/accept", proposal, fact=self.subject(proposal, "accepted"),
                         tries=doubted + 1)

    async def _link(self, proposal: Thing, side: str) -> str:
        """The path of the link by which a side answers its invitation."""
        noun = {"mentors": "mentor", "household": "household"}[side]
        who = next(one for one in self.ledger.of(noun) if one.id == proposal.more[f"{noun}_id"])
        person_ref = UUID((await self.read(f"/v1/{noun}s", who)).json["person_ref"])
        link = Link(ANSWER.name, UUID(proposal.id), person_ref)
        return ANSWER.path.replace("{token}", self.world.stage.links("matching").token(link, valid=ANSWER.valid))

    async def _begin(self, proposal: Thing) -> None:
        tandem = self.ledger.add(Thing("matching", "tandem", ""))
        tandem.more = {"taken": False, **{one: proposal.more[one] for one in PAIR}}
        body = {"proposal_id": proposal.id, "kind": "everyday"}
        answer = await self.create("/v1/tandems", body, tandem, fact="matching.tandem.started.v1")
        proposal.state = "tandem" if answer.ok else proposal.state
        if answer.ok:
            # A month may have passed since they met.
            since = await self.world.now("matching") - datetime.fromisoformat(answer.json["started_at"])
            tandem.more["past"] = sum(timedelta(days=day) <= since for day in TALKS)
        if not answer.ok and not self._parted(proposal):
            self.world.violated(Promise.KEPT, f"{proposal.about} had met and became no tandem: {answer.slug}")
        await self._count_places(next(
            one for one in self.ledger.of("mentor") if one.id == proposal.more["mentor_id"]))

    async def _count_places(self, mentor: Thing) -> None:
        """Places only become fewer here: more tandems than there were places before must never run."""
        shown = await self.read("/v1/mentors", mentor)
        tandems = await self.pages("matching", f"/v1/tandems?mentor_id={mentor.id}")
        running = sum(item["state"] in RUNNING for item in tandems)
        if shown.ok and running > shown.json["capacity"]:
            self.world.violated(Promise.PLACES, f"{mentor.about} has {running} tandems on {shown.json['capacity']}")

    async def accompany(self) -> None:
        """A side says how it goes, or whether it goes on; a tandem rests, or ends."""
        tandem = self.take("tandem", RUNNING)
        if tandem is None:
            return
        shown = await self.read("/v1/tandems", tandem)
        if shown.ok and not await self._talk(tandem):
            tandem.version, tandem.state = shown.etag, shown.json["state"]
            await self._go_on(tandem, shown.json)
        tandem.more["taken"] = False

    async def _talk(self, tandem: Thing) -> bool:
        for item in await self.pages("matching", f"/v1/checkins?tandem_id={tandem.id}"):
            if item["state"] in {"due", "escalated"}:
                checkin = next((one for one in self.ledger.of("checkin") if one.id == item["id"]), None)
                checkin = checkin or self.ledger.add(Thing("matching", "checkin", "", item["id"]))
                checkin.version, checkin.state = item["version"], item["state"]
                checkin.more = {one: tandem.more[one] for one in PAIR}
                await self.step(checkin, "record", "done", fact="done", mood=4)
                return True
        return False

    async def _go_on(self, tandem: Thing, shown: Shown) -> None:
        if self.chance.random() < 0.08:
            await self.step(tandem, "end_early", "ended_early", fact="ended_early", reason="moved")
        elif tandem.state == "trial" and await self._trial_over(shown):
            side = next(one for one in SIDES if not shown[f"{one}_consented_at"])
            both = side != SIDES[0]
            await self.step(tandem, "consents", "active" if both else "trial", f"{side}_consented_at",
                            fact="confirmed" if both else "", side=side)
        elif tandem.state == "active" and self.chance.random() < 0.1:
            await self.step(tandem, "pause", "paused", fact="paused")
        elif tandem.state == "paused":
            await self.step(tandem, "resume", "active", fact="resumed")

    async def _trial_over(self, shown: Shown) -> bool:
        return datetime.fromisoformat(shown["trial_until"]) <= await self.world.now("matching")

    async def look_back(self) -> None:
        """Everyone, every run, proposal and tandem is there once, as it was left; no place is given twice."""
        there: dict[str, dict[str, Shown]] = {}
        for run in self.ledger.of("run"):
            await self._learn(run)
        for noun in ("mentor", "household", "run", "proposal", "tandem"):
            shown = await self.pages("matching", f"/v1/{noun}s")
            there[noun] = self.compare(noun, shown, lambda item: str(item["id"]))
        checkins = await self.pages("matching", "/v1/checkins")
        there["checkin"] = {item["id"]: item for item in checkins}
        for thing in self.ledger.things:
            if thing.id and thing.noun in {*PARTED} & there.keys():
                self._compare_state(thing, there[thing.noun].get(thing.id))
        self._compare_runs(there)
        self._compare_places(there)
        self._compare_talks(there["tandem"], checkins)

    def _parted(self, thing: Thing) -> bool:
        """Whether the thing is, or is about, somebody whose erasure was asked for."""
        pair = {thing.id, *(thing.more.get(one) for one in PAIR)}
        return any(one.more.get("erased") for one in [*self.ledger.of("mentor"), *self.ledger.of("household")]
                   if one.id in pair)

    def _compare_state(self, thing: Thing, shown: Shown | None) -> None:
        later = LATER.get(thing.state, {thing.state}) | (PARTED[thing.noun] if self._parted(thing) else set())
        if shown and (shown["state"] not in later or shown["version"] < thing.version):
            self.world.violated(Promise.KEPT, f"{thing.about} was {thing.state} at {thing.version}, and is "
                                              f"{shown['state']} at {shown['version']}")

    def _compare_runs(self, there: dict[str, dict[str, Shown]]) -> None:
        proposed = Counter(item["run_id"] for item in there["proposal"].values())
        for run_id, item in there["run"].items():
            if item["state"] != "done" or not item["certified"]:
                self.world.violated(Promise.KEPT, f"run {run_id} is {item['state']} ({item['failed_with']})")
            elif item["proposed"] != proposed[run_id]:
                self.world.violated(Promise.ONCE, f"run {run_id} proposed {item['proposed']}, {proposed[run_id]} exist")

    def _compare_places(self, there: dict[str, dict[str, Shown]]) -> None:
        live = [item for item in there["proposal"].values() if item["state"] in LIVE]
        running = [item for item in there["tandem"].values() if item["state"] in RUNNING]
        held = Counter(item["mentor_id"] for item in [*live, *running] if item["state"] in HOLDING | RUNNING)
        for mentor_id, item in there["mentor"].items():
            if held[mentor_id] > item["capacity"]:
                self.world.violated(Promise.PLACES, f"mentor {mentor_id} holds {held[mentor_id]} of {item['capacity']}")
            if item["state"] == "left" and (held[mentor_id] or any(one["mentor_id"] == mentor_id for one in live)):
                self.world.violated(Promise.PLACES, f"mentor {mentor_id} has left, and is proposed or accompanies")
        proposed, lived = (Counter(item["household_id"] for item in some) for some in (live, running))
        for household_id, item in there["household"].items():
            if (found := (proposed[household_id], lived[household_id])) != TOGETHER.get(item["state"], (0, 0)):
                self.world.violated(Promise.PLACES, f"household {household_id} is {item['state']}, with {found[0]} "
                                                    f"live proposals and {found[1]} running tandems")

    def _compare_talks(self, tandems: dict[str, Shown], checkins: list[Shown]) -> None:
        planned = Counter(item["tandem_id"] for item in checkins)
        past = {one.id: one.more.get("past", 0) for one in self.ledger.of("tandem")}
        for one in tandems:
            wanted = {(len(TALKS) - over) * len(SIDES) for over in (0, past.get(one, 0))}
            if planned[one] not in wanted:
                self.world.violated(Promise.DUE, f"tandem {one} has {planned[one]} check-ins, not {max(wanted)}")


def _is(*states: str) -> Done:
    return lambda shown: shown["state"] in states


def _has(field: str) -> Done:
    return lambda shown: bool(shown[field])

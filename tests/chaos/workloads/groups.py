"""Commands for mentor groups: they register, attend a training, show a home, and their checklist is ticked by that."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4

from tests.chaos.ledger import Thing
from tests.chaos.promises import Promise
from tests.chaos.workloads.playing import Caller, Shown, Workload
from tests.chaos.world import Person
from tests.harness import in_days

REGION, CODE = "15087", "basic_training"
MOST_GROUPS, MEMBERS, TRAINED, MONTHS = 10, 3, 2, 12
RULES = {"min_members": 2, "main_contacts": 1, "rent_months": MONTHS, "chooser": "coordinator",
         "required_trainings": [{"training_code": CODE, "members": TRAINED}]}
GROUP = {"region": REGION, "postcode": "06295", "radius_km": 30, "largest": 6, "languages": {"de": "C2"},
         "slots": ["tue_evening"]}
HOME = {"rooms": 4, "max_persons": 5, "net_cold_rent": 52000, "secured_months": MONTHS}
LONG_AGO = "2024-01-08"
# Clocks leap by months in a run, and what lies ahead must stay ahead.
FAR = 365 * 40
BEGINS_SECONDS = 3.0
READY = "matching.mentor_group.ready.v1"
RECORDED, CORRECTED = "events.attendance.recorded.v1", "events.attendance.corrected.v1"
# Attendances of persons whom matching knows, as events has them and as matching has heard of them.
SOURCE = """
SELECT id, person_ref, counts FROM attendance
WHERE known_elsewhere AND person_ref IS NOT NULL AND training_code IS NOT NULL
"""
COPY = "SELECT id, person_ref, counts FROM attended_training"
ANNOUNCED = "SELECT DISTINCT split_part(about, '/', 2) AS id FROM outbox WHERE subject = $1"


class GroupsWorkload(Workload):
    """Mentor groups of one programme, and a training that their members attend."""

    services: ClassVar[tuple[str, ...]] = ("registry", "events", "matching")

    async def prepare(self) -> None:
        """The programme with its rules, a training that has begun, and one that lies far ahead."""
        self.headers = self.world.coordinator
        programme = self.ledger.add(Thing("registry", "programme", "Gemeinsam ankommen (Demo)"))
        await self.create("/v1/programmes", {"name": programme.mark, "code": "groups", "region": "15"}, programme)
        await self.change("PUT", "/v1/programmes/{id}/rule_sets/2023-01-01", programme, to=None, body=RULES,
                          done=lambda shown: bool(shown["rule_sets"]), fact="registry.programme.rules_changed.v1")
        self.programme = programme.id
        begins = await self.world.now("events") + timedelta(seconds=BEGINS_SECONDS)
        self.training = await self._event(begins.isoformat(), (begins + timedelta(hours=6)).isoformat(), CODE)
        self.ahead = await self._event(in_days(FAR).isoformat(), in_days(FAR + 0.2).isoformat(), "later_training")
        await asyncio.sleep(BEGINS_SECONDS)
        await self.world.settled(30)

    def callers(self) -> Sequence[Caller]:
        """One enters groups, one keeps the training's list."""
        return (self.enter, self.keep_list)

    async def _event(self, starts: str, ends: str, code: str) -> Thing:
        partner = next(one for one in self.ledger.of("partner") if one.state == "verified")
        event = self.ledger.add(Thing("events", "event", code))
        body = {"partner_id": partner.id, "region": REGION, "kind": "training", "training_code": code,
                "starts": starts, "ends": ends, "visibility": "network",
                "translations": {"de": {"title": code, "description": "Ein Tag, verpflichtend."}}}
        answer = await self.create("/v1/events", body, event)
        if not answer.ok:
            raise RuntimeError(f"a training was refused: {answer.json}")
        await self.change("POST", "/v1/events/{id}/publish", event, to="published",
                          done=lambda shown: shown["state"] != "draft", fact="events.event.published.v1")
        return event

    async def enter(self) -> None:
        """A group registers its interest with three members, prepares itself, and mostly finds a home."""
        if len(self.ledger.of("mentor_group")) >= MOST_GROUPS:
            await asyncio.sleep(1)
            return
        group = self.ledger.add(Thing("matching", "mentor_group", f"Gruppe {len(self.ledger.things)}"))
        members = [self._member(group, position) for position in range(MEMBERS)]
        body = {**GROUP, "label": group.mark, "programme_id": self.programme, "members": members}
        group.more = {"members": {}, "main": "", "months": 0, "attempted": set(), "prepared": False}
        await self.create("/v1/mentor_groups", body, group, fact="matching.mentor_group.interest_registered.v1")
        await self._meet(group)
        for verb, to in (("form", "forming"), ("prepare", "in_preparation")):
            await self._step(group, "POST", verb, to, lambda shown, to=to: shown["state"] == to)
        group.more["prepared"] = True
        chance = self.chance.random()
        if chance > 0.9:
            await self._step(group, "POST", "withdraw", "withdrawn", lambda shown: shown["state"] == "withdrawn",
                             {"reason": "Nächstes Jahr wieder."})
            group.more["withdrawn"] = True
        elif chance < 0.8:
            group.more["months"] = MONTHS
            await self._step(group, "PUT", "housing", None, lambda shown: bool(shown["housing"]),
                             HOME | {"available_from": LONG_AGO})

    def _member(self, group: Thing, position: int) -> dict[str, Any]:
        email = f"{group.mark.replace(' ', '')}-{position}@example.org".lower()
        return {"contact": {"name": f"Hanna Beispiel {position}", "email": email}, "consented_on": LONG_AGO,
                "consented_besides": ["checkins", "learnings"], "is_main_contact": position == 0}

    async def _meet(self, group: Thing) -> None:
        """Who the members are, as matching names them to others."""
        address = f"/v1/members?mentor_group_id={group.id}"
        shown = (await self.door.insist("matching", "GET", address, headers=self.headers)).json
        if len(shown) != MEMBERS:
            self.world.violated(Promise.ONCE, f"{group.about} was entered with {MEMBERS} members and has {len(shown)}")
        for one in shown:
            group.more["members"][one["person_ref"]] = one["email"]
            if one["is_main_contact"]:
                group.more["main"] = one["person_ref"]

    async def _step(
        self, group: Thing, method: str, verb: str, to: str | None, done: Any, body: dict[str, Any] | None = None,
    ) -> None:
        """A command that nothing but time, which may make it ready, stands in the way of."""
        while not await self.change(method, f"/v1/mentor_groups/{{id}}/{verb}", group, to=to, done=done, body=body):
            if done((await self.read("/v1/mentor_groups", group)).json) or self.world.violations:
                return

    async def keep_list(self) -> None:
        """Somebody of a group was at the training, or was not after all; or wants to come to the next one."""
        groups = [one for one in self.ledger.of("mentor_group") if one.more["prepared"]]
        if not groups:
            await asyncio.sleep(0.2)
            return
        group = self.chance.choice(groups)
        person_ref = self.chance.choice(list(group.more["members"]))
        recorded = [one for one in self.ledger.of("attendance") if one.more["person_ref"] == person_ref]
        if recorded and self.chance.random() < 0.5:
            await self._correct(self.chance.choice(recorded))
        elif not recorded:
            # Some groups stay without: what is not attended must not be ticked.
            if len(group.more["attempted"] | {person_ref}) < TRAINED or self.ledger.of("mentor_group").index(group) % 3:
                await self._attend(group, person_ref)
        elif self.chance.random() < 0.3:
            await self._register(group, person_ref)

    async def _attend(self, group: Thing, person_ref: str) -> None:
        group.more["attempted"].add(person_ref)
        attendance = self.ledger.add(Thing("events", "attendance", person_ref))
        attendance.more = {"person_ref": person_ref, "counts": True}
        headers = {**self.headers, "Idempotency-Key": uuid4().hex}
        answer = await self.door.insist("events", "POST", f"/v1/events/{self.training.id}/attendance/walk_in/known",
                                        json={"person_ref": person_ref}, headers=headers)
        if answer.ok:
            attendance.id = answer.json[0]["id"]
            self.ledger.note("POST /v1/events/{id}/attendance/walk_in/known", attendance, fact=RECORDED,
                             tries=answer.tries)
        elif person_ref not in self.world.erased:
            self.world.violated(Promise.KEPT, f"that {person_ref} attended was refused: {answer.slug}")

    async def _correct(self, attendance: Thing) -> None:
        attendance.more["counts"] = not attendance.more["counts"]
        address = f"/v1/attendance/{attendance.id}/correct"
        answer = await self.door.insist("events", "POST", address, json={"counts": attendance.more["counts"]},
                                        headers=self.headers)
        if not answer.ok:
            self.world.violated(Promise.KEPT, f"{attendance.about} could not be corrected: {answer.slug}")
        self.ledger.note("POST /v1/attendance/{id}/correct", attendance, fact=CORRECTED, tries=answer.tries)

    async def _register(self, group: Thing, person_ref: str) -> None:
        """For the training that lies ahead; then the person may ask to be erased, with what they are there."""
        person = next((one for one in self.world.people if person_ref in one.refs), None)
        if person is not None:
            return
        party = self.ledger.add(Thing("events", "registration", person_ref))
        party.more = {"event": self.ahead.id, "taken": True}
        await self.create(f"/v1/events/{self.ahead.id}/registrations/known", {"person_ref": person_ref}, party)
        self.world.people.append(Person(group.more["members"][person_ref], [party], refs={person_ref}))

    async def look_back(self) -> None:
        """Every group is there once, ready exactly when its people attended and it has shown the rest."""
        shown = await self.pages("matching", "/v1/mentor_groups")
        there = self.compare("mentor_group", shown, lambda item: str(item["label"]))
        told = {row["id"] for row in await self.world.stage.rows("matching", ANNOUNCED, READY)}
        for group in self.ledger.of("mentor_group"):
            if group.more["prepared"] and group.id in there:
                await self._compare_group(group, there[group.id], told=group.id in told)
        await self._compare_copies()

    async def _compare_group(self, group: Thing, shown: Shown, *, told: bool) -> None:
        present = group.more["members"].keys() - self.world.erased
        trained = {one.more["person_ref"]: one.about for one in self.ledger.of("attendance") if one.more["counts"]
                   and one.more["person_ref"] in present}
        wanted = {"min_members": (2, len(present)), "main_contacts": (1, int(group.more["main"] in present)),
                  f"training_{CODE}": (TRAINED, len(trained)), "rent_secured": (MONTHS, group.more["months"])}
        address = f"/v1/prerequisites?mentor_group_id={group.id}"
        lines = (await self.door.insist("matching", "GET", address, headers=self.headers)).json
        found = {line["rule"]: (line["needed"], line["there"]) for line in lines}
        # Of a group that has withdrawn the checklist rests.
        if found != wanted and "withdrawn" not in group.more:
            self.world.violated(Promise.TICKED, f"{group.about} shows {found}, and what was acknowledged is {wanted}")
        complete = all(there >= needed for needed, there in wanted.values())
        state = "withdrawn" if not present or "withdrawn" in group.more else "ready" if complete else "in_preparation"
        if shown["state"] != state:
            self.world.violated(Promise.TICKED, f"{group.about} is {shown['state']} and should be {state}")
        never = len(group.more["attempted"]) < TRAINED or not group.more["months"]
        if told if never else complete and not told and "withdrawn" not in group.more:
            self.world.violated(Promise.TICKED, f"that {group.about} is ready was {'told' if told else 'never told'}")

    async def _compare_copies(self) -> None:
        """Matching knows of an attendance what events does, and nothing of who was erased."""
        source, copy = [await self._attended(service, query) for service, query in (("events", SOURCE),
                                                                                    ("matching", COPY))]
        if wrong := [key for key in source.keys() | copy.keys() if source.get(key) != copy.get(key)]:
            self.world.violated(Promise.COPIED, f"attendance {wrong[0]} is {source.get(wrong[0])} in events, and "
                                                f"{copy.get(wrong[0])} in matching ({len(wrong)} differ)")

    async def _attended(self, service: str, query: str) -> dict[UUID, tuple[str, bool]]:
        rows = await self.world.stage.rows(service, query)
        return {row["id"]: (str(row["person_ref"]), row["counts"]) for row in rows}

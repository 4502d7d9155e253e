"""Commands for notify: people subscribe and confirm; and every mail that facts bring about is written once."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

import httpx

from deploy.local.demo.mailbox import mails_to
from services.notify.deliveries.rules import TOLD, Who
from tests.chaos.ledger import Thing
from tests.chaos.promises import Promise
from tests.chaos.workloads.playing import Caller, Workload

MOST_SUBSCRIPTIONS = 12
MAIL_SECONDS = 5.0
UNFINISHED = "SELECT count(*) AS count FROM delivery WHERE state IN ('queued', 'sending', 'failed') OR to_forget"
# What was written to persons who have been erased since is destroyed.
NOT_ERASED = """
SELECT * FROM delivery d WHERE NOT EXISTS (
    SELECT 1 FROM recipient r WHERE r.person_ref = d.person_ref AND r.erased_at IS NOT NULL)
"""
FIRST_SUBSCRIBER = "SELECT person_ref FROM subscription ORDER BY created_at, id LIMIT 1"
TELLING = """
SELECT fact_id, subject, body::json -> 'contact_refs' AS contacts, body::json ->> 'person_ref' AS person,
       body::json -> 'person_refs' AS persons, body::json ->> 'first_time' AS first FROM outbox
"""
SENT = frozenset({"sent", "delivered"})
SUBSCRIBER = "fatima@example.org"


class NotifyWorkload(Workload):
    """Subscriptions by double opt-in, and the mail folder."""

    services: ClassVar[tuple[str, ...]] = ("registry", "notify")

    async def prepare(self) -> None:
        """One who hears of every offer of the region from the first moment on."""
        await self._subscribe(SUBSCRIBER, [], 60)
        if [one.state for one in self.ledger.of("subscription")] != ["active"]:
            raise RuntimeError("the first subscription could not be confirmed")

    def callers(self) -> Sequence[Caller]:
        """One at a time subscribes and confirms."""
        return (self.subscribe,)

    async def subscribe(self) -> None:
        """Somebody subscribes, to a field in which nothing is offered, and confirms by the link in the mail."""
        if sum("erased" not in one.more for one in self.ledger.of("subscription")) >= MOST_SUBSCRIPTIONS:
            await asyncio.sleep(1)
            return
        await self._subscribe(f"fatima{len(self.ledger.things)}@example.org", ["health"], MAIL_SECONDS)

    async def _subscribe(self, email: str, fields: list[str], seconds: float) -> None:
        wish = self.ledger.add(Thing("notify", "subscription", email))
        body = {"email": email, "region": "15", "fields": fields, "languages": ["de"]}
        await self.create("/v1/subscriptions", body, wish)
        link = await self._link(email, seconds)
        if link is None:
            return
        wish.more["link"] = httpx.URL(link).raw_path.decode()
        answer = await self.door.insist("notify", "POST", wish.more["link"])
        if answer.ok:
            wish.state = answer.json["state"]
            self.ledger.note("POST /v1/subscriptions/confirm", wish, fact="notify.consent.given.v1", tries=answer.tries)
            # Consent is told of the person, whom only notify knows.
            wish.facts.clear()

    async def _link(self, email: str, seconds: float) -> str | None:
        for _ in range(int(seconds * 5)):
            for mail in await mails_to(self.world.mailbox, email):
                return mail.link("/confirm/")
            await asyncio.sleep(0.2)
        return None

    async def unsettled(self) -> list[str]:
        """Deliveries that are not sent yet, or whose mails are still to be destroyed."""
        count = (await self.world.stage.rows("notify", UNFINISHED))[0]["count"]
        return [f"notify: {count} deliveries to send"] if count else []

    async def look_back(self) -> None:
        """Confirmed subscriptions hold, every told fact has its deliveries once, and each that was sent is one mail."""
        for wish in self.ledger.of("subscription"):
            if wish.state == "active":
                shown = await self.door.insist("notify", "GET", wish.more["link"])
                if not shown.ok or shown.json["state"] != "active":
                    self.world.violated(Promise.KEPT, f"{wish.about} was confirmed and is {shown.json}")
        await self._compare_deliveries()
        await self._compare_mails()

    async def _compare_deliveries(self) -> None:
        rows = await self.world.stage.rows("notify", "SELECT * FROM delivery")
        queued = Counter((row["cause"], str(row["person_ref"]), row["template"]) for row in rows)
        if twice := [key for key, count in queued.items() if count > 1]:
            self.world.violated(Promise.MAILED, f"{twice[0]} was queued {queued[twice[0]]} times")
        for key in await self._wanted():
            if not queued[key]:
                self.world.violated(Promise.MAILED, f"{key[2]} to {key[1]} because of fact {key[0]} was never queued")
                return
        if wrong := [row for row in rows if row["state"] not in {*SENT, "suppressed"}]:
            one = wrong[0]
            self.world.violated(Promise.MAILED, f"{len(wrong)} ended as {one['state']} ({one['reason']}), such as "
                                                f"{one['template']} because of fact {one['cause']}")

    async def _wanted(self) -> list[tuple[Any, str, str]]:
        wanted: list[tuple[Any, str, str]] = []
        subscriber = await self.world.stage.rows("notify", FIRST_SUBSCRIBER)
        for service in self.world.services:
            for row in await self.world.stage.rows(service, TELLING):
                for told in TOLD.get(row["subject"], ()):
                    persons = _named(row, told.who)
                    if told.template == "offer_new" and row["first"] == "true":
                        persons = [str(subscriber[0]["person_ref"])]
                    if told.template not in {"registration_cancelled", "event_cancelled"}:
                        wanted += [(row["fact_id"], person, told.template) for person in persons]
        return wanted

    async def _compare_mails(self) -> None:
        rows = {str(row["id"]): row for row in await self.world.stage.rows("notify", NOT_ERASED)}
        sent = {key for key, row in rows.items() if row["state"] in SENT}
        written = Counter(file.stem for file in (self.world.folder / "mail").rglob("*.eml"))
        if missing := sent - written.keys():
            self.world.violated(Promise.MAILED, f"delivery {min(missing)} is sent, and no mail of it was written")
        # Killed between sending and noting so, it was tried again, and meanwhile there was nothing left to tell.
        doubted = {key for key, row in rows.items() if row["uncertain"]}
        if foreign := written.keys() - sent - doubted:
            row = rows.get(min(foreign), {"state": "unknown", "reason": "or who was written to has been erased"})
            self.world.violated(Promise.MAILED, f"mail {min(foreign)} was written, and its delivery is {row['state']} "
                                                f"({row['reason']})")


def _named(row: Any, who: Who) -> list[str]:
    if who in {Who.CONTACTS, Who.PERSONS}:
        named: list[str] = json.loads(row["contacts" if who is Who.CONTACTS else "persons"] or "[]") or []
        return named
    return [row["person"]] if who is Who.PERSON and row["person"] else []

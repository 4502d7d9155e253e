"""Commands for the registry: partners apply and are verified, their offers live, grants and keys come and go."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import uuid4

from tests.chaos.ledger import Thing
from tests.chaos.promises import Promise
from tests.chaos.workloads.playing import Caller, Workload
from tests.harness import in_days

REGIONS = ("15087", "15002", "15003", "15082")
MOST_PARTNERS = 40
STALE_TAG = 0.05


@dataclass(frozen=True)
class Move:
    """What can be done with an offer: from which states, to which, and what is announced."""

    verb: str
    sources: frozenset[str]
    to: str
    fact: str = ""
    body: dict[str, Any] | None = field(default=None)

    @property
    def path(self) -> str:
        """The route's path."""
        return f"/v1/offers/{{id}}/{self.verb}"


def _move(verb: str, sources: str, to: str, fact: str = "", body: dict[str, Any] | None = None) -> Move:
    return Move(verb, frozenset(sources.split()), to, f"registry.offer.{fact}.v1" if fact else "", body)


NOTE = {"note": "Bitte ergänzen Sie die Uhrzeit."}
MOVES = (
    _move("submit", "draft changes_requested", "submitted", "submitted"),
    _move("review", "submitted", "in_review"),
    _move("request_changes", "submitted in_review", "changes_requested", "changes_requested", NOTE),
    _move("reject", "in_review", "rejected", "rejected", NOTE),
    _move("publish", "submitted in_review", "published", "published"),
    _move("publish", "submitted in_review", "published", "published"),
    _move("pause", "published stale", "paused", "paused"),
    _move("resume", "paused", "published", "resumed"),
    _move("withdraw", "published stale paused draft", "withdrawn", "withdrawn"),
)
ENDED = frozenset({"withdrawn", "rejected", "expired"})
SHOWN = frozenset({"published", "stale"})


class RegistryWorkload(Workload):
    """Partners, offers, grants and access keys of one region."""

    services: ClassVar[tuple[str, ...]] = ("registry",)

    async def prepare(self) -> None:
        """A coordinator of the region."""
        self.headers = self.world.coordinator = await self.world.enter("coordinator", "15")
        await self.apply()

    def callers(self) -> Sequence[Caller]:
        """Six at once: partners and their offers, grants, keys, and who reads contacts."""
        return (self.apply_or_offer, self.offer, self.offer, self.offer, self.grant, self.key_or_contacts)

    async def apply_or_offer(self) -> None:
        """A partner applies, while there are few; else an offer's step."""
        if len(self.ledger.of("partner")) < MOST_PARTNERS and self.chance.random() < 0.3:
            await self.apply()
        else:
            await self.offer()

    async def apply(self) -> None:
        """A partner applies and is verified."""
        number = len(self.ledger.things)
        partner = self.ledger.add(Thing("registry", "partner", f"Kreis {number} e.V. (Demo)"))
        contact = {"name": "Mira Beispiel", "email": f"mira{number}@example.org"}
        body = {"name": partner.mark, "kind": "registered_association", "region": self.chance.choice(REGIONS),
                "contacts": [contact]}
        answer = await self.create("/v1/partners", body, partner)
        if answer.slug == "application-received":
            # An earlier try has worked, and its answer, with the id, was lost.
            await self._find(partner, answer.tries)
        if not partner.id:
            return
        partner.more["region"] = body["region"]
        await self.change("POST", "/v1/partners/{id}/verify", partner, to="verified",
                          done=lambda shown: shown["state"] == "verified", fact="registry.partner.verified.v1")

    async def _find(self, partner: Thing, tries: int) -> None:
        shown = await self.pages("registry", "/v1/partners?region=15")
        partner.id = next((item["id"] for item in shown if item["name"] == partner.mark), "")
        if not partner.id:
            self.world.violated(Promise.KEPT, f"partner {partner.mark} has applied and is not listed")
            return
        partner.version, partner.state = (await self.read("/v1/partners", partner)).etag, "applied"
        self.ledger.note("POST /v1/partners", partner, tries=tries)

    async def offer(self) -> None:
        """The next step of an offer that lives, or a new one."""
        living = [one for one in self.ledger.of("offer") if one.state not in ENDED and not one.more.get("taken")]
        if not living or self.chance.random() < 0.25:
            await self._draft()
            return
        offer = self.chance.choice(living)
        offer.more["taken"] = True
        try:
            await self._step(offer)
        finally:
            offer.more["taken"] = False

    async def _draft(self) -> None:
        partners = [one for one in self.ledger.of("partner") if one.state == "verified" and "region" in one.more]
        partner = self.chance.choice(partners)
        offer = self.ledger.add(Thing("registry", "offer", f"Angebot {len(self.ledger.things)}"))
        offer.more = {"partner_id": partner.id, "taken": True}
        text = {"title": offer.mark, "description": "Wir gehen mit."}
        body = {"partner_id": partner.id, "region": partner.more["region"], "field": "participation",
                "languages": ["ar", "uk", "de"], "translations": {"de": text}}
        await self.create("/v1/offers", body, offer)
        offer.more["taken"] = False

    async def _step(self, offer: Thing) -> None:
        if offer.state in SHOWN and self.chance.random() < 0.4:
            await (self._assure if self.chance.random() < 0.5 else self._set_capacity)(offer)
            return
        moves = [move for move in MOVES if offer.state in move.sources]
        if not moves:
            return
        move = self.chance.choice(moves)
        if offer.version > 1 and self.chance.random() < STALE_TAG:
            await self.stale("POST", move.path, offer, move.body)
        await self.change("POST", move.path, offer, to=move.to, done=lambda shown: shown["state"] in _same(move.to),
                          fact=move.fact or None, body=move.body)

    async def _assure(self, offer: Thing) -> None:
        answer = await self.door.insist("registry", "POST", f"/v1/offers/{offer.id}/assure", headers=self.headers)
        if answer.ok:
            offer.version, offer.state = answer.etag, answer.json["state"]
            self.ledger.note("POST /v1/offers/{id}/assure", offer, fact="registry.offer.assured.v1", tries=answer.tries,
                             again=True)

    async def _set_capacity(self, offer: Thing) -> None:
        free = self.chance.randrange(1, 100_000)
        body = {"unit": "persons", "maximum": 100_000, "available": free}
        await self.change("PUT", "/v1/offers/{id}/capacity", offer, to=None, body=body,
                          fact="registry.offer.capacity_changed.v1",
                          done=lambda shown: bool(shown["capacity"]) and shown["capacity"]["available"] == free)

    async def grant(self) -> None:
        """A grant is given, or one is withdrawn."""
        standing = [one for one in self.ledger.of("grant") if one.state == "given"]
        if len(standing) > 5 and self.chance.random() < 0.4:
            await self.withdraw_grant(self.chance.choice(standing))
            return
        scope = self.chance.choice((
            {"role": "coordinator", "region": self.chance.choice(REGIONS)}, {"role": "auditor"},
            {"role": "partner_editor", "partner_id": self.chance.choice(self.ledger.of("partner")).id}))
        await self.give_grant(scope)

    async def give_grant(self, scope: dict[str, str]) -> Thing:
        """A grant for somebody, given by the operator."""
        principal = str(uuid4())
        grant = self.ledger.add(Thing("registry", "grant", principal))
        await self.create("/v1/grants", {"principal": principal, **scope}, grant, state="given",
                          fact="registry.grant.given.v1", headers=self.world.operator)
        return grant

    async def withdraw_grant(self, grant: Thing) -> None:
        """End a grant; a second try says that it has ended."""
        grant.state = "ending"
        answer = await self.world.operate("registry", "POST", f"/v1/grants/{grant.id}/withdraw")
        self._ended(grant, answer.ok, answer.tries, answer.slug, "grant-withdrawn-already")
        self.ledger.note("POST /v1/grants/{id}/withdraw", grant, fact="registry.grant.withdrawn.v1", tries=answer.tries)

    async def key_or_contacts(self) -> None:
        """An access key is issued or revoked, or a partner's contacts are read, which the audit notes."""
        standing = [one for one in self.ledger.of("access_key") if one.state == "issued"]
        if self.chance.random() < 0.4:
            partner = self.chance.choice(self.ledger.of("partner"))
            address = f"/v1/partners/{partner.id}/contacts"
            answer = await self.door.insist("registry", "GET", address, headers=self.headers)
            self.ledger.reads_audited += answer.ok
        elif len(standing) > 3 and self.chance.random() < 0.5:
            await self._revoke(self.chance.choice(standing))
        else:
            await self._issue()

    async def _issue(self) -> None:
        key = self.ledger.add(Thing("registry", "access_key", f"key {len(self.ledger.things)}"))
        headers = {**self.world.operator, "Idempotency-Key": uuid4().hex}
        body = {"label": key.mark, "expires": in_days(100).isoformat()}
        answer = await self.door.insist("registry", "POST", "/v1/access_keys", json=body, headers=headers)
        if answer.ok:
            key.id, key.state = answer.json["id"], "issued"
            self.ledger.note("POST /v1/access_keys", key, fact="registry.access_key.issued.v1", tries=answer.tries)

    async def _revoke(self, key: Thing) -> None:
        key.state = "ending"
        answer = await self.world.operate("registry", "POST", f"/v1/access_keys/{key.id}/revoke")
        self._ended(key, answer.ok, answer.tries, answer.slug, "key-revoked-already")
        self.ledger.note("POST /v1/access_keys/{id}/revoke", key, fact="registry.access_key.revoked.v1",
                         tries=answer.tries)

    def _ended(self, thing: Thing, ok: bool, tries: int, slug: str, already: str) -> None:
        thing.state = "ended"
        if not ok and not (slug == already and tries > 1):
            self.world.violated(Promise.KEPT, f"{thing.about} could not be ended: {slug}, try {tries}")

    async def look_back(self) -> None:
        """Every partner, offer, grant and key is there once, in its state or one that time has led to."""
        offers = self.compare("offer", await self.pages("registry", "/v1/offers?region=15"),
                              lambda item: str(item["translations"]["de"]["title"]))
        partners = self.compare("partner", await self.pages("registry", "/v1/partners?region=15"),
                                lambda item: str(item["name"]))
        for thing in [*self.ledger.of("offer"), *self.ledger.of("partner")]:
            self._compare_state(thing, (offers | partners).get(thing.id))
        self.headers = self.world.operator
        grants = self.compare("grant", await self.pages("registry", "/v1/grants"), lambda item: str(item["principal"]))
        keys = self.compare("access_key", await self.pages("registry", "/v1/access_keys"),
                            lambda item: str(item["label"]))
        for thing in [*self.ledger.of("grant"), *self.ledger.of("access_key")]:
            shown = (grants | keys).get(thing.id, {})
            if (thing.state == "ended") != bool(shown.get("withdrawn_at") or shown.get("revoked_at")):
                self.world.violated(Promise.KEPT, f"{thing.about} is {thing.state} and is shown as {shown}")

    def _compare_state(self, thing: Thing, shown: dict[str, Any] | None) -> None:
        if shown and (shown["state"] not in _same(thing.state) or shown["version"] < thing.version):
            self.world.violated(
                Promise.KEPT,
                f"{thing.about} was {thing.state} at {thing.version}, and is {shown['state']} at {shown['version']}")


def _same(state: str) -> frozenset[str]:
    """The states in which time may have left what was acknowledged as being in this one."""
    return SHOWN if state in SHOWN else frozenset({state})

"""Step 1: an offer from a partner's draft to the people who asked for such news."""

from http import HTTPStatus
from typing import Any

from deploy.local.demo.mailbox import mails_to
from deploy.local.demo.stage import EVERYONE, Actor, Stage

DISTRICT = "15087"
PARTNER = {
    "name": "Kupferkreis Nachbarschaft e.V. (Demo)", "kind": "registered_association", "region": DISTRICT,
    "postcode": "06295", "fields_of_action": ["participation"],
    "contacts": [{"name": "Mira Beispiel", "email": "mira@kupferkreis.example.org", "languages": ["de"]}],
}
OFFER: dict[str, Any] = {
    "region": DISTRICT, "field": "participation", "languages": ["ar", "uk", "de"], "childcare": True,
    "schedule": "FREQ=WEEKLY;BYDAY=TU", "postcode": "06295",
    "translations": {
        "de": {"title": "Begleitung zum Jobcenter",
               "description": "Wir gehen mit, erklären und übersetzen. Mit Kinderbetreuung."},
        "uk": {"title": "Супровід до центру зайнятості", "description": "Ми йдемо з вами, пояснюємо та перекладаємо."},
        "ar": {"title": "مرافقة إلى مركز العمل", "description": "نذهب معكم ونشرح ونترجم."},
    },
}
WOMEN_ONLY_HOUR = {
    "de": {"title": "Begleitung zum Jobcenter",
           "description": "Wir gehen mit, erklären und übersetzen, dienstags 9 bis 10 Uhr nur für Frauen."
                          " Mit Kinderbetreuung."}}
SUBSCRIBERS = {"uk": "olena@leser.example.org", "ar": "amal@leser.example.org", "de": "jonas@leser.example.org"}


async def act(stage: Stage) -> None:
    """Everyone gets their key, people subscribe, the offer goes through review, and the mails are read."""
    coordinator = await stage.enter("Netzwerkstelle Ankommen Südharz (Demo)", "coordinator", region=DISTRICT)
    editor = await _partner(stage, coordinator)
    await _subscribe(stage)
    address = await _review(stage, coordinator, editor)
    await _told(stage, address)


async def _partner(stage: Stage, coordinator: Actor) -> Actor:
    applied = await stage.post(EVERYONE, "registry", "/partners", PARTNER)
    stage.tell(f"{PARTNER['name']} applies to take part.")
    verified = await stage.post(coordinator, "registry", f"/partners/{applied['id']}/verify", after=applied)
    stage.observe(verified["state"] == "verified", "the coordinator has verified the partner")
    stage.things["partner"] = verified["id"]
    return await stage.enter(f"{PARTNER['name']}, editor", "partner_editor", partner_id=verified["id"])


async def _subscribe(stage: Stage) -> None:
    for language, email in SUBSCRIBERS.items():
        await stage.post(EVERYONE, "notify", "/subscriptions", {
            "email": email, "region": DISTRICT, "fields": ["participation"], "languages": [language]})
    stage.tell("Three people ask for news from their district: in Ukrainian, Arabic and German.")
    for language, email in SUBSCRIBERS.items():
        async def confirmation(email: str = email) -> str | None:
            found = await mails_to(stage.mailbox, email)
            return found[0].link("/confirm/") if found else None

        link = await stage.wait_for(confirmation, f"the mail that asks to confirm has arrived ({language})")
        await stage.post(EVERYONE, "notify", link)
    stage.tell("Each opens the link in the mail and presses the button.")


async def _review(stage: Stage, coordinator: Actor, editor: Actor) -> str:
    draft = await stage.post(editor, "registry", "/offers", OFFER | {"partner_id": stage.things["partner"]})
    address = f"/offers/{draft['id']}"
    stage.things["offer"] = draft["id"]
    hidden = await stage.call(EVERYONE, "GET", "registry", address, expect=(200, 404))
    stage.observe(hidden.status == HTTPStatus.NOT_FOUND, "nobody else sees the draft")
    submitted = await stage.post(editor, "registry", f"{address}/submit", after=draft)
    stage.tell("The partner submits “Begleitung zum Jobcenter” (Arabic, Ukrainian, German; with childcare).")
    returned = await stage.post(coordinator, "registry", f"{address}/request_changes", {
        "note": "Bitte nennen Sie die Stunde nur für Frauen."}, after=submitted)
    stage.tell("The coordinator asks for a change: the women-only hour is missing.")
    body = {key: value for key, value in OFFER.items() if key != "region"}
    body |= {"translations": OFFER["translations"] | WOMEN_ONLY_HOUR, "women_only": True}
    changed = await stage.call(editor, "PUT", "registry", address, body=body, after=returned)
    resubmitted = await stage.post(editor, "registry", f"{address}/submit", after=changed)
    published = await stage.post(coordinator, "registry", f"{address}/publish", after=resubmitted)
    stage.observe(published["state"] == "published", "resubmitted and published")
    return address


async def _told(stage: Stage, address: str) -> None:
    shown = await stage.get(EVERYONE, "registry", address)
    stage.observe(shown["translations"]["de"]["description"].find("nur für Frauen") > 0, "everyone can read it now")
    for language, email in SUBSCRIBERS.items():
        title = OFFER["translations"][language]["title"]

        async def news(email: str = email, title: str = title) -> bool:
            return any(title in mail.text or title in mail.subject for mail in await mails_to(stage.mailbox, email))

        await stage.wait_for(news, f"{email} was told in their own language ({language})")

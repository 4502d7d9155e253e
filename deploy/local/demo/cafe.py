"""Step 6: a weekly language café with childcare; a family waits, and is promoted together."""

from datetime import timedelta
from typing import Any

from deploy.local.demo.mailbox import Mail, mails_to
from deploy.local.demo.offers import DISTRICT
from deploy.local.demo.stage import EVERYONE, Actor, Answer, Stage

CHILDCARE_PLACES = 8
FAMILY, FAMILY_NAME = "familie.haddad@leser.example.org", "عائلة حداد"
CAFE = {
    "region": DISTRICT, "kind": "language_cafe", "field": "language", "languages": ["de"], "capacity": 40,
    "childcare": {"places": CHILDCARE_PLACES, "age_bands": ["0-5", "6-13"]},
    "venue": {
        "text": "Begegnungszentrum am Markt, Lutherstadt Eisleben (Demo)", "postcode": "06295", "barrier_free": True},
    "translations": {
        "de": {"title": "Sprachcafé am Dienstag",
               "description": "Deutsch sprechen bei Kaffee und Tee, mit Kinderbetreuung."},
        "ar": {"title": "مقهى اللغة يوم الثلاثاء",
               "description": "نتحدث الألمانية مع القهوة والشاي، مع رعاية الأطفال."},
    },
}


async def act(stage: Stage) -> None:
    """The series is published, families fill the childcare, one waits, another cancels, the one that waited comes."""
    editor = stage.cast["partner_editor"]
    event = await _series(stage, editor)
    first = await _fill_childcare(stage, event)
    waiting = await _family(stage, event)
    await stage.post(EVERYONE, "events", first["cancel_link"])
    stage.tell("A family that was in cancels by the link in its mail: one childcare place falls free.")
    await _promoted(stage, editor, waiting)


async def _series(stage: Stage, editor: Actor) -> str:
    start = (await stage.now() + timedelta(days=14)).replace(hour=15, minute=0, second=0, microsecond=0)
    body = CAFE | {
        "partner_id": stage.things["partner"], "starts": start.isoformat(),
        "ends": (start + timedelta(hours=2)).isoformat(), "rrule": "FREQ=WEEKLY;COUNT=6"}
    series = await stage.post(editor, "events", "/series", body)
    published = await stage.post(editor, "events", f"/series/{series['id']}/publish", after=series)
    events = published["events"]
    stage.observe(len(events) == 6, "six weekly cafés are published, each at the same time on the clock")  # noqa: PLR2004
    return str(events[0]["id"])


async def _register(stage: Stage, event: str, email: str, name: str, language: str, adults: int) -> Answer:
    return await stage.post(EVERYONE, "events", f"/events/{event}/registrations", {
        "party": {"adults": adults, "children": ["0-5"]}, "needs": {"childcare": True}, "home_region": DISTRICT,
        "person": {"name": name, "email": email, "languages": [language]}})


async def _fill_childcare(stage: Stage, event: str) -> Answer:
    parties = [await _register(stage, event, f"eltern.{number}@leser.example.org", f"Eltern {number}", "de", 1)
               for number in range(CHILDCARE_PLACES)]
    stage.observe(all(party["state"] == "confirmed" for party in parties),
                  "eight parents with a child each have their places")
    return parties[0]


async def _family(stage: Stage, event: str) -> Answer:
    family = await _register(stage, event, FAMILY, FAMILY_NAME, "ar", 2)
    seats = CAFE["capacity"] - 2 * CHILDCARE_PLACES  # type: ignore[operator]
    stage.observe(family["state"] == "waitlisted",
                  f"a family of three waits: {seats} seats are free, but no childcare place is; nobody splits them")
    return family


async def _promoted(stage: Stage, editor: Actor, family: Answer) -> None:
    async def offered() -> Mail | None:
        found = [mail for mail in await mails_to(stage.mailbox, FAMILY)
                 if any("/accept_seat/" in link for link in mail.links)]
        return found[0] if found else None

    mail: Any = await stage.wait_for(offered, "the family is offered all its places together, in Arabic")
    stage.observe(mail.language == "ar", f"its mail says so in its language: “{mail.subject}”")
    await stage.post(EVERYONE, "events", mail.link("/accept_seat/"))
    now = await stage.get(editor, "events", f"/registrations/{family['id']}")
    stage.observe(now["state"] == "confirmed",
                  "the family accepted by the link: two adults and the child come together")

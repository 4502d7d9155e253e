"""Signed links of who registered: pages that change nothing, buttons that act once, in the person's language."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from libs.common.facts.events import EventsAddresseeAsked
from libs.common.links import Link
from services.events.registrations.queries import CANCEL
from services.events.registrations.reactions import reach
from tests.events.stage import Stage

BROWSER = {"Accept": "text/html,application/xhtml+xml"}
HOST = "http://events.test"


async def links_in_mail(stage: Stage, registration: dict[str, Any]) -> dict[str, str]:
    """The links that notify would put into a mail to who registered."""
    async with stage.network["events"].running.database.transaction() as transaction:
        answer = await reach(transaction, EventsAddresseeAsked(
            person_ref=registration["person_ref"], about=f"registration/{registration['id']}", template="told"))
    return {name: url.removeprefix(HOST) for name, url in answer.links.items()}


async def test_opening_the_link_shows_the_state_and_changes_nothing(stage: Stage) -> None:
    """The page is in the person's first language that it has, with its direction, and posts on a button only."""
    address = await stage.published()
    told = await stage.register(address)
    page = await stage.client.get(told["cancel_link"].removeprefix(HOST), headers=BROWSER)

    assert page.status_code == 200
    assert '<html lang="ar" dir="rtl">' in page.text
    assert "مقهى اللغة" in page.text
    assert "تم تأكيد تسجيلكم" in page.text
    assert f'formaction="{told["cancel_link"]}"' in page.text
    assert await stage.states(address) == ["confirmed"]


async def test_the_button_speaks_the_persons_language(stage: Stage) -> None:
    """German, English, Ukrainian and Arabic; everyone else reads German."""
    address, shown = await stage.published(), {}
    phrases = {"de": "Anmeldung absagen", "en": "Cancel the registration", "uk": "Скасувати реєстрацію",
               "ar": "إلغاء التسجيل", "fa": "Anmeldung absagen"}
    for language in phrases:
        person = {"name": "A", "email": f"{uuid4().hex}@example.org", "languages": [language]}
        told = await stage.register(address, person=person)
        page = (await stage.client.get(told["cancel_link"].removeprefix(HOST))).text
        shown[language] = next(phrase for phrase in phrases.values() if phrase in page)

    assert shown == phrases


async def test_the_button_cancels_once_and_says_so_again(stage: Stage) -> None:
    """A second press finds it done; a program gets JSON, a browser the page."""
    address = await stage.published(capacity=1)
    told, waiting = await stage.register(address), await stage.register(address)
    link = told["cancel_link"].removeprefix(HOST)
    answers = [await stage.client.post(link), await stage.client.post(link)]
    page = await stage.client.post(link, headers=BROWSER)

    assert [answer.json()["state"] for answer in answers] == ["cancelled"] * 2
    assert "تم إلغاء تسجيلكم" in page.text
    assert "<button" not in page.text
    assert await stage.states(address) == ["cancelled", "offered"]
    assert (await stage.told()).count("registration.cancelled") == 1
    assert set(await links_in_mail(stage, waiting)) == {"cancel", "accept"}


async def test_an_offered_place_is_taken_by_its_link(stage: Stage) -> None:
    """The page says until when and offers both: take it, or give it up; taking it twice is taking it once."""
    address = await stage.published(capacity=1)
    told, waiting = await stage.register(address), await stage.register(address)
    await stage.client.post(told["cancel_link"].removeprefix(HOST))
    links = await links_in_mail(stage, waiting)
    page = await stage.client.get(links["accept"], headers=BROWSER)
    assert page.text.count("<button") == 2
    assert await stage.states(address) == ["cancelled", "offered"]

    answers = [await stage.client.post(links["accept"]), await stage.client.post(links["accept"])]

    assert [answer.json()["state"] for answer in answers] == ["confirmed"] * 2
    assert (await stage.told())[-1] == "registration.confirmed"
    assert (await stage.told()).count("registration.confirmed") == 2
    assert set(await links_in_mail(stage, waiting)) == {"cancel"}


async def test_a_place_that_ran_out_cannot_be_taken_any_more(stage: Stage) -> None:
    """A program is refused; a browser reads the page that says so, with the refusal's status."""
    address = await stage.published(capacity=1)
    told, waiting = await stage.register(address), await stage.register(address)
    await stage.client.post(told["cancel_link"].removeprefix(HOST))
    link = (await links_in_mail(stage, waiting))["accept"]
    await stage.network.move(timedelta(hours=49))
    answer, page = await stage.client.post(link), await stage.client.post(link, headers=BROWSER)

    assert (answer.status_code, answer.json()["slug"]) == (409, "registration-state")
    assert (page.status_code, "انتهت المدة" in page.text) == (409, True)
    assert await stage.states(address) == ["cancelled", "expired"]


async def test_a_link_is_for_one_purpose_and_cannot_be_changed(stage: Stage) -> None:
    """Used for another purpose, with another letter, cut or made up, it is not valid; each is 404 or 422."""
    told = await stage.register(await stage.published())
    token = told["cancel_link"].rsplit("/", 1)[1]
    other = "A" if token[10] != "A" else "B"
    cancelling = "/v1/links/cancel_registration"
    tried = {f"/v1/links/accept_seat/{token}": 404, f"{cancelling}/{token[:10]}{other}{token[11:]}": 404,
             f"{cancelling}/{token[:-1]}": 422, f"{cancelling}/{'A' * 75}": 404, f"{cancelling}/%00": 422}

    for path, status in tried.items():
        for answer in (await stage.client.get(path), await stage.client.post(path)):
            assert answer.status_code == status, path


async def test_an_expired_link_says_so(stage: Stage) -> None:
    """It holds for as long as there is something to cancel, and a day."""
    told = await stage.register(await stage.published())
    link = Link(CANCEL, UUID(told["id"]), UUID(told["person_ref"]))
    token = stage.network["events"].app.state.links.token(link, valid=timedelta(seconds=-1))
    answer = await stage.client.post(f"/v1/links/cancel_registration/{token}")

    assert (answer.status_code, answer.json()["slug"]) == (404, "link-expired")


async def test_the_page_tells_who_was_there_the_certificates_code(stage: Stage) -> None:
    """The link that came with the confirmation leads to it, also after the event."""
    address = await stage.published()
    told = await stage.register(address)
    await stage.network.move(timedelta(days=7, minutes=1))
    (recorded,) = (await stage.client.post(
        f"{address}/attendance", json={"present": [{"registration_id": told["id"]}]}, headers=stage.editor)).json()
    page = await stage.client.get(told["cancel_link"].removeprefix(HOST))

    assert recorded["certificate"] in page.text
    assert "<button" not in page.text

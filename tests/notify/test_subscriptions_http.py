"""Subscriptions through notify's HTTP door: asked for, confirmed by the holder of the address, ended in one click."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from libs.common.callers import Role
from tests.harness import Network, Service, new_idempotency_key
from tests.notify.post import Mail, Owner, all_in, deliveries, mails_in, published, told, until

WISH = {"email": "fatima@example.org", "region": "15087", "languages": ["ar", "de"]}
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


async def mail_to(folder: Path, *, count: int = 1) -> Mail:
    """The newest of so many mails."""

    async def there() -> list[Mail]:
        return mails if len(mails := mails_in(folder)) == count else []

    return (await until(there))[-1]


async def a_subscriber(notify: Service, folder: Path, *, count: int = 1, **wish: Any) -> Mail:
    """Subscribe and confirm; returns the mail that asked for it, the count-th in the folder."""
    asked = await notify.client.post("/v1/subscriptions", json=WISH | wish)
    assert asked.status_code == 201, asked.text
    mail = await mail_to(folder, count=count)
    confirmed = await notify.client.post(mail.link("/confirm/"))
    assert (confirmed.status_code, confirmed.json()["state"]) == (200, "active")
    return mail


async def test_only_who_reads_the_mailbox_can_confirm(
    network: Network, notify: Service, registry: Owner, folder: Path,
) -> None:
    """Nothing is sent before the link's button is pressed; opening the link changes nothing (scanners do it)."""
    await notify.client.post("/v1/subscriptions", json=WISH)
    mail = await mail_to(folder)
    opened = await notify.client.get(mail.link("/confirm/"), headers=BROWSER)
    await network.tell("notify", published())
    assert len(await deliveries(network)) == 1

    pressed = await notify.client.post(mail.link("/confirm/"), headers=BROWSER)
    again = await notify.client.post(mail.link("/confirm/"), headers=BROWSER)
    await network.tell("notify", published())

    assert (opened.status_code, pressed.status_code, again.status_code) == (200, 200, 200)
    assert '<html lang="ar" dir="rtl">' in opened.text
    assert "نعم، أريد هذه الرسائل" in opened.text
    assert mail.message["List-Unsubscribe"] is None
    assert [body["purpose"] for body in await told(network, "notify.consent.given.v1")] == ["offers_and_events"]
    await all_in(network, "sent", count=2)
    assert (await mail_to(folder, count=2))["Subject"].startswith("جديد في منطقتكم")


async def test_one_click_of_the_mail_program_ends_it(
    network: Network, notify: Service, registry: Owner, folder: Path,
) -> None:
    """RFC 8058: a POST to the header's address, nothing else; the address is forgotten, the consent withdrawn."""
    await a_subscriber(notify, folder)
    await network.tell("notify", published())
    news = await mail_to(folder, count=2)
    address = news["List-Unsubscribe"].strip("<>").split(".test", 1)[1]

    shown = await notify.client.get(address, headers=BROWSER)
    ended = await notify.client.post(address, content="List-Unsubscribe=One-Click",
                                     headers={"Content-Type": "application/x-www-form-urlencoded"})
    again = await notify.client.post(address)
    await network.tell("notify", published())

    assert news["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "<button" in shown.text
    assert (ended.status_code, again.status_code) == (200, 200)
    assert again.json()["state"] == "ended"
    assert len(await deliveries(network)) == 2
    assert len(await told(network, "notify.consent.withdrawn.v1")) == 1
    (person,) = await network.rows("notify", "SELECT * FROM person")
    assert (person["details"], person["email_index"], person["languages"]) == (None, None, [])


async def test_an_ended_subscription_cannot_be_confirmed(
    notify: Service, network: Network, registry: Owner, folder: Path,
) -> None:
    """The old link says so; subscribing anew works."""
    mail = await a_subscriber(notify, folder)
    await network.tell("notify", published())
    await notify.client.post((await mail_to(folder, count=2)).link("/unsubscribe/"))

    old = await notify.client.post(mail.link("/confirm/"))
    await a_subscriber(notify, folder, count=3)

    assert (old.status_code, old.json()["slug"]) == (409, "subscription-ended")


async def test_news_reach_those_whom_they_concern(
    network: Network, notify: Service, registry: Owner, folder: Path,
) -> None:
    """By region, the wider one taking in the narrower, by field and by language."""
    wishes: dict[str, dict[str, Any]] = {
        "land": {"region": "15"}, "town": {"region": "15087370"}, "elsewhere": {"region": "15088"},
        "field": {"fields": ["participation"]}, "other-field": {"fields": ["language"]},
        "other-language": {"languages": ["fa"]},
    }
    for count, (name, wish) in enumerate(wishes.items(), 1):
        await a_subscriber(notify, folder, count=count, email=f"{name}@example.org", **wish)

    await network.tell("notify", published())

    await all_in(network, "sent", count=len(wishes) + 3)
    news = [mail["To"] for mail in mails_in(folder) if mail.message["List-Unsubscribe"]]
    assert sorted(news) == ["field@example.org", "land@example.org", "town@example.org"]


async def test_two_wishes_of_one_person_bring_one_mail(
    network: Network, notify: Service, registry: Owner, folder: Path,
) -> None:
    """The same address for the district and for the Land: told once; ending one leaves the other."""
    await a_subscriber(notify, folder)
    await a_subscriber(notify, folder, count=2, region="15")
    await network.tell("notify", published())
    news = await mail_to(folder, count=3)

    await notify.client.post(news.link("/unsubscribe/"))
    await network.tell("notify", published())

    await all_in(network, "sent", count=4)
    assert await told(network, "notify.consent.withdrawn.v1") == []
    assert len(await network.rows("notify", "SELECT * FROM person WHERE details IS NOT NULL")) == 1


async def test_an_address_is_not_flooded_by_strangers(network: Network, notify: Service, folder: Path) -> None:
    """After three unanswered confirmations no more are sent, and the answer does not tell."""
    answers = [await notify.client.post("/v1/subscriptions", json=WISH | {"region": region})
               for region in ("15081", "15082", "15083", "15084", "15085")]
    await network.settled()

    assert [answer.status_code for answer in answers] == [201] * 5
    assert {tuple(answer.json()) for answer in answers} == {tuple(answers[0].json())}
    assert len(await deliveries(network)) == 3


async def test_who_does_not_confirm_is_forgotten(network: Network, notify: Service, folder: Path) -> None:
    """After seven days the address is destroyed."""
    await notify.client.post("/v1/subscriptions", json=WISH)
    mail = await mail_to(folder)

    await network.move(timedelta(days=8))

    (person,) = await network.rows("notify", "SELECT * FROM person")
    assert person["details"] is None
    assert (await notify.client.post(mail.link("/confirm/"))).json()["slug"] == "subscription-ended"


async def test_the_same_request_twice_asks_once(network: Network, notify: Service, folder: Path) -> None:
    """A repeated Idempotency-Key sends no second mail."""
    headers = new_idempotency_key()
    first = await notify.client.post("/v1/subscriptions", json=WISH, headers=headers)
    second = await notify.client.post("/v1/subscriptions", json=WISH, headers=headers)
    await network.settled()

    assert first.json() == second.json()
    assert len(await deliveries(network)) == 1


async def test_what_cannot_be_meant_is_refused(network: Network, notify: Service) -> None:
    """An unknown region, field, tag or address keeps nothing."""
    wrongs: tuple[dict[str, Any], ...] = (
        {"region": "99999"}, {"email": "nobody"}, {"languages": []}, {"languages": ["not a tag"]},
        {"fields": ["magic"]}, {"name": "unknown field"}, {"email": "a@example.org\x00"})
    for wrong in wrongs:
        answer = await notify.client.post("/v1/subscriptions", json=WISH | wrong)
        assert answer.status_code == 422, wrong

    assert await network.rows("notify", "SELECT * FROM person") == []


async def test_a_coordinator_may_subscribe_to_another_region(network: Network, notify: Service) -> None:
    """Whoever calls: a wish is not work in the own scope."""
    headers = await network.key(Role.COORDINATOR, region="03")

    assert (await notify.client.post("/v1/subscriptions", json=WISH, headers=headers)).status_code == 201


async def test_a_link_of_another_purpose_opens_nothing(network: Network, notify: Service, folder: Path) -> None:
    """A token for confirming is none for ending, and a changed one is none at all."""
    mail = await a_subscriber(notify, folder)
    token = mail.link("/confirm/").rsplit("/", 1)[1]

    other = await notify.client.post(f"/v1/subscriptions/unsubscribe/{token}")
    changed = await notify.client.post(f"/v1/subscriptions/confirm/{token[:-1]}{'A' if token[-1] != 'A' else 'B'}")

    assert (other.status_code, changed.status_code) == (404, 404)

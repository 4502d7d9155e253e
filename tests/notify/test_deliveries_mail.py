"""Mails as bytes: headers that nothing can break, parts that every mail program reads, files whole or not at all."""

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from pathlib import Path
from uuid import UUID

import pytest

from services.notify.deliveries.mail import BadAddress, Letter, Sender, letter
from services.notify.deliveries.transports import Away, MailFolder
from services.notify.templates.queries import catalogue
from services.notify.templates.rules import Footer, Notification, render
from tests.notify.post import Mail, mails_in

SENDER = Sender("Lotsennetz Südharz", "post@netz.example.org")
UNSUBSCRIBE = "https://notify.example.org/v1/subscriptions/unsubscribe/" + "A" * 75
FOOTER = Footer("https://notify.example.org/v1/recipients/preferences/" + "B" * 75, UNSUBSCRIBE)
ID = UUID(int=5)
NOW = datetime(2026, 3, 2, 16, tzinfo=UTC)


def a_notification(key: str = "offer_new", language: str = "ar") -> Notification:
    """A notification with the example's words."""
    return render(catalogue(), key, catalogue().example(key).words, [language], FOOTER)


A_NOTIFICATION = a_notification()


def a_letter(*, name: str = "Fatima", email: str = "fatima@example.org", footer: Footer = FOOTER) -> Letter:
    """The mail of a notification in Arabic."""
    return letter(a_notification(), delivery_id=ID, name=name, email=email, sender=SENDER, now=NOW, footer=footer)


def test_a_mail_says_what_it_is() -> None:
    """Who, when, in which language, made by a machine, and always the same Message-ID."""
    mail = Mail.of(a_letter().content)

    assert mail["From"] == "Lotsennetz Südharz <post@netz.example.org>"
    assert mail["Date"] == "Mon, 02 Mar 2026 16:00:00 +0000"
    assert mail["Message-ID"] == f"<{ID}@netz.example.org>"
    assert (mail["Auto-Submitted"], mail["Content-Language"]) == ("auto-generated", "ar")
    assert mail["Subject"] == a_notification().subject
    assert a_letter().content != b""
    assert [part.get_content_type() for part in mail.message.iter_parts()] == ["text/plain", "text/html"]
    assert mail.text.split() == a_notification().text.split()
    assert mail.html.split() == a_notification().html.split()


def test_lines_are_short_enough_for_every_mail_server() -> None:
    """CRLF everywhere, at most 998 signs on a line, ASCII only."""
    content = a_letter(name="فاطمة الزهراء").content

    assert b"\n" not in content.replace(b"\r\n", b"")
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    content.decode("ascii")


def test_the_link_to_unsubscribe_is_read_by_mail_programs() -> None:
    """One click by RFC 8058: the link stands as it is, since an encoded word would be no link."""
    headers = a_letter().content.split(b"\r\n\r\n", 1)[0].decode("ascii").split("\r\n")

    assert f"List-Unsubscribe: <{UNSUBSCRIBE}>" in headers
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in headers


WORDS = [
    "مرافقة", "إلى", "مركز", "العمل", "جديد", "في", "منطقتكم:", "قائمة", "الانتظار", "مقهى", "اللغة", "يوم", "الثلاثاء",
    "Супровід", "до", "центру", "зайнятості", "Begleitung", "zum", "Jobcenter", "für", "Mütter", "am", "Markt",
]


def as_mail_programs_read(content: bytes, header: str) -> str:
    """A header by RFC 2047; Python's newer parser puts a space between two encoded words of a name, wrongly."""
    raw = message_from_bytes(content)[header]
    return str(make_header(decode_header(raw.replace("\r\n", ""))))


def test_no_space_is_lost_in_long_headers() -> None:
    """Subjects and names of any length and script come out as they went in, on lines that mail servers take."""
    for length in range(1, 9):
        for start in range(len(WORDS) - length):
            text = " ".join(WORDS[start : start + length])
            made = letter(replace(A_NOTIFICATION, subject=text), delivery_id=ID, name=text, email="a@example.org",
                          sender=SENDER, now=NOW, footer=FOOTER)
            mail, head = Mail.of(made.content), made.content.split(b"\r\n\r\n", 1)[0]

            assert mail["Subject"] == text
            assert as_mail_programs_read(made.content, "To") == f"{text} <a@example.org>"
            assert all(len(line) <= 78 + len(" <a@example.org>") for line in head.split(b"\r\n") if b"=?" in line)


def test_a_title_that_looks_encoded_stays_what_it_is() -> None:
    """Nobody can put something else into a subject by writing it as an encoded word."""
    made = letter(replace(a_notification(), subject="=?utf-8?q?evil?="), delivery_id=ID, name="=?utf-8?q?evil?=",
                  email="a@example.org", sender=SENDER, now=NOW, footer=FOOTER)

    assert Mail.of(made.content)["Subject"] == "=?utf-8?q?evil?="
    assert Mail.of(made.content).message["To"].addresses[0].display_name == "=?utf-8?q?evil?="


def test_only_a_subscription_can_be_unsubscribed_from() -> None:
    """Other mails carry the link to the preferences in their text."""
    mail = Mail.of(a_letter(footer=Footer(FOOTER.preferences)).content)

    assert mail.message["List-Unsubscribe"] is None


@pytest.mark.parametrize(("name", "shown"), [
    ("Mira\r\nBcc: all@example.org", "Mira Bcc: all@example.org"), ("\u202eariM", "ariM"), ("A\x00B", "AB"), ("", ""),
    ('Mira "die Gute", Beispiel <x@y.de>', 'Mira "die Gute", Beispiel <x@y.de>'), ("فاطمة", "فاطمة"),
])
def test_a_name_cannot_add_a_header_or_an_address(name: str, shown: str) -> None:
    """Whatever a name holds, the mail goes to one address, and says the name without what would turn it."""
    mail = Mail.of(a_letter(name=name).content)

    (address,) = mail.message["To"].addresses
    assert (address.display_name, address.addr_spec) == (shown, "fatima@example.org")
    assert mail.message["Bcc"] is None


@pytest.mark.parametrize(("email", "to", "needs_utf8"), [
    ("fatima@example.org", "fatima@example.org", False), ("x@bücher.example.org", "x@xn--bcher-kva.example.org", False),
    ("jürgen@example.org", "jürgen@example.org", True),
])
def test_addresses_of_every_script_are_written_as_servers_read_them(email: str, to: str, needs_utf8: bool) -> None:
    """A domain as DNS has it; a name before the @ as it is, by SMTPUTF8."""
    made = a_letter(email=email)

    assert (made.recipient, made.needs_utf8) == (to, needs_utf8)
    assert f"<{to}>".encode() in made.content


@pytest.mark.parametrize("email", [
    "", "nobody", "a@b@c.example.org", "a@b.example.org\r\nBcc: c@d.example.org", "a b@c.de"])
def test_what_is_no_address_is_refused(email: str) -> None:
    """Nothing is sent to what only looks like an address."""
    with pytest.raises(BadAddress):
        a_letter(email=email)


async def test_the_folder_keeps_one_whole_file_for_each_delivery(tmp_path: Path) -> None:
    """Written again it is one file still; forgotten it is gone; only its owner may read it."""
    folder = tmp_path / "deep" / "mail"
    transport = MailFolder(folder)

    await transport.send(a_letter())
    await transport.send(a_letter(name="Again"))

    assert [path.name for path in folder.iterdir()] == [f"{ID}.eml"]
    assert [mail.message["To"].addresses[0].display_name for mail in mails_in(folder)] == ["Again"]
    assert ((folder / f"{ID}.eml").stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    await transport.forget(ID)
    await transport.forget(ID)
    assert list(folder.iterdir()) == []


async def test_a_folder_that_cannot_be_written_blames_no_delivery(tmp_path: Path) -> None:
    """A full or missing disk is the folder's fault."""
    (tmp_path / "mail").write_text("a file", encoding="utf-8")

    with pytest.raises(Away):
        await MailFolder(tmp_path / "mail").send(a_letter())

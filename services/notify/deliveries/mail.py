"""A notification as a mail: text and HTML, headers that no value can break, the same Message-ID at every try."""

from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import format_datetime
from typing import Any
from uuid import UUID

from email_validator import validate_email

from libs.common.bodies import BIDI_OVERRIDES
from services.notify.templates.rules import Footer, Notification


class BadAddress(Exception):
    """What stands for a mail address is none."""


class _Given(BaseHeader):
    """A header that is sent as it was given, broken between encoded words only.

    The standard library folds badly what we need: a long link becomes an encoded word (RFC 2047), which is no link any
    more, and between two encoded words it loses a space (github.com/python/cpython/issues/92081).
    """

    max_count = 1  # the library reads it from the class

    @staticmethod
    def parse(value: str, kwds: dict[str, Any]) -> None:
        """Read the value as any header without a structure."""
        UnstructuredHeader.parse(value, kwds)
        kwds["decoded"] = value

    def fold(self, *, policy: "Policy[Any]") -> str:
        """The header as it is sent."""
        lines = str(self).replace("?= =?", f"?={policy.linesep} =?")
        return f"{self.name}: {lines}{policy.linesep}"


_HEADERS = HeaderRegistry()
for _name in ("from", "to", "subject", "list-unsubscribe"):
    _HEADERS.map_to_type(_name, _Given)
POLICY = SMTP.clone(header_factory=_HEADERS)
LINE_SIGNS = 75


@dataclass(frozen=True)
class Sender:
    """Who the mails come from."""

    name: str
    email: str

    @property
    def domain(self) -> str:
        """What Message-IDs end with."""
        return self.email.rsplit("@", 1)[1]


@dataclass(frozen=True)
class Letter:
    """A mail ready to be handed over: to which address, and its bytes."""

    delivery_id: UUID
    recipient: str
    content: bytes
    needs_utf8: bool


def letter(
    notification: Notification, *, delivery_id: UUID, name: str, email: str, sender: Sender, now: datetime,
    footer: Footer,
) -> Letter:
    """The mail of a notification; BadAddress when it has nobody to go to."""
    to = _address(name, email)
    message = EmailMessage(policy=POLICY)
    message["From"] = _shown("From", Address(sender.name, addr_spec=sender.email))
    message["To"] = _shown("To", to)
    message["Subject"] = _encoded("Subject", notification.subject)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{delivery_id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    if footer.unsubscribe:
        message["List-Unsubscribe"] = f"<{footer.unsubscribe}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(notification.text, cte="quoted-printable")
    message.add_alternative(notification.html, subtype="html", cte="quoted-printable")
    # Set last: whatever begins with Content- moves into the first part when the second is added.
    message["Content-Language"] = notification.language
    needs_utf8 = not to.addr_spec.isascii()
    return Letter(delivery_id, to.addr_spec, message.as_bytes(policy=POLICY.clone(utf8=needs_utf8)), needs_utf8)


def _shown(header: str, address: Address) -> str:
    """The address with its name, as it stands in a header."""
    name = _encoded(header, address.display_name)
    return str(address) if name == address.display_name else f"{name} <{address.addr_spec}>"


def _encoded(header: str, text: str) -> str:
    """The text in encoded words, unless it is plain ASCII that nobody takes for one."""
    if text.isascii() and "=?" not in text:
        return text
    return Header(text, "utf-8", header_name=header, maxlinelen=LINE_SIGNS).encode(linesep="")


def _address(name: str, email: str) -> Address:
    """The address, its domain as DNS writes it; the name without line breaks and direction marks."""
    shown = "".join(sign for sign in " ".join(name.split()) if sign.isprintable() and sign not in BIDI_OVERRIDES)
    try:
        checked = validate_email(email, check_deliverability=False, globally_deliverable=False)
        return Address(shown, username=checked.local_part, domain=checked.ascii_domain)
    except ValueError as raised:
        raise BadAddress from raised

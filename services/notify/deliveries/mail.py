"""A notification as a mail: text and HTML, headers that no value can break, the same Message-ID at every try."""

from dataclasses import dataclass
from datetime import datetime
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


class _Unfolded(BaseHeader):
    """A header on one line: folded, the standard library would turn a long link into an encoded word (RFC 2047)."""

    max_count = 1  # the library reads it from the class

    @staticmethod
    def parse(value: str, kwds: dict[str, Any]) -> None:
        """Read the value as any header without a structure."""
        UnstructuredHeader.parse(value, kwds)

    def fold(self, *, policy: "Policy[Any]") -> str:
        """The header as it is sent."""
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _Unfolded)
POLICY = SMTP.clone(header_factory=_HEADERS)


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
    message["From"] = Address(sender.name, addr_spec=sender.email)
    message["To"] = to
    message["Subject"] = notification.subject
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


def _address(name: str, email: str) -> Address:
    """The address, its domain as DNS writes it; the name without line breaks and direction marks."""
    shown = "".join(sign for sign in " ".join(name.split()) if sign.isprintable() and sign not in BIDI_OVERRIDES)
    try:
        checked = validate_email(email, check_deliverability=False, globally_deliverable=False)
        return Address(shown, username=checked.local_part, domain=checked.ascii_domain)
    except ValueError as raised:
        raise BadAddress from raised

"""What notify can be told from outside, and what it refuses to start with."""

import base64
from typing import Any

import pytest
from pydantic import ValidationError

from services.notify.deliveries.transports import MailFolder, MailServer, transport_of
from services.notify.settings import Settings

KEY = base64.b64encode(bytes(32)).decode()


def given(**more: Any) -> Settings:
    """The settings with these."""
    return Settings(database_url="postgresql://x", master_key=KEY, installation_secret=KEY, **more)


def test_without_a_mail_server_mails_are_written_to_the_folder() -> None:
    """A network works without a mail server, and uses one as soon as it is named."""
    assert isinstance(transport_of(given()), MailFolder)
    assert isinstance(transport_of(given(smtp_host="mail.example.org")), MailServer)


def test_a_password_does_not_travel_in_the_clear() -> None:
    """Without STARTTLS a password is refused, but for a server on the same machine."""
    account = {"smtp_user": "post", "smtp_password": "secret", "smtp_starttls": False}

    with pytest.raises(ValidationError, match="in the clear"):
        given(smtp_host="mail.example.org", **account)
    given(smtp_host="127.0.0.1", **account)
    given(smtp_host="mail.example.org", **account | {"smtp_starttls": True})


@pytest.mark.parametrize("wrong", [{"mail_from": "nobody"}, {"smtp_port": 0}, {"mail_retry_seconds": 0}])
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    """An address that is none, a port that is none, no pause."""
    with pytest.raises(ValidationError):
        given(**wrong)

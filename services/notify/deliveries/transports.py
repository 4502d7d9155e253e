"""How mails leave: into a folder on disk, where a mail program opens them, or to a mail server by SMTP."""

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Protocol
from uuid import UUID

import aiosmtplib

from services.notify.deliveries.mail import Letter
from services.notify.settings import Settings

SMTP_SECONDS = 20.0
FOR_GOOD = 500
NOT_TAKING_MAIL = 421


class Away(Exception):
    """The mail server or the folder cannot be used now; nothing was sent, and no delivery is to blame."""


class RefusedForNow(Exception):
    """This mail was refused, and may be taken later."""


class RefusedForGood(Exception):
    """This mail, or its address, was refused for ever."""


class Unclear(Exception):
    """The connection broke while the mail was handed over; nobody knows whether it was taken."""


class Transport(Protocol):
    """A way out. again_is_safe: handing the same letter over twice leaves one mail."""

    again_is_safe: bool

    async def send(self, letter: Letter) -> None:
        """Hand the letter over; raises one of the four above when it was not taken."""

    async def forget(self, delivery_id: UUID) -> None:
        """Destroy what this side still has of the mail; may be repeated."""


class MailFolder:
    """Writes each mail as `<delivery>.eml`, whole or not at all."""

    again_is_safe = True

    def __init__(self, folder: Path) -> None:
        """The folder is made when the first mail comes."""
        self._folder = folder

    async def send(self, letter: Letter) -> None:
        """Write the mail; Away when the disk does not take it."""
        try:
            await asyncio.to_thread(self._write, letter)
        except OSError as raised:
            raise Away(type(raised).__name__) from raised

    async def forget(self, delivery_id: UUID) -> None:
        """Remove the mail's file."""
        await asyncio.to_thread(self._file(delivery_id).unlink, missing_ok=True)

    def _write(self, letter: Letter) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = self._folder / f".{letter.delivery_id}.part"
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(letter.content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._file(letter.delivery_id))

    def _file(self, delivery_id: UUID) -> Path:
        return self._folder / f"{delivery_id}.eml"


class MailServer:
    """Hands each mail to a mail server, on a connection of its own."""

    again_is_safe = False

    def __init__(self, settings: Settings) -> None:
        """Nothing is connected before the first mail."""
        self._settings = settings

    async def send(self, letter: Letter) -> None:
        """Hand the mail over and return once the server has taken it."""
        server = await self._connected()
        options = ["SMTPUTF8"] if letter.needs_utf8 else []
        try:
            await server.sendmail(self._settings.mail_from, letter.recipient, letter.content, mail_options=options)
        except aiosmtplib.SMTPRecipientsRefused as raised:
            raise _refused(raised.recipients[0].code) from raised
        except aiosmtplib.SMTPSenderRefused as raised:
            raise Away(f"sender refused, {raised.code}") from raised
        except aiosmtplib.SMTPResponseException as raised:
            raise _refused(raised.code) from raised
        except (aiosmtplib.SMTPNotSupported, ValueError) as raised:
            raise RefusedForGood from raised
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as raised:
            raise Unclear from raised
        else:
            await _take_leave(server)
        finally:
            server.close()

    async def forget(self, delivery_id: UUID) -> None:
        """Nothing of a mail stays on this side."""

    async def _connected(self) -> aiosmtplib.SMTP:
        given = self._settings
        server = aiosmtplib.SMTP(
            hostname=given.smtp_host, port=given.smtp_port, timeout=SMTP_SECONDS,
            local_hostname=given.mail_from.rsplit("@")[-1], username=given.smtp_user or None,
            password=given.smtp_password.get_secret_value() or None, start_tls=given.smtp_starttls)
        try:
            await server.connect()
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as raised:
            server.close()
            raise Away(type(raised).__name__) from raised
        return server


async def _take_leave(server: aiosmtplib.SMTP) -> None:
    """The mail has been taken: whatever happens now changes nothing about that."""
    with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
        await server.quit()


def _refused(code: int) -> Exception:
    if code == NOT_TAKING_MAIL:
        return Away("the server closes the connection")
    return RefusedForGood() if code >= FOR_GOOD else RefusedForNow()


def transport_of(settings: Settings) -> Transport:
    """The way out that the settings ask for: a mail server if one is named, else the folder."""
    return MailServer(settings) if settings.smtp_host else MailFolder(settings.mail_folder)

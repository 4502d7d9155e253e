"""What people find in their mail: the demonstration reads it as they would, and opens the links in it."""

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import Protocol

import httpx

LINK = re.compile(r"https?://[^\s<>\"\u2068\u2069]+")


@dataclass(frozen=True)
class Mail:
    """A mail as someone reads it: to whom, in which language, its subject, text and links."""

    to: str
    language: str
    subject: str
    text: str
    id: str

    @property
    def links(self) -> list[str]:
        """The addresses in the text, in order."""
        return LINK.findall(self.text)

    def link(self, part: str) -> str:
        """The first link whose address holds this part; LookupError when there is none."""
        for address in self.links:
            if part in address:
                return address
        raise LookupError(f"no link with {part!r} in {self.subject!r}")


class Mailbox(Protocol):
    """Where the mails of a network are found."""

    async def all(self) -> list[Mail]:
        """Every mail so far, oldest first."""


class MailFolder:
    """The mail folder that notify writes to unless it is given a mail server."""

    def __init__(self, folder: Path) -> None:
        """The folder of .eml files."""
        self._folder, self._read = folder, dict[str, Mail]()

    async def all(self) -> list[Mail]:
        """Every mail so far, oldest first."""
        files = sorted(self._folder.rglob("*.eml"), key=lambda file: (file.stat().st_mtime_ns, file.name))
        for file in files:
            if file.name not in self._read:
                self._read[file.name] = read_mail(file.read_bytes())
        return [self._read[file.name] for file in files]


class MailCatcher:
    """The catcher of compose's demo profile, asked over its HTTP API."""

    def __init__(self, url: str) -> None:
        """The catcher's address."""
        self._url, self._read = url.rstrip("/"), dict[str, Mail]()

    async def all(self) -> list[Mail]:
        """Every mail so far, oldest first."""
        async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
            listed = (await client.get(f"{self._url}/api/v1/messages", params={"limit": 500})).json()["messages"]
            for entry in listed:
                if entry["ID"] not in self._read:
                    raw = await client.get(f"{self._url}/api/v1/message/{entry['ID']}/raw")
                    self._read[entry["ID"]] = read_mail(raw.content)
        return [self._read[entry["ID"]] for entry in reversed(listed)]


def read_mail(raw: bytes) -> Mail:
    """A mail from its bytes."""
    message = message_from_bytes(raw, policy=policy.default)
    body = message.get_body(("plain",))
    return Mail(
        to=str(message["To"]), language=str(message.get("Content-Language", "")), subject=str(message["Subject"]),
        text=body.get_content() if body else "", id=str(message["Message-ID"]))


async def mails_to(mailbox: Mailbox, address: str) -> list[Mail]:
    """What this address has received, oldest first."""
    return [mail for mail in await mailbox.all() if address in mail.to]

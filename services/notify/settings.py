"""What notify can be told from outside, beside what every service can."""

from pathlib import Path
from typing import Self

from pydantic import EmailStr, Field, SecretStr, model_validator

from libs.common.settings import CommonSettings

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Settings(CommonSettings):
    """The settings of notify.

    Without smtp_host every mail is written as a file into mail_folder. mail_from stands in the mails' From, and
    its domain in their Message-IDs. mail_retry_seconds is the pause after the first try that was refused for now;
    the pauses grow from there.
    """

    mail_folder: Path = Path("mail")
    mail_from: EmailStr = "noreply@lotsennetz.example.org"
    smtp_host: str = ""
    smtp_port: int = Field(587, ge=1, le=65535)
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_starttls: bool = True
    mail_retry_seconds: float = Field(30.0, gt=0)

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> Self:
        if self.smtp_user and not self.smtp_starttls and self.smtp_host not in LOOPBACK:
            raise ValueError("LOTSE_SMTP_STARTTLS must be on: the password would travel in the clear")
        return self

"""What a service can be told from outside: environment variables LOTSE_…, every secret also as LOTSE_…_FILE."""

import base64
import logging
import os
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, FilePath, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

KEY_BYTES = 32


def _is_key(value: SecretStr) -> SecretStr:
    try:
        length = len(base64.b64decode(value.get_secret_value(), validate=True))
    except ValueError:
        length = 0
    if length != KEY_BYTES:
        raise ValueError("must be 32 bytes in base64, as `openssl rand -base64 32` prints them")
    return value


def leads_to_postgres(url: str) -> bool:
    """Whether the text is the address of a PostgreSQL, wherever that is."""
    try:
        return make_url(url).drivername in {"postgresql", "postgres"}
    except (ArgumentError, ValueError):
        return False


def _is_database(value: SecretStr) -> SecretStr:
    # Said without the parser's words: they quote what they could not read, and that may be a part of the password.
    if not leads_to_postgres(value.get_secret_value()):
        raise ValueError("must read postgresql://role:password@host:port/database; write %40 for an @ in the password")
    return value


def _is_level(value: str) -> str:
    if value.upper() not in logging.getLevelNamesMapping():
        raise ValueError("must be debug, info, warning or error")
    return value


MasterKey = Annotated[SecretStr, AfterValidator(_is_key)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_is_database)]
LogLevel = Annotated[str, AfterValidator(_is_level)]


def faults(wrong: ValidationError) -> list[str]:
    """What is wrong with the settings, a line for each, by the names of the environment and without any value."""
    lines = []
    for fault in wrong.errors(include_url=False, include_context=False, include_input=False):
        said = fault["msg"].removeprefix("Value error, ")
        lines.append(f"LOTSE_{str(fault['loc'][0]).upper()}: {said}" if fault["loc"] else said)
    return lines


class CommonSettings(BaseSettings):
    """The settings that all four services have.

    network is the slug of this installation, it stands in every fact's source. public_url is where people reach
    this service; signed links begin with it. master_key wraps the keys of persons and differs in each service;
    installation_secret is the same in all four and makes principals of tokens.
    """

    model_config = SettingsConfigDict(
        env_prefix="LOTSE_", extra="ignore", hide_input_in_errors=True,
        # compose.yaml passes what nobody has set as nothing.
        env_ignore_empty=True)

    network: str = "lotsennetz"
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = "http://127.0.0.1:8000"
    proxies: str = "127.0.0.1"
    database_url: DatabaseUrl
    owner_database_url: DatabaseUrl | None = None
    database_pool: int = 20
    nats_url: str = "nats://127.0.0.1:4222"
    nats_user: str = ""
    nats_password: SecretStr = SecretStr("")
    nats_monitor_url: str = ""
    nats_ca: FilePath | None = None
    provisioner_password: SecretStr = SecretStr("")
    master_key: MasterKey
    installation_secret: MasterKey
    oidc_issuer: str = ""
    oidc_audience: str = "lotsennetz"
    oidc_jwks_url: str = ""
    rate_per_minute: int = 600
    request_seconds: float = 10.0
    log_level: LogLevel = "info"
    log_as_json: bool = True
    otlp_endpoint: str = ""
    demonstration: bool = False
    compose_version: int = 0

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Take each secret from the file that LOTSE_<NAME>_FILE names, unless it was given directly."""
        for name in cls.model_fields:
            path = os.environ.get(f"LOTSE_{name.upper()}_FILE")
            if path and name not in values:
                values[name] = _content(name, path)
        return values

    @model_validator(mode="after")
    def _no_trailing_slash(self) -> Self:
        self.public_url = self.public_url.rstrip("/")
        return self


def _content(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as raised:
        raise ValueError(
            f"LOTSE_{name.upper()}_FILE: names a file that cannot be read ({type(raised).__name__})") from None

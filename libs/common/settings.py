"""What a service can be told from outside: environment variables LOTSE_…, every secret also as LOTSE_…_FILE."""

import base64
import os
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

KEY_BYTES = 32


def _is_key(value: SecretStr) -> SecretStr:
    if len(base64.b64decode(value.get_secret_value(), validate=True)) != KEY_BYTES:
        raise ValueError("must be 32 bytes in base64, as `openssl rand -base64 32` prints them")
    return value


MasterKey = Annotated[SecretStr, AfterValidator(_is_key)]


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
    database_url: SecretStr
    owner_database_url: SecretStr | None = None
    database_pool: int = 20
    nats_url: str = "nats://127.0.0.1:4222"
    nats_user: str = ""
    nats_password: SecretStr = SecretStr("")
    nats_monitor_url: str = ""
    nats_ca: Path | None = None
    provisioner_password: SecretStr = SecretStr("")
    master_key: MasterKey
    installation_secret: MasterKey
    oidc_issuer: str = ""
    oidc_audience: str = "lotsennetz"
    oidc_jwks_url: str = ""
    rate_per_minute: int = 600
    request_seconds: float = 10.0
    log_level: str = "info"
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
                values[name] = Path(path).read_text(encoding="utf-8").strip()
        return values

    @model_validator(mode="after")
    def _no_trailing_slash(self) -> Self:
        self.public_url = self.public_url.rstrip("/")
        return self

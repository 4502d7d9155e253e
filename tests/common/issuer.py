"""A sign-in service as a test needs one: keys at an address, tokens of every kind, and an end when it is told to."""

import asyncio
import base64
import json
import time
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

ISSUER, AUDIENCE = "https://issuer.example.org", "lotsennetz"
Key = OctKey | RSAKey | ECKey | OKPKey


def encoded(part: object) -> str:
    """A part of a token."""
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class Issuer:
    """Answers its public keys over HTTP; counts how often it was asked."""

    def __init__(self) -> None:
        self.rsa = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
        self.ec = ECKey.generate_key("P-256", {"kid": "ec"})
        self.okp = OKPKey.generate_key("Ed25519", {"kid": "okp"})
        self.keys: list[Key] = [self.rsa, self.ec, self.okp]
        self.asked = 0
        self.slow = 0.0
        self._server: asyncio.Server | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/jwks"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()

    async def end(self) -> None:
        """Be away from now on."""
        if self._server:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        await asyncio.sleep(self.slow)
        body = json.dumps(KeySet(self.keys).as_dict(private=False)).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    def claims(self, **changed: Any) -> dict[str, Any]:
        """The claims of a token that holds, but for what is changed; None leaves a claim out."""
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "amina@example.org", "exp": now + 60, "iat": now} | changed
        return {name: value for name, value in claims.items() if value is not None}

    def token(
        self, *, key: Key | None = None, alg: str = "RS256", header: dict[str, Any] | None = None, **changed: Any
    ) -> str:
        """A signed token."""
        key = key or self.rsa
        head = {"alg": alg, "kid": key.kid} | (header or {})
        return jwt.encode(head, self.claims(**changed), key, algorithms=[alg])

    def signed(self, payload: bytes, header: dict[str, Any] | None = None) -> str:
        """Any payload, rightly signed."""
        content = f"{encoded({'alg': 'RS256', 'kid': 'rsa'} | (header or {}))}.{encoded(payload)}"
        assert self.rsa.private_key
        signature = self.rsa.private_key.sign(content.encode(), PKCS1v15(), SHA256())
        return f"{content}.{encoded(signature)}"

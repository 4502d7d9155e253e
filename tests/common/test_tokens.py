"""OIDC tokens: what holds, the many kinds that do not, and an issuer that is away, slow or has changed its keys."""

import asyncio
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from libs.common import auth, tokens
from libs.common.tokens import principal_of
from tests.common.issuer import AUDIENCE, ISSUER, Issuer, encoded
from tests.common.stage import on_stage
from tests.common.things import PERMISSIONS, router
from tests.harness import Network, Service


@pytest.fixture(scope="module")
async def keys() -> Issuer:
    """An issuer's keys; they take a moment to make."""
    return Issuer()


@pytest.fixture
async def issuer(keys: Issuer) -> AsyncIterator[Issuer]:
    """The sign-in service."""
    keys.asked, keys.slow, keys.keys = 0, 0.0, [keys.rsa, keys.ec, keys.okp]
    async with keys:
        yield keys


@pytest.fixture
async def stage(network: Network, issuer: Issuer) -> Service:
    """A service that trusts it."""
    return await on_stage(
        network,
        "registry",
        router=router,
        permissions=PERMISSIONS,
        oidc_issuer=ISSUER,
        oidc_audience=AUDIENCE,
        oidc_jwks_url=issuer.url,
    )


async def asked_with(stage: Service, token: str) -> httpx.Response:
    """A request with the token."""
    return await stage.client.get("/v1/things", headers=[(b"Authorization", b"Bearer " + token.encode("latin-1"))])


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # RFC 9864 calls it Ed25519; issuers still say EdDSA
async def test_a_token_that_holds_leads_to_its_principal(network: Network, stage: Service, issuer: Issuer) -> None:
    """By each pinned algorithm; the principal is opaque, and grants decide what it may."""
    good = [
        issuer.token(),
        issuer.token(key=issuer.ec, alg="ES256"),
        issuer.token(key=issuer.okp, alg="EdDSA"),
        issuer.token(key=issuer.okp, alg="Ed25519"),
        issuer.token(aud=["another", AUDIENCE]),
        issuer.token(exp=int(time.time()) - 10),
        issuer.token(nbf=int(time.time()) + 10),
    ]
    for token in good:
        assert (await asked_with(stage, token)).status_code == 200

    secret = stage.app.state.auth._tokens._secret
    principal = principal_of(secret, ISSUER, "amina@example.org")
    await network.rows(
        "registry",
        "INSERT INTO known_grant (grant_id, principal, role) VALUES (gen_random_uuid(), $1, 'auditor') RETURNING 1",
        principal,
    )
    stage.app.state.auth._known.clear()
    told = await stage.client.get("/v1/things/me", headers={"Authorization": f"Bearer {issuer.token()}"})
    assert told.json() == {"principal": str(principal), "role": "auditor"}
    assert principal != principal_of(secret, "https://other.example.org", "amina@example.org")
    assert principal != principal_of(bytes(32), ISSUER, "amina@example.org")


def _hs(issuer: Issuer, kid: str = "rsa") -> str:
    """Signed with the public key as if it were a shared secret."""
    pem = issuer.rsa.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{encoded({'alg': 'HS256', 'kid': kid})}.{encoded(issuer.claims())}"
    return f"{signed}.{encoded(hmac.digest(pem, signed.encode(), 'sha256'))}"


def _with(token: str, place: int, part: str) -> str:
    parts = token.split(".")
    parts[place] = part
    return ".".join(parts)


def _foreign(issuer: Issuer, **header: object) -> str:
    other = RSAKey.generate_key(2048, {"kid": "rsa"})
    head = {"alg": "RS256", "kid": "rsa"} | {
        name: other.as_dict(private=False) if value == "own" else value for name, value in header.items()
    }
    return jwt.encode(head, issuer.claims(), other, algorithms=["RS256"])


FORGED: dict[str, Callable[[Issuer], str]] = {
    "no algorithm": lambda i: f"{encoded({'alg': 'none'})}.{encoded(i.claims())}.",
    "no algorithm, in capitals": lambda i: f"{encoded({'alg': 'NONE', 'kid': 'rsa'})}.{encoded(i.claims())}.",
    "no algorithm, with a signature": lambda i: _with(i.token(), 0, encoded({"alg": "none", "kid": "rsa"})),
    "HS256 with the public key": _hs,
    "HS256 with an empty key id": lambda i: _hs(i, kid=""),
    "an algorithm that is not pinned": lambda i: i.token(alg="RS512"),
    "PS256, not pinned either": lambda i: i.token(alg="PS256"),
    "ES256 said of an RSA signature": lambda i: _with(i.token(), 0, encoded({"alg": "ES256", "kid": "rsa"})),
    "another's key": _foreign,
    "another's key in the header": lambda i: _foreign(i, jwk="own"),
    "another's key at an address": lambda i: _foreign(i, jku="https://evil.example.org/jwks"),
    "another issuer": lambda i: i.token(iss="https://evil.example.org"),
    "an issuer with a slash": lambda i: i.token(iss=ISSUER + "/"),
    "no issuer": lambda i: i.token(iss=None),
    "another audience": lambda i: i.token(aud="another"),
    "audiences without ours": lambda i: i.token(aud=["another", "lotsennetz2"]),
    "no audience": lambda i: i.token(aud=None),
    "expired": lambda i: i.token(exp=int(time.time()) - 60),
    "no expiry": lambda i: i.token(exp=None),
    "an expiry that is text": lambda i: i.token(exp="tomorrow"),
    "an expiry that is true": lambda i: i.signed(json.dumps(i.claims() | {"exp": [True]}).encode()),
    "an endless expiry": lambda i: i.signed(json.dumps(i.claims()).replace('"exp": ', '"exp": -1e400, "x": ').encode()),
    "not valid yet": lambda i: i.token(nbf=int(time.time()) + 120),
    "an unknown key": lambda i: _with(i.token(), 0, encoded({"alg": "RS256", "kid": "unknown"})),
    "a key id that is none": lambda i: _with(i.token(), 0, encoded({"alg": "RS256", "kid": {"a": 1}})),
    "changed claims": lambda i: _with(i.token(), 1, encoded(i.claims(sub="admin"))),
    "a changed signature": lambda i: _with(i.token(), 2, i.token().split(".")[2][:-8] + "AAAAAAAA"),
    "no signature": lambda i: _with(i.token(), 2, ""),
    "no subject": lambda i: i.token(sub=None),
    "an empty subject": lambda i: i.token(sub=""),
    "a subject that is no text": lambda i: i.signed(json.dumps(i.claims() | {"sub": {"a": "b"}}).encode()),
    "a subject that is a number": lambda i: i.signed(json.dumps(i.claims() | {"sub": 7}).encode()),
    "claims that are a list": lambda i: i.signed(b"[1, 2]"),
    "claims that are no JSON": lambda i: i.signed(b"\xff{"),
    "claims nested without end": lambda i: i.signed(b'{"a":' * 5000 + b"1" + b"}" * 5000),
    "a header that is no JSON": lambda i: _with(i.token(), 0, encoded(b"\xff")),
    "a header that is a list": lambda i: _with(i.token(), 0, encoded([1])),
    "a critical header nobody knows": lambda i: i.signed(json.dumps(i.claims()).encode(), {"crit": ["x"], "x": 1}),
    "two parts": lambda i: i.token().rsplit(".", 1)[0],
    "four parts": lambda i: i.token() + ".AAAA",
    "five parts": lambda i: i.token() + ".AAAA.AAAA",
    "dots": lambda _i: "..",
    "other signs": lambda _i: "Ä.ö.ü",
    "a word": lambda _i: "token",
    "very long": lambda _i: "a" * 20_000,
}


async def test_what_was_forged_or_does_not_hold_is_401(
    stage: Service, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind with the same answer, from which nothing is learned; the right one between them still holds."""
    monkeypatch.setattr(tokens, "REFETCH_SECONDS", 0.0)
    assert len(FORGED) >= 40
    told = set()
    for kind, forge in FORGED.items():
        answer = await asked_with(stage, forge(issuer))
        assert answer.status_code == 401, (kind, answer.text)
        assert answer.headers["www-authenticate"] == "Bearer"
        told.add((answer.json()["slug"], answer.json()["detail"]))
    assert len(told) == 1
    assert (await asked_with(stage, issuer.token())).status_code == 200


async def test_credentials_of_another_scheme_are_401(stage: Service, issuer: Issuer) -> None:
    """Basic, nothing, a token without its scheme."""
    for header in ("Basic YTpi", "Bearer", "Bearer ", issuer.token(), "bearer", "Negotiate x"):
        answer = await stage.client.get("/v1/things", headers={"Authorization": header})
        assert answer.status_code == 401, header
    assert (
        await stage.client.get("/v1/things", headers={"Authorization": f"bEARER {issuer.token()}"})
    ).status_code == 200


async def test_known_keys_outlive_the_issuers_outage(
    stage: Service,
    issuer: Issuer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Up to an hour; after that nobody can say whether they hold, which is no 401."""
    monkeypatch.setattr(tokens, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(tokens, "REFETCH_SECONDS", 0.0)
    monkeypatch.setattr(auth, "KNOWN_SECONDS", 0.0)
    assert (await asked_with(stage, issuer.token())).status_code == 200

    await issuer.end()
    assert (await asked_with(stage, issuer.token())).status_code == 200
    assert (await asked_with(stage, _foreign(issuer))).status_code == 401

    monkeypatch.setattr(tokens, "USABLE_SECONDS", 0.0)
    away = await asked_with(stage, issuer.token())
    assert (away.status_code, away.json()["slug"]) == (503, "issuer-away")


async def test_whoever_comes_while_the_keys_are_fetched_waits_for_them(stage: Service, issuer: Issuer) -> None:
    """The first requests after the start come all at once; the issuer is asked once, and nobody is sent away."""
    issuer.slow = 0.2

    answers = await asyncio.gather(*(asked_with(stage, issuer.token(sub=f"p{place}")) for place in range(10)))

    assert {answer.status_code for answer in answers} == {200}
    assert issuer.asked == 1


async def test_changed_keys_are_fetched_and_the_issuer_is_not_flooded(
    stage: Service,
    issuer: Issuer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A key id that is unknown leads to one question, not to one for each forged token."""
    assert (await asked_with(stage, issuer.token())).status_code == 200
    rotated = ECKey.generate_key("P-256", {"kid": "of next month"})
    issuer.keys = [rotated]
    for _ in range(20):
        assert (await asked_with(stage, issuer.token(key=rotated, alg="ES256"))).status_code == 401
    assert issuer.asked == 1

    monkeypatch.setattr(tokens, "REFETCH_SECONDS", 0.0)
    assert (await asked_with(stage, issuer.token(key=rotated, alg="ES256"))).status_code == 200
    assert issuer.asked == 2


async def test_without_an_issuer_no_token_holds(network: Network, issuer: Issuer) -> None:
    """Whatever the token says, and nobody is asked."""
    one = await on_stage(network, "registry", router=router, permissions=PERMISSIONS)

    assert (await asked_with(one, issuer.token())).status_code == 401
    assert issuer.asked == 0


@pytest.mark.parametrize("answer", [b"[]", b"{}", b'{"keys": 7}', b'{"keys": [{"kty": "RSA"}]}', b"<html>", b"\xff"])
async def test_keys_that_cannot_be_read_are_503(network: Network, answer: bytes, keys: Issuer) -> None:
    """The issuer answers nonsense: nobody can say whether the token holds; no bug."""

    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
        writer.close()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        one = await on_stage(
            network, "registry", router=router, permissions=PERMISSIONS, oidc_issuer=ISSUER, oidc_jwks_url=url
        )
        refused = await asked_with(one, keys.token())

    assert (refused.status_code, refused.json()["slug"]) == (503, "issuer-away")

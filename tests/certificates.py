"""Certificates for TLS in tests: an authority, and what one host shows."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_NO_USE = dict.fromkeys((
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False)
CERTIFIES = x509.KeyUsage(**_NO_USE | {"key_cert_sign": True, "crl_sign": True})
SIGNS = x509.KeyUsage(**_NO_USE | {"digital_signature": True})


def certificates_for(host: str) -> dict[str, str]:
    """What an operator brings, by file name, in PEM: `ca.crt`, and `server.crt` with `server.key` for the host."""
    authority, own = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    key = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {"ca.crt": _certificate("ca", authority, authority), "server.crt": _certificate(host, own, authority),
            "server.key": key.decode()}


def _certificate(name: str, key: EllipticCurvePrivateKey, authority: EllipticCurvePrivateKey) -> str:
    now, own = datetime.now(UTC), key is authority
    made = (x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")]))
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=own, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            # From Python 3.13 on what RFC 5280 demands of a certificate is looked for.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
            .add_extension(CERTIFIES if own else SIGNS, critical=True))
    return made.sign(authority, SHA256()).public_bytes(Encoding.PEM).decode()

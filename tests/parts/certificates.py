"""Certificates of every kind a mail server may present, made in memory by an authority of our own."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

NAMES = ("localhost", "127.0.0.1")
KINDS = ("good", "expired", "not_yet_valid", "wrong_name", "untrusted")
_VALIDITY = {"expired": (-30, -1), "not_yet_valid": (1, 30)}
_DEFAULT_VALIDITY = (-1, 365)


@dataclass(frozen=True)
class Certificate:
    """A server certificate and its private key, both PEM."""

    pem: str
    key_pem: str

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "server.pem"
            path.write_text(self.pem + self.key_pem)
            context.load_cert_chain(path)
        return context


class Authority:
    """Signs server certificates; `pem` is what a client trusts."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _distinguished(name)
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        builder = self._builder(name, self._key, days=(-400, 3650))
        builder = builder.add_extension(constraints, critical=True).add_extension(usage, critical=True)
        self.pem = _pem(builder.sign(self._key, SHA256()))

    def issue(
        self, names: tuple[str, ...] = NAMES, days: tuple[float, float] = _DEFAULT_VALIDITY
    ) -> Certificate:
        """A certificate for host names and addresses, valid from so many days from now until so many."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
        builder = self._builder(names[0], key, days).add_extension(alternatives, critical=False)
        key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return Certificate(_pem(builder.sign(self._key, SHA256())), key_pem)

    def _builder(
        self, subject: str, key: ec.EllipticCurvePrivateKey, days: tuple[float, float]
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(_distinguished(subject))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
        )


@cache
def authority() -> Authority:
    """The authority that the tests trust."""
    return Authority("Pillarbox test authority")


@cache
def stranger() -> Authority:
    """An authority that nobody trusts."""
    return Authority("Unknown authority")


def server_certificate(kind: str = "good") -> Certificate:
    """One of KINDS, for localhost and 127.0.0.1 unless the name is what is wrong with it."""
    return _issued(kind)


def server_context(kind: str = "good") -> ssl.SSLContext:
    return _loaded(kind)


@cache
def _issued(kind: str) -> Certificate:
    signer = stranger() if kind == "untrusted" else authority()
    names = ("elsewhere.example",) if kind == "wrong_name" else NAMES
    return signer.issue(names, _VALIDITY.get(kind, _DEFAULT_VALIDITY))


@cache
def _loaded(kind: str) -> ssl.SSLContext:
    return _issued(kind).server_context()


def _distinguished(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()

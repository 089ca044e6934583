"""Certificates of every kind a mail server may present, made in memory by an authority of our own."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAMES = ("localhost", "127.0.0.1")
_DEFAULT_VALIDITY = (-1, 365)
WEAK_BITS = 1024
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Certificate:
    """A server certificate, those it is to be sent with, and its private key, all PEM."""

    pem: str
    key_pem: str
    chain_pem: str = ""

    def server_context(self) -> ssl.SSLContext:
        return self.load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))

    def load_into(self, context: ssl.SSLContext) -> ssl.SSLContext:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "server.pem"
            path.write_text(self.pem + self.chain_pem + self.key_pem)
            context.load_cert_chain(path)
        return context


class Authority:
    """Signs server certificates; `pem` is what a client trusts."""

    def __init__(
        self, name: str, issuer: "Authority | None" = None, days: tuple[float, float] = (-400, 3650)
    ) -> None:
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
        signer = issuer or self
        builder = signer._builder(name, self._key, days)
        builder = builder.add_extension(constraints, critical=True).add_extension(usage, critical=True)
        self.pem = _pem(builder.sign(signer._key, SHA256()))

    def issue(
        self,
        names: tuple[str, ...] = NAMES,
        days: tuple[float, float] = _DEFAULT_VALIDITY,
        *,
        key: Key | None = None,
        extensions: tuple[x509.ExtensionType, ...] | None = None,
    ) -> Certificate:
        """A certificate for host names and addresses, valid from so many days from now until so many."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(names[0], key, days)
        for extension in (_alternatives(names),) if extensions is None else extensions:
            builder = builder.add_extension(extension, critical=False)
        return Certificate(_pem(builder.sign(self._key, SHA256())), _key_pem(key))

    def _builder(self, subject: str, key: Key, days: tuple[float, float]) -> x509.CertificateBuilder:
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
    return KINDS[kind]()


@cache
def _loaded(kind: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Else OpenSSL would not serve a weak key.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return _issued(kind).load_into(context)


def _self_signed() -> Certificate:
    """Its own authority, as programs make one when they are installed."""
    own = Authority(NAMES[0])
    return Certificate(own.pem, _key_pem(own._key))


def _with_bad_signature() -> Certificate:
    """What somebody without the authority's key could make of a good one."""
    good = authority().issue()
    der = bytearray(ssl.PEM_cert_to_DER_cert(good.pem))
    der[-1] ^= 1
    return Certificate(ssl.DER_cert_to_PEM_cert(bytes(der)), good.key_pem)


def _by_intermediate(*, is_sent: bool, days: tuple[float, float] = _DEFAULT_VALIDITY) -> Certificate:
    between = Authority("Pillarbox intermediate", authority(), days)
    issued = between.issue()
    return Certificate(issued.pem, issued.key_pem, between.pem if is_sent else "")


def _for_clients() -> Certificate:
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    return authority().issue(extensions=(_alternatives(NAMES), purpose))


KINDS: dict[str, Callable[[], Certificate]] = {
    "good": lambda: authority().issue(),
    "good_by_intermediate": lambda: _by_intermediate(is_sent=True),
    "expired": lambda: authority().issue(days=(-30, -1)),
    "expired_intermediate": lambda: _by_intermediate(is_sent=True, days=(-30, -1)),
    "not_yet_valid": lambda: authority().issue(days=(1, 30)),
    "wrong_name": lambda: authority().issue(("elsewhere.example",)),
    "wildcard": lambda: authority().issue(("*.localhost", "*.0.0.1")),
    "common_name_only": lambda: authority().issue(extensions=()),
    "untrusted": lambda: stranger().issue(),
    "self_signed": _self_signed,
    "missing_intermediate": lambda: _by_intermediate(is_sent=False),
    "bad_signature": _with_bad_signature,
    "for_clients": _for_clients,
    "weak_key": lambda: authority().issue(key=rsa.generate_private_key(65537, WEAK_BITS)),
}


def _distinguished(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _alternatives(names: tuple[str, ...]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([_general_name(name) for name in names])


def _key_pem(key: Key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()

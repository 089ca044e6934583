"""What is recorded of a server's certificate (contract 3.3)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from app.checkers.text import Cleaner


def describe_certificate(der: bytes, clean: Cleaner) -> dict[str, Any]:
    """Subject, issuer, dates and fingerprint, ready for JSON. A part that cannot be read is left out."""
    certificate = _or_none(lambda: x509.load_der_x509_certificate(der))
    if certificate is None:
        return {}
    parts: dict[str, Callable[[], Any]] = {
        "subject": lambda: clean(certificate.subject.rfc4514_string()),
        "issuer": lambda: clean(certificate.issuer.rfc4514_string()),
        "notBefore": lambda: timestamp(certificate.not_valid_before_utc),
        "notAfter": lambda: timestamp(certificate.not_valid_after_utc),
        "daysRemaining": lambda: days_until(certificate.not_valid_after_utc),
        "fingerprintSha256": lambda: certificate.fingerprint(SHA256()).hex(),
    }
    return {name: value for name, read in parts.items() if (value := _or_none(read)) is not None}


def days_until(moment: datetime) -> int:
    """Whole days from now, rounded down: negative from the first second past it."""
    # app.clock is out of reach for checkers, and the certificate is judged by OpenSSL's clock anyway.
    return (moment - datetime.now(UTC)) // timedelta(days=1)


def timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _or_none(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Exception:  # noqa: BLE001 - unverified servers present the oddest things, and no verdict hangs on them
        return None

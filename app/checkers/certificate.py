"""What is recorded of a server's certificate (contract 3.3)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from app.net.text import Cleaner

MAX_READINGS = 500
MAX_KEPT_SIZE = 8 * 1024
"""Bytes of a certificate that is kept with its reading; few are longer than 2,000."""
Seen = TypeVar("Seen")
Part = TypeVar("Part")


@dataclass(frozen=True)
class Reading:
    """The parts of a certificate as they are in it: not cleaned yet, and None where one cannot be read."""

    subject: str | None
    issuer: str | None
    not_before: datetime | None
    not_after: datetime | None
    fingerprint: str | None


def describe_certificate(der: bytes, clean: Cleaner) -> dict[str, Any]:
    """Subject, issuer, dates and fingerprint, ready for JSON. A part that cannot be read is left out."""
    reading = _kept_reading(der) if len(der) <= MAX_KEPT_SIZE else _read(der)
    if reading is None:
        return {}
    parts = {
        "subject": reading.subject and clean(reading.subject),
        "issuer": reading.issuer and clean(reading.issuer),
        "notBefore": reading.not_before and timestamp(reading.not_before),
        "notAfter": reading.not_after and timestamp(reading.not_after),
        "daysRemaining": reading.not_after and days_until(reading.not_after),
        "fingerprintSha256": reading.fingerprint,
    }
    return {name: value for name, value in parts.items() if value is not None}


def days_until(moment: datetime) -> int:
    """Whole days from now, rounded down: negative from the first second past it."""
    # app.clock is out of reach for checkers, and the certificate is judged by OpenSSL's clock anyway.
    return (moment - datetime.now(UTC)) // timedelta(days=1)


def timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _read(der: bytes) -> Reading | None:
    certificate = _or_none(x509.load_der_x509_certificate, der)
    if certificate is None:
        return None
    return Reading(
        subject=_or_none(lambda seen: seen.subject.rfc4514_string(), certificate),
        issuer=_or_none(lambda seen: seen.issuer.rfc4514_string(), certificate),
        not_before=_or_none(lambda seen: seen.not_valid_before_utc, certificate),
        not_after=_or_none(lambda seen: seen.not_valid_after_utc, certificate),
        fingerprint=_or_none(lambda seen: seen.fingerprint(SHA256()).hex(), certificate),
    )


# A server shows the same certificate for months, and reading it costs a twentieth of a check.
_kept_reading = lru_cache(maxsize=MAX_READINGS)(_read)


def _or_none(read: Callable[[Seen], Part], seen: Seen) -> Part | None:
    try:
        return read(seen)
    except Exception:  # noqa: BLE001 - unverified servers present the oddest things, and no verdict hangs on them
        return None

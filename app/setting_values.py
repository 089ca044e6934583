"""How the text of a setting is read, by kind. A ValueError says what is wrong, to go behind its name."""

import base64
import binascii
import re
from collections.abc import Callable
from email.utils import parseaddr
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.domain.http_url import split_http_url

MIN_JWT_KEY_BYTES = 32
CREDENTIALS_KEY_BYTES = 32
Network = IPv4Network | IPv6Network
ANY_ORIGIN = "*"
EMAIL = r"(?=.{3,320}$)[^@\s\x00-\x1f\x7f-\x9f]+@[^@\s\x00-\x1f\x7f-\x9f]+"
_ORIGIN = re.compile(r"(https?)://([a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?")
_USUAL_PORT = {"http": "80", "https": "443"}


def text(value: str) -> str:
    return value


def boolean(value: str) -> bool:
    try:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[value.lower()]
    except KeyError:
        raise ValueError("is neither true nor false") from None


def integer(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise ValueError(f"is not a whole number from {low} to {high}")
        return int(value)

    return parse


def one_of(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"is none of {', '.join(choices)}")
        return value

    return parse


def matching(pattern: str, meaning: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"is not {meaning}")
        return value

    return parse


def networks(value: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError as error:
        raise ValueError(f"is not a comma-separated list of networks ({error})") from None


def origins(value: str) -> tuple[str, ...]:
    return (ANY_ORIGIN,) if value == ANY_ORIGIN else tuple(_origin(part.strip()) for part in value.split(","))


def _origin(text: str) -> str:
    """As browsers write it: in small letters, and without the port that goes without saying."""
    match = _ORIGIN.fullmatch(text.lower())
    if match is None or int(match[3] or 0) > 65535:
        raise ValueError(f"is neither `*` nor a list of origins like https://app.example.com: see {text!r}")
    scheme, host, port = match.groups()
    return f"{scheme}://{host}" if port in {None, _USUAL_PORT[scheme]} else f"{scheme}://{host}:{port}"


def database_url(value: str) -> str:
    if value.startswith(("postgresql://", "postgres://")):
        value = "postgresql+psycopg://" + value.split("://", 1)[1]
    elif not value.startswith(("postgresql+psycopg://", "sqlite://")):
        raise ValueError("is neither an sqlite: nor a postgresql: URL")
    try:
        make_url(value)
    except (ArgumentError, ValueError):
        # Its own text may quote the password.
        raise ValueError("is not a URL that can be read") from None
    return value


def redis_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_url = parts.scheme in {"redis", "rediss", "redis+unix"} and bool(parts.netloc or parts.path)
        is_url = is_url and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url:
        raise ValueError("is not a redis URL")
    return value


def sender(value: str) -> str:
    address = parseaddr(value)[1]
    if not re.fullmatch(EMAIL, address) or not re.fullmatch(r"[^\x00-\x1f\x7f-\x9f]+", value):
        raise ValueError("is neither an e-mail address nor a name with one in angle brackets")
    return value


def public_url(value: str) -> str:
    split_http_url(value)
    return value.rstrip("/")


def jwt_key(value: str) -> str:
    if len(value.encode()) < MIN_JWT_KEY_BYTES:
        raise ValueError(f"has fewer than {MIN_JWT_KEY_BYTES} bytes")
    return value


def credentials_keys(value: str) -> tuple[bytes, ...]:
    keys = tuple(_decode_key(part.strip()) for part in value.split(",") if part.strip())
    if not keys or any(len(key) != CREDENTIALS_KEY_BYTES for key in keys):
        raise ValueError(f"is not a comma-separated list of base64 keys of {CREDENTIALS_KEY_BYTES} bytes")
    return keys


def _decode_key(text: str) -> bytes:
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error:
        return b""

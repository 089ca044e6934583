"""How single values of a channel's config are read: each reader returns the value as it is stored.

All raise ValueError, whose text says what the value must be.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from app.domain.addresses import MAX_EMAIL, normalise_email, require_phone
from app.domain.http_url import split_http_url

Reader = Callable[[Any], Any]

MAX_URL = 2048
MAX_HEADERS = 20
MAX_HEADER_NAME, MAX_HEADER_VALUE = 100, 1000
OWN_HEADERS = frozenset(
    {
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that the sender sets, or that would change how a request is framed (RFC 9110, 7.6.1)."""
OWN_PREFIXES = ("x-webhook-", "proxy-")

APPRISE_SCHEMES = frozenset(
    {
        # SMS and calls
        "46elks", "bulksms", "clickatell", "clicksend", "cm", "d7sms", "elks", "msgbird", "nexmo", "plivo",
        "seven", "sinch", "telnyx", "twilio", "vonage",
        # on call
        "firehydrant", "ilert", "incidentio", "pagertree", "signl4", "spike", "splunk", "squadcast",
        "victorops",
        # chats
        "dingtalk", "feishu", "flock", "groupme", "lark", "line", "revolt", "threema", "webex",
        "wecombot", "whatsapp", "wxteams",
        # phones and desktops
        "join", "onesignal", "pbul", "prowl", "psafers", "push", "pushy", "simplepush", "spush",
        # e-mail over a provider's API
        "brevo", "mailersend", "postmark", "resend", "sendgrid",
        # others
        "github", "ifttt",
    }
)  # fmt: skip
"""Services with one address of their own, which is called over https.

Left out is what takes a host name from the URL, because it could be aimed at anything that we can reach
(json, form, mailto, mqtt, irc, mastodon, zulip, …), what reads files or talks to this machine (syslog, dbus,
fcm, vapid, guilded, …), and what has a type of its own here, which is checked better.
"""
APPRISE_FORBIDDEN = frozenset({"verify", "redirect", "cto", "rto", "retry", "wait", "store"})
"""Parameters that would switch off checks or limits of ours."""

_TOKEN = re.compile(r"[\x21-\x7e]*")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


def _text_of(value: Any, low: int, high: int) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a string")  # noqa: TRY004 - one kind of error for whatever is wrong
    if not low <= len(value) <= high:
        raise ValueError(f"must have {low} to {high} characters")
    return value


def text(low: int = 1, high: int = 255) -> Reader:
    return lambda value: _text_of(value, low, high)


def token(pattern: str | None = None, what: str = "", high: int = 255) -> Reader:
    """A word without spaces; `what` says what the pattern stands for."""
    compiled = re.compile(pattern, re.ASCII) if pattern else _TOKEN

    def read(value: Any) -> str:
        word = _text_of(value, 1, high)
        if not compiled.fullmatch(word):
            raise ValueError(what or "must be printable ASCII without spaces")
        return word

    return read


def email(value: Any) -> str:
    return normalise_email(_text_of(value, 3, MAX_EMAIL))


def phone(value: Any) -> str:
    return require_phone(_text_of(value, 8, 16))


def choice(*values: str) -> Reader:
    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in values:
            raise ValueError(f"must be one of {', '.join(values)}")
        return value

    return read


def whole(low: int, high: int) -> Reader:
    def read(value: Any) -> int:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        # Compared before it is converted: infinity is no integer.
        if not is_number or not abs(value) <= 2**53 or value != int(value):
            raise ValueError("must be an integer")
        if not low <= value <= high:
            raise ValueError(f"must be from {low} to {high}")
        return int(value)

    return read


def url(*, only_https: bool = False, has_query: bool = True) -> Reader:
    """A URL at any server, as it is written."""

    def read(value: Any) -> str:
        written = _text_of(value, 1, MAX_URL)
        parts = split_http_url(written, only_https=only_https)
        if not has_query and "?" in parts.path:
            raise ValueError("must not have a query")
        return written

    return read


def service_url(hosts: Collection[str], path: str, what: str) -> Reader:
    """An https URL that a service gives out. `hosts` that begin with a dot stand for all names below.

    No `hosts`: the service is run by people themselves, also without TLS.
    """
    pattern = re.compile(path, re.ASCII)

    def read(value: Any) -> str:
        written = _text_of(value, 1, MAX_URL)
        parts = split_http_url(written, only_https=bool(hosts))
        if hosts and not any(_is_at(parts.hostname, host) for host in hosts):
            raise ValueError(what)
        if hosts and parts.port != 443:
            raise ValueError(what)
        if not pattern.fullmatch(parts.path):
            raise ValueError(what)
        return written

    return read


def _is_at(hostname: str, host: str) -> bool:
    return hostname.endswith(host) if host.startswith(".") else hostname == host


def headers(value: Any) -> dict[str, str]:
    """Names and values that a request carries besides those of its sender (RFC 9110, 5)."""
    if not isinstance(value, Mapping):
        raise ValueError("must be an object of texts")  # noqa: TRY004 - one kind of error
    if len(value) > MAX_HEADERS:
        raise ValueError(f"must have at most {MAX_HEADERS} headers")
    if len({str(name).lower() for name in value}) < len(value):
        raise ValueError("must not have a header twice")
    for name, content in value.items():
        _require_header(name, content)
    return dict(value)


def _require_header(name: Any, content: Any) -> None:
    """The name is shown in no error: whoever mixes it up with the value has put a secret there."""
    if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name) or len(name) > MAX_HEADER_NAME:
        raise ValueError(f"must have header names of 1 to {MAX_HEADER_NAME} letters, digits and hyphens")
    if name.lower() in OWN_HEADERS or name.lower().startswith(OWN_PREFIXES):
        raise ValueError(f"must not set {name.lower()}, which is set by the sender")
    if (
        not isinstance(content, str)
        or len(content) > MAX_HEADER_VALUE
        or not _HEADER_VALUE.fullmatch(content)
    ):
        raise ValueError(f"must have values of 1 to {MAX_HEADER_VALUE} printable ASCII characters")


def apprise_url(value: Any) -> str:
    """A URL of one of the services in APPRISE_SCHEMES, as Apprise's own pages describe them."""
    written = _text_of(value, 1, MAX_URL)
    if not _TOKEN.fullmatch(written):
        raise ValueError("must be percent-encoded ASCII without spaces")
    scheme, separator, rest = written.partition("://")
    if not separator or not rest or scheme.lower() not in APPRISE_SCHEMES:
        raise ValueError(f"must begin with one of {', '.join(sorted(APPRISE_SCHEMES))} and ://")
    try:
        query = urlsplit(f"https://x/?{rest.partition('?')[2]}").query
        names = {name.lower() for name, _ in parse_qsl(query, keep_blank_values=True)}
    except ValueError:
        raise ValueError("must have a query that can be read") from None
    if forbidden := names & APPRISE_FORBIDDEN:
        raise ValueError(f"must not set {', '.join(sorted(forbidden))}")
    return written

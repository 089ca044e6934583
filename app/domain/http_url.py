"""http and https URLs taken apart, strictly: what was judged has to be what is dialled."""

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from app.domain.hostname import HostnameError, normalise_hostname

USUAL_PORTS = {"http": 80, "https": 443}
_NOT_IN_A_URL = re.compile(r"[\x00-\x20\x7f-\xa0\\#]|[\ud800-\udfff]")
_TARGET = re.compile(r"[\x21-\x7e]*")


class HttpUrlError(ValueError):
    """The text is no URL that could be asked for; it says why."""


@dataclass(frozen=True)
class HttpUrl:
    """The parts of a URL: `http` or `https`, an A-label or IP literal, a port, and path with query."""

    scheme: str
    hostname: str
    port: int
    path: str = field(repr=False)
    """May carry keys, in its query as well as in itself."""

    @property
    def host_header(self) -> str:
        """As it is written in a request (RFC 9110, 7.2)."""
        host = f"[{self.hostname}]" if ":" in self.hostname else self.hostname
        return host if self.port == USUAL_PORTS[self.scheme] else f"{host}:{self.port}"


def split_http_url(url: str, *, only_https: bool = False) -> HttpUrl:
    """Take a URL apart. Raises HttpUrlError.

    Parsers differ in what they make of odd characters, so they are refused, before anything else is
    looked at.
    """
    if _NOT_IN_A_URL.search(url):
        raise HttpUrlError("must not contain spaces, control characters, backslashes or a fragment")
    try:
        parts = urlsplit(url)
        port = parts.port
        hostname = normalise_hostname(parts.hostname or "")
    except (HostnameError, ValueError):
        kind = "an https" if only_https else "an http or https"
        raise HttpUrlError(f"must be {kind} URL with a valid host name") from None
    if fault := _fault(parts, port, only_https=only_https):
        raise HttpUrlError(fault)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return HttpUrl(parts.scheme, hostname, port or USUAL_PORTS[parts.scheme], path)


def _fault(parts: SplitResult, port: int | None, *, only_https: bool) -> str | None:
    if parts.scheme != "https" and (only_https or parts.scheme != "http"):
        return "must begin with https://" if only_https else "must begin with http:// or https://"
    if "@" in parts.netloc:
        return "must not contain a user name or password"
    if port == 0:
        return "must have a port from 1 to 65535"
    if not _TARGET.fullmatch(parts.path + parts.query):
        return "must have other than ASCII characters percent-encoded"
    return None

"""Lets Apprise's plugins speak HTTP, by our rules alone: this stands in for `requests` inside of them.

A plugin builds a service's request, and calls `requests.post` or its like. The module it calls is replaced,
in the plugins that we use and nowhere else, by `GUARDED`. That one takes a request apart, judges every
address of its host with the TargetGuard, and dials the very address that was judged: no name is looked up a
second time, no redirect is followed, no proxy, .netrc or CA bundle of the environment is used, certificates
are always verified, and all requests of one delivery share one deadline and one byte budget. Where no
delivery is under way in the thread, or a plugin asks `requests` for anything else, it fails: what is not
known to be guarded does not happen.

Apprise's own means do not suffice: redirects and verification are options of the URL, which users write;
timeouts hold for single reads, and a target that drips outlives them; a delivery that is given up goes on in
its thread.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from app.domain.http_url import HttpUrlError, split_http_url
from app.domain.target import TargetGuard, TlsPolicy
from app.net.failure import CheckError
from app.net.http import asking
from app.net.limits import Limits
from app.notifiers.failure import UndeliveredError
from app.version import USER_AGENT

MAX_BODY = 64 * 1024
MAX_REQUESTS = 10
"""Of one delivery: signing in, finding a room, telling it; what needs more is in a loop."""
HARMLESS = frozenset({"codes", "exceptions"})


@dataclass
class Errand:
    """One delivery by a plugin: how far it may go, and what it met with."""

    limits: Limits
    guard: TargetGuard
    tls: TlsPolicy
    requests: int = 0
    status: int | None = None
    """Of the last answer."""
    body: bytes = field(default=b"", repr=False)
    failure: CheckError | UndeliveredError | None = None
    """Why no answer came to a request, where a plugin might keep it to itself."""


_ERRAND: ContextVar[Errand] = ContextVar("errand")


@contextmanager
def errand(limits: Limits, guard: TargetGuard, tls: TlsPolicy) -> Iterator[Errand]:
    """Within the block, and in this thread alone, plugins may make requests."""
    current = Errand(limits, guard, tls)
    token = _ERRAND.set(current)
    try:
        yield current
    finally:
        _ERRAND.reset(token)


class _Adapter(BaseAdapter):
    """Carries a request of `requests` over the guarded connection."""

    def __init__(self, current: Errand) -> None:
        super().__init__()
        self._errand = current

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        current = self._errand
        try:
            return self._answer(request)
        except (CheckError, UndeliveredError) as failure:
            current.failure = failure
            raise

    def _answer(self, request: requests.PreparedRequest) -> requests.Response:
        current = self._errand
        current.requests += 1
        if current.requests > MAX_REQUESTS:
            raise UndeliveredError("The service would not come to an end.")
        try:
            url = split_http_url(request.url or "")
        except HttpUrlError as error:
            raise UndeliveredError(f"The target's URL {error}.", is_final=True) from None
        body = request.body.encode() if isinstance(request.body, str) else request.body
        headers = CaseInsensitiveDict(request.headers)
        headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "identity", "Connection": "close"})
        with asking(
            url,
            request.method or "POST",
            body,
            dict(headers),
            guard=current.guard,
            limits=current.limits,
            tls=current.tls,
        ) as answer:
            current.status, current.body = answer.status, answer.read(MAX_BODY)
            return _response(request, answer.status, dict(answer.getheaders()), current.body)

    def close(self) -> None:
        """Each connection is closed with its answer."""


def _response(
    request: requests.PreparedRequest, status: int, headers: dict[str, str], body: bytes
) -> requests.Response:
    response = requests.Response()
    response.request, response.url = request, request.url or ""
    response.status_code, response.headers = status, CaseInsensitiveDict(headers)
    response.raw = io.BytesIO(body)
    response.encoding = requests.utils.get_encoding_from_headers(response.headers)
    return response


class GuardedRequests:
    """As much of the module `requests` as plugins need."""

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        current = _ERRAND.get()
        # Whatever the plugin says of these, and URLs let users say a lot, it is so.
        ours = {"allow_redirects": False, "verify": True, "proxies": None, "stream": False, "timeout": None}
        with requests.Session() as session:
            session.trust_env = False
            session.mount("https://", _Adapter(current))
            session.mount("http://", _Adapter(current))
            return session.request(method, url, **{**options, **ours})

    def get(self, url: str, **options: Any) -> requests.Response:
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> requests.Response:
        return self.request("POST", url, **options)

    def put(self, url: str, **options: Any) -> requests.Response:
        return self.request("PUT", url, **options)

    def delete(self, url: str, **options: Any) -> requests.Response:
        return self.request("DELETE", url, **options)

    def __getattr__(self, name: str) -> Any:
        """Status codes and the exceptions that plugins expect; no other way out."""
        value = getattr(requests, name)
        if name in HARMLESS or (isinstance(value, type) and issubclass(value, Exception)):
            return value
        raise AttributeError(f"requests.{name} is not for plugins")


GUARDED = GuardedRequests()


def guard_module(module: ModuleType) -> None:
    """Put the stand-in into a module of Apprise. Doing it twice does no harm."""
    if hasattr(module, "requests"):
        module.requests = GUARDED  # type: ignore[attr-defined] # that is the point

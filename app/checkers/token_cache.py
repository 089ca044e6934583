"""Keeps access tokens until they near their end, and lets one check at a time fetch a new one.

In memory alone: a token is a secret that is worth nothing after a restart.
"""

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import astuple, dataclass, field

from app.checkers.token_endpoint import Grant, InvalidGrantError
from app.domain.enums import ErrorCode
from app.domain.oauth import OAuthSettings
from app.net.failure import CheckError
from app.net.limits import Limits

MAX_ENTRIES = 10_000
ENDPOINTS_WORD = frozenset({ErrorCode.OAUTH_FAILED, ErrorCode.TEMPORARILY_UNAVAILABLE})
"""Failures that are those of all who wait for the fetch; others concern the check alone that fetched."""
MARGIN_SECONDS, MARGIN_SHARE = 60.0, 0.1
"""A token counts as over this long before its end, or this part of its life, whichever is shorter."""

Fetch = Callable[[str | None], Grant]
"""Asks the endpoint, with the refresh token to use."""


@dataclass
class _Entry:
    """What is known for one kind of token. Its fields are the cache's to lock."""

    access_token: str | None = field(default=None, repr=False)
    fresh_until: float = 0.0
    refresh_token: str | None = field(default=None, repr=False)
    """The newest, where the endpoint replaces them; None: the one in the settings."""
    flight: "Future[str] | None" = field(default=None, repr=False)
    """The fetch under way, for all who wait for it."""


class TokenCache:
    """Tokens by a hash of all that they depend on, so that whoever lacks one of the secrets gets none."""

    def __init__(self, max_entries: int = MAX_ENTRIES, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_entries = max_entries
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._salt = secrets.token_bytes(32)

    def token(self, settings: OAuthSettings, limits: Limits, fetch: Fetch) -> str:
        """A token that has not ended: from memory, from the fetch under way, or fetched now.

        Raises CheckError: the fetch's, also to those who waited for it. But a fetch whose time ran out
        says nothing to a check that has some left; that one goes and asks for itself.
        """
        while True:
            with self._lock:
                entry = self._entry(settings)
                if entry.access_token is not None and self._clock() < entry.fresh_until:
                    return entry.access_token
                flight, is_ours = entry.flight, entry.flight is None
                if flight is None:
                    flight = entry.flight = Future()
            if is_ours:
                return self._fly(entry, flight, fetch)
            token = _landed(flight, limits)
            if token is not None:
                return token

    def forget(self, settings: OAuthSettings, token: str) -> None:
        """The mail server has refused it; the next check gets another."""
        with self._lock:
            entry = self._entry(settings)
            if entry.access_token == token:
                entry.access_token = None

    def known_secrets(self, settings: OAuthSettings) -> tuple[str, ...]:
        """What a server may have from an earlier check, and so may echo in this one."""
        with self._lock:
            entry = self._entry(settings)
            return tuple(secret for secret in (entry.access_token, entry.refresh_token) if secret)

    def _entry(self, settings: OAuthSettings) -> _Entry:
        """Called with the lock held. The one that was not used for longest makes room."""
        key = hashlib.blake2b(repr(astuple(settings)).encode(), key=self._salt).digest()
        entry = self._entries.setdefault(key, _Entry())
        self._entries.move_to_end(key)
        if len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)
        return entry

    def _fly(self, entry: _Entry, flight: "Future[str]", fetch: Fetch) -> str:
        """Fetch, and tell all who wait. Only one thread at a time gets here for an entry."""
        try:
            grant = fetch(entry.refresh_token)
        except BaseException as error:
            with self._lock:
                entry.flight = None
                if isinstance(error, InvalidGrantError):
                    # The newer refresh token is no good; the next turn is the configured one's.
                    entry.refresh_token = None
            flight.set_exception(_without_frames(error))
            raise
        with self._lock:
            entry.flight = None
            entry.access_token = grant.access_token
            margin = min(MARGIN_SECONDS, grant.lifetime * MARGIN_SHARE)
            entry.fresh_until = self._clock() + grant.lifetime - margin
            entry.refresh_token = grant.refresh_token or entry.refresh_token
        flight.set_result(grant.access_token)
        return grant.access_token


def _without_frames(error: BaseException) -> CheckError:
    """The same failure for others: an exception is changed on its way up, and its frames hold secrets."""
    if isinstance(error, CheckError):
        return CheckError(error.code, error.message)
    return CheckError(ErrorCode.INTERNAL_ERROR, "The check that was fetching the token failed.")


def _landed(flight: "Future[str]", limits: Limits) -> str | None:
    """What a fetch of somebody else's came to; None when it came to nothing that concerns us."""
    # Outside, because our own time running out must not be taken for the other's.
    seconds = limits.remaining()
    try:
        return flight.result(seconds)
    except TimeoutError:
        failure = limits.expired()
        failure.waited_for = "for a token that another check was fetching"
        raise failure from None
    except CheckError as failure:
        if failure.code not in ENDPOINTS_WORD:
            return None
        raise CheckError(failure.code, failure.message) from None

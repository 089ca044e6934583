"""Keeping tokens: for how long, for whom, and who goes to fetch one."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import pytest

from app.checkers.token_cache import TokenCache
from app.checkers.token_endpoint import Grant, InvalidGrantError
from app.domain.enums import ErrorCode, GrantType
from app.domain.oauth import OAuthSettings
from app.net.failure import CheckError
from app.net.limits import Limits

SETTINGS = OAuthSettings(
    "https://a.example/token", GrantType.REFRESH_TOKEN, "client", "s3cret", "r3fresh", "mail", "ca"
)
REFUSAL = CheckError(ErrorCode.OAUTH_FAILED, "No token from a.example: invalid_client")
INVALID_GRANT = InvalidGrantError(ErrorCode.OAUTH_FAILED, "No token from a.example: invalid_grant")
BUSY = CheckError(ErrorCode.TEMPORARILY_UNAVAILABLE, "No token from a.example: it answered with status 429.")
TIMED_OUT = CheckError(ErrorCode.TIMEOUT, "The time limit of 1 s is over.")


@dataclass
class Endpoint:
    """Counts who asks it, and with which refresh token."""

    lifetime: float = 3600.0
    rotates: bool = False
    asked_with: list[str | None] = field(default_factory=list)
    failure: BaseException | None = None
    gate: threading.Event | None = None
    """Holds every answer back until it is set."""
    is_asked: threading.Event = field(default_factory=threading.Event)

    def __call__(self, refresh_token: str | None) -> Grant:
        self.asked_with.append(refresh_token)
        number = len(self.asked_with)
        self.is_asked.set()
        if self.gate is not None:
            assert self.gate.wait(10)
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        return Grant(f"token-{number}", self.lifetime, f"refresh-{number}" if self.rotates else None)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
def cache(clock: Clock) -> TokenCache:
    return TokenCache(max_entries=3, clock=clock)


class TellingLimits(Limits):
    """Tell when a check is about to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.is_waiting = threading.Event()

    def remaining(self) -> float:
        self.is_waiting.set()
        return super().remaining()


Ask = Callable[..., str]


@pytest.fixture
def ask(cache: TokenCache, endpoint: Endpoint) -> Ask:
    return lambda settings=SETTINGS, seconds=5.0: cache.token(settings, Limits(seconds), endpoint)


class TestLife:
    @pytest.mark.parametrize(("lifetime", "kept"), [(3600.0, 3540.0), (100.0, 90.0)])
    def test_token_is_kept_until_near_its_end(
        self, ask: Ask, endpoint: Endpoint, clock: Clock, lifetime: float, kept: float
    ) -> None:
        endpoint.lifetime = lifetime
        assert ask() == "token-1"
        clock.now += kept - 0.01
        assert ask() == "token-1"
        clock.now += 0.01
        assert ask() == "token-2"

    def test_token_without_a_life_is_used_once(self, ask: Ask, endpoint: Endpoint) -> None:
        endpoint.lifetime = 0.0
        assert [ask(), ask()] == ["token-1", "token-2"]

    def test_refused_token_is_forgotten(self, ask: Ask, cache: TokenCache) -> None:
        cache.forget(SETTINGS, ask())
        assert ask() == "token-2"

    def test_newer_token_outlives_the_refusal_of_an_older_one(self, ask: Ask, cache: TokenCache) -> None:
        cache.forget(SETTINGS, "an older one")
        ask()
        cache.forget(SETTINGS, "an older one")
        assert ask() == "token-1"

    @pytest.mark.parametrize(
        "change",
        [
            {"token_url": "https://b.example/token"},
            {"client_id": "other"},
            {"client_secret": "other"},
            {"client_secret": None},
            {"refresh_token": "other"},
            {"scope": None},
            {"grant_type": GrantType.CLIENT_CREDENTIALS},
            {"ca": None},
        ],
        ids=str,
    )
    def test_token_is_for_those_alone_who_know_all_that_it_depends_on(
        self, ask: Ask, change: dict[str, str]
    ) -> None:
        assert ask() == "token-1"
        assert ask(replace(SETTINGS, **change)) == "token-2"
        assert ask() == "token-1"

    def test_the_one_not_used_for_longest_makes_room(self, ask: Ask, cache: TokenCache) -> None:
        first, second, *others = (replace(SETTINGS, scope=f"scope {number}") for number in range(4))
        for settings in (first, second, first, *others):
            ask(settings)
        assert len(cache._entries) == 3
        assert ask(first) == "token-1"
        assert ask(second) == "token-5"


class TestRotation:
    def test_newer_refresh_token_is_used_from_then_on(
        self, ask: Ask, endpoint: Endpoint, clock: Clock
    ) -> None:
        endpoint.rotates = True
        for _ in range(2):
            ask()
            clock.now += 3600
        endpoint.rotates = False
        ask()
        clock.now += 3600
        ask()
        assert endpoint.asked_with == [None, "refresh-1", "refresh-2", "refresh-2"]

    @pytest.mark.parametrize(("failure", "then"), [(INVALID_GRANT, None), (TIMED_OUT, "refresh-1")])
    def test_configured_one_has_its_turn_when_the_newer_is_refused(
        self, ask: Ask, endpoint: Endpoint, clock: Clock, failure: CheckError, then: str | None
    ) -> None:
        endpoint.rotates = True
        ask()
        clock.now += 3600
        endpoint.failure = failure
        with pytest.raises(CheckError):
            ask()
        ask()
        assert endpoint.asked_with == [None, "refresh-1", then]

    def test_what_a_server_may_know_is_told_for_masking(
        self, ask: Ask, cache: TokenCache, endpoint: Endpoint
    ) -> None:
        assert cache.known_secrets(SETTINGS) == ()
        endpoint.rotates = True
        ask()
        assert cache.known_secrets(SETTINGS) == ("token-1", "refresh-1")


class TestOneAtATime:
    @pytest.fixture
    def endpoint(self) -> Endpoint:
        return Endpoint(gate=threading.Event())

    def test_many_checks_share_one_fetch(self, ask: Ask, endpoint: Endpoint) -> None:
        with ThreadPoolExecutor(20) as pool:
            asking = [pool.submit(ask) for _ in range(20)]
            assert endpoint.is_asked.wait(5)
            endpoint.gate.set()
            assert {each.result(5) for each in asking} == {"token-1"}
        assert len(endpoint.asked_with) == 1

    def test_nobody_waits_longer_than_they_may(self, ask: Ask, endpoint: Endpoint) -> None:
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(ask)
            assert endpoint.is_asked.wait(5)
            with pytest.raises(CheckError) as caught:
                ask(seconds=0.1)
            endpoint.gate.set()
            assert first.result(5) == "token-1"
        assert caught.value.code is ErrorCode.TIMEOUT
        assert caught.value.waited_for == "for a token that another check was fetching"

    def test_whose_time_is_over_already_does_not_wait_at_all(self, ask: Ask, endpoint: Endpoint) -> None:
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(ask)
            assert endpoint.is_asked.wait(5)
            late = pool.submit(ask, seconds=0)
            failure = late.exception(5)
            endpoint.gate.set()
            assert first.result(5) == "token-1"
        assert isinstance(failure, CheckError)
        assert failure.code is ErrorCode.TIMEOUT

    def test_other_settings_do_not_wait(self, ask: Ask, cache: TokenCache, endpoint: Endpoint) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(ask)
            assert endpoint.is_asked.wait(5)
            assert cache.token(replace(SETTINGS, scope="x"), Limits(5), Endpoint()) == "token-1"
            endpoint.gate.set()

    @pytest.mark.parametrize("said", [REFUSAL, BUSY], ids=lambda said: said.code)
    def test_failure_is_everybody_s(self, cache: TokenCache, endpoint: Endpoint, said: CheckError) -> None:
        endpoint.failure = said
        failure = self._join(cache, endpoint, Endpoint())
        assert isinstance(failure, CheckError)
        assert (failure.code, failure.message) == (said.code, said.message)
        assert failure is not said

    @pytest.mark.parametrize("failure", [TIMED_OUT, RuntimeError("s3cret")])
    def test_who_has_time_left_asks_again_where_another_s_ran_out(
        self, cache: TokenCache, endpoint: Endpoint, failure: Exception
    ) -> None:
        endpoint.failure = failure
        assert self._join(cache, endpoint, Endpoint()) == "token-1"

    def _join(self, cache: TokenCache, first: Endpoint, second: Endpoint) -> str | CheckError:
        """What comes of a check that waits for the failing fetch of another."""
        limits = TellingLimits(5)
        with ThreadPoolExecutor(2) as pool:
            failing = pool.submit(cache.token, SETTINGS, Limits(5), first)
            assert first.is_asked.wait(5)
            joined = pool.submit(cache.token, SETTINGS, limits, second)
            assert limits.is_waiting.wait(5)
            first.gate.set()
            assert failing.exception(5) is not None
            error = joined.exception(5)
        return error if isinstance(error, CheckError) else joined.result()

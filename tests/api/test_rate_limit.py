"""How many requests a caller may send, and who counts as one caller."""

import secrets
from collections.abc import Callable
from typing import Any

import pytest
import redis
from flask import Flask

from app.api.limits import LOGIN_RATE
from app.domain.enums import Role
from app.models import Organization, User
from tests.calling import MONITORS, Caller, assert_failure, caller_of
from tests.factories import PASSWORD, Factory
from tests.parts import require

REDIS_URL = "redis://127.0.0.1:6379/13"
LOGIN = "/api/auth/login"
ME = "/api/auth/me"


@pytest.fixture
def limited(make_app: Callable[..., Flask]) -> Flask:
    return make_app(RATE_LIMIT="3/minute")


def statuses(caller: Caller, count: int, path: str = MONITORS, **options: Any) -> list[int]:
    return [caller.get(path, **options).status_code for _ in range(count)]


def test_headers_count_down(limited: Flask, admin: Caller) -> None:
    for remaining in ("2", "1", "0"):
        headers = admin.on(limited).get(MONITORS).headers
        assert headers["X-RateLimit-Limit"] == "3"
        assert headers["X-RateLimit-Remaining"] == remaining
        assert headers["X-RateLimit-Reset"].isdigit()
        assert "Retry-After" not in headers


def test_one_request_too_many_is_429_with_the_seconds_to_wait(limited: Flask, admin: Caller) -> None:
    someone = admin.on(limited)
    assert statuses(someone, 3) == [200] * 3

    response = someone.get(MONITORS)

    assert_failure(response, 429, "Too Many Requests")
    assert 1 <= int(response.headers["Retry-After"]) <= 60
    assert response.headers["X-RateLimit-Remaining"] == "0"


def test_all_endpoints_count_together(limited: Flask, admin: Caller) -> None:
    someone = admin.on(limited)
    paths = (MONITORS, "/api/customers", ME, "/api/customers")

    assert [someone.get(path).status_code for path in paths] == [200, 200, 200, 429]


def test_each_user_counts_alone_although_the_address_is_the_same(
    limited: Flask, caller: Callable[[Role], Caller]
) -> None:
    first, second = (caller(Role.ADMIN).on(limited) for _ in range(2))

    assert statuses(first, 4)[-1] == 429
    assert statuses(second, 3) == [200] * 3


def test_all_sessions_of_a_user_count_together(
    limited: Flask, make: Factory, login: Callable[[User], Caller], house: Organization
) -> None:
    user = make.user(house)
    first, second = (login(user).on(limited) for _ in range(2))

    assert statuses(first, 3) == [200] * 3
    assert statuses(second, 1) == [429]


def test_whoever_has_no_token_counts_by_address(limited: Flask, nobody: Caller, admin: Caller) -> None:
    assert statuses(nobody.on(limited), 4) == [401, 401, 401, 429]
    assert statuses(admin.on(limited), 1) == [200]
    assert statuses(nobody.on(limited), 1, environ_base={"REMOTE_ADDR": "192.0.2.9"}) == [401]


@pytest.mark.parametrize("path", ["/healthz", "/openapi.json", "/docs", "/metrics"])
def test_what_operators_and_readers_ask_for_is_not_counted(limited: Flask, nobody: Caller, path: str) -> None:
    assert set(statuses(nobody.on(limited), 6, path)) == {200}


def test_a_login_is_limited_more_strictly(make_app: Callable[..., Flask], nobody: Caller) -> None:
    someone = nobody.on(make_app(RATE_LIMIT="1000/minute"))
    wrong = {"email": "ada@example.com", "password": "wrong"}
    allowed = int(LOGIN_RATE.split("/", maxsplit=1)[0])

    seen = [someone.post(LOGIN, wrong) for _ in range(allowed + 1)]

    assert [response.status_code for response in seen] == [401] * allowed + [429]
    assert int(seen[-1].headers["Retry-After"]) >= 1
    assert statuses(someone, 1, ME) == [401]


def test_a_refresh_works_while_requests_are_counted(limited: Flask, nobody: Caller, make: Factory) -> None:
    credentials = {"email": make.user().email, "password": PASSWORD}
    tokens = nobody.on(limited).post(LOGIN, credentials).get_json()

    assert Caller(limited, tokens["refreshToken"]).post("/api/auth/refresh").status_code == 200


def test_off_counts_nothing(make_app: Callable[..., Flask], admin: Caller) -> None:
    someone = admin.on(make_app(RATE_LIMIT="off"))

    assert set(statuses(someone, 5)) == {200}
    assert "X-RateLimit-Limit" not in someone.get(MONITORS).headers


def _from(address: str) -> dict[str, Any]:
    return {"headers": {"X-Forwarded-For": address}}


def test_a_forwarded_address_counts_behind_trusted_proxies(
    make_app: Callable[..., Flask], nobody: Caller
) -> None:
    someone = nobody.on(make_app(RATE_LIMIT="1/minute", TRUSTED_PROXIES="1"))

    assert statuses(someone, 2, ME, **_from("192.0.2.1")) == [401, 429]
    assert statuses(someone, 1, ME, **_from("192.0.2.2")) == [401]
    # Only the last hop is our proxy's word; whatever stands before it may be invented.
    assert statuses(someone, 1, ME, **_from("192.0.2.77, 192.0.2.1")) == [429]


def test_a_forwarded_address_is_nobodys_word_without_proxies(
    make_app: Callable[..., Flask], nobody: Caller
) -> None:
    someone = nobody.on(make_app(RATE_LIMIT="1/minute"))

    assert statuses(someone, 1, ME, **_from("192.0.2.1")) == [401]
    assert statuses(someone, 1, ME, **_from("192.0.2.2")) == [429]


@pytest.fixture
def redis_url() -> str:
    server = redis.Redis.from_url(REDIS_URL, socket_connect_timeout=1)
    try:
        is_available = server.ping()
    except redis.ConnectionError:
        is_available = False
    server.close()
    require(bool(is_available), "Redis", "a Redis server on 127.0.0.1:6379")
    return REDIS_URL


def test_processes_that_share_redis_count_together(
    make_app: Callable[..., Flask], make: Factory, redis_url: str
) -> None:
    # An id of its own, because what is counted stays in Redis for a minute.
    user = make.user(id=secrets.randbelow(2**40) + 2**40)
    apps = [make_app(RATE_LIMIT="3/minute", REDIS_URL=redis_url) for _ in range(2)]
    first, second = (caller_of(app, make.session(user)) for app in apps)

    assert statuses(first, 2) + statuses(second, 2) == [200, 200, 200, 429]
    assert statuses(first, 1) == [429]


def test_while_redis_is_away_each_process_counts_for_itself(
    make_app: Callable[..., Flask], admin: Caller
) -> None:
    someone = admin.on(make_app(RATE_LIMIT="2/minute", REDIS_URL="redis://127.0.0.1:1/0"))

    assert statuses(someone, 3) == [200, 200, 429]

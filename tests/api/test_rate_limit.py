"""How many requests a caller may send, and who counts as one caller."""

import secrets
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import monotonic
from typing import Any

import pytest
import redis
from flask import Flask
from sqlalchemy.exc import OperationalError

from app.api import context
from app.api.limits import ACCOUNT_RATE, GUESS_RATE, LOGIN_RATE
from app.domain.enums import Role
from app.models import Organization, User
from tests.calling import MONITORS, Caller, assert_failure, caller_of
from tests.factories import PASSWORD, Factory
from tests.parts import require

# Counted are requests, in memory or in Redis: what the callers are read from plays no part.
pytestmark = pytest.mark.only_on("sqlite")

REDIS_URL = "redis://127.0.0.1:6379/13"
LOGIN = "/api/auth/login"
ME = "/api/auth/me"
CHANGE_PASSWORD = "/api/auth/change-password"


@pytest.fixture
def limited(make_app: Callable[..., Flask]) -> Flask:
    return make_app(RATE_LIMIT="3/minute")


def amount(rate: str) -> int:
    return int(rate.split("/", maxsplit=1)[0])


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
    allowed = amount(LOGIN_RATE)

    seen = [someone.post(LOGIN, wrong) for _ in range(allowed + 1)]

    assert [response.status_code for response in seen] == [401] * allowed + [429]
    assert int(seen[-1].headers["Retry-After"]) >= 1
    assert statuses(someone, 1, ME) == [401]


def log_in_from(someone: Caller, address: str, email: str, password: str = "wrong") -> int:
    body = {"email": email, "password": password}
    return someone.post(LOGIN, body, environ_base={"REMOTE_ADDR": address}).status_code


@pytest.mark.parametrize("is_known", [True, False])
def test_logins_to_one_account_are_limited_wherever_they_come_from(
    make_app: Callable[..., Flask], nobody: Caller, make: Factory, is_known: bool
) -> None:
    someone, user = nobody.on(make_app(RATE_LIMIT="1000/minute")), make.user()
    email = user.email if is_known else "nobody@example.com"
    allowed = amount(ACCOUNT_RATE)

    spellings = (email, email.upper(), f" {email} ")
    seen = [log_in_from(someone, f"192.0.2.{n}", spellings[n % 3]) for n in range(allowed + 1)]

    assert seen == [401] * allowed + [429]
    assert log_in_from(someone, "198.51.100.1", email, PASSWORD) == 429
    assert log_in_from(someone, "198.51.100.1", make.user().email, PASSWORD) == 200


def test_one_address_alone_keeps_no_owner_out(
    make_app: Callable[..., Flask], nobody: Caller, make: Factory
) -> None:
    someone, user = nobody.on(make_app(RATE_LIMIT="1000/minute")), make.user()
    for _ in range(amount(ACCOUNT_RATE) * 2):
        log_in_from(someone, "192.0.2.1", user.email)

    assert log_in_from(someone, "198.51.100.1", user.email, PASSWORD) == 200


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"email": 5}', 400),
        (b'{"email": "\\ud800", "password": "a"}', 400),
        (b" " * 70_000, 413),
    ],
)
def test_a_login_that_names_no_account_is_answered_as_ever(
    make_app: Callable[..., Flask], nobody: Caller, data: bytes, status: int
) -> None:
    someone = nobody.on(make_app())

    assert someone.post(LOGIN, data=data, content_type="application/json").status_code == status


def test_guessing_the_password_of_a_session_is_limited_by_user(
    make_app: Callable[..., Flask], login: Callable[[User], Caller], make: Factory
) -> None:
    app, user = make_app(RATE_LIMIT="1000/minute"), make.user()
    first, second, other = (login(who).on(app) for who in (user, user, make.user()))
    body = {"currentPassword": "wrong", "newPassword": "another good password"}
    allowed = amount(GUESS_RATE)

    seen = [someone.post(CHANGE_PASSWORD, body).status_code for someone in [first, second] * allowed]

    assert seen == [400] * allowed + [429] * allowed
    assert other.post(CHANGE_PASSWORD, body).status_code == 400
    assert statuses(first, 1, ME) == [200]


def test_each_token_counts_alone(limited: Flask, admin: Caller) -> None:
    made = [admin.post("/api/organization/tokens", {"name": name}).get_json() for name in ("A", "B")]
    first, second = (Caller(limited, token["token"]) for token in made)

    assert statuses(first, 4) == [200, 200, 200, 429]
    assert statuses(second, 1) == [200]
    assert statuses(admin.on(limited), 1) == [200]


def test_what_leads_nowhere_is_counted_too(limited: Flask, nobody: Caller) -> None:
    someone = nobody.on(limited)

    assert statuses(someone, 2, "/api/nowhere") == [404, 404]
    assert someone.send("PUT", MONITORS).status_code == 405
    assert_failure(someone.get("/api/elsewhere"), 429)
    assert statuses(someone, 1, "/nowhere") == [404]


def test_asking_for_the_methods_is_not_counted(limited: Flask, nobody: Caller) -> None:
    seen = [nobody.on(limited).send("OPTIONS", MONITORS) for _ in range(6)]

    assert {response.status_code for response in seen} == {200}
    assert "X-RateLimit-Limit" not in seen[-1].headers


@pytest.mark.parametrize(
    ("first", "second", "are_one"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1:1234", "192.0.2.1:1235", True),
        ("192.0.2.1:1234", "192.0.2.1", True),
        ("192.0.2.1:1234", "192.0.2.2:1234", False),
        ("[2001:db8:1:2::1]:1234", "[2001:db8:1:2::2]:1235", True),
        ("[2001:db8:1:2::1]", "2001:db8:1:2::2", True),
        ("[2001:db8:1:2::1]:1234", "[2001:db8:1:3::1]:1234", False),
        ("[::ffff:192.0.2.1]:1234", "192.0.2.1", True),
        ("unknown", "_hidden:1234", True),
        ("unknown", "", True),
        ("unknown", "192.0.2.1", False),
    ],
)
def test_a_host_is_one_caller_whatever_address_it_takes(
    make_app: Callable[..., Flask], nobody: Caller, first: str, second: str, are_one: bool
) -> None:
    someone = nobody.on(make_app(RATE_LIMIT="1/minute"))

    assert statuses(someone, 1, environ_base={"REMOTE_ADDR": first}) == [401]
    assert statuses(someone, 1, environ_base={"REMOTE_ADDR": second}) == [429 if are_one else 401]


@pytest.mark.only_on("postgresql")
def test_a_database_that_is_away_is_no_fault_of_the_counting(
    make_app: Callable[..., Flask],
    admin: Caller,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked = []

    def away(**_: object) -> None:
        asked.append(1)
        raise OperationalError("select", {}, Exception("away"))

    someone = admin.on(make_app(RATE_LIMIT="3/minute"))
    monkeypatch.setattr(context.auth, "authenticate", away)

    assert_failure(someone.get(MONITORS), 503)
    assert asked == [1]
    assert "storage" not in caplog.text


@pytest.mark.only_on("postgresql")
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


@pytest.mark.parametrize("form", ["192.0.2.1:{}", "[2001:db8::1]:{}", "[2001:db8::{}]", "made-up-{}"])
def test_a_proxy_that_tells_ports_makes_no_new_callers(
    make_app: Callable[..., Flask], nobody: Caller, form: str
) -> None:
    someone = nobody.on(make_app(RATE_LIMIT="1/minute", TRUSTED_PROXIES="1"))

    seen = [statuses(someone, 1, ME, **_from(form.format(n)))[0] for n in range(1000, 1003)]

    assert seen == [401, 429, 429]


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


def test_redis_is_not_told_who_logs_in(
    make_app: Callable[..., Flask], nobody: Caller, redis_url: str
) -> None:
    email = f"{secrets.token_hex(8)}@example.com"
    someone = nobody.on(make_app(RATE_LIMIT="1000/minute", REDIS_URL=redis_url))

    assert log_in_from(someone, "192.0.2.1", email) == 401

    with redis.Redis.from_url(redis_url) as server:
        keys = [key.decode() for key in server.scan_iter()]
    assert any("account:" in key for key in keys)
    assert not any(email in key for key in keys)


def test_while_redis_is_away_each_process_counts_for_itself(
    make_app: Callable[..., Flask], admin: Caller
) -> None:
    someone = admin.on(make_app(RATE_LIMIT="2/minute", REDIS_URL="redis://127.0.0.1:1/0"))

    assert statuses(someone, 3) == [200, 200, 429]


@pytest.fixture
def silent_redis() -> Iterator[str]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


def test_a_redis_that_says_nothing_is_waited_for_once(
    make_app: Callable[..., Flask], nobody: Caller, silent_redis: str
) -> None:
    someone = nobody.on(make_app(RATE_LIMIT="2/minute", REDIS_URL=silent_redis))
    began = monotonic()

    assert statuses(someone, 3) == [401, 401, 429]
    assert set(statuses(someone, 20, "/healthz")) == {200}
    assert statuses(someone, 20) == [429] * 20
    assert monotonic() - began < 10


@pytest.mark.only_on("postgresql")
def test_requests_that_wait_for_a_silent_redis_at_once_are_all_answered(
    make_app: Callable[..., Flask], nobody: Caller, silent_redis: str
) -> None:
    someone, size = nobody.on(make_app(RATE_LIMIT="5/minute", REDIS_URL=silent_redis)), 16
    together = Barrier(size)

    def ask(_: int) -> int:
        together.wait()
        return someone.get(MONITORS).status_code

    began = monotonic()
    with ThreadPoolExecutor(size) as threads:
        seen = sorted(threads.map(ask, range(size)))

    assert seen == [401] * 5 + [429] * (size - 5)
    # Half a second each, were it in turn.
    assert monotonic() - began < 6


def test_a_redis_that_falls_silent_before_the_headers_are_written_breaks_no_answer(
    make_app: Callable[..., Flask], nobody: Caller, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(RATE_LIMIT="5/minute", REDIS_URL=redis_url)
    (limiter,) = app.extensions["limiter"]

    def fail(*_: object) -> None:
        # As another request does that found out first.
        limiter._storage_dead = True
        raise redis.TimeoutError

    monkeypatch.setattr(limiter.storage, "get_expiry", fail)

    assert nobody.on(app).get(MONITORS).headers["X-RateLimit-Remaining"] == "4"

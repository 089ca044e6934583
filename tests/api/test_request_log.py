"""One line in the log for each request, and the request's id on every line written meanwhile."""

import io
import logging
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from structlog.contextvars import get_contextvars

from app.domain.enums import Role
from app.log import CONSOLE, formatter
from app.models import Organization
from app.services import monitors
from tests.calling import MONITORS, Caller
from tests.factories import Factory

Lines = Callable[[], list[str]]
LOGIN = "/api/auth/login"
HERE = {"REMOTE_ADDR": "192.0.2.1"}


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    """The root logger, which lets through as much as LOG_LEVEL=INFO does."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.INFO)
    yield root
    root.setLevel(before)


@pytest.fixture
def lines(log: logging.Logger) -> Iterator[Lines]:
    """What a process has written until now, as it writes it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(CONSOLE))
    log.addHandler(handler)
    yield lambda: stream.getvalue().splitlines()
    log.removeHandler(handler)


def fields(line: str) -> dict[str, str]:
    return dict(re.findall(r"(\w+)=(\S*)", line))


@pytest.mark.parametrize("kind", ["wsm_", "eyJ"])
def test_a_token_in_the_wrong_place_is_not_written(admin: Caller, lines: Lines, kind: str) -> None:
    token = f"{kind}hbGci-0iJIUzI1NiJ9.eyJ0eXBl_IjoiY.c2lnbmF0dXJl"

    admin.delete(f"/api/organization/tokens/{token}")

    assert fields(lines()[-1])["path"] == f"/api/organization/tokens/{kind}%E2%80%A6"


def test_a_request_is_one_line(admin: Caller, make: Factory, house: Organization, lines: Lines) -> None:
    admin.get(MONITORS, headers={"X-Request-Id": "look-here"}, environ_base=HERE)

    (line,) = lines()
    shown = fields(line)
    assert " INFO " in line
    assert " request method=GET " in line
    assert shown.pop("ms").isdigit()
    assert re.fullmatch(r"user:\d+", shown.pop("caller"))
    expected = {"method": "GET", "path": MONITORS, "status": "200", "address": "192.0.2.1"}
    assert shown == {**expected, "request_id": "look-here"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/nowhere", "404"), ("PUT", MONITORS, "405"), ("GET", MONITORS, "401"), ("GET", "/", "302")],
)
def test_a_failure_is_one_line_too(nobody: Caller, lines: Lines, method: str, path: str, status: str) -> None:
    nobody.send(method, path)

    (shown,) = map(fields, lines())
    assert (shown["method"], shown["path"], shown["status"], shown["caller"]) == (method, path, status, "-")


def test_what_may_be_a_secret_is_not_in_it(nobody: Caller, lines: Lines) -> None:
    nobody.post(
        f"{LOGIN}?token=hunter2",
        {"email": "hunter2@example.com", "password": "hunter2"},
        headers={"Authorization": "Bearer hunter2", "X-Custom": "hunter2"},
    )

    assert lines()
    assert "hunter2" not in "".join(lines())


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/api/a%0Ab", "/api/a%0Ab"),
        ("/api/a%0D%0A2026-01-01", "/api/a%0D%0A2026-01-01"),
        ("/api/a%20status=200", "/api/a%20status%3D200"),
        ("/api/%1B[31m", "/api/%1B%5B31m"),
        ("/api/%C3%A4%E2%80%A8", "/api/%C3%A4%E2%80%A8"),
        ("/api/%25", "/api/%25"),
        ("/api/" + "x" * 9999, "/api/" + "x" * 195),
    ],
)
def test_a_path_cannot_forge_anything(nobody: Caller, lines: Lines, path: str, shown: str) -> None:
    nobody.get(path)

    (line,) = lines()
    assert fields(line)["path"] == shown
    assert fields(line)["status"] == "404"


def test_an_address_cannot_forge_anything(
    make_app: Callable[..., Flask], nobody: Caller, lines: Lines
) -> None:
    app = make_app(TRUSTED_PROXIES="1", LOG_LEVEL="INFO")

    nobody.on(app).get("/api/x", headers={"X-Forwarded-For": "192.0.2.1 status=200"})

    assert fields(lines()[-1])["address"] == "192.0.2.1%20status%3D200"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/docs", "/docs/start.js"])
def test_what_is_asked_for_all_the_time_is_for_debugging(
    nobody: Caller, log: logging.Logger, lines: Lines, path: str
) -> None:
    nobody.get(path)
    assert lines() == []

    log.setLevel(logging.DEBUG)
    nobody.get(path)
    assert [fields(line)["path"] for line in lines() if " request method" in line] == [path]


def test_programs_are_named_by_their_token(
    caller: Callable[[Role], Caller], app: Flask, lines: Lines
) -> None:
    given = caller(Role.ADMIN).post("/api/organization/tokens", {"name": "CI"}).get_json()

    Caller(app, given["token"]).get(MONITORS)

    assert fields(lines()[-1])["caller"] == f"token:{given['id']}"


def test_nobody_is_looked_up_for_the_line_alone(admin: Caller, lines: Lines) -> None:
    admin.get("/openapi.json")

    (shown,) = map(fields, lines())
    assert shown["caller"] == "-"


def test_every_line_of_a_request_carries_its_id(nobody: Caller, lines: Lines) -> None:
    wrong = {"email": "ada@example.com", "password": "wrong"}
    nobody.post(LOGIN, wrong, headers={"X-Request-Id": "look-here"})

    refused, request = lines()
    assert "login_refused" in refused
    assert refused.endswith(" request_id=look-here")
    assert request.endswith(" request_id=look-here")


def test_a_crash_is_found_by_the_id(admin: Caller, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("the inner\nworkings")

    monkeypatch.setattr(monitors, "list_page", crash)

    admin.get(MONITORS, headers={"X-Request-Id": "look-here"})

    assert re.search(r"app\.api\.errors request_crashed caller=user:\d+ request_id=look-here$", lines()[0])
    assert "Traceback" in lines()[1]
    assert fields(lines()[-1])["status"] == "500"


def test_an_id_ends_with_its_request(nobody: Caller, lines: Lines) -> None:
    nobody.get("/api/nowhere")
    logging.getLogger("elsewhere").warning("later")

    assert get_contextvars() == {}
    assert "request_id" not in lines()[-1]


def test_requests_at_once_do_not_mix_their_ids(app: Flask, lines: Lines) -> None:
    """The second request of each thread finds nothing left of the first."""
    count = 4
    together = Barrier(count, timeout=20)

    def ask(number: int) -> None:
        client = app.test_client()
        together.wait()
        for turn in range(2):
            path = f"/api/nowhere/{number}-{turn}"
            client.get(path, headers={"X-Request-Id": f"{number}-{turn}"})
            assert get_contextvars() == {}

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(ask, range(count)))

    seen = [fields(line) for line in lines()]
    assert len(seen) == count * 2
    assert all(shown["path"].endswith(f"/{shown['request_id']}") for shown in seen)


@pytest.mark.parametrize("breaker", ["\n", "\r", "\x1b[2J", "\x00", "\x85", "\u2028", "\t"])
def test_a_message_stays_on_its_line(lines: Lines, breaker: str) -> None:
    logging.getLogger("elsewhere").warning("told value=%s", f"a{breaker}b")

    (line,) = lines()
    assert breaker not in line
    assert re.search(r"told value=a\\[xu]\w+", line)

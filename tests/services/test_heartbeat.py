"""The dead man's switch: when it is told that all is well, and what can go wrong on the way."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from app.clock import to_ms, utcnow
from app.domain.http_url import HttpUrl, split_http_url
from app.extensions import db
from app.models import Location
from app.services import heartbeat
from app.services.heartbeat import ping
from bench.faults import names
from tests.factories import Factory
from tests.fakes import faults
from tests.fakes.server import Act
from tests.parts import http_receiver
from tests.parts.http_receiver import HttpReceiver, redirect, reply

NOW = utcnow()
PATH = "/ping/s3cret-key?from=pillarbox"


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as receiver:
        yield receiver


def url_of(receiver: HttpReceiver) -> HttpUrl:
    return split_http_url(receiver.url + PATH)


@pytest.mark.parametrize("status", [200, 204, 299])
def test_an_answer_of_2xx_is_taken_for_heard(receiver: HttpReceiver, status: int) -> None:
    receiver.answer = reply(status, "OK")
    assert ping(url_of(receiver)) is None
    [request] = receiver.requests
    assert (request.method, request.target, request.body) == ("GET", PATH, b"")
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["user-agent"].startswith("Pillarbox/")


@pytest.mark.parametrize("status", [199, 400, 404, 500, 503])
def test_any_other_answer_is_told_by_its_status(receiver: HttpReceiver, status: int) -> None:
    receiver.answer = reply(status)
    assert ping(url_of(receiver)) == str(status)


def test_a_redirect_is_not_followed(receiver: HttpReceiver) -> None:
    with HttpReceiver() as elsewhere:
        receiver.answer = redirect(elsewhere.url, 302)
        assert ping(url_of(receiver)) == "302"
        assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (http_receiver.close, "protocol_error"),
        (http_receiver.reset, "connection_closed"),
        (http_receiver.garbage, "protocol_error"),
        (http_receiver.flood_head, "protocol_error"),
    ],
)
def test_no_proper_answer_is_told_in_a_word(receiver: HttpReceiver, answer: Act, told: str) -> None:
    receiver.answer = answer
    assert ping(url_of(receiver)) == told


@pytest.mark.parametrize("answer", [http_receiver.hang, http_receiver.drip_head])
def test_an_answer_that_does_not_end_is_waited_for_until_the_deadline(
    receiver: HttpReceiver, answer: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "DEADLINE_SECONDS", 0.5)
    receiver.answer = answer
    begun = time.monotonic()
    assert ping(url_of(receiver)) == "timeout"
    assert time.monotonic() - begun < 2


def test_a_body_is_not_waited_for(receiver: HttpReceiver) -> None:
    receiver.answer = http_receiver.drip_body
    assert ping(url_of(receiver)) is None


def test_a_closed_port_and_an_unknown_name_are_told_in_a_word() -> None:
    with faults.refusing_port() as port:
        assert ping(HttpUrl("http", "127.0.0.1", port, PATH)) == "connection_refused"
    with names.scripted():
        assert ping(HttpUrl("http", names.UNKNOWN, 80, PATH)) == "dns_failure"


def test_a_certificate_that_nobody_vouches_for_is_not_accepted() -> None:
    with HttpReceiver(names=("127.0.0.1",)) as receiver:
        assert ping(url_of(receiver)) == "certificate_untrusted"
        assert receiver.requests == []


def test_the_deadline_is_ten_seconds() -> None:
    assert heartbeat.DEADLINE_SECONDS == 10


@pytest.mark.parametrize(
    ("location_columns", "waits_minutes", "word"),
    [({}, 0, None), ({}, 4, None), ({}, 6, "late"), ({"suspect_since": NOW}, 0, "cut_off")],
)
def test_only_what_is_well_is_called_well(
    make: Factory, location_columns: dict[str, Any], waits_minutes: int, word: str | None
) -> None:
    location: Location = make.location(**location_columns)
    [row] = make.monitor().schedules
    row.next_check_at_ms = to_ms(NOW - timedelta(minutes=waits_minutes))
    db.session.commit()
    assert heartbeat.fault(location.id, NOW, checks_per_host=50) == word

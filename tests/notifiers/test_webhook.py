"""The signed webhook: its headers and its body (contract section 4), looked at as a receiver would."""

import hmac
import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from app.domain.enums import AlertEvent
from tests.notifiers.stage import ENDED_AT, ID, INCIDENT_ID, NOTICE, RECOVERY, notice, send
from tests.parts.http_receiver import HttpReceiver, Request, drip_body, reply

SECRET = "s3cret é"
BODY = {
    "event": "alert",
    "id": str(ID),
    "sentAt": "2026-02-26T12:05:05.000Z",
    "incident": {
        "publicId": str(INCIDENT_ID),
        "type": "authentication_failed",
        "status": "open",
        "startedAt": "2026-02-26T12:00:05.000Z",
        "endedAt": None,
        "errorMessage": "The server refused the login: NO [AUTHENTICATIONFAILED] Authentication failed.",
    },
    "monitor": {
        "publicId": "cccccccc-0000-4000-8000-000000000003",
        "name": "Info mailbox",
        "hostname": "imap.example.com",
        "port": 993,
        "protocol": "imap",
    },
    "customer": {"publicId": "dddddddd-0000-4000-8000-000000000004", "name": "ACME"},
    "organization": {"publicId": "eeeeeeee-0000-4000-8000-000000000005", "name": "Example Hosting"},
}


def post(message: Any = NOTICE, **config: Any) -> Request:
    with HttpReceiver() as receiver:
        delivery = send("webhook", {"url": f"{receiver.url}/in?a=b", **config}, message)
    assert delivery.is_sent, delivery
    (request,) = receiver.requests
    return request


def test_body_has_the_keys_of_the_contract() -> None:
    request = post()

    assert (request.method, request.target) == ("POST", "/in?a=b")
    assert request.headers["content-type"] == "application/json"
    assert request.json == BODY
    assert list(request.json) == list(BODY)


def test_body_of_a_recovery_says_when_it_was_over() -> None:
    incident = post(RECOVERY).json["incident"]

    assert (incident["status"], incident["endedAt"]) == ("resolved", "2026-02-26T14:05:35.000Z")


def test_body_of_a_test_says_so() -> None:
    assert post(notice(is_test=True)).json == {**BODY, "isTest": True}


def test_signature_is_that_of_the_raw_body() -> None:
    request = post(notice(monitor="Büro ✉"), secret=SECRET)

    expected = hmac.new(SECRET.encode(), request.body, sha256).hexdigest()
    assert hmac.compare_digest(request.headers["x-webhook-signature"], expected)
    assert request.headers["x-webhook-signature-algorithm"] == "sha256"
    assert json.loads(request.body)["monitor"]["name"] == "Büro ✉"


def test_without_a_secret_nothing_is_signed() -> None:
    assert not [name for name in post().headers if "signature" in name]


@pytest.mark.parametrize("event", AlertEvent)
def test_headers_tell_attempts_of_one_message_apart(event: AlertEvent) -> None:
    ended = ENDED_AT if event is AlertEvent.RECOVERY else None
    first = notice(event=event, incident={"ended_at": ended})
    requests = [post(first), post(replace(first, attempt=2))]

    assert [request.headers["x-webhook-attempt"] for request in requests] == ["1", "2"]
    assert {request.headers["x-webhook-id"] for request in requests} == {str(ID)}
    assert {request.headers["x-webhook-event"] for request in requests} == {event.value}
    assert {request.headers["x-webhook-timestamp"] for request in requests} == {"2026-02-26T12:05:05.000Z"}
    assert requests[0].json["event"] == event.value


def test_user_agent_names_the_version() -> None:
    assert post().headers["user-agent"].startswith("Pillarbox/")


def test_headers_of_the_user_are_sent_but_never_in_the_place_of_ours() -> None:
    theirs = {
        "Authorization": "Bearer abc",
        "x-webhook-signature": "forged",
        "X-WEBHOOK-ID": "forged",
        "X-Webhook-New": "forged",
        "Host": "forged.example",
        "Content-Length": "0",
        "content-type": "text/forged",
        "User-Agent": "forged",
        "Transfer-Encoding": "chunked",
        "Connection": "keep-alive",
        "Expect": "100-continue",
    }

    request = post(headers=theirs, secret=SECRET)

    assert request.headers["authorization"] == "Bearer abc"
    assert "forged" not in request.text
    assert request.json == BODY
    assert request.headers["host"].startswith("127.0.0.1:")
    assert request.headers["connection"] == "close"


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\r\n b", "a\x00b", "ä", "a\x7f"])
def test_a_header_cannot_begin_another(value: str) -> None:
    """The API refuses these; what is stored all the same is not sent."""
    with HttpReceiver() as receiver:
        delivery = send("webhook", {"url": receiver.url, "headers": {"X-Some": value}})

    assert (delivery.is_sent, delivery.is_final) == (False, True)
    assert delivery.error == "The headers of the webhook cannot be sent."
    assert receiver.requests == []


def test_method_may_be_put() -> None:
    assert post(method="PUT").method == "PUT"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_success(status: int) -> None:
    with HttpReceiver(reply(status)) as receiver:
        delivery = send("webhook", {"url": receiver.url})

    assert (delivery.is_sent, delivery.status_code, delivery.error) == (True, status, None)


def test_what_follows_a_success_is_not_waited_for() -> None:
    with HttpReceiver(drip_body) as receiver:
        delivery = send("webhook", {"url": receiver.url})

    assert delivery.is_sent
    assert delivery.duration_ms < 1000


def test_the_reason_of_a_failure_is_read_up_to_a_small_budget() -> None:
    with HttpReceiver(reply(500, "sorry " * 10_000)) as receiver:
        delivery = send("webhook", {"url": receiver.url})

    assert str(delivery.error).startswith("The target answered with status 500: sorry sorry")
    assert len(str(delivery.error)) < 400


def test_a_page_of_html_has_no_reason() -> None:
    with HttpReceiver(reply(502, "<html><body>Bad gateway</body></html>")) as receiver:
        assert send("webhook", {"url": receiver.url}).error == "The target answered with status 502."


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"error": {"code": 1, "message": "nested"}}, "nested"),
        ({"errors": [{"detail": "listed"}]}, "listed"),
        ({"ok": False}, ""),
        ([], ""),
        (b"\xff\xfe", "��"),
        ("[" * 5000, "[" * 300),
    ],
)
def test_the_reason_is_found_in_whatever_form_it_is_told(answer: object, words: str) -> None:
    with HttpReceiver(reply(400, answer)) as receiver:
        error = str(send("webhook", {"url": receiver.url}).error)

    assert error.removeprefix("The target answered with status 400").strip(":. ") == words


@pytest.mark.parametrize(
    "url", ["ftp://a.example/", "https://user:pw@a.example/", "https://a.example/#x", "nonsense"]
)
def test_a_url_that_is_none_is_final(url: str) -> None:
    delivery = send("webhook", {"url": url})

    assert (delivery.is_sent, delivery.is_final) == (False, True)
    assert "pw" not in str(delivery.error)

"""Asking for a token: what is sent, which answers count, and all that an endpoint may do to us."""

import socket
import time
from ipaddress import ip_network
from typing import Any

import pytest

from app.checkers.attempt import Attempt
from app.checkers.token_endpoint import (
    DEFAULT_LIFETIME,
    MAX_BODY,
    MAX_LIFETIME,
    Grant,
    InvalidGrantError,
    request_token,
)
from app.domain.enums import ErrorCode, Protocol, Security
from app.domain.oauth import OAuthSettings
from app.domain.target import TargetGuard
from app.net import resolve
from app.net.failure import CheckError
from app.net.limits import BYTE_BUDGET, Limits
from tests.checkers.faking import LOOPBACK, check, target_at
from tests.fakes import faults
from tests.fakes.server import Step
from tests.fakes.token_server import CLIENT_SECRET, TokenServer, answer, granting, refusal

REFRESH_TOKEN = "r3fresh/token+word"
NO_HTTP = "it did not answer in proper HTTP."
NO_JSON = "its answer is no JSON object, or too long."
NO_TOKEN = "its answer has no usable access_token."
GOOD = {"access_token": "t0ken", "token_type": "Bearer", "expires_in": 3600}


def ask(
    settings: OAuthSettings, limits: Limits | None = None, guard: TargetGuard = LOOPBACK
) -> tuple[Grant | CheckError, Attempt]:
    """What comes of asking, and the attempt that it was for."""
    attempt = Attempt(target_at(1, password=None, oauth=settings), guard, limits or Limits(5))
    try:
        return request_token(settings, settings.refresh_token, attempt), attempt
    except CheckError as failure:
        return failure, attempt


def granted(step: Step | None = None) -> Grant:
    with TokenServer(step) as server:
        grant, _ = ask(server.settings())
    assert isinstance(grant, Grant), grant
    return grant


def failed(step: Step | None, limits: Limits | None = None, **settings: Any) -> CheckError:
    certificate = settings.pop("certificate", "good")
    with TokenServer(step, certificate) as server:
        failure, _ = ask(server.settings(**settings), limits)
    assert isinstance(failure, CheckError), failure
    return failure


class TestRequest:
    def test_client_credentials_are_sent_as_a_form(self) -> None:
        with TokenServer() as server:
            ask(server.settings(tokenUrl=f"{server.url}/x?y=1"))
        assert server.forms == [
            {
                "grant_type": "client_credentials",
                "client_id": server.client_id,
                "client_secret": CLIENT_SECRET,
                "scope": "mail.read",
            }
        ]
        assert server.paths == ["/token/x?y=1"]
        assert server.headers[0]["host"] == f"127.0.0.1:{server.port}"
        assert server.headers[0]["content-type"] == "application/x-www-form-urlencoded"

    def test_refresh_token_of_a_client_without_secret(self) -> None:
        with TokenServer() as server:
            ask(server.settings(refreshToken=REFRESH_TOKEN, clientSecret=None, scope=None))
        assert server.forms == [
            {"grant_type": "refresh_token", "client_id": server.client_id, "refresh_token": REFRESH_TOKEN}
        ]

    def test_it_costs_the_check_s_own_bytes_and_leaves_its_evidence_alone(self) -> None:
        with TokenServer() as server:
            _, attempt = ask(server.settings())
        assert attempt.limits.bytes_left < BYTE_BUDGET
        assert (attempt.address, attempt.tls, attempt.timings) == (None, None, {})


class TestTranscript:
    def said(self, step: Step | None, **settings: Any) -> list[str]:
        with TokenServer(step) as server:
            _, attempt = ask(server.settings(**{"tokenUrl": f"{server.url}?key=k3y", **settings}))
        lines = attempt.transcript.lines(attempt.clean)
        return [line.replace(str(server.port), "PORT") for line in lines]

    @pytest.mark.parametrize(
        ("step", "line"),
        [
            (None, "-- 200"),
            (refusal("invalid_client", "who?", 401), "-- 401 invalid_client: who?"),
            (refusal("invalid_scope", "not\r\nC: that"), "-- 400 invalid_scope: not\ufffd\ufffdC: that"),
            (refusal("invalid_client", f"not {CLIENT_SECRET}!"), "-- 400 invalid_client: not ********!"),
            (answer(b"<html>", 503), "-- 503"),
            (faults.close, "-- it did not answer in proper HTTP."),
        ],
        ids=["granted", "refused", "line break", "echo", "no JSON", "closed"],
    )
    def test_request_and_answer_are_told_without_query_token_or_secret(
        self, step: Step | None, line: str
    ) -> None:
        assert self.said(step) == ["-- POST https://127.0.0.1:PORT/token", line]

    def test_failed_check_shows_them(self) -> None:
        capability = "* CAPABILITY IMAP4rev1 AUTH=XOAUTH2\r\n{tag} OK\r\n"
        with TokenServer(refusal("invalid_client", status=401)) as tokens:
            settings = tokens.settings()
            outcome, _ = check(
                Protocol.IMAP, {"capability": capability}, Security.TLS, password=None, oauth=settings
            )
        transcript = outcome.diagnostics["transcript"]
        asked = transcript.index(f"-- POST {tokens.url}")
        assert transcript[asked + 1] == "-- 401 invalid_client"

    def test_endpoint_that_is_out_of_reach_is_named(self) -> None:
        with faults.refusing_port() as port:
            lines = self.said(None, tokenUrl=f"https://127.0.0.1:{port}/x?key=k3y")
        assert lines == [
            f"-- POST https://127.0.0.1:{port}/x",
            f"-- The server refused the connection to port {port}.",
        ]

    @pytest.mark.parametrize(
        ("url", "shown"),
        [("https://[2001:db8::1]:8443", "[2001:db8::1]:8443/"), ("https://a.example/t", "a.example/t")],
    )
    def test_url_is_written_as_one(self, url: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(resolve, "lookup", lambda _: [])  # nothing is dialled
        with TokenServer() as server:
            _, attempt = ask(server.settings(tokenUrl=url))
        assert attempt.transcript.lines(attempt.clean)[0] == f"-- POST https://{shown}"


class TestAnswers:
    def test_grant_is_read(self) -> None:
        grant = granted(answer({**GOOD, "refresh_token": "next"}))
        assert grant == Grant("t0ken", 3600.0, "next")
        assert "t0ken" not in repr(grant)
        assert "next" not in repr(grant)

    @pytest.mark.parametrize(
        "response",
        [
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"10\r\n" + b'{"access_token":\r\n' + b'9;x=y\r\n "t0ken"}\r\n0\r\n\r\n',
            b'HTTP/1.0 200 OK\r\n\r\n{"access_token": "t0ken"}',
            b"HTTP/1.1 100 Continue\r\n\r\n" + answer(GOOD),
            answer({**GOOD, "token_type": "bearer", "error": None}),
        ],
        ids=["chunked", "until the end", "behind a 100", "odd fields"],
    )
    def test_every_form_of_http_is_understood(self, response: bytes) -> None:
        assert granted(response).access_token == "t0ken"

    @pytest.mark.parametrize(
        ("expires_in", "lifetime"),
        [
            (60, 60.0),
            ("3599", 3599.0),
            (1.5, 1.0),
            (0, 0.0),
            (10**20, MAX_LIFETIME),
            (1e300, 1.0),
            (-5, DEFAULT_LIFETIME),
            ("soon", DEFAULT_LIFETIME),
            (None, DEFAULT_LIFETIME),
            (True, DEFAULT_LIFETIME),
            (float("inf"), DEFAULT_LIFETIME),
            ([], DEFAULT_LIFETIME),
        ],
    )
    def test_lifetime_that_makes_no_sense_is_a_short_one(self, expires_in: object, lifetime: float) -> None:
        assert granted(answer({**GOOD, "expires_in": expires_in})).lifetime == lifetime

    @pytest.mark.parametrize(
        ("response", "words"),
        [
            (refusal("invalid_client", status=401), "invalid_client"),
            (refusal("invalid_scope", "not that\r\none"), "invalid_scope: not that\ufffd\ufffdone"),
            (answer({"error": "access_denied"}), "access_denied"),
            (answer({"error": 5}), NO_JSON),
            (answer({"error": 5}, 400), "it answered with status 400."),
            (answer(b"<html>", 403), "it answered with status 403."),
            (answer(b"<html>"), NO_JSON),
            (answer([GOOD]), NO_JSON),
            (answer(b"\xff\xfe"), NO_JSON),
            (answer(b"[" * 5000), NO_JSON),
            (answer({**GOOD, "padding": "x" * MAX_BODY}), NO_JSON),
            (answer({}), NO_TOKEN),
            (answer({**GOOD, "access_token": ["t0ken"]}), NO_TOKEN),
            (answer({**GOOD, "access_token": "t0\x01ken"}), NO_TOKEN),
            (answer({**GOOD, "access_token": "x" * 20_000}), NO_TOKEN),
            (answer({**GOOD, "token_type": "mac"}), "its token is not of the type Bearer."),
            (b"* OK IMAP4rev1 ready\r\n\r\n", NO_HTTP),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", NO_HTTP),
            (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n", NO_HTTP),
            (b"", NO_HTTP),
            (b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"access_', NO_JSON),
        ],
        ids=lambda value: value[-24:].decode("ascii", "replace") if isinstance(value, bytes) else "",
    )  # fmt: skip
    def test_answer_without_a_token_says_why(self, response: bytes, words: str) -> None:
        failure = failed(response)
        assert (failure.code, failure.is_retryable) == (ErrorCode.OAUTH_FAILED, False)
        assert failure.message == f"No token from 127.0.0.1: {words}"

    @pytest.mark.parametrize(
        ("response", "words"),
        [
            (answer(b"<html>", 503), "it answered with status 503."),
            (answer({"error": "server_error"}, 500), "server_error"),
            (answer(b"", 429, **{"Retry-After": "86400"}), "it answered with status 429."),
            (refusal("invalid_grant", status=504), "invalid_grant"),
        ],
        ids=["503", "500", "429", "504"],
    )
    def test_endpoint_that_is_busy_or_ill_is_asked_later(self, response: bytes, words: str) -> None:
        failure = failed(response)
        assert (failure.code, failure.is_retryable) == (ErrorCode.TEMPORARILY_UNAVAILABLE, False)
        assert failure.message == f"No token from 127.0.0.1: {words}"
        assert not isinstance(failure, InvalidGrantError)

    def test_refused_refresh_token_is_an_error_of_its_own(self) -> None:
        assert isinstance(failed(refusal("invalid_grant")), InvalidGrantError)
        assert not isinstance(failed(refusal("invalid_client")), InvalidGrantError)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_redirect_is_not_followed(self, status: int) -> None:
        with TokenServer(granting()) as elsewhere:
            failure = failed(answer(b"", status, Location=elsewhere.url))
        assert failure.message.endswith(
            f"it answered with a redirect (status {status}), and none is followed."
        )
        assert elsewhere.connections == 0

    @pytest.mark.parametrize("echo", [CLIENT_SECRET, REFRESH_TOKEN, "{form}"])
    def test_echoed_secret_is_masked(self, echo: str) -> None:
        form = "client_secret=cl1ent%2Fs3cret%2Bword&refresh_token=r3fresh%2Ftoken%2Bword"
        step = refusal("invalid_request", f"not {echo.replace('{form}', form)}!")
        failure = failed(step, refreshToken=REFRESH_TOKEN)
        assert failure.message.startswith("No token from 127.0.0.1: invalid_request: not ")
        assert not any(word in failure.message for word in ("cl1ent", "s3cret", "r3fresh"))


class TestFaults:
    @pytest.mark.parametrize(
        "step",
        [
            faults.silence,
            faults.drip(b"HTTP/1.1 200 OK with a line that never ends"),
            [b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", faults.drip(b" ")],
        ],
        ids=["silence", "dripping head", "dripping body"],
    )
    def test_deadline_of_the_check_holds(self, step: Step) -> None:
        began = time.monotonic()
        failure = failed(step, Limits(0.4))
        assert failure.code is ErrorCode.TIMEOUT
        assert failure.waited_for == "for the token endpoint 127.0.0.1"
        assert time.monotonic() - began < 0.9

    def test_handshake_is_within_the_deadline_too(self) -> None:
        with TokenServer() as server:
            server.script = {**server.script, "tls": faults.silence}
            failure, _ = ask(server.settings(), Limits(0.4))
        assert isinstance(failure, CheckError)
        assert failure.code is ErrorCode.TIMEOUT

    @pytest.mark.parametrize(
        "step",
        [
            [b"HTTP/1.1 200 OK\r\n\r\n", faults.endless_line],
            [b"HTTP/1.1 200 OK\r\nContent-Length: 6000000000\r\n\r\n", faults.endless_line],
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", faults.flood(b"1\r\nx\r\n")],
            faults.endless_line,
            [b"HTTP/1.1 200 OK\r\n", faults.flood(b"A: b\r\n")],
            faults.flood(b"HTTP/1.1 100 Continue\r\n\r\n"),
        ],
        ids=["body", "announced body", "chunks", "status line", "headers", "continues"],
    )
    def test_endless_answer_is_cut_short(self, step: Step) -> None:
        failure = failed(step)
        assert failure.code is ErrorCode.OAUTH_FAILED
        assert failure.message.startswith("No token from 127.0.0.1: ")

    @pytest.mark.parametrize("step", [faults.close, faults.reset])
    def test_connection_that_ends_early_is_no_retryable_failure(self, step: Step) -> None:
        failure = failed(step)
        assert (failure.code, failure.is_retryable) == (ErrorCode.OAUTH_FAILED, False)

    @pytest.mark.parametrize(
        ("certificate", "words"),
        [
            ("expired", "certificate has expired"),
            ("not_yet_valid", "not valid yet"),
            ("wrong_name", "not made out to 127.0.0.1"),
            ("untrusted", "not trusted"),
        ],
    )
    def test_secret_is_not_told_to_a_stranger(self, certificate: str, words: str) -> None:
        with TokenServer(None, certificate) as server:
            failure, _ = ask(server.settings())
        assert isinstance(failure, CheckError)
        assert failure.code is ErrorCode.OAUTH_FAILED
        assert words in failure.message
        assert server.forms == []

    def test_authority_of_the_tests_is_trusted_only_where_it_is_given(self) -> None:
        assert "not trusted" in failed(None, ca=None).message

    @pytest.mark.parametrize(
        "url", ["", "http://a.example/", "https://", "https://a.example:x/", "https://a b.example/"]
    )
    def test_unusable_url_is_said_to_be_one(self, url: str) -> None:
        failure = failed(None, tokenUrl=url)
        assert failure.code is ErrorCode.OAUTH_FAILED
        assert failure.message.startswith("The token endpoint's URL must ")

    def test_refused_connection(self) -> None:
        with faults.refusing_port() as port:
            failure = failed(None, tokenUrl=f"https://127.0.0.1:{port}/")
        assert failure.message == (
            f"No token from 127.0.0.1: The server refused the connection to port {port}."
        )
        assert (failure.code, failure.is_retryable) == (ErrorCode.OAUTH_FAILED, False)

    def test_name_that_is_not_found(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def unknown(_: str) -> list[str]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(resolve, "lookup", unknown)
        failure = failed(None, tokenUrl="https://nowhere.example/token")
        assert failure.code is ErrorCode.OAUTH_FAILED
        assert "The name nowhere.example was not found" in failure.message


class TestGuard:
    GUARD = TargetGuard(allow=(ip_network("127.0.0.1/32"),))

    @pytest.mark.parametrize("host", ["127.0.0.2", "169.254.169.254", "[::1]", "10.0.0.1"])
    def test_internal_endpoint_is_forbidden(self, host: str) -> None:
        with TokenServer() as server:
            url = f"https://{host}:{server.port}/token"
            failure, _ = ask(server.settings(tokenUrl=url), guard=self.GUARD)
        assert isinstance(failure, CheckError)
        assert failure.code is ErrorCode.TARGET_FORBIDDEN
        assert server.connections == 0

    def test_address_that_is_judged_is_the_one_dialled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answers = iter([["10.0.0.1", "127.0.0.1"], ["10.0.0.1"]])
        monkeypatch.setattr(resolve, "lookup", lambda _: next(answers))
        with TokenServer(certificate="wrong_name") as server:
            settings = server.settings(tokenUrl=f"https://elsewhere.example:{server.port}/token")
            grant, _ = ask(settings, guard=self.GUARD)
        assert isinstance(grant, Grant)
        assert server.headers[0]["host"] == f"elsewhere.example:{server.port}"

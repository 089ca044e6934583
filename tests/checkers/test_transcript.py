"""The transcript of a failed check: who said what, secrets masked, and no more than a person reads."""

import base64
import time

import pytest

from app.domain.enums import ErrorCode, Protocol, Security
from app.domain.target import CheckTarget
from app.net.text import Cleaner
from app.net.transcript import HEAD_BYTES, MAX_LINE_LENGTH, MAX_LINES, TAIL_BYTES, Transcript
from tests.checkers.faking import PASSWORD, USER, check, target_at
from tests.fakes import faults
from tests.fakes.server import Script

MASK = "********"
REFUSED: dict[Protocol, Script] = {
    Protocol.IMAP: {"login": "{tag} NO [AUTHENTICATIONFAILED] who are you?\r\n"},
    Protocol.POP3: {"login": "-ERR [AUTH] who are you?\r\n"},
}


def transcript_of(protocol: Protocol, script: Script | None = None, **options: object) -> list[str]:
    outcome, _ = check(protocol, script, **options)  # type: ignore[arg-type]
    lines: list[str] = outcome.diagnostics["transcript"]
    return lines


@pytest.fixture
def clean() -> Cleaner:
    return Cleaner(CheckTarget("mail.example.com", user=USER, password=PASSWORD))


def test_imap_dialogue_can_be_replayed() -> None:
    lines = transcript_of(Protocol.IMAP, REFUSED[Protocol.IMAP])

    tags = {line.split()[1] for line in lines if line.startswith("C: ")}
    told = [" ".join("tag" if word in tags else word for word in line.split()) for line in lines[1:]]
    assert told == [
        "S: * OK IMAP4rev1 fake ready",
        "C: tag CAPABILITY",
        "S: * CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN SASL-IR",
        "S: tag OK done",
        f'C: tag LOGIN "{USER}" {MASK}',
        "S: tag NO [AUTHENTICATIONFAILED] who are you?",
        "C: tag LOGOUT",
        "S: * BYE see you",
        "S: tag OK done",
    ]
    assert lines[0].startswith("-- connected to 127.0.0.1 port ")


def test_pop3_dialogue_can_be_replayed() -> None:
    lines = transcript_of(Protocol.POP3, REFUSED[Protocol.POP3])

    assert lines[-6:] == [
        f"C: USER {USER}",
        "S: +OK",
        f"C: PASS {MASK}",
        "S: -ERR [AUTH] who are you?",
        "C: QUIT",
        "S: +OK bye",
    ]


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_the_start_of_tls_has_its_place(protocol: Protocol, security: Security) -> None:
    lines = transcript_of(protocol, REFUSED[protocol], security=security)

    at = lines.index("-- TLSv1.3 from here on")
    asked = [line for line in lines[:at] if "STARTTLS" in line or "STLS" in line]
    assert bool(asked) is (security is Security.STARTTLS)


@pytest.mark.parametrize("protocol", Protocol)
def test_check_that_worked_has_none(protocol: Protocol) -> None:
    outcome, _ = check(protocol)
    assert "transcript" not in outcome.diagnostics


def test_check_that_reached_nobody_has_none() -> None:
    outcome, _ = check(Protocol.IMAP, hostname="nowhere.invalid")
    assert "transcript" not in outcome.diagnostics


@pytest.mark.parametrize("protocol", Protocol)
def test_half_a_line_is_shown_too(protocol: Protocol) -> None:
    assert transcript_of(protocol, {"greeting": [b"almost a greet", faults.close]})[-1] == "S: almost a greet"


@pytest.mark.parametrize("user", [USER, "ümläut", 'with "quotes" and \\'])
@pytest.mark.parametrize("password", [PASSWORD, 'pä"ss\\wörd', "LOGIN", USER])
@pytest.mark.parametrize("protocol", Protocol)
def test_no_login_shows_its_password(protocol: Protocol, user: str, password: str) -> None:
    echo = {"login": "* {line}\r\n{tag} NO {line}\r\n", "mailbox": faults.close}
    if protocol is Protocol.POP3:
        echo = {"login": "-ERR {line}\r\n"}
    outcome, server = check(protocol, echo, user=user, password=password)

    told = "\n".join(outcome.diagnostics["transcript"])
    secrets = {password, base64.b64encode(f"\0{user}\0{password}".encode()).decode()}
    # What is no secret, because it is the name of the command or of the user, cannot tell it.
    for secret in secrets - {"LOGIN", user}:
        assert secret not in told
    assert MASK in told
    assert server.connections == 1


def test_answers_to_a_challenge_are_not_shown() -> None:
    script: Script = {
        "capability": "* CAPABILITY IMAP4rev1 AUTH=PLAIN LOGINDISABLED\r\n{tag} OK done\r\n",
        "login": "+ \r\n",
        "unknown": "* BYE {line}\r\n",
    }
    outcome, _ = check(
        Protocol.IMAP,
        {
            **script,
            "capability_secured": script["capability"],
        },
        Security.TLS,
        deadline=0.5,
    )

    lines = outcome.diagnostics["transcript"]
    assert f"C: {MASK}" in lines
    assert any(line.endswith("AUTHENTICATE PLAIN") for line in lines)


def test_a_second_attempt_tells_its_own_story() -> None:
    lines = transcript_of(Protocol.IMAP, {"greeting": faults.close})
    assert len([line for line in lines if line.startswith("-- connected")]) == 1


def test_endless_line_is_cut(clean: Cleaner) -> None:
    outcome, _ = check(Protocol.IMAP, {"greeting": faults.endless_line})

    lines = outcome.diagnostics["transcript"]
    assert outcome.code is ErrorCode.PROTOCOL_ERROR
    assert any("bytes left out" in line for line in lines)
    assert all(len(line) <= MAX_LINE_LENGTH + 3 for line in lines)


def test_endless_lines_are_cut() -> None:
    lines = transcript_of(Protocol.IMAP, {"greeting": faults.flood(b"*\r\n")})
    assert len(lines) <= MAX_LINES + 1


def test_garbage_becomes_text() -> None:
    lines = transcript_of(Protocol.IMAP, {"greeting": [b"\x00\xff\x1b[31m\r\n", faults.close]})
    assert lines[-1] == "S: \ufffd\ufffd\ufffd[31m"


@pytest.mark.parametrize("cut", [HEAD_BYTES, -TAIL_BYTES])
def test_no_part_of_a_secret_is_left_where_something_is_left_out(clean: Cleaner, cut: int) -> None:
    secret = PASSWORD.encode()
    for shift in range(len(secret) + 1):
        said = bytearray(b"x" * 10_000)
        at = (cut % len(said)) - shift
        said[at : at + len(secret)] = secret
        transcript = Transcript()
        transcript.received(bytes(said))

        told = "\n".join(transcript.lines(clean))
        assert PASSWORD[:3] not in told
        assert PASSWORD[-3:] not in told


def test_bytes_left_out_are_counted() -> None:
    transcript = Transcript()
    transcript.received(b"x" * 10_000)

    _, note, _ = transcript.lines(Cleaner(CheckTarget("mail.example.com")))

    assert note == f"-- {10_000 - HEAD_BYTES - TAIL_BYTES} bytes left out"


@pytest.mark.parametrize(
    ("password", "said"), [("a" * 10_000, b"a" * 2500), (" hidden", b"hidden" + b" " * 2500 + b"x")]
)
def test_secret_that_is_in_every_line_holds_nothing_up(password: str, said: bytes) -> None:
    transcript = Transcript()
    for _ in range(MAX_LINES // 2):
        transcript.sent(b"T1 NOOP\r\n")
        transcript.received(said + b"\r\n")
    clean = Cleaner(CheckTarget("mail.example.com", user=USER, password=password))
    started_at = time.thread_time()

    lines = transcript.lines(clean)

    assert time.thread_time() - started_at < 0.5
    assert {line[: len(MASK) + 3] for line in lines if line.startswith("S: ")} == {f"S: {MASK}"}


def test_repr_holds_nothing() -> None:
    outcome, _ = check(Protocol.IMAP, REFUSED[Protocol.IMAP])
    transcript = Transcript()
    transcript.sent(PASSWORD.encode())

    assert PASSWORD not in repr(transcript)
    assert PASSWORD not in repr(target_at(1)) + repr(outcome)

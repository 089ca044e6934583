"""A server that got the password gives it back in every spelling it likes: nothing of it is kept."""

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from app.domain.enums import Protocol
from app.net.text import MAX_READ, Cleaner
from app.net.transcript import Transcript
from tests.checkers.faking import USER, check, target_at
from tests.fakes import faults
from tests.fakes.server import Step
from tests.security.canaries import ASCII, MAILBOX
from tests.security.search import Secret, leaks, spellings

each_canary = pytest.mark.parametrize("canary", MAILBOX, ids=lambda canary: canary.name)

LINES: dict[str, Callable[[Secret], bytes]] = {
    "base64 of an IMAP line": lambda secret: base64.b64encode(f"A3 LOGIN {USER} {secret.text}".encode()),
    "base64 of a POP3 line": lambda secret: base64.b64encode(f"PASS {secret.text}\r\n".encode()),
    "base64 of SASL PLAIN": lambda secret: base64.b64encode(f"\0{USER}\0{secret.text}".encode()),
    "base64 of another user's SASL PLAIN": lambda secret: base64.b64encode(f"x\0xy\0{secret.text}".encode()),
    "hex of a line": lambda secret: f"A3 LOGIN {USER} {secret.text}".encode().hex().encode(),
    "cut in pieces": lambda secret: " - ".join(secret.text).encode(),
    "blanks lost": lambda secret: "".join(secret.text.split()).encode(),
    "other case": lambda secret: secret.text.swapcase().encode(),
}
ECHOES = {
    Protocol.IMAP: {
        "greeting": b"* OK hello %s\r\n",
        "capability": b"* CAPABILITY IMAP4rev1 X=%s\r\n{tag} OK\r\n",
        "login": b"{tag} NO wrong: %s\r\n",
        "mailbox": b"* BYE %s\r\n",
    },
    Protocol.POP3: {
        "greeting": b"+OK hello %s\r\n",
        "capability": b"+OK\r\nUSER\r\nIMPLEMENTATION %s\r\n.\r\n",
        "login": b"-ERR wrong: %s\r\n",
        "mailbox": b"-ERR %s\r\n",
    },
}
AT_ONCE = 8
"""Checks at a time."""


def echoes_of(canary: Secret) -> dict[str, bytes]:
    return spellings(canary.text) | {name: make(canary) for name, make in LINES.items()}


@each_canary
def test_every_spelling_is_masked(canary: Secret) -> None:
    clean = Cleaner(replace(target_at(1), password=canary.text))
    told = {name: clean(b"user=x pass=" + echo + b" is wrong") for name, echo in echoes_of(canary).items()}

    assert {name: text for name, text in told.items() if leaks(text, [canary]) or "****" not in text} == {}


@each_canary
@pytest.mark.parametrize(
    ("protocol", "rung"), [(protocol, rung) for protocol, rungs in ECHOES.items() for rung in rungs]
)
def test_what_is_kept_of_a_check_holds_no_spelling(canary: Secret, protocol: Protocol, rung: str) -> None:
    def leaked(echo: bytes) -> list[str]:
        script: dict[str, Step] = {rung: ECHOES[protocol][rung].replace(b"%s", echo)}
        outcome, _ = check(protocol, script, password=canary.text)
        return leaks(repr(outcome), [canary])

    echoes = echoes_of(canary)
    # Some checks wait before they try again.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = dict(zip(echoes, pool.map(leaked, echoes.values()), strict=True))
    assert {name: spelt for name, spelt in found.items() if spelt} == {}


@pytest.mark.parametrize("protocol", Protocol)
def test_line_that_does_not_end_is_not_kept(protocol: Protocol) -> None:
    for rung in ECHOES[protocol]:
        outcome, _ = check(protocol, {rung: b"* OK " + ASCII.text.encode() * 20_000}, password=ASCII.text)
        assert not leaks(repr(outcome), [ASCII]), rung


@pytest.mark.parametrize("protocol", Protocol)
def test_half_a_secret_is_not_kept(protocol: Protocol) -> None:
    for end in range(3, len(ASCII.text), 5):
        echo = b"you sent " + ASCII.text[:end].encode()
        outcome, _ = check(protocol, {"greeting": [echo, faults.close]}, password=ASCII.text)
        assert outcome.diagnostics["transcript"][-1] == "S: you sent ********"


def test_half_a_character_of_a_secret_is_not_kept() -> None:
    clean = Cleaner(replace(target_at(1), password="Grüße an alle"))

    assert clean("you sent Grüß".encode()[:-1], is_part=True) == "you sent ********"
    assert clean("ße an alle is wrong".encode()[1:], is_part=True) == "******** is wrong"


def test_of_a_password_of_two_characters_its_code_is_masked_where_it_was_cut() -> None:
    clean = Cleaner(replace(target_at(1), password="7%"))
    code = base64.b64encode(f"\0{USER}\0007%".encode())

    assert clean(b"you sent " + code[:-3], is_part=True) == "you sent ********"


def wrapped(echo: bytes, lines: int, opening: bytes = b"") -> list[bytes]:
    size = -(-len(echo) // lines)
    return [opening + echo[at : at + size] + b"\r\n" for at in range(0, len(echo), size)]


@pytest.mark.parametrize("opening", [b"", b" ", b"* NO ", b"* BAD [ALERT] ", b"-ERR "])
@pytest.mark.parametrize("lines", [2, 3, 5])
@each_canary
def test_secret_wrapped_over_lines_is_not_kept(canary: Secret, lines: int, opening: bytes) -> None:
    clean = Cleaner(replace(target_at(1), password=canary.text))
    for form in ("plain", "url", "json", "hex", "base64, 0 bytes in", "base64, 1 bytes in", "reversed"):
        transcript = Transcript()
        for line in wrapped(spellings(canary.text)[form], lines, opening):
            transcript.received(line)
            transcript.sent(b"A1 NOOP\r\n")
        told = [line for line in transcript.lines(clean) if line.startswith("S: ")]
        assert set(told) == {"S: ********"}, form


def test_lines_beside_a_wrapped_secret_are_kept() -> None:
    clean = Cleaner(replace(target_at(1), password=ASCII.text))
    said = [b"first", b"you sent " + ASCII.text.encode()[:15], ASCII.text.encode()[15:], b"last"]
    assert clean.lines(said) == ["first", "********", "********", "last"]


def test_secret_wrapped_over_capabilities_is_not_kept() -> None:
    answer = b"+OK\r\nUSER\r\n" + b"".join(wrapped(ASCII.text.encode(), 2)) + b".\r\n"
    outcome, _ = check(Protocol.POP3, {"capability": answer}, password=ASCII.text)
    assert outcome.diagnostics["server"]["capabilities"] == ["USER", "********", "********"]


def test_secret_cut_by_the_lines_left_out_is_not_kept() -> None:
    transcript = Transcript()
    for line in wrapped(ASCII.text.encode() * 40, 120):
        transcript.received(line)
    told = "\n".join(transcript.lines(Cleaner(replace(target_at(1), password=ASCII.text))))
    assert not leaks(told, [ASCII])


def test_what_is_far_behind_is_not_looked_at() -> None:
    clean = Cleaner(replace(target_at(1), password=ASCII.text))
    said = "x" * (MAX_READ - 5) + ASCII.text
    assert clean(said, MAX_READ) == "x" * (MAX_READ - 5) + "****…"


@pytest.mark.parametrize(
    ("password", "echo"), [("Straßenbahn", "STRASSENBAHN"), ("SCHÖNER Fluß", "schöner fluss")]
)
def test_letters_that_change_with_their_case_are_masked(password: str, echo: str) -> None:
    assert Cleaner(replace(target_at(1), password=password))(f"not {echo}") == "********"


@pytest.mark.parametrize("password", ["", "a", "  ", "OK", "abcde", '"""', "\\", "%", "é", "\ud800"])
def test_short_or_odd_password_leaves_other_words_alone(password: str) -> None:
    clean = Cleaner(replace(target_at(1), password=password))

    assert clean("Login is not possible now.", is_part=True).replace("********", "a") == (
        "Login is not possible now."
    )

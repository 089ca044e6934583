"""Logins with a token: the dialogue with the mail server."""

import base64
import gc
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from pathlib import Path

import pytest

from app import checkers
from app.checkers.oauth import TOKENS
from app.domain.enums import CheckStatus, ErrorCode, Phase, Protocol, Security
from app.domain.outcome import CheckOutcome
from app.domain.target import TargetGuard
from tests.checkers.faking import DIALECTS, LOOPBACK, USER, check, target_at
from tests.fakes import faults
from tests.fakes.server import Act, Conversation, FakeServer, Script, Step
from tests.fakes.token_server import CLIENT_SECRET, TokenServer, granting, refusal

IMAP, POP3 = Protocol.IMAP, Protocol.POP3
XOAUTH2, OAUTHBEARER = "XOAUTH2", "OAUTHBEARER"
every_protocol = pytest.mark.parametrize("protocol", Protocol)
every_mechanism = pytest.mark.parametrize("mechanism", [XOAUTH2, OAUTHBEARER])
encrypted = pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])

DESCRIPTORS = Path("/proc/self/fd")
COMPLAINT = base64.b64encode(json.dumps({"status": "401", "schemes": "bearer"}).encode()).decode()
ACCEPTED = {IMAP: "{tag} OK welcome\r\n", POP3: "+OK welcome\r\n"}
REFUSED = {IMAP: "{tag} NO [AUTHENTICATIONFAILED] no\r\n", POP3: "-ERR [AUTH] no\r\n"}


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    with TokenServer() as server:
        yield server


def offering(protocol: Protocol, *mechanisms: str, more: str = " SASL-IR") -> Script:
    """The script of a server with these mechanisms, behind TLS and before it."""
    if protocol is IMAP:
        offered = "".join(f" AUTH={name}" for name in mechanisms)
        return {"capability": f"* CAPABILITY IMAP4rev1 STARTTLS{more}{offered}\r\n{{tag}} OK\r\n"}
    return {"capability": f"+OK\r\nUSER\r\nSTLS\r\nSASL {' '.join(mechanisms)}\r\n.\r\n"}


def sign_in(
    protocol: Protocol,
    tokens: TokenServer,
    login: Step | None = None,
    *mechanisms: str,
    security: Security = Security.TLS,
    more: str = " SASL-IR",
    deadline: float = 5.0,
    **settings: str,
) -> tuple[CheckOutcome, FakeServer]:
    rung = "login" if protocol is IMAP else "unknown"
    script = {
        **offering(protocol, *(mechanisms or [XOAUTH2]), more=more),
        rung: ACCEPTED[protocol] if login is None else login,
    }
    return check(
        protocol,
        script,
        security,
        deadline=deadline,
        password=None,
        oauth=tokens.settings(**settings),
    )


def logins(server: FakeServer) -> list[bytes]:
    """What the client said from its login on."""
    lines = [line.split(b" ", 1)[1] if b" AUTHENTICATE " in line else line for line in server.lines]
    begun = next(at for at, line in enumerate(lines) if line.startswith((b"AUTH ", b"AUTHENTICATE ")))
    return lines[begun:]


def message(mechanism: str, tokens: TokenServer, server: FakeServer) -> bytes:
    token = tokens.tokens[-1]
    text = {
        XOAUTH2: f"user={USER}\x01auth=Bearer {token}\x01\x01",
        OAUTHBEARER: f"n,a={USER},\x01host=127.0.0.1\x01port={server.port}\x01auth=Bearer {token}\x01\x01",
    }
    return base64.b64encode(text[mechanism].encode())


def challenged(protocol: Protocol, *challenges: str, ending: str) -> Act:
    """Send one challenge after another, note what comes back, and end it."""

    def act(conversation: Conversation) -> None:
        for challenge in challenges:
            conversation.send(f"+ {challenge}\r\n")
            conversation.server.received.append((conversation.read_line(), True))
        conversation.send(ending)

    return act


class TestMessages:
    @every_mechanism
    @encrypted
    def test_imap_sends_the_token_in_one_round_trip(
        self, tokens: TokenServer, mechanism: str, security: Security
    ) -> None:
        outcome, server = sign_in(IMAP, tokens, None, mechanism, security=security)

        assert (outcome.status, outcome.message) == (CheckStatus.SUCCESS, None)
        assert logins(server)[0] == b"AUTHENTICATE %b %b" % (
            mechanism.encode(), message(mechanism, tokens, server),
        )  # fmt: skip

    @every_mechanism
    def test_imap_waits_for_the_challenge_without_sasl_ir(self, tokens: TokenServer, mechanism: str) -> None:
        login = challenged(IMAP, "", ending=ACCEPTED[IMAP])
        outcome, server = sign_in(IMAP, tokens, login, mechanism, more="")

        assert outcome.status is CheckStatus.SUCCESS
        assert logins(server)[:2] == [
            f"AUTHENTICATE {mechanism}".encode(), message(mechanism, tokens, server),
        ]  # fmt: skip

    def test_bare_plus_is_a_challenge(self, tokens: TokenServer) -> None:
        def login(conversation: Conversation) -> None:
            conversation.send("+\r\n")
            conversation.read_line()
            conversation.send(ACCEPTED[IMAP])

        assert sign_in(IMAP, tokens, login, more="")[0].status is CheckStatus.SUCCESS

    @every_mechanism
    @encrypted
    def test_pop3_sends_a_short_token_with_the_command(
        self, tokens: TokenServer, mechanism: str, security: Security
    ) -> None:
        outcome, server = sign_in(POP3, tokens, None, mechanism, security=security)

        assert (outcome.status, outcome.message) == (CheckStatus.SUCCESS, None)
        assert logins(server)[0] == b"AUTH %b %b" % (mechanism.encode(), message(mechanism, tokens, server))

    @pytest.mark.parametrize(("protocol", "length"), [(POP3, 150), (IMAP, 6000)])
    def test_long_token_waits_for_the_challenge(self, protocol: Protocol, length: int) -> None:
        token = "x" * length
        with TokenServer(granting(access_token=token)) as tokens:
            login = challenged(protocol, "", ending=ACCEPTED[protocol])
            outcome, server = sign_in(protocol, tokens, login)

        assert outcome.status is CheckStatus.SUCCESS
        assert logins(server)[0] in {b"AUTH XOAUTH2", b"AUTHENTICATE XOAUTH2"}
        assert base64.b64decode(logins(server)[1]) == f"user={USER}\x01auth=Bearer {token}\x01\x01".encode()

    def test_user_name_is_escaped_in_oauthbearer(self, tokens: TokenServer) -> None:
        _, server = check(
            IMAP,
            {**offering(IMAP, OAUTHBEARER), "login": ACCEPTED[IMAP]},
            Security.TLS,
            user="a=b,c@example.com",
            oauth=tokens.settings(),
        )
        sent = base64.b64decode(logins(server)[0].split()[-1])
        assert sent.startswith(b"n,a=a=3Db=2Cc@example.com,\x01")

    @every_protocol
    def test_xoauth2_comes_first_where_both_are_offered(
        self, tokens: TokenServer, protocol: Protocol
    ) -> None:
        _, server = sign_in(protocol, tokens, None, "PLAIN", OAUTHBEARER, XOAUTH2)
        assert logins(server)[0].split()[1] == b"XOAUTH2"

    def test_preauthenticated_session_needs_no_token(self, tokens: TokenServer) -> None:
        greeting = {"greeting": "* PREAUTH welcome\r\n"}
        outcome, _ = check(IMAP, greeting, Security.TLS, oauth=tokens.settings())
        assert (outcome.status, tokens.forms) == (CheckStatus.SUCCESS, [])


class TestRefusals:
    @every_protocol
    @pytest.mark.parametrize(("mechanism", "reply"), [(XOAUTH2, b""), (OAUTHBEARER, b"AQ==")])
    def test_complaint_is_acknowledged_and_quoted(
        self, tokens: TokenServer, protocol: Protocol, mechanism: str, reply: bytes
    ) -> None:
        login = challenged(protocol, COMPLAINT, ending=REFUSED[protocol])
        outcome, server = sign_in(protocol, tokens, login, mechanism)

        assert (outcome.code, outcome.phase) == (ErrorCode.AUTHENTICATION_FAILED, Phase.LOGIN)
        assert outcome.message is not None
        assert outcome.message.startswith("The server refused the login: [AUTH")
        assert outcome.message.endswith("] no (token status: 401)")
        assert logins(server)[1] == reply
        assert server.connections == 1

    @every_protocol
    @pytest.mark.parametrize(
        ("challenge", "status"),
        [
            ("?", None),
            (base64.b64encode(b"no json").decode(), None),
            (base64.b64encode(b"[" * 1400).decode(), None),
            (base64.b64encode(b"[]").decode(), None),
            (base64.b64encode(b'{"status": []}').decode(), None),
            (base64.b64encode(b'{"status": 400}').decode(), "400"),
            (base64.b64encode(b'{"status": "a\\r\\nb"}').decode(), "a\ufffd\ufffdb"),
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_complaint_that_is_none_is_answered_all_the_same(
        self, tokens: TokenServer, protocol: Protocol, challenge: str, status: str | None
    ) -> None:
        login = challenged(protocol, challenge, ending=REFUSED[protocol])
        outcome, _ = sign_in(protocol, tokens, login)

        assert outcome.code is ErrorCode.AUTHENTICATION_FAILED
        assert outcome.message is not None
        assert outcome.message.endswith(f"] no (token status: {status})" if status else "] no")

    @every_protocol
    def test_second_complaint_is_called_off(self, tokens: TokenServer, protocol: Protocol) -> None:
        login = challenged(protocol, COMPLAINT, COMPLAINT, ending=REFUSED[protocol])
        outcome, server = sign_in(protocol, tokens, login)

        assert outcome.code is ErrorCode.AUTHENTICATION_FAILED
        assert logins(server)[1:3] == [b"", b"*"]

    @pytest.mark.parametrize("ending", ["{tag} BAD what?\r\n", faults.close], ids=["bad", "close"])
    def test_complaint_counts_more_than_what_comes_behind_it(self, tokens: TokenServer, ending: Step) -> None:
        def login(conversation: Conversation) -> None:
            challenged(IMAP, COMPLAINT, ending="")(conversation)
            conversation.perform(ending)

        outcome, server = sign_in(IMAP, tokens, login)
        assert (outcome.code, server.connections) == (ErrorCode.AUTHENTICATION_FAILED, 1)

    @every_protocol
    def test_refused_token_is_forgotten(self, tokens: TokenServer, protocol: Protocol) -> None:
        sign_in(protocol, tokens)
        for _ in range(2):
            sign_in(protocol, tokens, REFUSED[protocol])
        assert len(tokens.tokens) == 2

    @pytest.mark.parametrize(
        ("protocol", "ending"),
        [
            (IMAP, "* BYE bye\r\n{tag} NO [AUTHENTICATIONFAILED] no\r\n"),
            (IMAP, "* BYE bye\r\nwhat?\r\n"),
            (IMAP, "what?\r\n"),
            (POP3, "what?\r\n"),
        ],
    )
    def test_refused_token_is_forgotten_however_the_dialogue_ends(
        self, tokens: TokenServer, protocol: Protocol, ending: str
    ) -> None:
        outcome, server = sign_in(protocol, tokens, challenged(protocol, COMPLAINT, ending=ending))
        assert (outcome.code, server.connections) == (ErrorCode.AUTHENTICATION_FAILED, 1)
        sign_in(protocol, tokens)
        assert len(tokens.tokens) == 2

    def test_token_is_kept_where_the_server_is_merely_busy(self, tokens: TokenServer) -> None:
        for _ in range(2):
            outcome, _ = sign_in(IMAP, tokens, "{tag} NO [UNAVAILABLE] later\r\n")
            assert outcome.code is ErrorCode.TEMPORARILY_UNAVAILABLE
        assert len(tokens.tokens) == 1

    @every_protocol
    def test_server_without_a_mechanism_gets_no_token(self, tokens: TokenServer, protocol: Protocol) -> None:
        outcome, server = sign_in(protocol, tokens, None, "PLAIN", "LOGIN")

        assert (outcome.code, outcome.phase) == (ErrorCode.LOGIN_DISABLED, Phase.LOGIN)
        assert outcome.message == "The server does not offer a login with a token (XOAUTH2 or OAUTHBEARER)."
        assert tokens.forms == []
        assert server.lines[-1].split()[-1] in {b"LOGOUT", b"QUIT"}

    @every_protocol
    def test_no_token_goes_out_without_tls(self, tokens: TokenServer, protocol: Protocol) -> None:
        outcome, server = sign_in(protocol, tokens, security=Security.PLAIN)

        assert (outcome.code, outcome.phase) == (ErrorCode.LOGIN_DISABLED, Phase.LOGIN)
        assert (outcome.message or "").startswith("A token is not sent without TLS")
        assert tokens.forms == []
        assert not any(b"AUTH" in line for line in server.lines)

    @every_protocol
    def test_token_goes_out_behind_the_upgrade_only(self, tokens: TokenServer, protocol: Protocol) -> None:
        outcome, server = sign_in(protocol, tokens, security=Security.STARTTLS)
        assert outcome.status is CheckStatus.SUCCESS
        assert not any(b"AUTH" in line for line in server.clear_lines)

    @every_protocol
    def test_closed_login_is_tried_again_with_the_same_token(
        self, tokens: TokenServer, protocol: Protocol
    ) -> None:
        outcome, server = sign_in(protocol, tokens, faults.close)
        assert outcome.code is ErrorCode.CONNECTION_CLOSED
        assert (server.connections, len(tokens.tokens)) == (2, 1)

    @every_protocol
    def test_server_is_left_politely_when_there_is_no_token(self, protocol: Protocol) -> None:
        with TokenServer(refusal("invalid_client", status=401)) as tokens:
            outcome, server = sign_in(protocol, tokens)
        assert (outcome.code, outcome.phase) == (ErrorCode.OAUTH_FAILED, Phase.LOGIN)
        assert outcome.diagnostics["address"] == "127.0.0.1"
        assert outcome.diagnostics["server"]["capabilities"]
        assert server.lines[-1].split()[-1] in {b"LOGOUT", b"QUIT"}


class TestManners:
    def test_many_checks_share_one_token(self, tokens: TokenServer) -> None:
        script = {**offering(IMAP, XOAUTH2), "login": ACCEPTED[IMAP]}
        with FakeServer(DIALECTS[IMAP], Security.TLS, script) as server, ThreadPoolExecutor(20) as pool:
            target = target_at(server.port, security=Security.TLS, oauth=tokens.settings())
            outcomes = list(pool.map(lambda _: checkers.run(target, 20, LOOPBACK), range(20)))
        assert [outcome.status for outcome in outcomes] == [CheckStatus.SUCCESS] * 20
        assert len(tokens.forms) == 1

    @pytest.mark.skipif(not DESCRIPTORS.exists(), reason="counts descriptors by way of /proc")
    def test_no_descriptor_stays_open(self) -> None:
        # Without the collector, which would tidy up behind us.
        gc.collect()
        gc.disable()
        before = len(list(DESCRIPTORS.iterdir()))
        try:
            for step in (None, faults.silence, faults.reset, faults.garbage, refusal("invalid_client")):
                with TokenServer(step) as tokens:
                    sign_in(IMAP, tokens, deadline=0.3)
            assert len(list(DESCRIPTORS.iterdir())) == before
        finally:
            gc.enable()

    def test_deadline_names_what_was_waited_for(self) -> None:
        with TokenServer(faults.silence) as tokens:
            outcome, _ = sign_in(IMAP, tokens, deadline=0.4)
        assert (outcome.code, outcome.phase) == (ErrorCode.TIMEOUT, Phase.LOGIN)
        assert outcome.message == (
            "The time limit of 0.4 s ran out while waiting for the token endpoint 127.0.0.1."
        )
        assert outcome.duration_ms < 900

    @every_protocol
    def test_forbidden_endpoint_is_not_dialled(self, tokens: TokenServer, protocol: Protocol) -> None:
        script = offering(protocol, XOAUTH2)
        with FakeServer(DIALECTS[protocol], Security.TLS, script) as server:
            oauth = tokens.settings(tokenUrl=f"https://127.0.0.2:{tokens.port}/token")
            target = target_at(server.port, protocol, security=Security.TLS, oauth=oauth)
            outcome = checkers.run(target, 5, TargetGuard(allow=(ip_network("127.0.0.1/32"),)))
        assert (outcome.code, outcome.phase) == (ErrorCode.TARGET_FORBIDDEN, Phase.LOGIN)
        assert outcome.diagnostics["address"] == "127.0.0.1"
        assert tokens.connections == 0
        assert server.lines[-1].split()[-1] in {b"LOGOUT", b"QUIT"}


class TestEchoes:
    """Whatever a server gives back of what it was sent, none of it is kept."""

    @pytest.mark.parametrize(
        ("protocol", "login"),
        [
            (IMAP, "{tag} NO I do not know {line}\r\n"),
            (IMAP, "{tag} BAD {line}\r\n"),
            (IMAP, ["* BYE {line}\r\n", faults.close]),
            (IMAP, "{line}\r\n"),
            (POP3, "-ERR {line}\r\n"),
            (POP3, "{line}\r\n"),
        ],
    )
    @every_mechanism
    def test_echoed_command_is_masked(
        self, tokens: TokenServer, protocol: Protocol, login: Step, mechanism: str
    ) -> None:
        outcome, server = sign_in(protocol, tokens, login, mechanism)
        self._assert_clean(outcome, tokens, message(mechanism, tokens, server).decode())

    @every_protocol
    def test_echoed_token_is_masked(self, tokens: TokenServer, protocol: Protocol) -> None:
        def login(conversation: Conversation) -> None:
            token = tokens.tokens[-1]
            complaint = base64.b64encode(json.dumps({"status": f"no {token}"}).encode()).decode()
            challenged(protocol, complaint, ending=f"-ERR {token} {CLIENT_SECRET}\r\n")(conversation)

        outcome, _ = sign_in(protocol, tokens, login)
        self._assert_clean(outcome, tokens, CLIENT_SECRET)

    def test_truncated_token_is_masked(self) -> None:
        token = "".join(f"{number:03}" for number in range(400))
        with TokenServer(granting(access_token=token)) as tokens:
            encoded = base64.b64encode(f"user={USER}\x01auth=Bearer {token}".encode()).decode()
            outcomes = [
                sign_in(IMAP, tokens, f"{{tag}} NO {echo}\r\n")[0]
                for echo in (token[:60], token[-60:], token[99:200], encoded[:160], encoded[500:600])
            ]
        for outcome in outcomes:
            assert outcome.message == "The server refused the login: ********"

    @every_protocol
    def test_token_of_an_earlier_check_is_masked_in_the_greeting(
        self, tokens: TokenServer, protocol: Protocol
    ) -> None:
        sign_in(protocol, tokens)
        sign = {IMAP: "* OK", POP3: "+OK"}[protocol]
        greeting = {"greeting": f"{sign} hello {tokens.tokens[0]}\r\n"}
        outcome, _ = check(protocol, greeting, Security.TLS, oauth=tokens.settings())
        self._assert_clean(outcome, tokens)

    def test_newer_refresh_token_is_masked_too(self) -> None:
        newer = "an0ther/refresh.t0ken"
        with TokenServer(granting(refresh_token=newer, expires_in=0)) as tokens:
            settings = {"refreshToken": "r3fresh", "grantType": "refresh_token"}
            sign_in(IMAP, tokens, **settings)
            tokens.script = {**tokens.script, "token": refusal("invalid_grant", f"not {newer}")}
            outcome, _ = sign_in(IMAP, tokens, **settings)
        assert tokens.forms[1]["refresh_token"] == newer
        assert outcome.message == "No token from 127.0.0.1: invalid_grant: not ********"

    @every_protocol
    def test_no_repr_holds_a_secret(self, tokens: TokenServer, protocol: Protocol) -> None:
        outcome, _ = sign_in(protocol, tokens, REFUSED[protocol])
        settings = tokens.settings(refreshToken="r3fresh")
        kept = repr((outcome, settings, TOKENS, TOKENS._entries))
        assert not any(secret in kept for secret in (*tokens.tokens, CLIENT_SECRET, "r3fresh"))

    def _assert_clean(self, outcome: CheckOutcome, tokens: TokenServer, *more: str) -> None:
        kept = json.dumps([outcome.message, outcome.diagnostics])
        assert tokens.tokens
        for secret in (*tokens.tokens, *more):
            assert secret not in kept
            assert base64.b64encode(secret.encode()).decode()[:-4] not in kept

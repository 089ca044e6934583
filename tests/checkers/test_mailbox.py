"""What is read of an open mailbox: the age of its newest message and its quota, however servers put it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from app.checkers.attempt import Attempt
from app.checkers.mailbox import MAX_RESOURCES, arrival_in, quota_in
from app.checkers.pop3 import MAX_HEADER_LINE
from app.checkers.verdict import judge
from app.domain.enums import CheckStatus, ErrorCode, Phase, Protocol, WarningCode
from app.domain.outcome import CheckOutcome
from app.domain.target import TargetGuard
from app.net.limits import Limits
from tests.checkers.faking import DEADLINE_SECONDS, check, target_at
from tests.fakes import faults
from tests.fakes.server import Conversation, FakeServer, Script, Step

LIMIT = 60
NOT_TOLD = "The server does not say when the newest message arrived."
OFFERED = "* CAPABILITY IMAP4rev1 QUOTA ID\r\n{tag} OK done\r\n"


def internal_date(age: timedelta) -> str:
    moment = (datetime.now(UTC) - age).astimezone(UTC)
    return "-".join(format_datetime(moment).split()[1:4]) + moment.strftime(" %H:%M:%S +0000")


def fetched(*ages: timedelta) -> str:
    lines = (f'* {at} FETCH (INTERNALDATE "{internal_date(age)}")\r\n' for at, age in enumerate(ages, 1))
    return "".join(lines) + "{tag} OK done\r\n"


def watch(
    protocol: Protocol, script: Script | None = None, *, deadline: float = DEADLINE_SECONDS
) -> tuple[CheckOutcome, FakeServer]:
    return check(protocol, script, deadline=deadline, max_message_age_minutes=LIMIT)


def maildrop(messages: int, ages: Mapping[int, timedelta]) -> dict[str, Step]:
    """A POP3 maildrop; messages whose age is not given are three days old."""

    def top(conversation: Conversation) -> None:
        age = ages.get(int(conversation.line.split()[1]), timedelta(days=3))
        conversation.send(f"+OK\r\nDate: {format_datetime(datetime.now(UTC) - age)}\r\n\r\n.\r\n")

    return {"mailbox": f"+OK {messages} 700\r\n", "top": top}


def tops(server: FakeServer) -> list[int]:
    """The numbers of the messages whose headers were read over POP3."""
    return [int(line.split()[1]) for line in server.lines if line.startswith(b"TOP")]


def words_of(server: FakeServer) -> list[str]:
    """The IMAP commands that were given."""
    return [line.decode().split()[1] for line in server.lines]


class TestImap:
    def test_fresh_last_message_costs_one_command(self) -> None:
        outcome, server = watch(Protocol.IMAP, {"fetch": fetched(timedelta(minutes=LIMIT - 1))})
        assert outcome.status is CheckStatus.SUCCESS
        assert words_of(server).count("FETCH") == 1
        assert "SEARCH" not in words_of(server)

    def test_old_last_message_is_no_proof(self) -> None:
        calls = iter([fetched(timedelta(days=3)), fetched(timedelta(days=1), timedelta(minutes=5))])
        script: Script = {
            "fetch": lambda conversation: conversation.send(next(calls)),
            "search": "* SEARCH 5 6\r\n{tag} OK done\r\n",
        }
        outcome, server = watch(Protocol.IMAP, script)
        assert outcome.status is CheckStatus.SUCCESS
        assert any(b"FETCH 5,6 (INTERNALDATE)" in line for line in server.lines)

    @pytest.mark.parametrize("found", ['(TAG "{tag}") ALL 5:6', "ALL 5:6", "UID all 5:6"])
    def test_answer_of_imap4rev2_to_a_search_is_read(self, found: str) -> None:
        calls = iter([fetched(timedelta(days=3)), fetched(timedelta(days=1), timedelta(minutes=5))])
        script: Script = {
            "fetch": lambda conversation: conversation.send(next(calls)),
            "search": f"* ESEARCH {found}\r\n{{tag}} OK done\r\n",
        }
        outcome, server = watch(Protocol.IMAP, script)
        assert outcome.status is CheckStatus.SUCCESS
        assert any(b"FETCH 5:6 (INTERNALDATE)" in line for line in server.lines)

    def test_date_that_cannot_have_come_yet_is_none(self) -> None:
        outcome, _ = watch(Protocol.IMAP, {"fetch": fetched(-timedelta(days=2))})
        assert (outcome.code, outcome.message) == (WarningCode.MAILBOX_STALE, NOT_TOLD)
        outcome, _ = watch(Protocol.IMAP, {"fetch": fetched(-timedelta(hours=20))})
        assert outcome.status is CheckStatus.SUCCESS

    @pytest.mark.parametrize(
        "search",
        ["* SEARCH\r\n{tag} OK done\r\n", "{tag} OK done\r\n", "{tag} NO no\r\n", "{tag} BAD no\r\n",
         "* SEARCH x -1 y\r\n{tag} OK done\r\n", '* ESEARCH (TAG "{tag}")\r\n{tag} OK done\r\n',
         "* ESEARCH {3}\r\nabc ALL x\r\n{tag} OK done\r\n"],
    )  # fmt: skip
    def test_old_message_is_a_warning(self, search: str) -> None:
        outcome, _ = watch(Protocol.IMAP, {"fetch": fetched(timedelta(days=3)), "search": search})
        assert (outcome.status, outcome.code) == (CheckStatus.WARNING, WarningCode.MAILBOX_STALE)
        assert outcome.diagnostics["warnings"] == ["mailbox_stale"]
        assert "arrived at" in (outcome.message or "")

    @pytest.mark.parametrize(
        "fetch",
        ["{tag} NO no\r\n", "{tag} BAD no\r\n", "{tag} OK nothing\r\n",
         '* 7 FETCH (INTERNALDATE "32-Foo-2026 00:00:00 +0000")\r\n{tag} OK done\r\n',
         "* 7 FETCH (UID 5)\r\n{tag} OK done\r\n",
         "* 7 FETCH (BODY {3}\r\nabc)\r\n{tag} OK done\r\n"],
    )  # fmt: skip
    def test_date_that_is_not_told_is_a_warning(self, fetch: str) -> None:
        outcome, _ = watch(Protocol.IMAP, {"fetch": fetch})
        assert outcome.code is WarningCode.MAILBOX_STALE
        assert outcome.message == NOT_TOLD
        assert "newestMessageAt" not in outcome.diagnostics["mailbox"]

    def test_nothing_is_asked_that_nobody_wants_to_know(self) -> None:
        _, server = check(Protocol.IMAP)
        assert not {"FETCH", "SEARCH", "ID", "GETQUOTAROOT"} & set(words_of(server))

    def test_only_the_last_messages_are_looked_through(self) -> None:
        script: Script = {
            "mailbox": "* 9000 EXISTS\r\n{tag} OK done\r\n",
            "fetch": fetched(timedelta(days=3)),
        }
        _, server = watch(Protocol.IMAP, script)
        assert any(b"SEARCH 8500:9000 SINCE" in line for line in server.lines)

    @pytest.mark.parametrize("fetch", [faults.close, faults.silence, "\x00what?\r\n"])
    def test_server_that_fails_at_it_says_no_date(self, fetch: Step) -> None:
        """The login and the mailbox are what the check is about: both were seen working."""
        outcome, _ = watch(Protocol.IMAP, {"fetch": fetch}, deadline=1.0)
        assert (outcome.code, outcome.message) == (WarningCode.MAILBOX_STALE, NOT_TOLD)

    @pytest.mark.parametrize("quota", [faults.close, faults.silence, "\x00what?\r\n"])
    def test_server_that_fails_at_its_quota_has_none(self, quota: Step) -> None:
        outcome, _ = check(Protocol.IMAP, {"capability": OFFERED, "quota": quota}, deadline=1.0)
        assert outcome.status is CheckStatus.SUCCESS
        assert "quota" not in outcome.diagnostics["mailbox"]

    @pytest.mark.parametrize("answer", ["{tag} NO no\r\n", "{tag} BAD no\r\n", "* ID NIL\r\n{tag} OK\r\n"])
    def test_name_and_quota_may_be_refused(self, answer: str) -> None:
        script: Script = {"capability": OFFERED, "id": answer, "quota": answer}
        outcome, server = check(Protocol.IMAP, script)
        assert outcome.status is CheckStatus.SUCCESS
        assert "quota" not in outcome.diagnostics["mailbox"]
        assert any(b'ID ("name" "Pillarbox" "version" "' in line for line in server.lines)

    def test_quota_counts_where_the_login_offers_it(self) -> None:
        login = "{tag} OK [CAPABILITY IMAP4rev1 QUOTA] welcome\r\n"
        outcome, _ = check(Protocol.IMAP, {"login": login})
        assert outcome.diagnostics["mailbox"]["quota"] == {"storage": {"used": 10, "limit": 512}}

    def test_login_waits_for_nobody_but_the_server(self) -> None:
        outcome, _ = check(Protocol.IMAP, {"capability": OFFERED, "id": faults.silence}, deadline=0.3)
        assert (outcome.code, outcome.phase) == (ErrorCode.TIMEOUT, Phase.MAILBOX)


class TestPop3:
    def top(self, *lines: str) -> Script:
        return {"top": "+OK\r\n" + "".join(f"{line}\r\n" for line in lines) + "\r\n.\r\n"}

    @pytest.mark.parametrize("age", [timedelta(minutes=5), timedelta(days=3)])
    def test_topmost_received_counts(self, age: timedelta) -> None:
        arrived = format_datetime(datetime.now(UTC) - age)
        script = self.top(
            "Received: from b by c;", f"\t{arrived}", "Received: from a by b; Tue, 1 Jan 2019 00:00:00 +0000"
        )
        outcome, _ = watch(Protocol.POP3, script)
        assert (outcome.status is CheckStatus.SUCCESS) is (age < timedelta(hours=1))

    def test_date_counts_where_no_server_noted_anything(self) -> None:
        outcome, _ = watch(Protocol.POP3, self.top("Date: Sun, 01 Mar 2020 00:00:00 +0000"))
        assert outcome.code is WarningCode.MAILBOX_STALE
        assert outcome.diagnostics["mailbox"]["newestMessageAt"] == "2020-03-01T00:00:00.000Z"

    def test_fresh_last_message_costs_one_command(self) -> None:
        outcome, server = watch(Protocol.POP3)
        assert outcome.status is CheckStatus.SUCCESS
        assert tops(server) == [7]

    @pytest.mark.parametrize(("fresh", "asked"), [(1, [20, 1]), (17, [20, 1, 19, 18, 17])])
    def test_newest_message_need_not_be_the_last(self, fresh: int, asked: list[int]) -> None:
        outcome, server = watch(Protocol.POP3, maildrop(20, {fresh: timedelta(minutes=5)}))
        assert outcome.status is CheckStatus.SUCCESS
        assert tops(server) == asked

    def test_only_a_few_messages_are_looked_at(self) -> None:
        outcome, server = watch(Protocol.POP3, maildrop(50_000, {49_994: timedelta(hours=2)}))
        assert outcome.code is WarningCode.MAILBOX_STALE
        assert internal_date(timedelta(hours=2))[12:17] in (outcome.message or "")
        assert tops(server) == [50_000, 1, *range(49_999, 49_990, -1)]

    @pytest.mark.parametrize("failure", [faults.close, faults.silence, "-ERR no more\r\n"])
    def test_what_was_read_before_a_failure_counts(self, failure: Step) -> None:
        script = {**maildrop(20, {}), "top": [maildrop(20, {})["top"], failure]}
        outcome, _ = watch(Protocol.POP3, script, deadline=1.0)
        assert "arrived at" in (outcome.message or "")

    @pytest.mark.parametrize(
        "script",
        [
            {"top": "-ERR unknown\r\n"},
            {"top": "+OK\r\n\r\n.\r\n"},
            {"top": "+OK\r\nDate: never\r\n\r\n.\r\n"},
        ],
    )
    def test_date_that_is_not_told_is_a_warning(self, script: Script) -> None:
        outcome, _ = watch(Protocol.POP3, script)
        assert outcome.message == NOT_TOLD

    def test_empty_maildrop_is_stale(self) -> None:
        outcome, server = watch(Protocol.POP3, {"mailbox": "+OK 0 0\r\n"})
        assert outcome.code is WarningCode.MAILBOX_STALE
        assert not any(line.startswith(b"TOP") for line in server.lines)

    def test_long_headers_are_read(self) -> None:
        script = self.top("X-Long: " + "x" * 10_000, f"Date: {format_datetime(datetime.now(UTC))}")
        assert watch(Protocol.POP3, script)[0].status is CheckStatus.SUCCESS

    def test_endless_headers_are_not(self) -> None:
        outcome, _ = watch(Protocol.POP3, self.top("X-Long: " + "x" * MAX_HEADER_LINE))
        assert (outcome.code, outcome.message) == (WarningCode.MAILBOX_STALE, NOT_TOLD)

    @pytest.mark.parametrize("top", [faults.close, faults.silence, "what?\r\n"])
    def test_server_that_fails_at_it_says_no_date(self, top: Step) -> None:
        outcome, _ = watch(Protocol.POP3, {"top": top}, deadline=1.0)
        assert (outcome.code, outcome.message) == (WarningCode.MAILBOX_STALE, NOT_TOLD)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([b'"" (STORAGE 10 512)'], {"storage": {"used": 10, "limit": 512}}),
        (
            [b'"a (b)" (STORAGE 1 2 MESSAGE 3 4)'],
            {"storage": {"used": 1, "limit": 2}, "message": {"used": 3, "limit": 4}},
        ),
        ([b'"a" (STORAGE 1 2)', b'"b" (STORAGE 5 6)'], {"storage": {"used": 1, "limit": 2}}),
        ([b'"" ()'], None),
        ([b"nonsense"], None),
        ([b'"" (STORAGE -1 x)'], None),
        ([None], None),
        ([(b'"" {3}', b"abc"), b")"], None),
        ([], None),
    ],
)
def test_quota_is_read(lines: list[object], found: object) -> None:
    assert quota_in(lines) == found


def test_quota_of_countless_resources_is_cut() -> None:
    many = b" ".join(b"R%d 1 2" % at for at in range(1000))
    assert len(quota_in([b'"" (' + many + b")"]) or {}) == MAX_RESOURCES


@pytest.mark.parametrize(
    "date", ["Wed, 1 Jan 2020 01:00:00 +0100", "1 Jan 2020 00:00:00 -0000", "Wed, 01 Jan 2020 00:00:00 GMT"]
)
def test_dates_are_read_in_every_usual_form(date: str) -> None:
    assert arrival_in([f"Date: {date}".encode()]) == datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "header",
    [
        b"Date: Tue, 99 Foo 2020",
        b"Date: 1 Jan 2199 00:00:00 +0000",
        b"Received: no date",
        b"\xff\xfe",
        b"",
        b"Date: " + b"9" * 400,
    ],
)
def test_what_is_no_date_is_none(header: bytes) -> None:
    assert arrival_in([header]) is None


def test_limit_stands_still_while_a_check_is_under_way() -> None:
    """Else a message that was fresh when it was read could be too old for the verdict."""
    target = target_at(1, max_message_age_minutes=LIMIT)
    attempt = Attempt(target, TargetGuard(), Limits(DEADLINE_SECONDS))
    attempt.is_mailbox_open, attempt.messages = True, 1
    attempt.newest_message_at = attempt.age_limit
    assert judge(attempt, None).status is CheckStatus.SUCCESS

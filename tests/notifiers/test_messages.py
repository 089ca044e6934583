"""What messages say, in both languages, and that nothing from outside breaks out of its place."""

import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import AlertEvent, ErrorCode, Language, Protocol, WarningCode
from app.notifiers.messages import compose, told_duration, told_instant
from app.notifiers.words import LEXICONS, Lexicon
from tests.notifiers.stage import ENDED_AT, NOTICE, RECOVERY, notice

CODES = [*ErrorCode, *WarningCode]
GERMAN, ENGLISH = Language.GERMAN, Language.ENGLISH
HOSTILE = '<script>alert(1)</script> "quoted" \' & &lt; <img src=x onerror=y>'
every_language = pytest.mark.parametrize("language", Language)


class TestWords:
    @every_language
    def test_every_code_has_a_title_and_an_advice(self, language: Language) -> None:
        words = LEXICONS[language]

        assert words.titles.keys() == set(CODES) == words.advice.keys()
        assert len({*words.titles.values()}) == len(CODES)
        for code in CODES:
            assert 0 < len(words.titles[code]) <= 40
            assert words.advice[code].endswith(".")

    def test_languages_have_the_same_words_and_not_the_same_texts(self) -> None:
        one, other = LEXICONS[ENGLISH], LEXICONS[GERMAN]
        for field in fields(Lexicon):
            ours, theirs = getattr(one, field.name), getattr(other, field.name)
            if isinstance(ours, dict):
                assert ours.keys() == theirs.keys()
                assert [places(text) for text in ours.values()] == [places(text) for text in theirs.values()]
            elif isinstance(ours, str):
                assert places(ours) == places(theirs)
        for code in CODES:
            assert one.advice[code] != other.advice[code]
            assert one.titles[code] != other.titles[code]

    @every_language
    def test_every_language_of_an_organization_is_spoken(self, language: Language) -> None:
        assert len(LEXICONS[language].months) == 12

    def test_a_code_of_a_version_to_come_is_shown_as_it_is(self) -> None:
        message = compose(notice(incident={"type": "quantum_failure"}))

        assert "quantum_failure" in message.subject
        assert "What to do" not in message.text


def places(text: str | tuple[str, ...]) -> list[str]:
    return sorted(re.findall(r"\{\w+\}", "".join(text)))


class TestMail:
    def test_an_alert_says_all_that_one_has_to_know(self) -> None:
        assert compose(NOTICE).text == (
            "The mailbox “Info mailbox” does not work.\n"
            "\n"
            "Mailbox: Info mailbox\n"
            "Server: imap.example.com:993 (IMAP)\n"
            "Customer: ACME\n"
            "Problem: login refused\n"
            "Since: 26 February 2026, 13:00:05 (Europe/Berlin), 5 minutes\n"
            "Seen from: Nürnberg\n"
            "Details: The server refused the login: NO [AUTHENTICATIONFAILED] Authentication failed.\n"
            "What to do: Correct the user name and password of the monitor, or unlock the account.\n"
            "\n"
            "What was said:\n"
            "    S: * OK ready\n"
            "    C: T1 LOGIN monitor ********\n"
            "    S: T1 NO [AUTHENTICATIONFAILED]\n"
            "\n"
            "Incident: https://pillarbox.example.com/api/incidents/bbbbbbbb-0000-4000-8000-000000000002\n"
            "\n"
            "-- \n"
            "Sent by Pillarbox for Example Hosting.\n"
        )

    def test_an_alert_in_german(self) -> None:
        text = compose(notice(language=GERMAN)).text

        assert text.startswith("Das Postfach „Info mailbox“ funktioniert nicht.\n")
        assert "\nSeit: 26. Februar 2026, 13:00:05 Uhr (Europe/Berlin), 5 Minuten\n" in text
        assert "\nWas zu tun ist: Korrigieren Sie Benutzername und Passwort" in text

    def test_a_recovery_says_when_it_was_over_and_how_long_it_took(self) -> None:
        message = compose(RECOVERY)

        assert message.subject == "UP AGAIN: Info mailbox (imap.example.com) - login refused"
        assert message.text.startswith("The mailbox “Info mailbox” works again, after 2 hours 5 minutes.\n")
        assert "\nSince: 26 February 2026, 13:00:05 (Europe/Berlin)\n" in message.text
        assert (
            "\nUntil: 26 February 2026, 15:05:35 (Europe/Berlin), after 2 hours 5 minutes\n" in message.text
        )
        assert "What to do" not in message.text
        assert "What was said" not in message.text

    def test_a_test_says_that_nothing_is_wrong(self) -> None:
        message = compose(notice(is_test=True))

        assert message.subject == "TEST: Example Hosting"
        assert message.text.startswith(
            "This is a test, nothing is wrong: messages of Example Hosting arrive here."
        )
        assert "Info mailbox" not in message.text + message.html

    @pytest.mark.parametrize(
        ("event", "code", "english", "german"),
        [
            (AlertEvent.ALERT, ErrorCode.TIMEOUT, "DOWN", "AUSFALL"),
            (AlertEvent.ALERT, WarningCode.SLOW_RESPONSE, "WARNING", "WARNUNG"),
            (AlertEvent.REMINDER, ErrorCode.TIMEOUT, "STILL DOWN", "WEITERHIN AUSFALL"),
            (AlertEvent.REMINDER, WarningCode.SLOW_RESPONSE, "STILL A WARNING", "WEITERHIN WARNUNG"),
            (AlertEvent.RECOVERY, ErrorCode.TIMEOUT, "UP AGAIN", "WIEDER DA"),
            (AlertEvent.RECOVERY, WarningCode.SLOW_RESPONSE, "RESOLVED", "ERLEDIGT"),
        ],
    )
    def test_the_subject_says_what_kind_of_message_it_is(
        self, event: AlertEvent, code: str, english: str, german: str
    ) -> None:
        for language, head in ((ENGLISH, english), (GERMAN, german)):
            message = compose(
                notice(event=event, language=language, incident={"type": code, "ended_at": ENDED_AT})
            )
            assert message.subject.startswith(f"{head}: Info mailbox (imap.example.com) - ")
            assert message.title == message.subject

    @pytest.mark.parametrize("code", [ErrorCode.AUTHENTICATION_FAILED, WarningCode.SLOW_RESPONSE])
    @pytest.mark.parametrize(
        ("language", "head", "opening"),
        [
            (ENGLISH, "NO LONGER WATCHED", "The mailbox “Info mailbox” is no longer watched"),
            (GERMAN, "NICHT MEHR ÜBERWACHT", "Das Postfach „Info mailbox“ wird nicht mehr überwacht"),
        ],
    )
    def test_what_ended_because_nobody_watches_does_not_work_again(
        self, language: Language, head: str, opening: str, code: str
    ) -> None:
        ended = {"type": code, "ended_at": ENDED_AT, "is_watched": False}
        message = compose(notice(event=AlertEvent.RECOVERY, language=language, incident=ended))

        assert message.subject.startswith(f"{head}: Info mailbox")
        assert message.title == message.subject
        assert message.short.startswith(f"{head}: Info mailbox")
        for text in (message.text, message.body, " ".join(Page(message.html).texts)):
            assert opening in text
        whole = " ".join(getattr(message, field.name) for field in fields(message))
        for claim in ("works again", "All is well", "funktioniert wieder", "wieder alles"):
            assert claim not in whole
        assert "#1e8449" in compose(RECOVERY).html
        assert "#1e8449" not in message.html

    def test_a_failure_of_a_monitor_that_is_not_watched_is_told_as_one(self) -> None:
        """As it was queued before it ended."""
        assert compose(notice(incident={"is_watched": False})).subject.startswith("DOWN: ")

    def test_what_is_not_known_is_left_out(self) -> None:
        bare = notice(url=None, incident={"error_message": None, "location_name": None, "transcript": ()})

        text = compose(bare).text + compose(bare).html

        for label in ("Details", "Seen from", "What was said", "Incident"):
            assert label not in text

    def test_an_address_of_ipv6_is_set_apart_from_its_port(self) -> None:
        at_literal = replace(
            NOTICE, monitor=replace(NOTICE.monitor, hostname="2001:db8::1", protocol=Protocol.POP3, port=995)
        )

        assert "Server: [2001:db8::1]:995 (POP3)" in compose(at_literal).text

    def test_text_has_one_line_for_each_fact_whatever_the_names_are(self) -> None:
        hostile = notice(
            monitor="a\r\nProblem: none\u2028x\x1b[31m\u202e", incident={"error_message": "x\n\n-- \ny"}
        )

        lines = compose(hostile).text.splitlines()

        assert [line for line in lines if line.startswith("Problem: ")] == ["Problem: login refused"]
        assert lines.count("-- ") == 1
        assert not re.search(r"[\x1b\u202e]", compose(hostile).text)


class Page(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


class TestHtml:
    def test_it_has_the_same_facts_as_the_text(self) -> None:
        shown = " ".join("".join(Page(compose(NOTICE).html).texts).split())

        for line in compose(NOTICE).text.splitlines():
            for part in line.removeprefix("-- ").removesuffix(":").split(": ", 1):
                assert " ".join(part.split()) in shown or part.startswith("https:")

    def test_nothing_from_outside_becomes_a_tag(self) -> None:
        clean = Page(compose(NOTICE).html)
        hostile = replace(
            notice(
                monitor=HOSTILE,
                url=f"https://x.example/{HOSTILE}",
                incident={"error_message": HOSTILE, "location_name": HOSTILE, "transcript": (HOSTILE,) * 3},
            ),
            customer=replace(NOTICE.customer, name=HOSTILE),
            organization=replace(NOTICE.organization, name=HOSTILE),
        )

        page = Page(compose(hostile).html)

        assert page.tags == clean.tags
        assert "<script" not in compose(hostile).html
        assert HOSTILE in "".join(page.texts)

    @given(st.text(min_size=1, max_size=300).filter(str.strip))
    def test_no_name_at_all_becomes_a_tag(self, name: str) -> None:
        assert Page(compose(notice(monitor=name)).html).tags == Page(compose(NOTICE).html).tags

    def test_nothing_is_loaded_from_anywhere(self) -> None:
        assert not {"img", "link", "script", "iframe", "style"} & set(Page(compose(NOTICE).html).tags)

    @every_language
    def test_it_says_its_language(self, language: Language) -> None:
        assert f'<html lang="{language}">' in compose(notice(language=language)).html


class TestChat:
    def test_it_has_the_facts_without_the_transcript(self) -> None:
        message = compose(NOTICE)

        assert message.body.splitlines()[0] == "The mailbox “Info mailbox” does not work."
        assert "What to do: Correct" in message.body
        assert "LOGIN" not in message.body

    @pytest.mark.parametrize(
        ("text", "harmless"),
        [
            ("@everyone", "@\u2060everyone"),
            ("x@everyone", "x@\u2060everyone"),
            ("@HERE", "@\u2060HERE"),
            ("@some_user", "@\u2060some_user"),
            ("monitor@example.com", "monitor@example.com"),
            ("a@allianz.example", "a@allianz.example"),
            ("a@channel.example b@room1.example", "a@channel.example b@room1.example"),
            ("a@hereditary.example", "a@hereditary.example"),
            ("a@here.example", "a@\u2060here.example"),
            ("<!channel>", "\u2039!channel\u203a"),
            ("<https://evil.example|bank>", "\u2039https:\u2060//evil.example|bank\u203a"),
            ("[bank](https://evil.example)", "[bank] (https:\u2060//evil.example)"),
            ("BYE renew at HTTPS://evil.example/?u=you", "BYE renew at HTTPS:\u2060//evil.example/?u=you"),
            ("see WWW.evil.example", "see WWW.\u2060evil.example"),
            ("NO [AUTH] failed: 12:30, mail.example.com", "NO [AUTH] failed: 12:30, mail.example.com"),
        ],
    )
    def test_nobody_is_called_and_no_link_is_drawn(self, text: str, harmless: str) -> None:
        message = compose(notice(monitor=text, incident={"error_message": text}))

        assert f"DOWN: {harmless} (imap" in message.title
        assert f"Details: {harmless}\n" in message.body

    def test_in_a_mail_a_servers_words_stay_as_they_are(self) -> None:
        """A word joiner there would be in the way of whoever copies them; in HTML they are no link."""
        message = compose(
            notice(incident={"error_message": "BYE see https://mail.example/ban, www.x.example"})
        )

        assert "Details: BYE see https://mail.example/ban, www.x.example\n" in message.text
        assert "BYE see https://mail.example/ban, www.x.example" in message.html
        assert Page(message.html).tags.count("a") == 1
        assert f"Incident: {NOTICE.url}" in message.body

    def test_the_longest_message_fits_where_little_room_is(self) -> None:
        long = replace(
            notice(
                monitor="x" * 255,
                language=GERMAN,
                incident={"error_message": "y" * 2000, "type": ErrorCode.TIMEOUT},
            ),
            customer=replace(NOTICE.customer, name="z" * 255),
        )

        message = compose(long)

        assert len(message.body) < 1000
        assert message.body.splitlines()[-1] == f"Vorfall: {NOTICE.url}"


class TestTimes:
    @pytest.mark.parametrize(
        ("seconds", "english", "german"),
        [
            (0, "0 seconds", "0 Sekunden"),
            (0.9, "0 seconds", "0 Sekunden"),
            (1, "1 second", "1 Sekunde"),
            (59, "59 seconds", "59 Sekunden"),
            (60, "1 minute", "1 Minute"),
            (61, "1 minute 1 second", "1 Minute 1 Sekunde"),
            (3599, "59 minutes 59 seconds", "59 Minuten 59 Sekunden"),
            (3600, "1 hour", "1 Stunde"),
            (3659, "1 hour", "1 Stunde"),
            (7265, "2 hours 1 minute", "2 Stunden 1 Minute"),
            (86_400, "1 day", "1 Tag"),
            (200_000, "2 days 7 hours", "2 Tagen 7 Stunden"),
            (-5, "0 seconds", "0 Sekunden"),
        ],
    )
    def test_durations_have_their_two_largest_units(self, seconds: float, english: str, german: str) -> None:
        length = timedelta(seconds=seconds)

        assert told_duration(length, LEXICONS[ENGLISH]) == english
        assert told_duration(length, LEXICONS[GERMAN]) == german

    @given(st.integers(0, 10**8))
    def test_no_duration_is_told_longer_than_it_is_nor_by_half_a_unit_shorter(self, seconds: int) -> None:
        units = {"day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
        told = told_duration(timedelta(seconds=seconds), LEXICONS[ENGLISH]).split()
        parts = [
            (int(count), units[unit.removesuffix("s")])
            for count, unit in zip(told[::2], told[1::2], strict=True)
        ]

        total = sum(count * size for count, size in parts)

        assert (
            total <= seconds < total + (max(size for _, size in parts) if len(parts) == 1 else parts[-1][1])
        )

    @pytest.mark.parametrize(
        ("zone", "english"),
        [
            ("Europe/Berlin", "29 March 2026, 03:30:00 (Europe/Berlin)"),
            ("UTC", "29 March 2026, 01:30:00 (UTC)"),
            ("America/New_York", "28 March 2026, 21:30:00 (America/New_York)"),
            ("Asia/Kolkata", "29 March 2026, 07:00:00 (Asia/Kolkata)"),
        ],
    )
    def test_instants_are_told_in_the_zone_of_the_organization(self, zone: str, english: str) -> None:
        instant = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)

        assert told_instant(instant, ZoneInfo(zone), LEXICONS[ENGLISH]) == english
        assert english in compose(notice(time_zone=zone, incident={"started_at": instant})).text

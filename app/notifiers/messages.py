"""What a notice says, in the organization's language: e-mail as text and HTML, a text for chats, one for SMS.

All that comes from outside (names, servers' words) is cleaned of control characters, escaped in HTML, and
kept in chats from calling people and from bringing links: markup and URLs are, but a bare host name, which
people need to read, is one to some services all the same.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from app.domain.enums import AlertEvent, WarningCode
from app.domain.notification import Notice
from app.net.text import Cleaner
from app.notifiers.sms_text import fitted
from app.notifiers.words import LEXICONS, Lexicon

MAX_NAME = 255
MAX_DETAILS = 500
MAX_LINE = 200
MAX_NAME_IN_CHAT, MAX_DETAILS_IN_CHAT = 80, 300
"""Several services take 1,000 characters in all."""
TEST, NOT_WATCHED = "test", "not_watched"
RED, AMBER, GREEN, BLUE, GREY = "#c0392b", "#d68910", "#1e8449", "#2471a3", "#5f6672"
UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html"], default=False),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_tidy = Cleaner()
# In an address the @ stays as it is, but for the two words that some services find anywhere.
_CALL = re.compile(r"(?<![\w.+-])@(?=\w)|@(?=(?:everyone|here)\b)", re.IGNORECASE)
_LINK = re.compile(r":(?=//)|(?<=\bwww)\.", re.IGNORECASE)
UNSEEN = "\u2060"
"""A word joiner: behind an @ it calls nobody, in a URL it leads nowhere, and nobody sees it."""


@dataclass(frozen=True)
class Message:
    """One notice, in every form that some channel takes."""

    subject: str
    text: str
    html: str
    title: str
    """The subject, and below it a text, as they are safe in chats."""
    body: str
    short: str
    """For SMS: 160 characters of GSM 03.38, or 70 where it takes others."""


def compose(notice: Notice) -> Message:
    story, safe = _Story(notice), _Story(notice, is_for_chat=True)
    return Message(
        subject=story.subject,
        text=_render("mail.txt", story),
        html=_render("mail.html", story),
        title=safe.subject,
        body=_render("chat.txt", safe).strip(),
        short=fitted(_short_forms(story)),
    )


def told_duration(length: timedelta, words: Lexicon) -> str:
    """Its two largest units: `2 hours 5 minutes`. Less than a second is none."""
    rest = max(int(length.total_seconds()), 0)
    parts = []
    for unit, seconds in UNITS:
        count, rest = divmod(rest, seconds)
        parts.append((count, unit))
    while len(parts) > 1 and not parts[0][0]:
        del parts[0]
    told = [parts[0], *((count, unit) for count, unit in parts[1:2] if count)]
    return " ".join(f"{count} {words.units[unit][count != 1]}" for count, unit in told)


def told_instant(instant: datetime, zone: ZoneInfo, words: Lexicon) -> str:
    local = instant.astimezone(zone)
    return words.date.format(
        day=local.day,
        month=words.months[local.month - 1],
        year=local.year,
        time=f"{local:%H:%M:%S}",
        zone=zone.key,
    )


@dataclass(frozen=True)
class _Story:
    """A notice as it is told: what templates ask for."""

    notice: Notice
    is_for_chat: bool = False

    def name(self, text: str) -> str:
        """A name from outside as it may be shown."""
        return _harmless(_tidy(text, MAX_NAME_IN_CHAT)) if self.is_for_chat else _tidy(text, MAX_NAME)

    @cached_property
    def words(self) -> Lexicon:
        return LEXICONS[self.notice.language]

    @property
    def is_warning(self) -> bool:
        return self.notice.incident.type in set(WarningCode)

    @property
    def is_test(self) -> bool:
        return self.notice.is_test

    @property
    def is_over(self) -> bool:
        return self.notice.event is AlertEvent.RECOVERY

    @property
    def kind(self) -> str:
        if self.is_test:
            return TEST
        if self.is_over and not self.notice.incident.is_watched:
            return NOT_WATCHED
        return f"{self.notice.event}_warning" if self.is_warning else self.notice.event.value

    @property
    def mailbox(self) -> str:
        return self.name(self.notice.monitor.name)

    @property
    def organization(self) -> str:
        return self.name(self.notice.organization.name)

    @property
    def customer(self) -> str:
        return self.name(self.notice.customer.name)

    @property
    def hostname(self) -> str:
        return self.name(self.notice.monitor.hostname)

    @property
    def server(self) -> str:
        host = f"[{self.hostname}]" if ":" in self.hostname else self.hostname
        return f"{host}:{self.notice.monitor.port} ({self.notice.monitor.protocol.upper()})"

    @property
    def problem(self) -> str:
        """Codes of a version to come have no title yet."""
        return self.words.titles.get(self.notice.incident.type, self.notice.incident.type)

    @property
    def advice(self) -> str:
        return "" if self.is_over else self.words.advice.get(self.notice.incident.type, "")

    @property
    def details(self) -> str:
        text = self.notice.incident.error_message or ""
        return _harmless(_tidy(text, MAX_DETAILS_IN_CHAT)) if self.is_for_chat else _tidy(text, MAX_DETAILS)

    @property
    def transcript(self) -> list[str]:
        return [] if self.is_over else [_tidy(line, MAX_LINE) for line in self.notice.incident.transcript]

    @property
    def location(self) -> str:
        return self.name(self.notice.incident.location_name or "")

    @property
    def since(self) -> str:
        return told_instant(self.notice.incident.started_at, self._zone, self.words)

    @property
    def until(self) -> str:
        ended_at = self.notice.incident.ended_at
        return "" if ended_at is None or not self.is_over else told_instant(ended_at, self._zone, self.words)

    @property
    def duration(self) -> str:
        incident = self.notice.incident
        return told_duration((incident.ended_at or self.notice.sent_at) - incident.started_at, self.words)

    @property
    def colour(self) -> str:
        if self.is_test:
            return BLUE
        if self.kind == NOT_WATCHED:
            return GREY
        if self.is_over:
            return GREEN
        return AMBER if self.is_warning else RED

    @property
    def head(self) -> str:
        return self.words.heads[self.kind]

    @property
    def subject(self) -> str:
        if self.is_test:
            return f"{self.head}: {self.organization}"
        return f"{self.head}: {self.mailbox} ({self.hostname}) - {self.problem}"

    @property
    def opening(self) -> str:
        return self.words.openings[self.kind].format(
            mailbox=self.mailbox, duration=self.duration, organization=self.organization
        )

    @property
    def sender(self) -> str:
        return self.words.labels["sender"].format(organization=self.organization)

    @property
    def url(self) -> str | None:
        return self.notice.url

    @property
    def facts(self) -> list[tuple[str, str]]:
        """Label and value of all that is known, in the order in which it is read."""
        told = {
            "mailbox": self.mailbox,
            "server": self.server,
            "customer": self.customer,
            "problem": self.problem,
            "since": self.since if self.is_over else f"{self.since}, {self.duration}",
            "until": self.until and f"{self.until}, {self.words.after.format(duration=self.duration)}",
            "location": self.location,
            "details": self.details,
            "advice": self.advice,
        }
        return [(self.words.labels[name], value) for name, value in told.items() if value]

    @property
    def short_since(self) -> str:
        if self.is_over:
            return self.words.after.format(duration=self.duration)
        return self.words.since.format(time=f"{self.notice.incident.started_at.astimezone(self._zone):%H:%M}")

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.notice.time_zone)


def _short_forms(story: _Story) -> list[str]:
    """The same in fewer and fewer words, until it fits."""
    if story.is_test:
        return [f"{story.head}: {story.opening}", story.opening]
    head, name, what, since = story.head, story.mailbox, story.problem, story.short_since
    cut = _tidy(name, 30)
    return [
        f"{head}: {name}, {story.server}: {what}, {since}",
        f"{head}: {name}, {story.hostname}: {what}, {since}",
        f"{head}: {cut}, {story.hostname}: {what}, {since}",
        f"{head}: {cut}: {what}, {since}",
        f"{head}: {cut}: {what}",
    ]


def _render(template: str, story: _Story) -> str:
    return _TEMPLATES.get_template(template).render(story=story, labels=story.words.labels)


def _harmless(text: str) -> str:
    """Slack's `<!here>` and `<url|text>`, Markdown's `[text](url)`, everybody's `@everyone` and bare URLs."""
    text = text.replace("<", "\u2039").replace(">", "\u203a").replace("](", "] (")
    text = _CALL.sub(f"@{UNSEEN}", text)
    return _LINK.sub(lambda found: found[0] + UNSEEN, text)

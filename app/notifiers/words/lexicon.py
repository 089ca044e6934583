"""What a language has to have."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Lexicon:
    titles: Mapping[str, str]
    """ErrorCode or WarningCode -> what broke, in a few words."""
    advice: Mapping[str, str]
    """ErrorCode or WarningCode -> what to do, in one sentence."""
    heads: Mapping[str, str]
    """Kind of message -> the words that its subject begins with."""
    openings: Mapping[str, str]
    """Kind of message -> its first sentence; `{mailbox}`, `{duration}` and `{organization}` are filled in."""
    labels: Mapping[str, str]
    units: Mapping[str, tuple[str, str]]
    """Unit of time -> singular, plural."""
    months: tuple[str, ...]
    date: str
    """`{day}`, `{month}`, `{year}`, `{time}` and `{zone}` are filled in."""
    since: str
    """Of an SMS: `{time}`."""
    after: str
    """Of an SMS, and of what is over: `{duration}`."""

"""Server text as it may be kept: valid, short, without control characters and without secrets."""

import re
from collections.abc import Collection, Iterable, Sequence

from app.domain.target import CheckTarget
from app.net.spelling import SHORTEST_PART, Spelt, bare, fold
from app.net.wrapping import bodies, wrapped_lines

MASK = "********"
MAX_LENGTH = 300
CUT = "…"
MAX_READ = 4_096
"""Characters: what comes behind them is not kept, nor worth the time to look for secrets in it."""
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_REFUSED = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def has_control_characters(text: str) -> bool:
    """Whether the text could end a protocol line early, or cannot be sent at all (lone surrogates)."""
    return bool(_REFUSED.search(text))


class Cleaner:
    """Knows the secrets of one target in every form in which a server may echo them."""

    def __init__(self, target: CheckTarget | None = None) -> None:
        """Without a target it knows none, until it learns some."""
        self._secrets: dict[str, Spelt] = {}
        self._user = (target.user if target else None) or ""
        self.is_login_sent = False
        """From then on a server may quote half of what it was sent."""
        if target is not None:
            self.learn(*filter(None, [target.password]), *(target.oauth.secrets if target.oauth else ()))

    def learn(self, *secrets: str) -> None:
        """Know these too: a token, say, that was fetched while the check was under way."""
        for secret in secrets:
            self._secrets.setdefault(secret, Spelt(self._user, secret))

    def __call__(self, said: bytes | str, max_length: int = MAX_LENGTH, *, is_part: bool = False) -> str:
        """`is_part`: the text was cut out of a longer one, so either end may be in the midst of a secret."""
        return self.lines([said], max_length, {0} if is_part else ())[0]

    def lines(
        self, said: Iterable[bytes | str], max_length: int = MAX_LENGTH, parts: Collection[int] = ()
    ) -> list[str]:
        """The same for lines that were said one behind the other: a secret may be wrapped.

        `parts` has the places of those that were cut out of longer ones.
        """
        texts = [line.decode("utf-8", "replace") if isinstance(line, bytes) else line for line in said]
        longest = max(MAX_READ, max_length)
        cut = {*parts, *(at for at, text in enumerate(texts) if len(text) > longest)}
        texts = [text[:longest] for text in texts]
        if suspects := self._suspects(texts):
            wrapped = wrapped_lines(suspects, texts)
            texts = [MASK if at in wrapped else _masked(text, suspects) for at, text in enumerate(texts)]
        for at in range(len(texts)) if self.is_login_sent else cut:
            texts[at] = self._without_ends(texts[at])
        return [_presentable(text, max_length) for text in texts]

    def _suspects(self, texts: Sequence[str]) -> list[Spelt]:
        """The secrets of which a line, or several together, may have something. Mostly there are none."""
        whole = "".join(texts)
        if not whole.isascii():
            return list(self._secrets.values())
        views = {whole, "".join(bodies(texts))}
        letters = [bare(view) for view in views]
        return [spelt for spelt in self._secrets.values() if any(map(spelt.may_be_in, letters))]

    def _without_ends(self, text: str) -> str:
        """Masks the end of a secret where the text begins, and the beginning of one where it ends."""
        # Where it was cut, half a character may be left.
        lowered = text.strip("\ufffd").lower()
        cut = [spelt for spelt in self._secrets.values() if spelt.may_be_cut_in(lowered)]
        secrets = [secret for spelt in cut for secret in spelt.lowered]
        if left := max((_overlap(secret, lowered) for secret in secrets), default=0):
            text = MASK + text.lstrip("\ufffd")[left:]
        if right := max((_overlap(lowered, secret) for secret in secrets), default=0):
            text = text.rstrip("\ufffd")[:-right] + MASK
        return text


def _presentable(text: str, max_length: int) -> str:
    text = text.strip()
    if not (text.isascii() and text.isprintable()):
        text = _UNPRINTABLE.sub("\ufffd", text)
    return text if len(text) <= max_length else text[: max_length - 1] + CUT


def _masked(text: str, secrets: list[Spelt]) -> str:
    # Making a pattern costs more than all the rest of cleaning, and secrets are hardly ever echoed.
    if _is_in(text, secrets):
        spellings = {spelling for spelt in secrets for spelling in spelt.spellings}
        # The longest first: a short secret must not break up a longer one that contains it.
        longest_first = sorted(spellings, key=len, reverse=True)
        text = re.sub("|".join(map(_pattern, longest_first)), MASK, text, flags=re.IGNORECASE)
        # Letters such as ß change with their case in a way that the pattern does not follow.
        text = MASK if _is_in(text, secrets) else text
    return MASK if _is_disguised_in(text, secrets) else text


def _is_in(text: str, secrets: list[Spelt]) -> bool:
    folded = fold(text)
    return any(secret in folded for spelt in secrets for secret in spelt.folded)


def _is_disguised_in(text: str, secrets: list[Spelt]) -> bool:
    """Whether a text has a secret in a way that leaves nothing to be masked but all of it."""
    letters = bare(text)
    return any(trace in letters for spelt in secrets for trace in spelt.traces)


def _pattern(secret: str) -> str:
    pattern = re.sub(r"(\\ )+", r"\\s+", re.escape(secret))
    # Of many blanks it can begin with the first alone: to try it with each takes seconds.
    return rf"(?<!\s){pattern}" if secret.startswith(" ") else pattern


def _overlap(before: str, behind: str) -> int:
    """How many characters at the end of the one are the beginning of the other; 0 for a few by chance."""
    if len(behind) < SHORTEST_PART:
        return 0
    at = before.find(behind[:SHORTEST_PART], max(len(before) - len(behind), 0))
    while at >= 0 and not behind.startswith(before[at:]):
        at = before.find(behind[:SHORTEST_PART], at + 1)
    return len(before) - at if at >= 0 else 0

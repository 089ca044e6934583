"""Server text as it may be kept: valid, short, without control characters and without secrets."""

import re

from app.checkers.spelling import bare, spellings, traces, traces_of_parts
from app.domain.target import CheckTarget

MASK = "********"
MAX_LENGTH = 300
CUT = "…"
SHORTEST_PART = 3
"""So many characters of a secret that was cut in two are masked; fewer may be anything."""
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_REFUSED = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def has_control_characters(text: str) -> bool:
    """Whether the text could end a protocol line early, or cannot be sent at all (lone surrogates)."""
    return bool(_REFUSED.search(text))


class Cleaner:
    """Knows the secrets of one target in every form in which a server may echo them."""

    def __init__(self, target: CheckTarget) -> None:
        self._secrets: list[str] = []
        self._folded: set[str] = set()
        self._traces: set[str] = set()
        self._user = target.user or ""
        self.is_login_sent = False
        """From then on a server may quote half of what it was sent."""
        self.learn(*filter(None, [target.password]), *(target.oauth.secrets if target.oauth else ()))

    def learn(self, *secrets: str) -> None:
        """Know these too: a token, say, that was fetched while the check was under way."""
        for secret in secrets:
            forms = spellings(self._user, secret)
            # The longest first: a short secret must not break up a longer one that contains it.
            self._secrets = sorted({*self._secrets, *forms}, key=len, reverse=True)
            self._folded |= {_fold(form) for form in forms}
            self._traces |= traces(secret) | traces_of_parts(secret)

    def __call__(self, said: bytes | str, max_length: int = MAX_LENGTH, *, is_part: bool = False) -> str:
        """`is_part`: the text was cut out of a longer one, so either end may be in the midst of a secret."""
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        text = self._masked(text)
        if is_part or self.is_login_sent:
            text = self._without_ends(text)
        text = _UNPRINTABLE.sub("\ufffd", text.strip())
        return text if len(text) <= max_length else text[: max_length - 1] + CUT

    def _masked(self, text: str) -> str:
        """Case and blanks do not matter: imaplib and poplib change both in what they pass on."""
        # Making a pattern costs more than all the rest of cleaning, and secrets are hardly ever echoed.
        if self._is_in(text):
            text = re.sub("|".join(map(_pattern, self._secrets)), MASK, text, flags=re.IGNORECASE)
            # Letters such as ß change with their case in a way that the pattern does not follow.
            text = MASK if self._is_in(text) else text
        return MASK if self._is_disguised_in(text) else text

    def _without_ends(self, text: str) -> str:
        """Masks the end of a secret where the text begins, and the beginning of one where it ends."""
        # Where it was cut, half a character may be left.
        lowered = text.strip("\ufffd").lower()
        secrets = [secret.lower() for secret in self._secrets]
        if left := max((_overlap(secret, lowered) for secret in secrets), default=0):
            text = MASK + text.lstrip("\ufffd")[left:]
        if right := max((_overlap(lowered, secret) for secret in secrets), default=0):
            text = text.rstrip("\ufffd")[:-right] + MASK
        return text

    def _is_in(self, text: str) -> bool:
        folded = _fold(text)
        return any(secret in folded for secret in self._folded)

    def _is_disguised_in(self, text: str) -> bool:
        """Whether a text has the secret in a way that leaves nothing to be masked but all of it."""
        letters = bare(text)
        return any(trace in letters for trace in self._traces)


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())


def _pattern(secret: str) -> str:
    return re.sub(r"(\\ )+", r"\\s+", re.escape(secret))


def _overlap(before: str, behind: str) -> int:
    """How many characters at the end of the one are the beginning of the other; 0 for a few by chance."""
    longest = min(len(before), len(behind))
    sizes = range(longest, SHORTEST_PART - 1, -1)
    return next((size for size in sizes if before.endswith(behind[:size])), 0)

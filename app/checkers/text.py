"""Server text as it may be kept: valid, short, without control characters and without secrets."""

import base64
import re
from urllib.parse import quote, quote_plus

from app.domain.target import CheckTarget

MASK = "********"
MAX_LENGTH = 300
CUT = "…"
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
        # The longest first: a short secret must not break up a longer one that contains it.
        self._secrets = sorted(_forms(target), key=len, reverse=True)
        self._folded = [_fold(secret) for secret in self._secrets]
        self.longest = max(
            (len(secret.encode("utf-8", "surrogatepass")) for secret in self._secrets), default=0
        )
        """Bytes of the longest form of a secret."""

    def __call__(self, said: bytes | str, max_length: int = MAX_LENGTH) -> str:
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        text = _UNPRINTABLE.sub("\ufffd", self._masked(text).strip())
        return text if len(text) <= max_length else text[: max_length - 1] + CUT

    def _masked(self, text: str) -> str:
        """Case and blanks do not matter: imaplib and poplib change both in what they pass on."""
        folded = _fold(text)
        # Making a pattern costs more than all the rest of cleaning, and secrets are hardly ever echoed.
        if not any(secret in folded for secret in self._folded):
            return text
        return re.sub("|".join(map(_pattern, self._secrets)), MASK, text, flags=re.IGNORECASE)


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())


def _pattern(secret: str) -> str:
    return re.sub(r"(\\ )+", r"\\s+", re.escape(secret))


def _forms(target: CheckTarget) -> set[str]:
    """The password plain, as an IMAP quoted string, percent-encoded, in base64 alone and as SASL has it."""
    password = target.password
    if not password:
        return set()
    raw = password.encode("utf-8", "surrogatepass")
    user = (target.user or "").encode("utf-8", "surrogatepass")
    sasl = (raw, b"\0" + user + b"\0" + raw, user + b"\0" + user + b"\0" + raw)
    encoded = {base64.b64encode(message).decode() for message in sasl}
    quoted = password.replace("\\", "\\\\").replace('"', '\\"')
    forms = {*encoded, *(text.rstrip("=") for text in encoded)}
    # A server that takes the line apart at its blanks echoes the password without those at its ends.
    for text in (password, password.strip()):
        forms |= {text, *_percent_encoded(text)}
    forms |= {quoted, quoted.strip()}
    # A password of blanks alone has nothing left when it is trimmed, and nothing is found everywhere.
    return forms - {""}


def _percent_encoded(text: str) -> set[str]:
    """As a URL's path, one part of it, or a form's field would have it: they differ in blanks and slashes."""
    raw = text.encode("utf-8", "surrogatepass")
    return {quote(raw), quote(raw, safe=""), quote_plus(raw)}

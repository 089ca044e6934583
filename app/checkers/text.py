"""Server text as it may be kept: valid, short, without control characters and without secrets."""

import base64
import re

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
        forms = sorted(_forms(target), key=len, reverse=True)
        self._secrets = re.compile("|".join(map(_pattern, forms)), re.IGNORECASE) if forms else None

    def __call__(self, said: bytes | str, max_length: int = MAX_LENGTH) -> str:
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        if self._secrets is not None:
            text = self._secrets.sub(MASK, text)
        text = _UNPRINTABLE.sub("\ufffd", text.strip())
        return text if len(text) <= max_length else text[: max_length - 1] + CUT


def _pattern(secret: str) -> str:
    """Matches in any case and with any blanks: imaplib and poplib change both in what they pass on."""
    return re.sub(r"(\\ )+", r"\\s+", re.escape(secret))


def _forms(target: CheckTarget) -> set[str]:
    """The password plain, as an IMAP quoted string, and in base64 alone and as SASL messages carry it."""
    password = target.password
    if not password:
        return set()
    raw = password.encode("utf-8", "surrogatepass")
    user = (target.user or "").encode("utf-8", "surrogatepass")
    sasl = (raw, b"\0" + user + b"\0" + raw, user + b"\0" + user + b"\0" + raw)
    encoded = {base64.b64encode(message).decode() for message in sasl}
    quoted = password.replace("\\", "\\\\").replace('"', '\\"')
    return {password, quoted, *encoded, *(text.rstrip("=") for text in encoded)}

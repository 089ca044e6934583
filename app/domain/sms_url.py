"""How SMS are sent: the setting SMS_URL, a URL of Apprise's with a place for the number."""

import re

from app.domain.channel_config import APPRISE_SCHEMES

PLACE = "{to}"
GATEWAY_SCHEMES = frozenset({"form", "forms", "json", "jsons"})
"""Of a gateway in-house, over HTTP: for the operator alone, because they lead wherever one wants."""
_PRINTABLE = re.compile(r"[\x21-\x7e]+")


def read_sms_url(url: str) -> str:
    """The URL itself. Raises ValueError, without quoting it."""
    scheme = url.partition("://")[0].lower()
    if not _PRINTABLE.fullmatch(url) or scheme not in APPRISE_SCHEMES | GATEWAY_SCHEMES:
        raise ValueError("is no URL of a service that Apprise sends SMS with, such as twilio://…")
    if PLACE not in url:
        raise ValueError(f"has no {PLACE} where the number belongs")
    return url

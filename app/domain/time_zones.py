"""Names of the IANA time zone database."""

from functools import cache
from zoneinfo import available_timezones

_NO_PLACES = frozenset({"localtime", "Factory"})
"""What some systems list beside the zones: here it is whatever the machine is set to."""


def is_time_zone(name: str) -> bool:
    return name in _known()


@cache
def _known() -> frozenset[str]:
    # Reads a folder of files, so once.
    return frozenset(available_timezones()) - _NO_PLACES

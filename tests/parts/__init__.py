"""The real parts that tests talk to: Dovecot, PostgreSQL, Chromium. A missing one says so in one line."""

import os

import pytest

MISSING = "missing part: "
REQUIRE_PARTS = "REQUIRE_PARTS"


def require(is_available: bool, part: str, remedy: str) -> None:
    """Skip the test with one line that says how to get the part; where parts are promised, fail.

    REQUIRE_PARTS=1 (continuous integration sets it) makes a missing part a failure.
    """
    if is_available:
        return
    line = f"{MISSING}{part} tests need {remedy}"
    if os.environ.get(REQUIRE_PARTS) == "1":
        pytest.fail(line, pytrace=False)
    pytest.skip(line)

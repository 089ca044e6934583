"""What the tests of security share."""

from tests.checkers.conftest import short_pause

__all__ = ["short_pause"]

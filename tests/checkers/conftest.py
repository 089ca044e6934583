"""What the tests of the checkers share."""

import pytest

import app.checkers


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second attempt need not wait for a server that never restarts."""
    monkeypatch.setattr(app.checkers, "RETRY_PAUSE_SECONDS", 0.01)

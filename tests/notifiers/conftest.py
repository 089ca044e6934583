"""What the tests of messages share: an authority that is trusted, and an internet of one machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notifiers.stage import Online, ca_file, internet
from tests.notifiers.types import NAMES
from tests.parts.certificates import authority
from tests.parts.http_receiver import HttpReceiver


@pytest.fixture(scope="session")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ca_file(tmp_path_factory.mktemp("authority"), authority().pem)


@pytest.fixture
def online(trusted: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Online]:
    """A receiver that is every service at once, at whatever name and port it is called."""
    with HttpReceiver(names=NAMES) as receiver, internet(receiver, monkeypatch) as asked:
        yield Online(receiver, asked, trusted)

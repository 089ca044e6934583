"""Which tests share a process: those that share something that is dear to start, be it a browser or a server.

xdist's own groups do nothing with this version of pytest, which no longer lets a plugin rename a test.
"""

import re
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

TOGETHER = re.compile(
    r"(tests/browser/|tests/clients/|tests/test_web_process|tests/test_web_workers.*\[(?:sqlite|postgresql)"
    r"|tests/fuzzing/test_schema.py::test_every_(?:answer|boundary)"
    r"|tests/test_story.*\[(?:sqlite|postgresql)"
    r"|tests/security/test_canary.*\[(?:sqlite|postgresql)|tests/api/test_cut_exports.*\[(?:sqlite|postgresql)"
    r"|tests/(?:services|incidents)/test_plans.*\[(?:sqlite|postgresql)"
    r"|tests/docs/test_blocks.py::test_blocks_of_a_page_that_uses_the_service|tests/deploy/test_proxies"
    r"|tests/metrics/test_prometheus)"
)


class Spread(LoadScopeScheduling):  # type: ignore[misc] # xdist ships no types
    """One test at a time to whoever is free, and what belongs together to one."""

    def _split_scope(self, nodeid: str) -> str:
        found = TOGETHER.match(nodeid)
        return re.sub(r"::.*\[", " ", found[0]) if found else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Spread:
    return Spread(config, log)

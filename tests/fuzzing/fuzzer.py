"""Sends requests as one caller, counts the answers and gathers what is wrong with them."""

import re
from collections import Counter
from typing import Any

from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation

from tests.fuzzing import document
from tests.fuzzing.exceptions import UNTOLD
from tests.fuzzing.house import ADDRESS, House

TEST = "testImapPopMonitor"
CONFIGS = {"config", "imapPopConfig"}
ELSEWHERE = {"authMethod", "oauth2"}
"""Keys of a config with which other servers than the mailbox's are asked."""


class Fuzzer:
    def __init__(self, schema: Any, house: House) -> None:
        self.schema, self.house = schema, house
        self.answers: Counter[tuple[str, int]] = Counter()
        self.faults: dict[str, str] = {}

    def send(self, case: Any, *, is_pointed: bool = True) -> None:
        """Whoever asks is alive, and so is what is asked for: the request before may have ended both."""
        self.house.settle()
        if is_pointed:
            point(case, self.house)
        stay_here(case)
        response = case.call(headers=self._headers(case))
        self.house.is_touched |= case.method != "GET" and response.status_code < 400
        name = document.name_of(case.operation)
        if case.method == case.operation.method.upper():
            self.answers[name, response.status_code] += 1
        self._check(name, case, response)

    def _headers(self, case: Any) -> dict[str, str]:
        wanted = document.security_of(case.operation, self.schema)
        token = self.house.refresh_token if wanted == {"refreshToken"} else self.house.token
        return {"Authorization": f"Bearer {token}"}

    def _check(self, name: str, case: Any, response: Any) -> None:
        try:
            case.validate_response(response)
            assert_refused_with_reason(case, response)
            assert_nothing_was_dialled(name, response)
        except (FailureGroup, AssertionError) as fault:
            self.faults.setdefault(f"{name} {response.status_code}", str(fault))

    def names(self, *statuses: int) -> set[str]:
        """The operations that gave one of these statuses; without any, all that answered."""
        return {name for name, status in self.answers if not statuses or status in statuses}

    def report(self) -> str:
        """What is wrong, and how often each operation gave each status."""
        counts: dict[str, list[str]] = {}
        for (name, status), count in sorted(self.answers.items()):
            counts.setdefault(name, []).append(f"{status}: {count}")
        head = f"{self.house.kind}: {self.answers.total()} requests, {self.house.count} houses"
        lines = (f"  {name} {', '.join(texts)}" for name, texts in counts.items())
        return "\n".join([*self.faults.values(), head, *lines])


def assert_refused_with_reason(case: Any, response: Any) -> None:
    """What the document allows is refused as malformed for no reason but those listed."""
    if response.status_code != 400 or not document.is_allowed(case):
        return
    body = response.json()
    told = [f"{path} {text}" for path, texts in body.get("errors", {}).items() for text in texts]
    for text in told or [body["statusMessage"]]:
        assert any(re.search(reason, text) for reason in UNTOLD), f"allowed, but: {text}\n{case.body!r}"


def assert_nothing_was_dialled(name: str, response: Any) -> None:
    if name == TEST and response.status_code == 200:
        assert response.json()["diagnostics"]["errorCode"] == "target_forbidden"


def point(case: Any, house: House) -> None:
    """Make a request be about what is there, in all of its parts that the document allows."""
    name = document.name_of(case.operation)
    if case.path_parameters and not _is_broken(case, ParameterLocation.PATH):
        case.path_parameters = dict.fromkeys(case.path_parameters, house.target(name, case.operation.path))
    if case.query and not _is_broken(case, ParameterLocation.QUERY):
        case.query = house.pointed(case.query)
    if isinstance(case.body, dict) and not _is_broken(case, ParameterLocation.BODY):
        case.body = house.pointed(case.body, house.login if name == "logIn" else {})


def _is_broken(case: Any, location: ParameterLocation) -> bool:
    return case.meta is not None and case.meta.is_negative_at(location)


def stay_here(case: Any) -> None:
    """No host name is looked up, and nothing takes long."""
    if document.name_of(case.operation) != TEST or not isinstance(case.body, dict):
        return
    if isinstance(case.body.get("hostname"), str):
        case.body = {**case.body, "hostname": ADDRESS}
    for name in CONFIGS & case.body.keys():
        if isinstance(case.body[name], dict):
            config = {key: value for key, value in case.body[name].items() if key not in ELSEWHERE}
            case.body = {**case.body, name: config}

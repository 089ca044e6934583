"""The API and its OpenAPI document say the same, whoever asks for whatever (contract section 1).

Every kind of caller sends, to every operation, requests that the document allows and such as it forbids.
`make fuzz` looks further, at other requests each time and at every boundary.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app import create_app
from app.domain.enums import Role
from app.extensions import db
from app.services import auth
from tests.calling import FreshClient
from tests.conftest import ENVIRON, empty
from tests.fuzzing import document
from tests.fuzzing.exceptions import CHECKS_OFF, NEVER_SUCCEED, NO_BOUNDARIES, NOT_SENT
from tests.fuzzing.fuzzer import Fuzzer
from tests.fuzzing.house import GLOBAL_ADMIN, KINDS, House, Kind

EXAMPLES = 2
"""Requests by each kind of caller to each operation, besides the one of the document."""
IN_SHORT = {"global_admin", "customer token"}
"""The one who reaches everything, and the one who reaches least."""
WIDER = 30
SAMPLE = 6
"""One boundary of so many, unless all are asked for."""
PARTS = 4
"""So that several processes share the boundaries."""
PUBLIC = {"showMonitorsJsonSchema": 200}
"""What is answered to anybody, and how."""
NOBODY = ["", "Bearer", "Bearer ", "Bearer x.y.z", "Bearer wsm_none", "Basic YTpi", "bearer\tx", "Bearer ÿ"]

few_at_random = settings(
    database=None,
    # What is there changes with each request, so that a smaller one need not fail alike.
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def denying(database_url: str) -> Iterator[Flask]:
    """Denies every target before it is dialled."""
    app = create_app({**ENVIRON, "DATABASE_URL": database_url, "TARGET_DENY": "0.0.0.0/0,::/0"})
    app.test_client_class = FreshClient
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def fuzzed(denying: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    monkeypatch.setattr(auth, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    yield denying
    empty(denying)


@pytest.fixture(scope="module")
def schema(denying: Flask) -> Any:
    """Read once: it keeps how requests are made for it."""
    return document.load(denying, list(CHECKS_OFF))


@pytest.fixture(scope="module")
def plain_schema(denying: Flask) -> Any:
    return document.load(denying, list(CHECKS_OFF), is_plain=True)


def is_in_short() -> bool:
    """Whether the same few requests are made each time, as in all of the tests together."""
    return settings.default.derandomize


def examples_for(kind: Kind) -> int:
    """How many requests are generated for each operation; in short those of some callers stand for all.

    What each may do is the access matrix' to say.
    """
    if not is_in_short():
        return EXAMPLES * WIDER
    return EXAMPLES if kind.name in IN_SHORT else 0


def run(fuzzer: Fuzzer, operation: Any, examples: int) -> None:
    """The example of the document, then generated requests, most of them about something that is there."""
    fuzzer.send(document.example_of(operation))
    if not examples:
        return

    @settings(few_at_random, max_examples=examples)
    @given(case=document.generated(operation), is_pointed=st.sampled_from([True, True, False]))
    def send(case: Any, is_pointed: bool) -> None:
        fuzzer.send(case, is_pointed=is_pointed)

    send()


def is_sent(name: str, kind: Kind) -> bool:
    left_out = {"logIn": kind.role is not Role.ADMIN, "refresh": kind.is_token}
    assert left_out.keys() == NOT_SENT.keys()
    return not left_out.get(name)


# Shapes are the same on both kinds of database, and what is stored is tried on both elsewhere.
@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_answer_is_as_documented(fuzzed: Flask, schema: Any, kind: Kind) -> None:
    fuzzer = Fuzzer(schema, House(fuzzed, kind))
    wanted = [item for item in document.operations(schema) if is_sent(document.name_of(item), kind)]

    for operation in wanted:
        run(fuzzer, operation, examples_for(kind))

    assert not fuzzer.faults, fuzzer.report()
    names = {document.name_of(operation) for operation in wanted}
    assert fuzzer.names() == names, fuzzer.report()
    # All that could answer so otherwise is a token that is dead.
    assert fuzzer.names(401) <= {"logIn"}, fuzzer.report()
    if kind == GLOBAL_ADMIN:
        assert names - fuzzer.names(200, 201) == set(NEVER_SUCCEED), fuzzer.report()


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("part", range(PARTS))
def test_every_boundary_is_as_documented(fuzzed: Flask, plain_schema: Any, part: int) -> None:
    """What is just allowed and what is just forbidden, and the methods and media types that are unknown."""
    fuzzer = Fuzzer(plain_schema, House(fuzzed, GLOBAL_ADMIN))
    step = SAMPLE if is_in_short() else 1

    for number, operation in enumerate(list(document.operations(plain_schema))[part::PARTS]):
        if document.name_of(operation) not in NO_BOUNDARIES:
            # Operations alike have boundaries alike: of each others are looked at. Few have less than three.
            for case in islice(
                document.boundaries(operation, plain_schema), number % min(step, 3), None, step
            ):
                fuzzer.send(case)

    assert not fuzzer.faults, fuzzer.report()


# Shapes again; what a token that is dead is answered on PostgreSQL, the tests of tokens and sessions say.
@pytest.mark.only_on("sqlite")
def test_every_answer_without_a_living_token_is_401(fuzzed: Flask, schema: Any) -> None:
    """But those that give one, and those that are public."""
    answers = set()

    def run_as_nobody(operation: Any) -> None:
        @settings(few_at_random, max_examples=2)
        @given(case=document.allowed(operation), header=st.sampled_from(NOBODY))
        def send(case: Any, header: str) -> None:
            response = case.call(headers={"Authorization": header} if header else {})
            case.validate_response(response)
            answers.add((document.name_of(operation), response.status_code))

        send()

    for operation in document.operations(schema):
        if document.name_of(operation) != "logIn":
            run_as_nobody(operation)

    names = {document.name_of(operation) for operation in document.operations(schema)} - {"logIn"}
    assert answers == {(name, PUBLIC.get(name, 401)) for name in names}

"""The operator is told once of each trouble, however many schedulers look, and whatever is restarted."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from threading import Barrier, Thread

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from app.clock import utcnow
from app.domain.enums import TroubleKind
from app.domain.trouble import AGAIN_AFTER
from app.extensions import db
from app.models import Location
from app.services import operator_mails
from app.services.operator_mails import ClaimedMail, next_state
from tests.factories import Factory

NOW = utcnow()
MINUTE = timedelta(minutes=1)

Claim = Callable[..., ClaimedMail | None]


@pytest.fixture
def location(make: Factory) -> Location:
    return make.location()


@pytest.fixture
def claim(location: Location) -> Claim:
    def claim(
        now: datetime = NOW, *, is_over: bool = False, kind: TroubleKind = TroubleKind.LATE
    ) -> ClaimedMail | None:
        claimed = operator_mails.claim(location.id, kind, now, is_over=is_over)
        db.session.commit()
        return claimed

    return claim


def test_trouble_is_told_once_an_hour(claim: Claim) -> None:
    assert claim(NOW)
    assert not claim(NOW + MINUTE)
    assert not claim(NOW + AGAIN_AFTER - timedelta(seconds=1))
    assert claim(NOW + AGAIN_AFTER)


def test_the_end_is_told_once(claim: Claim) -> None:
    claim(NOW)
    assert claim(NOW + MINUTE, is_over=True)
    assert not claim(NOW + 2 * MINUTE, is_over=True)


def test_the_end_of_what_was_not_told_is_not_told(claim: Claim) -> None:
    assert not claim(is_over=True)
    claim(NOW)
    claim(NOW + MINUTE, is_over=True)
    assert not claim(NOW + 2 * MINUTE)
    assert not claim(NOW + 3 * MINUTE, is_over=True)


def test_each_kind_and_each_location_is_told_for_itself(claim: Claim, make: Factory) -> None:
    assert claim()
    assert claim(kind=TroubleKind.CUT_OFF)
    other = make.location(code="other")
    assert operator_mails.claim(other.id, TroubleKind.LATE, NOW, is_over=False)


def test_what_could_not_be_sent_is_told_later(claim: Claim, location: Location) -> None:
    mail = claim(NOW)
    assert mail
    operator_mails.give_back(location.id, mail)
    assert not claim(NOW + MINUTE, is_over=True)
    assert claim(NOW + MINUTE)


def test_an_end_that_could_not_be_sent_is_told_later(claim: Claim, location: Location) -> None:
    claim(NOW)
    over = claim(NOW + MINUTE, is_over=True)
    assert over
    operator_mails.give_back(location.id, over)
    assert claim(NOW + 2 * MINUTE, is_over=True)


def test_a_clock_that_was_wrong_silences_nobody(claim: Claim) -> None:
    assert claim(NOW + timedelta(days=400))
    assert claim(NOW)


def test_of_several_schedulers_one_tells(app: Flask, location: Location) -> None:
    together, told, location_id = Barrier(4, timeout=20), [], location.id

    def look() -> None:
        with app.app_context():
            together.wait()
            told.append(operator_mails.claim(location_id, TroubleKind.LATE, NOW, is_over=False))
            db.session.commit()

    threads = [Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(told) == 4
    assert sum(mail is not None for mail in told) == 1


@given(st.lists(st.tuples(st.integers(0, 3000), st.booleans())))
def test_no_two_mails_of_trouble_are_less_than_an_hour_apart(looks: list[tuple[int, bool]]) -> None:
    now, state = NOW, (None, False)
    told: list[tuple[datetime, bool]] = []
    for seconds, is_over in looks:
        now += timedelta(seconds=seconds)
        after = next_state(state, now, is_over=is_over)
        if after is not None:
            told.append((now, is_over))
            state = after
    begun = [at for at, is_over in told if not is_over]
    assert all(later - earlier >= AGAIN_AFTER for earlier, later in pairwise(begun))
    # Between two ends there is a beginning.
    assert "True, True" not in str([is_over for _, is_over in told])
    assert not told or not told[0][1]

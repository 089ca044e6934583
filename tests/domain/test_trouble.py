"""When trouble is believed, and what is said of it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import TroubleKind
from app.domain.trouble import LOOKS, WORDS, Belief, message

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def after(*looks: datetime | None) -> Belief:
    belief = Belief()
    for since in looks:
        belief = belief.after(since)
    return belief


def test_nothing_is_believed_before_two_looks() -> None:
    assert after().is_trouble is None
    assert after(NOW).is_trouble is None
    assert after(None).is_trouble is None


def test_two_looks_in_a_row_are_believed() -> None:
    assert after(NOW, NOW).is_trouble
    assert after(None, None).is_trouble is False


def test_a_moment_changes_nothing() -> None:
    assert after(None, None, NOW, None).is_trouble is False
    assert after(NOW, NOW, None, NOW).is_trouble
    assert after(NOW, None, NOW, None).is_trouble is None


def test_trouble_began_with_its_first_look_whatever_is_oldest_later() -> None:
    assert after(None, NOW, NOW + MINUTE, None, NOW + 2 * MINUTE).since == NOW


def test_the_end_tells_of_the_trouble_that_ended() -> None:
    over = after(NOW, NOW, None, None)
    assert (over.is_trouble, over.since) == (False, NOW)


def test_the_next_trouble_has_a_beginning_of_its_own() -> None:
    assert after(NOW, NOW, None, None, NOW + MINUTE, NOW + MINUTE).since == NOW + MINUTE
    assert after(NOW, None, NOW + MINUTE, NOW + MINUTE).since == NOW + MINUTE


@given(st.lists(st.booleans()))
def test_what_is_believed_is_what_looks_last_agreed_on(looks: list[bool]) -> None:
    belief = after(*(NOW if found else None for found in looks))
    agreed = [
        looks[end - 1] for end in range(LOOKS, len(looks) + 1) if len(set(looks[end - LOOKS : end])) == 1
    ]
    assert belief.is_trouble == (agreed[-1] if agreed else None)


@pytest.mark.parametrize("kind", TroubleKind)
def test_a_message_says_where_what_since_when_and_what_to_do(kind: TroubleKind) -> None:
    subject, text = message(kind, "de-nbg", NOW, NOW + MINUTE, is_over=False)
    words = WORDS[kind]
    assert subject == f"Pillarbox (de-nbg): {words.title}"
    assert "Since: 2026-03-01 12:00:00 UTC" in text
    for said in ("de-nbg", words.what, words.advice, "at most once an hour"):
        assert said in text


@pytest.mark.parametrize("kind", TroubleKind)
def test_a_message_of_the_end_says_how_long_it_was(kind: TroubleKind) -> None:
    subject, text = message(kind, "de-nbg", NOW, NOW + MINUTE, is_over=True)
    assert subject == f"Pillarbox (de-nbg): {WORDS[kind].over}"
    assert "It began: 2026-03-01 12:00:00 UTC" in text
    assert "Seen to be over: 2026-03-01 12:01:00 UTC" in text


def test_messages_are_plain_enough_for_any_reader() -> None:
    for kind in TroubleKind:
        for is_over in (True, False):
            subject, text = message(kind, "x" * 32, NOW, NOW, is_over=is_over)
            assert (subject + text).isascii()
            assert "\n" not in subject
            assert len(subject) < 100

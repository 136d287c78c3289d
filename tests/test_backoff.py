"""Waiting before the next try."""

from itertools import islice

from xw.backoff import Pause, pauses


def test_pauses_double_up_to_a_limit() -> None:
    """Without chance each pause is twice the last, and never more than the most."""
    assert list(islice(pauses(1.0, 10.0, lambda: 0.5), 6)) == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_pauses_differ() -> None:
    """Chance makes a pause anything between half and one and a half."""
    assert next(pauses(2.0, dice=lambda: 0.0)) == 1.0
    assert next(pauses(2.0, dice=lambda: 1.0)) == 3.0
    assert len(set(islice(pauses(), 20))) == 20


def test_a_pause_grows_and_starts_again() -> None:
    """Each pause is longer than the last, up to the longest; after a reset it is the first again."""
    pause = Pause(1.0, 3.0, 1.5)
    assert [pause.longer() for _ in range(5)] == [1.0, 1.5, 2.25, 3.0, 3.0]
    pause.reset()
    assert pause.longer() == 1.0

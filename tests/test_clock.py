"""Server time that never goes back."""

import time

import pytest

from exporter.clock import Clock


class Hands:
    """Two clocks that the test sets."""

    def __init__(self) -> None:
        self.wall = 1000.0
        self.monotonic = 5.0


def test_a_step_of_the_wall_clock_changes_nothing() -> None:
    hands = Hands()
    clock = Clock(lambda: hands.wall, lambda: hands.monotonic)
    assert clock.now() == 1000.0
    hands.wall -= 3600.0
    hands.monotonic += 2.0

    assert clock.now() == 1002.0


def test_it_goes_on_from_what_was_written_down() -> None:
    hands = Hands()
    clock = Clock(lambda: hands.wall, lambda: hands.monotonic)
    clock.not_before(2000.0)
    assert clock.now() == 2000.0
    hands.monotonic += 1.5
    assert clock.now() == 2001.5


def test_what_was_written_down_long_ago_does_not_hold_it_back() -> None:
    hands = Hands()
    clock = Clock(lambda: hands.wall, lambda: hands.monotonic)
    clock.not_before(10.0)

    assert clock.now() == 1000.0


def test_time_in_which_the_machine_was_suspended_has_passed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(lambda: 1000.0)
    began, real = clock.now(), time.clock_gettime
    slept = {time.CLOCK_BOOTTIME: 3600.0}
    monkeypatch.setattr(time, "clock_gettime", lambda which: real(which) + slept.get(which, 0.0))

    assert clock.now() - began == pytest.approx(3600.0, abs=60.0)

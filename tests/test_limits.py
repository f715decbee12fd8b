"""How much one sender may send."""

import pytest

from exporter import limits
from exporter.limits import Buckets


def test_a_sender_may_send_a_burst_and_then_at_its_rate() -> None:
    buckets = Buckets(rate=2.0, burst=3)

    assert [buckets.take("a", 10.0) for _ in range(5)] == [True, True, True, False, False]
    assert [buckets.take("a", 10.5) for _ in range(2)] == [True, False]
    assert [buckets.take("a", 100.0) for _ in range(4)] == [True, True, True, False]


def test_over_a_long_time_the_rate_is_kept_exactly() -> None:
    buckets = Buckets(rate=2.0, burst=5)
    taken = sum(buckets.take("a", tick / 64) for tick in range(64 * 100))

    assert taken == 5 + 2 * 100 - 1


def test_being_turned_away_costs_nothing() -> None:
    buckets = Buckets(rate=1.0, burst=1)
    buckets.take("a", 0.0)
    for tick in range(1, 64):
        assert not buckets.take("a", tick / 64)

    assert buckets.take("a", 1.0)


def test_senders_do_not_share() -> None:
    buckets = Buckets(rate=1.0, burst=1)

    assert [buckets.take(sender, 0.0) for sender in "aabb"] == [True, False, True, False]


def test_a_rate_of_nothing_is_no_limit() -> None:
    assert not Buckets(rate=0.0, burst=1).limited
    assert Buckets(rate=0.1, burst=1).limited


def test_many_senders_do_not_fill_the_memory_and_who_is_over_its_rate_stays_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "MOST_SENDERS", 100)
    buckets = Buckets(rate=0.001, burst=2)
    for _ in range(3):
        buckets.take("greedy", 0.0)
    for number in range(10_000):
        assert buckets.take(f"sender {number}", 0.0)

    assert len(buckets._buckets) <= 100
    assert not buckets.take("greedy", 0.0)

"""How much one sender may send."""

import random

import pytest

from exporter import limits
from exporter.limits import DAY, Allowance, Buckets, Limits


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


# -- networks, keys and quotas -----------------------------------------------------------------
START = 1_700_000_000.0


def limits_of(
    network: float = 0.0, rate: float = 0.0, quota: int = 0, burst: float = 1.0
) -> Limits:
    keys = {key: Allowance(rate, burst, quota) for key in ("one", "other")}
    return Limits(Buckets(network, burst), keys)


def sent(limits: Limits, times: list[float], key: str = "one", network: str = "net") -> int:
    return sum(not limits.take(lambda: network, key, at) for at in times)


@pytest.mark.parametrize("excess", [1.2, 3.0, 10.0])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("by", ["network", "rate"])
def test_whoever_sends_too_much_gets_the_rate_within_five_per_cent(
    by: str, excess: float, seed: int
) -> None:
    """Arrivals are as random as people are, for ten minutes by an injected clock."""
    rate, seconds, burst = 50.0, 600.0, 200.0
    pick = random.Random(seed)  # noqa: S311 - to be repeatable
    times, now = [], START
    while now < START + seconds:
        now += pick.expovariate(rate * excess)
        times.append(now)
    limits = limits_of(**{by: rate}, burst=burst)  # type: ignore[arg-type]

    assert sent(limits, times) == pytest.approx(rate * seconds + burst, rel=0.05)
    assert not limits.take(lambda: "elsewhere", "other", now), "nobody else is any slower"


def test_who_is_within_the_rate_never_waits() -> None:
    limits = limits_of(network=50.0, rate=50.0, quota=100_000, burst=1.0)

    assert sent(limits, [START + number / 49 for number in range(10_000)]) == 10_000


def test_both_the_network_and_the_key_must_have_room_and_neither_pays_for_the_other() -> None:
    limits = limits_of(network=1.0, rate=1.0)

    assert not limits.take(lambda: "a", "one", START)
    assert limits.take(lambda: "a", "other", START) == 1, "its network is full"
    assert limits.take(lambda: "b", "one", START) == 1, "its key is full"
    assert not limits.take(lambda: "b", "other", START), "neither has paid"


def test_it_is_said_when_one_more_may_come() -> None:
    limits = limits_of(network=0.25, rate=2.0)
    limits.take(lambda: "a", "one", START)

    assert limits.take(lambda: "b", "one", START) == 0.5
    assert limits.take(lambda: "a", "other", START + 1) == 3
    assert not limits.take(lambda: "a", "one", START + 4)


def test_a_quota_is_of_a_day_and_of_a_key() -> None:
    limits = limits_of(quota=3)
    midnight = START // DAY * DAY + DAY

    assert sent(limits, [midnight - 100] * 5) == 3
    assert limits.take(lambda: "a", "one", midnight - 100) == 100, "until tomorrow"
    assert sent(limits, [midnight - 100] * 5, key="other") == 3
    assert sent(limits, [midnight] * 5) == 3


def test_a_quota_that_is_used_up_costs_the_network_nothing() -> None:
    limits = limits_of(network=1.0, quota=1, burst=2.0)
    assert sent(limits, [START] * 5) == 1

    assert not limits.take(lambda: "net", "other", START)


def test_without_any_limit_nothing_is_looked_up() -> None:
    assert not limits_of().limited
    assert limits_of(quota=1).limited
    assert limits_of(rate=1).limited
    assert limits_of(network=1).limited

"""How much one sender may send: token buckets for networks and keys, and a quota a day for keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

MOST_SENDERS: Final = 100_000
"""Buckets in memory; above it the fullest half (those that were idle) is forgotten."""

DAY: Final = 86_400.0


class Buckets:
    """``rate`` tokens a second up to ``burst``; a rate of 0 takes everything."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: dict[str, tuple[float, float]] = {}

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return self._rate > 0

    def wait(self, sender: str, now: float) -> float:
        """Seconds until the sender may send one more beacon; 0 if now. It costs nothing."""
        tokens = self._tokens(sender, now)
        return 0.0 if tokens >= 1 else (1 - tokens) / self._rate

    def take(self, sender: str, now: float) -> bool:
        """Whether the sender may send one more beacon now, which then counts."""
        tokens = self._tokens(sender, now)
        if tokens < 1:
            return False
        if len(self._buckets) >= MOST_SENDERS and sender not in self._buckets:
            self._forget(now)
        self._buckets[sender] = (tokens - 1, now)
        return True

    def _tokens(self, sender: str, now: float) -> float:
        tokens, then = self._buckets.get(sender, (self._burst, now))
        return min(self._burst, tokens + (now - then) * self._rate)

    def _forget(self, now: float) -> None:
        def filled(item: tuple[str, tuple[float, float]]) -> float:
            tokens, then = item[1]
            return tokens + (now - then) * self._rate

        emptiest = sorted(self._buckets.items(), key=filled)[: MOST_SENDERS // 2]
        self._buckets = dict(emptiest)


class Allowance(NamedTuple):
    """What one key may send: beacons a second, so many at once, and a day; 0 is no limit."""

    per_second: float
    burst: float
    per_day: int


class Limits:
    """What a beacon must be within: the rate of its network, and the rate and quota of its key.

    What one of them refuses is taken from none of them; of a beacon without a key, or with one
    that nobody has, only the network is asked. Days are those of UTC.
    """

    def __init__(self, networks: Buckets, keys: Mapping[str, Allowance]) -> None:
        self._networks = networks
        self._rates = {
            key: Buckets(each.per_second, each.burst)
            for key, each in keys.items()
            if each.per_second
        }
        self._quotas = {key: each.per_day for key, each in keys.items() if each.per_day}
        self._day = 0
        self._sent: dict[str, int] = {}

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return self._networks.limited or bool(self._rates or self._quotas)

    def take(self, network: Callable[[], str], key: str, now: float) -> float:
        """0 where a beacon may come now, which then counts; else the seconds until one may."""
        networks, rate, quota = self._networks, self._rates.get(key), self._quotas.get(key)
        sender = network() if networks.limited else ""
        wait = max(
            networks.wait(sender, now) if networks.limited else 0.0,
            rate.wait(key, now) if rate is not None else 0.0,
            self._until_tomorrow(key, quota, now) if quota is not None else 0.0,
        )
        if wait:
            return wait
        if networks.limited:
            networks.take(sender, now)
        if rate is not None:
            rate.take(key, now)
        if quota is not None:
            self._sent[key] = self._sent.get(key, 0) + 1
        return 0.0

    def _until_tomorrow(self, key: str, quota: int, now: float) -> float:
        day, seconds = divmod(now, DAY)
        if day > self._day:
            self._day, self._sent = int(day), {}
        return DAY - seconds if self._sent.get(key, 0) >= quota else 0.0

"""How much one sender may send: a token bucket for each key or network."""

from __future__ import annotations

from typing import Final

MOST_SENDERS: Final = 100_000
"""Buckets in memory; above it the fullest half (those that were idle) is forgotten."""


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

    def take(self, sender: str, now: float) -> bool:
        """Whether the sender may send one more beacon now."""
        tokens, then = self._buckets.get(sender, (self._burst, now))
        tokens = min(self._burst, tokens + (now - then) * self._rate)
        if tokens < 1:
            self._buckets[sender] = (tokens, now)
            return False
        if len(self._buckets) >= MOST_SENDERS and sender not in self._buckets:
            self._forget(now)
        self._buckets[sender] = (tokens - 1, now)
        return True

    def _forget(self, now: float) -> None:
        def filled(item: tuple[str, tuple[float, float]]) -> float:
            tokens, then = item[1]
            return tokens + (now - then) * self._rate

        emptiest = sorted(self._buckets.items(), key=filled)[: MOST_SENDERS // 2]
        self._buckets = dict(emptiest)

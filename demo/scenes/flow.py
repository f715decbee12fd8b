"""Lives that begin at random and overlap, as one stream of messages in the order of time."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Any, Final, NamedTuple

from demo.hours import Weather, hour_at
from demo.message import EVENTS, Message, encode

DAY_HOURS: Final = 24


class Times(NamedTuple):
    """The clock of a run: seconds since 1970 at its start, how long an hour takes, its end."""

    epoch: float
    hour_seconds: float
    seconds: float = math.inf

    def weather(self, at: float) -> Weather:
        """What it is like at a time."""
        return hour_at(at, self.hour_seconds).weather

    def milliseconds(self, at: float) -> int:
        """A time as pages say it."""
        return round((self.epoch + at) * 1000)

    def busy(self, at: float) -> float:
        """How much goes on, 0.85 at midnight and 1.15 at noon."""
        return 1 - 0.15 * math.cos(at / self.hour_seconds / DAY_HOURS * math.tau)


Live = Callable[[str, float], Iterable[Message]]
"""A life by its name and the time at which it begins: everything that is sent about it."""

Scene = Callable[[Times, Random], Iterator[Message]]


def beginnings(times: Times, rng: Random, per_second: float) -> Iterator[float]:
    """When lives begin: at random, more of them at noon than at midnight."""
    now = 0.0
    while True:
        now += rng.expovariate(per_second * times.busy(now))
        if now > times.seconds:
            return
        yield now


def flow(times: Times, rng: Random, per_second: float, name: str, live: Live) -> Iterator[Message]:
    """The messages of all lives by their time."""
    queue: list[tuple[float, int, Message]] = []
    queued = 0
    # Names of a later run are others, or it would tell again of lives that ended.
    prefix = f"{name}-{round(times.epoch):x}"
    for number, began in enumerate(beginnings(times, rng, per_second)):
        while queue and queue[0][0] <= began:
            yield heapq.heappop(queue)[2]
        for message in live(f"{prefix}-{number}", began):
            queued += 1
            heapq.heappush(queue, (message.at, queued, message))
    while queue:
        yield heapq.heappop(queue)[2]


def told(times: Times, at: float, *events: dict[str, Any]) -> Message:
    """A body of /v1/events, each event with the server's clock."""
    stamped = [{**event, "at": round(times.epoch + at, 6)} for event in events]
    return Message(at, EVENTS, {"Content-Type": "application/json"}, encode({"events": stamped}))


def page(at: float, path: str, body: Any, user_agent: str) -> Message:
    """A beacon of a page."""
    headers = {"Content-Type": "text/plain;charset=UTF-8", "User-Agent": user_agent}
    return Message(at, path, headers, encode(body))

"""Everything that is sent in a run, in order and on time, and what it amounts to.

A model is given once a seed and a moment; it reads no clock and no other randomness, so the same
arguments give the same bytes and the same truth.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from demo.hours import Hour, hour_at
from demo.life import Clocks, Life, native, operated
from demo.message import Message
from demo.truth import Truth
from demo.world import spread

CHECK_SECONDS: Final = 15.0
DAY_HOURS: Final = 24
HOUR: Final = 3600.0


class Hostility(NamedTuple):
    """What the world does to beacons; shares are of one, times in seconds of the run."""

    repeated: float = 0.05
    shuffled: float = 0.1
    latest: float = 4.0
    """By how much a repeated or shuffled one comes later."""
    wrong_clocks: float = 0.2
    most_wrong: float = 12 * HOUR
    jumping_clocks: float = 0.01


PEACE: Final = Hostility(repeated=0.0, shuffled=0.0, wrong_clocks=0.0, jumping_clocks=0.0)
HOSTILE: Final = Hostility()


@dataclass(frozen=True)
class Run:
    """What a run is made of; without an end it goes on for ever."""

    epoch: float
    """Seconds since 1970 at its start."""
    seed: int = 1
    rate: float = 2.0
    """Uploads a second, on the average of a day."""
    hour_seconds: float = 120.0
    uploads: float = math.inf
    seconds: float = math.inf
    """No upload begins later; those that go on end."""
    hostility: Hostility = PEACE

    def hour(self, seconds: float) -> Hour:
        """The hour that goes on ``seconds`` after the start."""
        return hour_at(seconds, self.hour_seconds)


class Model:
    """One run; ``truth`` is complete when ``messages`` has been read to its end."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._rng = Random(run.seed)
        self._queue: list[tuple[float, int, Message]] = []
        self._queued = 0
        self.truth = Truth()

    def messages(self) -> Iterator[Message]:
        """Every request by its time."""
        checked = 0.0
        for number, began in self._beginnings():
            while checked <= began:
                self._push(self._check(checked), shuffled=False)
                checked += CHECK_SECONDS
            yield from self._due(began)
            self._live(number, began)
        yield from self._due(math.inf)

    def _beginnings(self) -> Iterator[tuple[int, float]]:
        """When uploads begin: at random, more of them at noon than at midnight."""
        run, number, now = self._run, 0, 0.0
        while True:
            of_day = now / run.hour_seconds / DAY_HOURS * math.tau
            now += self._rng.expovariate(run.rate * (1 - 0.15 * math.cos(of_day)))
            number += 1
            if number > run.uploads or now > run.seconds:
                return
            yield number, now

    def _due(self, until: float) -> Iterator[Message]:
        while self._queue and self._queue[0][0] <= until:
            yield heapq.heappop(self._queue)[2]

    def _live(self, number: int, began: float) -> None:
        run = self._run
        weather = run.hour(began).weather
        clocks = self._clocks()
        life = Life(f"{run.seed}-{number}", began, weather, clocks)
        for message in life.messages():
            # With a clock that jumps only the arrival tells how long something took.
            self._push(message, shuffled=not clocks.jump)
        self.truth.add(life.truth)

    def _clocks(self) -> Clocks:
        rng, hostility = self._rng, self._run.hostility
        most = hostility.most_wrong
        wrong = rng.random() < hostility.wrong_clocks
        jumps = rng.random() < hostility.jumping_clocks
        return Clocks(
            epoch=self._run.epoch,
            server=rng.uniform(-most, most) if wrong else 0.0,
            page=rng.uniform(-most, most) if wrong else 0.0,
            jump=rng.choice((-1, 1)) * rng.uniform(HOUR, most) if jumps else 0.0,
        )

    def _check(self, at: float) -> Message:
        """A look whether the storage works."""
        run, rng = self._run, self._rng
        ok = rng.random() >= run.hour(at).weather.storage_failing
        check = operated(self.truth, "check", ok=ok, seconds=spread(rng, 0.02, 0.3))
        check |= {
            "id": f"check-{round(run.epoch):x}-{run.seed}-{round(at)}",
            "at": round(run.epoch + at, 6),
        }
        return native(at, check)

    def _push(self, message: Message, *, shuffled: bool) -> None:
        """Queue a message, later or twice where the world is hostile, and count its events."""
        rng, hostility, truth = self._rng, self._run.hostility, self.truth
        at = message.at
        if shuffled and rng.random() < hostility.shuffled:
            at += rng.uniform(0.0, hostility.latest)
        self._queue_at(at, message)
        for event in message.types:
            truth.count("exporter_events_accepted_total", type=event)
        if rng.random() < hostility.repeated:
            self._queue_at(at + rng.uniform(0.0, hostility.latest), message)
            truth.count("exporter_events_duplicate_total", len(message.types))
            truth.count("exporter_events_received_total", len(message.types))
        truth.count("exporter_events_received_total", len(message.types))

    def _queue_at(self, at: float, message: Message) -> None:
        self._queued += 1
        heapq.heappush(self._queue, (at, self._queued, message._replace(at=at)))

"""Which parts of its video a play has shown, from where it was at each of its beacons.

A beacon says how much was watched so far and where the play is. Between two of them, in the order
of watched time, the part from the earlier position to the later was watched if it is about as
long as the time watched in between (docs/adr/0016); else there was a jump, and only where it went
is known. A part is a segment of ten seconds; a run is what was watched without a jump.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterator
from math import ceil
from typing import Final

import msgspec

from exporter.instant import LONGEST

SEGMENT: Final = 10
"""Seconds."""

MOST_SEGMENTS: Final = 2160
"""Six hours; what is beyond has no place in a heat map."""

MOST_RUNS: Final = 256
MOST_WAITING: Final = 64

SLACK: Final = 5.0
"""Seconds by which a beacon may be late, and a jump on the spot is none."""

STRETCH: Final = 1.25
"""How much further than its time a play may come: players round, and time their beacons badly."""

SLOWEST: Final = 0.25
FASTEST: Final = 4.0

_RUN: Final = struct.Struct("<HH")

_SAMPLE: Final = struct.Struct("<dddd")

Sample = tuple[float, float, float, float]
"""Watched so far, position, speed, and the server's time of arrival; seconds."""


class Path(msgspec.Struct, gc=False, array_like=True):
    """Where one play was; bytes, because there are a hundred thousand of them."""

    waiting: bytes = b""
    """Samples in order, until none that belongs before can be under way any more."""
    watched: float = -1.0
    position: float = 0.0
    """Of the last sample that was walked to."""
    going_on: bool = False
    """Whether the last run goes on from there."""
    runs: bytes = b""
    """First and last segment of each, two bytes each."""

    def saw(self, watched: float, position: float, speed: float | None, now: float) -> None:
        """Let a sample wait for its turn, unless it is there already or comes too late.

        ``watched`` may be a clock instead, of which only differences count.
        """
        if watched < self.watched:
            return
        pace = min(max(speed, SLOWEST), FASTEST) if speed is not None and speed > 0 else 1.0
        if not self.waiting:
            self.waiting = _SAMPLE.pack(watched, position, pace, now)
            return
        samples = _samples(self.waiting)
        place = bisect_left(samples, (watched, position))
        if place == len(samples) or samples[place][:2] != (watched, position):
            samples.insert(place, (watched, position, pace, now))
            self.waiting = b"".join([_SAMPLE.pack(*each) for each in samples])

    def stop(self, watched: float) -> None:
        """Forget the samples beyond a moment that wait for their turn."""
        samples = _samples(self.waiting)
        self.waiting = b"".join([_SAMPLE.pack(*each) for each in samples if each[0] <= watched])

    def settle(self, until: float) -> None:
        """Walk to the samples that arrived up to ``until`` and to those that belong before."""
        if not self.waiting:
            return
        samples = _samples(self.waiting)
        count = max(0, len(samples) - MOST_WAITING)
        for index in range(len(samples) - 1, count - 1, -1):
            if samples[index][3] <= until:
                count = index + 1
                break
        if count:
            for watched, position, pace, _ in samples[:count]:
                self._walk(watched, position, pace)
            self.waiting = self.waiting[count * _SAMPLE.size :]

    def _walk(self, watched: float, position: float, pace: float) -> None:
        came, moved = watched - self.watched, position - self.position
        if self.watched < 0:
            if watched <= LONGEST:
                self._cover(max(0.0, position - watched * pace), position)
        elif came <= 0:
            self.going_on = self.going_on and abs(moved) <= SLACK
        elif 0 <= moved <= came * max(pace, 1.0) * STRETCH + SLACK:
            self._cover(self.position, position)
        else:
            self.going_on = False
            self._cover(max(0.0, position - min(came * pace, SLACK)), position)
        self.watched, self.position = watched, position

    def _cover(self, start: float, end: float) -> None:
        first = int(start // SEGMENT)
        if start >= end or first >= MOST_SEGMENTS:
            return
        # Who stops where a segment begins has not seen it.
        last = min(ceil(end / SEGMENT), MOST_SEGMENTS) - 1
        if self.going_on:
            begun, ended = _RUN.unpack_from(self.runs, len(self.runs) - _RUN.size)
            self.runs = self.runs[: -_RUN.size] + _RUN.pack(begun, max(last, ended))
        elif len(self.runs) < MOST_RUNS * _RUN.size:
            self.runs += _RUN.pack(first, last)
            self.going_on = True


def _samples(waiting: bytes) -> list[Sample]:
    return list(_SAMPLE.iter_unpack(waiting))


def runs(path: bytes) -> Iterator[tuple[int, int]]:
    """First and last segment of each run, in the order in which they were watched."""
    return _RUN.iter_unpack(path)


def reached(path: bytes) -> list[tuple[int, int]]:
    """The segments that were watched at least once, as ranges that do not overlap."""
    ranges: list[tuple[int, int]] = []
    for first, last in sorted(runs(path)):
        if ranges and first <= ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], max(last, ranges[-1][1]))
        else:
            ranges.append((first, last))
    return ranges

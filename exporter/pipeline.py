"""From a record to its effects: what it counts, what it concludes, what InfluxDB is told.

A fold: the same records give the same numbers, live or replayed. Nothing here reads a clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from exporter import telemetry
from exporter.dedup import Dedup, fingerprint
from exporter.event import Event, Point, event_type
from exporter.metric import EventType, Observation
from exporter.record import Entry, Refusal
from exporter.sessions import Sessions
from exporter.store import Store

NANOSECONDS_PER_MILLISECOND: Final = 1_000_000


class Pipeline:
    """The state of everything that is counted, and the one way to change it."""

    def __init__(self, *, store: Store, dedup: Dedup, sessions: Sessions) -> None:
        self.store = store
        self.dedup = dedup
        self.sessions = sessions
        self.now = 0.0
        self.stamps = 0
        self.points: deque[Point] = deque()
        self.refusals: deque[tuple[float, Refusal]] = deque()

    def apply(self, entry: Entry) -> None:
        """Count one entry of the journal; entries must come in the journal's order."""
        self.now = max(self.now, entry.at)
        self.dedup.turn(self.now)
        if self.sessions.next_due <= self.now:
            self._conclude(self.sessions.silent(self.now, self._stamp))
        for event in entry.events:
            self._event(event)
        if entry.refusals or entry.limited or entry.refused:
            self._turned_away(entry)

    def _event(self, event: Event) -> None:
        kind = event_type(event)
        add = self.store.add
        add(telemetry.RECEIVED())
        if event.id is not None and not self.dedup.first(fingerprint(kind, event.id)):
            add(telemetry.DUPLICATE())
            return
        add(telemetry.ACCEPTED(telemetry.ByType(EventType(kind))))
        self._effects(event)
        self._conclude(self.sessions.saw(event, self.now, self._stamp))

    def _conclude(self, conclusions: Iterable[Event]) -> None:
        for conclusion in conclusions:
            self._effects(conclusion)

    def _effects(self, event: Event) -> None:
        for observation in event.observe():
            if observation.once is None or self._first(observation.once):
                self.store.add(observation)
        for point in event.points():
            stamp = self._stamp() if point.stamp is None else point.stamp
            self.points.append(point._replace(stamp=stamp))

    def _first(self, fact: str) -> bool:
        return self.dedup.first(fingerprint("once", fact))

    def _stamp(self) -> int:
        """Server time in milliseconds, and a running number in the nanosecond digits."""
        self.stamps += 1
        milliseconds = int(self.now * 1000)
        return milliseconds * NANOSECONDS_PER_MILLISECOND + (
            self.stamps % NANOSECONDS_PER_MILLISECOND
        )

    def _turned_away(self, entry: Entry) -> None:
        for refusal in entry.refusals:
            labels = telemetry.ByReason(refusal.reason)
            self._count(telemetry.REJECTED(labels, float(refusal.count)))
            if refusal.sample:
                self.refusals.append((self.now, refusal))
        if entry.limited:
            self._count(telemetry.LIMITED((), float(entry.limited)))
        if entry.refused:
            self._count(telemetry.REFUSED((), float(entry.refused)))

    def _count(self, observation: Observation) -> None:
        self.store.add(observation)
        self.store.add(telemetry.RECEIVED((), observation.value))

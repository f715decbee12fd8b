"""From a record to its effects: what it counts, what it concludes, what InfluxDB is told.

A fold: the same records give the same numbers, live or replayed. Nothing here reads a clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Final

import msgspec

from exporter import telemetry
from exporter.dedup import Dedup, fingerprint
from exporter.event import Event, Point, event_type
from exporter.metric import AnyMetric, Observation
from exporter.record import Entry, Refusal
from exporter.roster import Roster
from exporter.sessions import Sessions
from exporter.store import Store

NANOSECONDS_PER_MILLISECOND: Final = 1_000_000

MOST_TAG_VALUES: Final = 10_000
MOST_FIELDS: Final = 200
"""Names that clients may bring into one measurement, in half a week."""

PLAY: Final = "play"
"""The lifecycle whose subjects are ids that players gave their viewers' sessions."""

_OPEN: Final = frozenset(telemetry.OpenTag)


class Pipeline:
    """The state of everything that is counted, and the one way to change it."""

    def __init__(
        self,
        *,
        store: Store,
        dedup: Dedup,
        sessions: Sessions,
        trials: Collection[str] = (),
        most_tag_values: int = MOST_TAG_VALUES,
    ) -> None:
        self.store = store
        self.dedup = dedup
        self.sessions = sessions
        self.roster = Roster(most_tag_values)
        self._trials = frozenset(trials)
        self.now = 0.0
        self.stamps = 0
        self.points: deque[tuple[Point, int]] = deque()
        self.refusals: deque[tuple[float, Refusal]] = deque()
        self._received = store.cell(telemetry.RECEIVED)
        self._duplicate = store.cell(telemetry.DUPLICATE)
        self._accepted = {
            labels[0]: store.cell(telemetry.ACCEPTED, labels)
            for labels in store.cells(telemetry.ACCEPTED)
        }

    def apply(self, entry: Entry) -> int:
        """Count one entry of the journal, in the journal's order; how many events were repeats."""
        self.now = max(self.now, entry.at)
        self.dedup.turn(self.now)
        if self.sessions.next_due <= self.now:
            for conclusion in self.sessions.silent(self.now, self._stamp):
                self._follow(*conclusion)
        for person in entry.forgotten:
            self.sessions.forget(person)
        for play in entry.plays:
            self.sessions.drop(PLAY, play)
        repeats = 0
        for event in entry.events:
            repeats += self._repeats(event)
        if entry.refusals or entry.limited or entry.refused:
            self._turned_away(entry)
        return repeats

    def _repeats(self, event: Event) -> bool:
        kind = event_type(event)
        self._received[0] += 1.0
        if event.id is not None and not self.dedup.first(fingerprint(kind, event.id)):
            self._duplicate[0] += 1.0
            return True
        self._accepted[kind][0] += 1.0
        self._follow(event, event.trial if event.experiment else None)
        return False

    def _follow(self, event: Event, trial: str | None) -> None:
        """What an event means, and what follows from it: a conclusion is an event like another."""
        self._effects(event, trial)
        for conclusion in self.sessions.saw(event, self.now, self._stamp, trial):
            self._follow(*conclusion)

    def _effects(self, event: Event, trial: str | None) -> None:
        observations = event.observe()
        if observations:
            fresh = filter(self._fresh, observations) if event.facts else observations
            self.store.add(fresh, self.now)
        for each in event.points():
            point = each if trial is None else self._tried(each, trial)
            if point.open_tags or point.open_fields:
                point = self._bounded(point)
            self.points.append((point, self._stamp() if point.stamp is None else point.stamp))

    def _tried(self, point: Point, trial: str) -> Point:
        """The point with the experiment and variant as tags, if the settings list them."""
        if trial not in self._trials:
            return point
        experiment, _, variant = trial.partition("/")
        tags = (*point.tags, ("experiment", experiment), ("variant", variant))
        return msgspec.structs.replace(point, tags=tags)

    def _bounded(self, point: Point) -> Point:
        """The point without values that would make one more series too many."""
        if point.open_tags:
            tags = tuple((name, self._admitted(name, value)) for name, value in point.tags)
            point = msgspec.structs.replace(point, tags=tags)
        if point.open_fields:
            admits, now = self.roster.admits, self.now
            fields = tuple(
                field
                for field in point.fields
                if admits(point.measurement, field[0], now, most=MOST_FIELDS)
            )
            point = msgspec.structs.replace(point, fields=fields)
        return point

    def _admitted(self, name: str, value: str) -> str:
        if name not in _OPEN or self.roster.admits(name, value, self.now):
            return value
        self.store.count(telemetry.TAG_VALUES_CAPPED, (name,))
        return "other"

    def _fresh(self, observation: Observation) -> bool:
        fact = observation[3]
        return fact is None or self.dedup.first(fingerprint("once", fact))

    def _stamp(self) -> int:
        """Server time in milliseconds, and a running number in the nanosecond digits."""
        self.stamps += 1
        milliseconds = int(self.now * 1000)
        return milliseconds * NANOSECONDS_PER_MILLISECOND + (
            self.stamps % NANOSECONDS_PER_MILLISECOND
        )

    def _turned_away(self, entry: Entry) -> None:
        for refusal in entry.refusals:
            self._count(telemetry.REJECTED, (refusal.reason,), refusal.count)
            if refusal.sample:
                self.refusals.append((self.now, refusal))
        self._count(telemetry.LIMITED, (), entry.limited)
        self._count(telemetry.REFUSED, (), entry.refused)

    def _count(self, metric: AnyMetric, labels: tuple[str, ...], beacons: int) -> None:
        self.store.count(metric, labels, float(beacons))
        self._received[0] += beacons

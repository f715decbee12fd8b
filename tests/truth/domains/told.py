"""What one domain is told in a run, and what follows from it."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.truth.facts import Span, exactly
from tests.truth.plans import Random
from tests.truth.sending import Message, Step, Story, native

SLACK = 1e-9


@dataclass
class Told:
    """Stories, and the truth of the KPIs and their segments that they make."""

    stories: list[Story] = field(default_factory=list)
    kpis: dict[str, Span] = field(default_factory=dict)
    segments: dict[tuple[str, str, str], Span] = field(default_factory=dict)
    ratings: list[int] = field(default_factory=list)
    """Of people, whatever they are about: all of them together are a KPI of the platform."""
    hours: dict[str, float] = field(default_factory=dict)
    """Recorded series, and what each was at every hour of the day before yesterday."""


class Teller:
    """Makes the requests of one domain; each event has an id, so that each may come again."""

    def __init__(self, domain: str, seed: int, epoch: float) -> None:
        self.rng = Random(seed)
        self.epoch = epoch
        self._domain = domain
        self._numbers = itertools.count()
        self.told = Told()

    def name(self) -> str:
        """A name that no other has."""
        return f"{self._domain}-{next(self._numbers)}"

    def event(self, kind: str, at: float | None = None, **said: Any) -> dict[str, Any]:
        """An event of /v1/events; ``at`` in seconds after the epoch."""
        event: dict[str, Any] = {"type": kind, "id": self.name(), **said}
        if at is not None:
            event["at"] = round(self.epoch + at, 3)
        return event

    def native(self, *events: dict[str, Any]) -> Message:
        """A body of /v1/events, from a network of its own."""
        return native(self._sender(), *events)

    def page(
        self, path: str, body: Any, agent: str, events: int = 1, *, again: bool = True
    ) -> Message:
        """A beacon of a page in which there are so many events.

        Where it says no more than that all goes on, the same bytes ``again`` are no repetition.
        """
        headers = {
            "Content-Type": "text/plain;charset=UTF-8",
            "X-Forwarded-For": self._sender(),
            "User-Agent": agent,
        }
        return Message(path, json.dumps(body).encode(), headers, ("beacon",) * events, again=again)

    def story(self, steps: Sequence[Step], *, shuffled: bool = False) -> None:
        """Tell it, in this order or in any."""
        told = list(steps)
        if shuffled:
            self.rng.shuffle(told)
        self.told.stories.append(Story(told))

    def _sender(self) -> str:
        # Each from a network of its own, or its rate would be limited.
        number = next(self._numbers)
        return f"{30 + number // 65536}.{number // 256 % 256}.{number % 256}.7"


def ratio(part: float, whole: float) -> Span:
    """One exact quotient."""
    return exactly(part / whole)


def near(value: float) -> Span:
    """Exact but for the rounding of sums."""
    return Span(value * (1 - SLACK), value * (1 + SLACK))


def mean(values: Sequence[float]) -> Span:
    """The mean, exact but for rounding."""
    return near(sum(values) / len(values))


def p95(values: Iterable[float], limits: Sequence[float]) -> Span:
    """Between the limits of the bucket that the 95th of a hundred is in."""
    ordered = sorted(values)
    rank = 0.95 * len(ordered)
    counts = [sum(value <= limit for value in ordered) for limit in limits]
    for place, count in enumerate(counts):
        if count >= rank:
            return Span(limits[place - 1] if place else 0.0, limits[place])
    return exactly(limits[-1])


class Sums:
    """Numbers by segment and member, of which means and ratios are made."""

    def __init__(self) -> None:
        self._values: defaultdict[tuple[str, str], list[float]] = defaultdict(list)

    def add(self, value: float, **segments: str) -> None:
        """A value of these members; of the whole as well."""
        self._values["", ""].append(value)
        for segment, member in segments.items():
            self._values[segment, member].append(value)

    def means(self, told: Told, kpi: str) -> None:
        """The mean of the whole and of each member is the KPI."""
        for (segment, member), values in self._values.items():
            if segment:
                told.segments[kpi, segment, member] = mean(values)
            else:
                told.kpis[kpi] = mean(values)

"""What a metric is: a name, a sentence, closed labels, and how many series it can ever have.

A metric is declared once, as a constant, next to the code that feeds it::

    class Ended(NamedTuple):
        outcome: Outcome
        device: Device

    ENDED = Counter("video_upload_ended_total", "Uploads over, by how they ended.", Ended)

Calling the constant gives an :class:`Observation`: ``ENDED(Ended(Outcome.COMPLETED, Device.TV))``.
Labels are enums (or :class:`Route`, whose members the settings close), so the worst case is a
product that a test adds up. Nothing here touches prometheus_client.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType
from typing import Any, Generic, NamedTuple, TypeVar, get_type_hints

Observation = tuple[Any, tuple[str, ...], float, str | None]
"""One number for one metric: the metric, label values, the number, and the fact behind it.

The fact is None, or names what several events may report: the pipeline counts the first
observation of a fact and drops the others. A plain tuple, because nothing is made more often.
"""

Members = Mapping[type, Sequence[str]]
"""The members of label types that settings close: ``{Route: ("/api/uploads", "other")}``."""


class Listed(str):
    """A label value from a list that the settings close, or ``other``."""

    __slots__ = ()


class Route(Listed):
    """The template of an API route."""

    __slots__ = ()


class Page(Listed):
    """The template of a page's path."""

    __slots__ = ()


class Service(Listed):
    """A part of the platform that can be up or down."""

    __slots__ = ()


class Provider(Listed):
    """Who generates videos."""

    __slots__ = ()


class Currency(Listed):
    """An ISO 4217 code; amounts of different ones are never added."""

    __slots__ = ()


class Cache(Listed):
    """A cache of the platform."""

    __slots__ = ()


class Cdn(Listed):
    """A content delivery network (CMCD key ``cdn``)."""

    __slots__ = ()


class Measurement(Listed):
    """What a page measures under a name of its own, as ``type.value``."""

    __slots__ = ()


class Trial(Listed):
    """An experiment and one of its variants, as ``experiment/variant``; a tag, not a label."""

    __slots__ = ()


class EventType(str):
    """The ``type`` of an event that a domain declares, such as ``upload.completed``."""

    __slots__ = ()


class Unlabelled(NamedTuple):
    """The labels of a metric that has none."""


L = TypeVar("L", bound=tuple[str, ...])


class Closed(StrEnum):
    """A closed set of label values. Hashed as the string it is: Enum's own hash is Python code."""

    __hash__ = str.__hash__


@dataclass(frozen=True, slots=True, eq=False)
class Metric(Generic[L]):
    """A declared family: name (Prometheus conventions, base units), one sentence, labels."""

    name: str
    help: str
    labels: type[L]

    @property
    def label_names(self) -> tuple[str, ...]:
        """The label names, in the order in which values are given."""
        return tuple(get_type_hints(self.labels))

    def label_sets(self, members: Members) -> Iterator[tuple[str, ...]]:
        """Every allowed combination of label values; finite by construction."""
        return itertools.product(
            *(_members(kind, members) for kind in get_type_hints(self.labels).values())
        )

    def _combinations(self, members: Members) -> int:
        return math.prod(
            len(_members(kind, members)) for kind in get_type_hints(self.labels).values()
        )

    def most_series(self, members: Members) -> int:
        """How many series the family exposes at the most."""
        return self._combinations(members)


@dataclass(frozen=True, slots=True, eq=False)
class Counter(Metric[L]):
    """A count that only goes up; its name ends in ``_total``."""

    def __call__(
        self, labels: L | tuple[()] = (), value: float = 1.0, *, once: str | None = None
    ) -> Observation:
        """One observation."""
        return (self, labels, value, once)


@dataclass(frozen=True, slots=True, eq=False)
class Gauge(Metric[L]):
    """A state that goes up and down; read from its owner at scrape time, never observed."""


@dataclass(frozen=True, slots=True, eq=False)
class Level(Metric[L]):
    """A state that others report: the last report counts, for ``lasts`` seconds of server time.

    Exposed as a gauge; a series that nobody reports any more goes away instead of standing still.
    """

    lasts: float = 300.0

    def __call__(self, labels: L | tuple[()], value: float) -> Observation:
        """One observation."""
        return (self, labels, value, None)


@dataclass(frozen=True, slots=True, eq=False)
class Histogram(Metric[L]):
    """A distribution. ``buckets`` are upper bounds, ascending, without +Inf.

    Every limit that a KPI has is a bucket, so "share within the limit" is exact.
    """

    buckets: tuple[float, ...] = ()

    def __call__(
        self, labels: L | tuple[()], value: float, *, once: str | None = None
    ) -> Observation:
        """One observation."""
        return (self, labels, value, once)

    def most_series(self, members: Members) -> int:
        """Buckets with +Inf, the sum and the count, for each combination of labels."""
        return self._combinations(members) * (len(self.buckets) + 3)


AnyMetric = Counter[Any] | Gauge[Any] | Histogram[Any] | Level[Any]


def declared(module: ModuleType) -> tuple[AnyMetric, ...]:
    """The metrics that a module declares, in order: one cannot be declared and forgotten."""
    return tuple(
        value
        for value in vars(module).values()
        if isinstance(value, Counter | Gauge | Histogram | Level)
    )


def _members(kind: type, members: Members) -> Sequence[str]:
    if kind in members:
        return members[kind]
    if issubclass(kind, StrEnum):
        return [member.value for member in kind]
    raise TypeError(f"{kind.__name__} is not a closed set of label values")

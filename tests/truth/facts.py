"""What happened: the facts of which every number is made, and the classes that they fall into.

Written from docs/kpis.md, docs/metrics.md and docs/events.md. Nothing is taken from the exporter,
not even a limit: an error there must not be repeated here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

MB = 1_000_000

COMPLETED = "completed"
FAILED = "failed"
ABANDONED = "abandoned"


class Span(NamedTuple):
    """A number that is known to lie between two; where they are equal it is known exactly.

    What senders say is exact. What only the arrival of two beacons tells is known as well as their
    sender knows when each of them was under way.
    """

    low: float
    high: float


def exactly(value: float) -> Span:
    return Span(value, value)


def size_class(size: int | None) -> str:
    if size is None:
        return "other"
    limits = ((10 * MB, "0-10MB"), (30 * MB, "10-30MB"), (100 * MB, "30-100MB"))
    return next((name for limit, name in limits if size < limit), "100MB+")


def resolution_class(picture: tuple[int, int] | None) -> str:
    if picture is None:
        return "other"
    lines = min(picture)
    return next(
        (n for most, n in ((719, "sd"), (1079, "hd"), (1439, "full_hd")) if lines <= most), "uhd"
    )


def age_class(age: Span) -> str:
    """The class of an age; an error where it is not known well enough to have one."""
    classes = {_age_class(age.low), _age_class(age.high)}
    assert len(classes) == 1, f"this machine was too slow to tell how old an upload was: {age}"
    return classes.pop()


def _age_class(seconds: float) -> str:
    limits = ((10, "0-10s"), (30, "10-30s"), (60, "30-60s"), (300, "1-5m"))
    return next((name for limit, name in limits if seconds < limit), "5m+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """An upload that somebody named, and what was told of it by the time it was counted."""

    outcome: str
    age: Span
    device: str = "other"
    browser: str = "other"
    region: str = "other"
    network: str = "other"
    size: int | None = None
    picture: tuple[int, int] | None = None
    duration: Span | None = None
    ttfb: Span | None = None
    utilisation: float | None = None
    chunks: int = 0
    first_try: int = 0
    tried: bool = False
    """Whether it went on after a failed step."""
    errors: frozenset[str] = frozenset()
    rating: int | None = None
    preview: Span | None = None
    hinted: bool = False
    recovered_late: bool = False
    clamped: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A performance report that names no upload."""

    success: bool | None
    device: str
    browser: str
    region: str
    network: str
    size: int | None
    duration: float | None
    ttfb: float | None
    utilisation: float | None
    chunks: int
    first_try: int
    clamped: int


class Resources(NamedTuple):
    """What an upload cost a client."""

    device: str
    cpu: float | None
    memory: float | None


class Call(NamedTuple):
    """A call of the API; the kind of error where it failed."""

    route: str
    error: str | None
    seconds: float | None


class Operation(NamedTuple):
    """Something asked of the storage."""

    name: str
    ok: bool
    seconds: float | None


class File(NamedTuple):
    """A file in its final form."""

    original: int
    stored: int


@dataclass
class Facts:
    """Everything that happened in a run, and what became of each event that was sent."""

    uploads: list[Upload] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    resources: list[Resources] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    generic: int = 0
    accepted: Counter[str] = field(default_factory=Counter)
    """By type."""
    rejected: Counter[str] = field(default_factory=Counter)
    """By reason."""
    duplicate: int = 0
    limited: int = 0

    @property
    def received(self) -> int:
        return self.accepted.total() + self.rejected.total() + self.duplicate + self.limited

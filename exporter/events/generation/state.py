"""What is remembered of one generation."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import msgspec

from exporter.event import State
from exporter.events.generation.classes import ErrorType, Outcome
from exporter.events.generation.concluded import Segments
from exporter.instant import Instant


class Phase(IntEnum):
    """Where a generation is in its life."""

    OPEN = 0
    FAILING = 1
    """An attempt failed, and another one may still come."""
    SETTLING = 2
    OVER = 3
    UNBEGUN = 4
    """Nothing but a rating was seen, which is no generation yet."""


class Sign(NamedTuple):
    """When an attempt failed or went on: its number and the sender's clock, where said."""

    attempt: int | None = None
    at: float | None = None

    def after(self, other: Sign) -> bool | None:
        """Whether this came later; None where only the order of arrival tells."""
        if self.attempt is not None and other.attempt is not None and self.attempt != other.attempt:
            return self.attempt > other.attempt
        if self.at is not None and other.at is not None and self.at != other.at:
            return self.at > other.at
        return None


class Namer(NamedTuple):
    """Who named the provider: the greatest of these is believed, in whatever order they came."""

    weight: int
    attempt: int
    at: float
    provider: str


class Generation(State, gc=False, kw_only=True, omit_defaults=True):
    """What is remembered of one generation."""

    generation_id: str
    phase: Phase = Phase.OPEN
    outcome: Outcome | None = None
    requested: Instant | None = None
    started: Instant | None = None
    completed: Instant | None = None
    failed: Sign | None = None
    """The latest failure."""
    went_on: Sign | None = None
    """The latest sign that there is an attempt."""
    namer: Namer | None = None
    failures: set[tuple[int, ErrorType]] = msgspec.field(default_factory=set)
    """Attempt (0: unsaid) and kind of error."""
    recovered: bool = False
    attempt: int = 0
    """The highest that was named."""
    duration: float | None = None
    run: float | None = None
    model: str | None = None
    quality: float | None = None
    cost: float | None = None
    currency: str | None = None
    bytes: float | None = None
    attempts: float | None = None
    absurd: set[str] = msgspec.field(default_factory=set)
    """Names of the numbers that were counted as absurd."""
    rating: int | None = None
    rated: bool = False
    """Whether the rating is counted."""
    about: Segments | None = None
    """How it was counted at its end, whatever is learned later."""
    late: bool = False
    """Whether a delivery after that is counted."""

    @property
    def provider(self) -> str:
        """The listed provider, as far as is known."""
        return "other" if self.namer is None else self.namer.provider

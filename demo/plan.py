"""What will become of an upload, decided before anything of it is sent."""

from __future__ import annotations

import math
from random import Random
from typing import Final, NamedTuple

from demo.hours import Weather
from demo.world import MB, TROUBLES, Person, Trouble, pick

LARGEST_CHUNK: Final = 5 * MB
LONGEST_CHUNK_SECONDS: Final = 8.0

COMPLETED: Final = "completed"
FAILED: Final = "failed"
ABANDONED: Final = "abandoned"


class Chunk(NamedTuple):
    """A part of the file: when it was there, and whether its first attempt failed."""

    at: float
    first_try: bool


class Plan(NamedTuple):
    """The fate of an upload."""

    outcome: str
    duration: float
    """Seconds from the start to its end, or to its last sign."""
    chunk_count: int
    chunks: tuple[Chunk, ...]
    """Those that arrive, the first one at the time to the first byte."""
    trouble: Trouble | None
    tries_again: bool
    """Whether a failing upload tries its last chunk twice."""
    rating: int | None

    @property
    def tried(self) -> bool:
        """Whether it went on after a failed step."""
        return self.tries_again or not all(chunk.first_try for chunk in self.chunks)

    @property
    def error_shown(self) -> float:
        """When the page of an upload that goes on shows its first error."""
        late = (chunk.at for chunk in self.chunks if not chunk.first_try)
        return next(late, self.duration) - 0.01


def plan(rng: Random, person: Person, weather: Weather) -> Plan:
    """Decide the fate of an upload."""
    draw = rng.random()
    outcome = COMPLETED
    if draw < weather.failing:
        outcome = FAILED
    elif draw < weather.failing + weather.abandoning:
        outcome = ABANDONED
    whole = person.ttfb + person.size / person.bytes_per_second
    count = max(math.ceil(person.size / LARGEST_CHUNK), math.ceil(whole / LONGEST_CHUNK_SECONDS))
    arrived = count if outcome == COMPLETED else int(count * rng.uniform(0.1, 0.99))
    step = (whole - person.ttfb) / count
    chunks = tuple(
        Chunk(person.ttfb + place * step, rng.random() >= weather.retrying)
        for place in range(arrived)
    )
    failing = outcome == FAILED
    troubled = failing or not all(chunk.first_try for chunk in chunks)
    return Plan(
        outcome=outcome,
        duration=whole if outcome == COMPLETED else person.ttfb + arrived * step,
        chunk_count=count,
        chunks=chunks,
        trouble=TROUBLES[pick(rng, weather.troubles)] if troubled else None,
        tries_again=failing and rng.random() < 0.6,
        rating=_rating(rng, outcome, weather),
    )


def _rating(rng: Random, outcome: str, weather: Weather) -> int | None:
    if outcome == ABANDONED or rng.random() >= 0.3:
        return None
    shares = weather.ratings if outcome == COMPLETED else (0.5, 0.3, 0.1, 0.05, 0.05)
    return rng.choices((1, 2, 3, 4, 5), shares)[0]

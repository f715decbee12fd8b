"""Which values clients may still bring into the tags and field names of points.

A tag of InfluxDB with a million values is as bad as a label with as many. Ids of videos must be
tags, because popular videos are found by them, so the first values that come are admitted and the
rest share ``other``. Two generations, by server time alone: a value that nobody uses for a
generation or two makes room, and a flood shuts new values out for no longer than one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

GENERATION_SECONDS: Final = 7 * 86_400.0 / 2

Value = tuple[int, str, str]
"""Generation, name of the tag, value."""


class Roster:
    """The values admitted lately. ``most`` new ones of a tag in one generation."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._generation = 0
        self._young: dict[str, set[str]] = {}
        self._old: dict[str, set[str]] = {}
        self._fresh: list[Value] = []

    def admits(self, name: str, value: str, now: float, *, most: int | None = None) -> bool:
        """Whether ``value`` may stand as it is; the first time it takes one of the places."""
        self._turn(int(now // GENERATION_SECONDS))
        young = self._young.setdefault(name, set())
        if value in young:
            return True
        limit = self._most if most is None else most
        # Who was there before the flood keeps a place; there are at most twice as many in all.
        if len(young) >= (2 * limit if value in self._old.get(name, ()) else limit):
            return False
        young.add(value)
        self._fresh.append((self._generation, name, value))
        return True

    def _turn(self, generation: int) -> None:
        if generation > self._generation:
            follows = generation == self._generation + 1
            self._old, self._young = (self._young if follows else {}), {}
            self._generation = generation

    def fresh(self) -> tuple[Value, ...]:
        """What was admitted since the last call."""
        fresh, self._fresh = tuple(self._fresh), []
        return fresh

    def restore(self, saved: Iterable[Value], now: float) -> None:
        """Take over what a checkpoint holds."""
        self._generation = int(now // GENERATION_SECONDS)
        for generation, name, value in saved:
            if generation == self._generation:
                self._young.setdefault(name, set()).add(value)
            elif generation == self._generation - 1:
                self._old.setdefault(name, set()).add(value)

    @property
    def oldest(self) -> int:
        """The generation before which nothing is needed any more."""
        return self._generation - 1

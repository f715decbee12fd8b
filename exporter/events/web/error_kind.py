"""The kinds of errors that there are, by fingerprint: how often, since when, how they read.

A client can make as many fingerprints as it likes, so the number of those that are followed is
bounded: they are spread over so many shelves by their first digits, and a shelf has so many
places. A new one that finds its shelf full of kinds that were seen within a day is counted as an
error, and not followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from exporter.event import Event, Field, Moment, Point, State, Step
from exporter.events.web import metrics
from exporter.events.web.classes import ErrorType
from exporter.events.web.concluded import Conclusion
from exporter.events.web.told import ErrorMet
from exporter.metric import Observation

WEEK: Final = 7 * 86_400.0
DAY: Final = 86_400.0
GATHERS: Final = 60.0
"""Seconds for which what comes is told in one point."""

DIGITS: Final = 2
PLACES: Final = 16
"""Kinds on each of 16**DIGITS shelves: 4096 in all, at about 400 bytes each."""


class NewErrorMet(Conclusion, frozen=True, kw_only=True, gc=False, tag="web.new_error_met"):
    """An error of a kind that had not been seen for a week, if ever."""

    def observe(self) -> list[Observation]:
        """One new kind."""
        return [metrics.NEW_ERRORS()]


class ErrorsGathered(Conclusion, frozen=True, kw_only=True, gc=False, tag="web.errors_gathered"):
    """How often a kind of error came on a page lately."""

    fingerprint: str
    error_type: ErrorType
    page: str
    sample: str
    first: float
    last: float
    count: int

    def points(self) -> list[Point]:
        """One point; ``first_seen`` and ``last_seen`` are milliseconds since 1970, as Grafana's."""
        is_new = self.last - self.first < DAY
        tags = (
            ("error_type", self.error_type),
            ("fingerprint", self.fingerprint),
            ("new", "yes" if is_new else "no"),
            ("page", self.page),
        )
        fields: tuple[tuple[str, Field], ...] = (
            ("count", self.count),
            ("first_seen", round(self.first * 1000)),
            ("last_seen", round(self.last * 1000)),
            ("sample", self.sample),
            ("error_fingerprint", self.fingerprint),
        )
        return [Point("web_error", tags, fields, open_tags=True)]


class Pending(msgspec.Struct, array_like=True, gc=False):
    """How often a kind came on a page, and was not told yet."""

    error_type: ErrorType
    page: str
    count: int = 0


class Kind(msgspec.Struct, array_like=True, gc=False):
    """One kind of error; ``sample`` is how it read the first time."""

    first: float
    last: float
    sample: str
    pending: list[Pending] = msgspec.field(default_factory=list)


class Shelf(State, gc=False, kw_only=True, omit_defaults=True):
    """The kinds whose fingerprints begin alike; ``tells`` is when it says what came."""

    kinds: dict[str, Kind] = msgspec.field(default_factory=dict)
    tells: float | None = None


class ErrorKindLifecycle:
    """Follows kinds of errors; its subjects are the shelves."""

    name: Final = "error_kind"
    state: Final = Shelf
    silence: Final = WEEK
    about: Final = (ErrorMet,)

    def subject(self, event: ErrorMet) -> str | None:
        """The shelf."""
        return event.fingerprint[:DIGITS] or None

    def is_open(self, state: Shelf) -> bool:
        """As long as a kind on it was seen within a week."""
        return True

    def saw(self, state: Shelf | None, event: ErrorMet, moment: Moment) -> Step:
        """Once more, or for the first time."""
        now = moment.now
        news: tuple[Event, ...] = ()
        state = state or Shelf(due=now)
        kind = state.kinds.get(event.fingerprint)
        if kind is None or kind.last + moment.patience.silence <= now:
            if kind is None and not _has_room(state, now):
                return Step(state)
            kind = state.kinds[event.fingerprint] = Kind(now, now, event.sample)
            news = (NewErrorMet(),)
        kind.last = now
        for pending in kind.pending:
            if (pending.error_type, pending.page) == (event.error_type, event.page):
                break
        else:
            pending = Pending(event.error_type, event.page)
            kind.pending.append(pending)
        pending.count += 1
        if state.tells is None:
            state.tells = now + GATHERS
        state.due = _due(state, moment)
        return Step(state, news)

    def silent(self, state: Shelf, moment: Moment) -> Step:
        """Say what came; forget what has not come for a week."""
        told = tuple(_told(state))
        state.tells = None
        state.kinds = {
            fingerprint: kind
            for fingerprint, kind in state.kinds.items()
            if kind.last + moment.patience.silence > moment.now
        }
        if not state.kinds:
            return Step(None, told)
        state.due = _due(state, moment)
        return Step(state, told)


def _due(state: Shelf, moment: Moment) -> float:
    forgets = min(kind.last for kind in state.kinds.values()) + moment.patience.silence
    return forgets if state.tells is None else min(forgets, state.tells)


def _has_room(state: Shelf, now: float) -> bool:
    """Whether there is a place; the kind that was seen least lately makes one after a day."""
    if len(state.kinds) < PLACES:
        return True
    stalest = min(state.kinds, key=lambda fingerprint: state.kinds[fingerprint].last)
    kind = state.kinds[stalest]
    if now - kind.last < DAY or kind.pending:
        return False
    del state.kinds[stalest]
    return True


def _told(state: Shelf) -> Iterator[Event]:
    for fingerprint, kind in state.kinds.items():
        for pending in kind.pending:
            yield ErrorsGathered(
                fingerprint=fingerprint,
                error_type=pending.error_type,
                page=pending.page,
                sample=kind.sample,
                first=kind.first,
                last=kind.last,
                count=pending.count,
            )
        kind.pending = []

"""How many people come back: those active in the last 30 days among those of the 30 before.

Each day (UTC, by the server's clock) has a sketch of 32 KiB, from which nobody can be found out
(:mod:`exporter.distinct`). Today's sketch changes with everybody who comes and is saved with every
checkpoint, so it lives in a state of its own, beside the two unions of closed days that the
estimate needs: 96 KiB. The 60 closed days are a state of 2 MB that is touched once a day, at
midnight, which takes about 30 ms.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from exporter import distinct
from exporter.event import Event, Moment, State, Step
from exporter.events.generation import metrics
from exporter.events.generation.business import Active, FeatureAdopted, Offered, Purchased
from exporter.events.generation.concluded import Conclusion
from exporter.metric import Observation

DAY: Final = 86_400.0
WINDOW: Final = 30
"""Days of which the later window and the one before it consist; today is the last of them."""

EVERY: Final = 60.0
"""Seconds between two estimates, each of which takes about 3 ms of the loop."""

NOBODY: Final = bytes(distinct.REGISTERS)


class DayClosed(Conclusion, frozen=True, kw_only=True, gc=False, tag="retention.day_closed"):
    """A day is over; ``today`` is the day that it is now."""

    day: int
    people: bytes
    today: int


class WindowsMoved(Conclusion, frozen=True, kw_only=True, gc=False, tag="retention.windows_moved"):
    """The closed days of the two windows: ``recent`` without today, ``before`` whole."""

    recent: bytes
    before: bytes


class Estimated(Conclusion, frozen=True, kw_only=True, gc=False, tag="retention.estimated"):
    """How many people there were before, and how many of them are still there."""

    before: int
    retained: int

    def observe(self) -> list[Observation]:
        """Both, until the next estimate."""
        return [
            metrics.PEOPLE_BEFORE((), float(self.before)),
            metrics.PEOPLE_RETAINED((), float(self.retained)),
        ]


class Today(State, gc=False, kw_only=True, omit_defaults=True):
    """Who was there today, and the unions of the closed days."""

    day: int
    people: bytearray
    recent: bytes = NOBODY
    before: bytes = NOBODY


class Activity:
    """Counts who is there; closes the days; says every minute how many came back."""

    name: Final = "activity"
    state: Final = Today
    silence: Final = EVERY
    about: Final = (Active, FeatureAdopted, Offered, Purchased, WindowsMoved)

    def subject(
        self, event: Active | FeatureAdopted | Offered | Purchased | WindowsMoved
    ) -> str | None:
        """There is one subject, everybody; an event that names nobody is not about it."""
        return "people" if isinstance(event, WindowsMoved) or event.person else None

    def is_open(self, state: Today) -> bool:
        """As long as anybody was there within two windows."""
        return True

    def saw(
        self,
        state: Today | None,
        event: Active | FeatureAdopted | Offered | Purchased | WindowsMoved,
        moment: Moment,
    ) -> Step:
        """Somebody was there, or the windows moved."""
        if state is None:
            state = Today(due=moment.now, day=int(moment.now // DAY), people=distinct.empty())
        if isinstance(event, WindowsMoved):
            state.recent, state.before = event.recent, event.before
            return self._estimated(state, moment)
        closed = tuple(_closed(state, moment.now))
        distinct.add(state.people, str(event.person))
        return Step(state, closed)

    def silent(self, state: Today, moment: Moment) -> Step:
        """The next estimate is due; on a new day, it comes with the windows that have moved."""
        if closed := tuple(_closed(state, moment.now)):
            state.due = moment.now + EVERY
            return Step(state, closed)
        return self._estimated(state, moment)

    def _estimated(self, state: Today, moment: Moment) -> Step:
        recent = distinct.union(state.recent, state.people)
        if not any(recent) and not any(state.before):
            return Step(None)
        state.due = moment.now + EVERY
        before = round(distinct.estimate(state.before))
        retained = min(before, round(distinct.both(state.before, recent)))
        return Step(state, (Estimated(before=before, retained=retained),))


def _closed(state: Today, now: float) -> Iterator[Event]:
    day = int(now // DAY)
    if day > state.day:
        yield DayClosed(day=state.day, people=bytes(state.people), today=day)
        state.day, state.people = day, distinct.empty()


class Days(State, gc=False, kw_only=True, omit_defaults=True):
    """The sketches of the closed days on which anybody was there."""

    people: dict[int, bytes] = msgspec.field(default_factory=dict)


class History:
    """Keeps the closed days for two windows, and unites them when a day has gone by."""

    name: Final = "history"
    state: Final = Days
    silence: Final = 2 * WINDOW * DAY
    about: Final = (DayClosed,)

    def subject(self, event: DayClosed) -> str:
        """There is one subject, everybody."""
        return "people"

    def is_open(self, state: Days) -> bool:
        """As long as it keeps a day."""
        return True

    def saw(self, state: Days | None, event: DayClosed, moment: Moment) -> Step:
        """One more day, and the windows as they are now."""
        state = state or Days(due=0.0)
        state.due = moment.now + 2 * WINDOW * DAY
        if any(event.people):
            state.people[event.day] = event.people
        ages = {event.today - day: people for day, people in state.people.items()}
        state.people = {
            event.today - age: people for age, people in ages.items() if age < 2 * WINDOW
        }
        recent = [people for age, people in ages.items() if age < WINDOW]
        before = [people for age, people in ages.items() if WINDOW <= age < 2 * WINDOW]
        moved = WindowsMoved(
            recent=bytes(distinct.union(NOBODY, *recent)),
            before=bytes(distinct.union(NOBODY, *before)),
        )
        return Step(state if state.people else None, (moved,))

    def silent(self, state: Days, moment: Moment) -> Step:
        """Nobody was there for two windows."""
        return Step(None)

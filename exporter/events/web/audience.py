"""How many different people there are, and how many met an error: without knowing who.

Whoever is there goes into the sketch of the current minute (:mod:`exporter.distinct`), from which
nobody can be found out. At the border of each minute it joins those of its hour and its day, and
the windows are counted: the last 5 minutes, the current hour and the 23 before it, today and the
29 days before it (UTC, by the server's clock). The sketches are in three states, because a state
is saved as a whole whenever it changes: what changes with everybody who comes is 32 KiB, what
changes every minute some more, and the closed hours and days, of which only unions are needed,
change once an hour and once a day. Errors have no minutes: a sketch of the hour for each kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from exporter import distinct
from exporter.event import Event, Moment, State, Step
from exporter.events.web import metrics, told
from exporter.events.web.classes import ErrorType, Window
from exporter.events.web.concluded import Affected, Conclusion, Present
from exporter.events.web.told import Told
from exporter.metric import Observation

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86_400.0
MINUTES: Final = 5
HOURS: Final = 24
DAYS: Final = 30
NOBODY: Final = bytes(distinct.REGISTERS)

EVERYBODY_BY_HOUR: Final = "hours"
EVERYBODY_BY_DAY: Final = "days"


class MinuteClosed(Conclusion, frozen=True, kw_only=True, gc=False, tag="web.minute_closed"):
    """A minute is over; ``now`` is the server's time."""

    minute: int
    people: bytes
    now: float


class PeriodClosed(Conclusion, frozen=True, kw_only=True, gc=False, tag="web.period_closed"):
    """An hour or a day of some people is over; ``now`` is the one that it is now."""

    whose: str
    period: int
    people: bytes
    now: int


class PeriodsUnited(Conclusion, frozen=True, kw_only=True, gc=False, tag="web.periods_united"):
    """The closed hours or days of some people that are still in their window."""

    whose: str
    people: bytes


class PeopleCounted(Conclusion, frozen=True, kw_only=True, gc=False, tag="web.people_counted"):
    """How many people there were in each window."""

    counts: tuple[tuple[Window, int], ...]

    def observe(self) -> Iterator[Observation]:
        """Until the next minute."""
        for window, count in self.counts:
            yield metrics.ACTIVE_PEOPLE(metrics.OverWindow(window), float(count))


class AffectedCounted(Conclusion, frozen=True, kw_only=True, gc=False, tag="web.affected_counted"):
    """How many people met an error of a kind in the last day."""

    error_type: ErrorType
    count: int

    def observe(self) -> list[Observation]:
        """Until the next minute."""
        return [metrics.AFFECTED_PEOPLE(metrics.OfType(self.error_type), float(self.count))]


def _border(now: float) -> float:
    """When the next minute begins."""
    return (now // MINUTE + 1) * MINUTE


class Minute(State, gc=False, kw_only=True, omit_defaults=True):
    """Who is there in the current minute, and when anybody was there last."""

    people: bytearray
    began: float
    last: float


class PresenceLifecycle:
    """Takes in whoever is there, minute by minute; its one subject is everybody."""

    name: Final = "presence"
    state: Final = Minute
    silence: Final = MINUTE
    about: Final = (*told.TOLD, Present)

    def subject(self, event: Told | Present) -> str | None:
        """Everybody; of an event with a session, the session tells who it was."""
        if isinstance(event, Present):
            return "people"
        return "people" if event.user_id is not None and event.session_id is None else None

    def is_open(self, state: Minute) -> bool:
        """As long as anybody was there within the longest window."""
        return True

    def saw(self, state: Minute | None, event: Told | Present, moment: Moment) -> Step:
        """Somebody is there. A minute that is over was closed before: silence comes first."""
        now = moment.now
        if state is None:
            state = Minute(due=_border(now), people=distinct.empty(), began=now, last=now)
        distinct.add(state.people, event.person if isinstance(event, Present) else _user(event))
        state.last = now
        return Step(state)

    def silent(self, state: Minute, moment: Moment) -> Step:
        """A minute is over."""
        now = moment.now
        closed = MinuteClosed(
            minute=int(state.began // MINUTE), people=bytes(state.people), now=now
        )
        if now - state.last > (DAYS + 1) * DAY:
            return Step(None, (closed,))
        state.people, state.began, state.due = distinct.empty(), now, _border(now)
        return Step(state, (closed,))


def _user(event: Told) -> str:
    if event.user_id is None:
        raise AssertionError("subject() lets no other event through")
    return event.user_id


class Audience(State, gc=False, kw_only=True, omit_defaults=True):
    """The last minutes, the current hour and day, and what the closed ones unite to."""

    hour: int
    day: int
    this_hour: bytes = NOBODY
    today: bytes = NOBODY
    hours: bytes = NOBODY
    days: bytes = NOBODY
    minutes: dict[int, bytes] = msgspec.field(default_factory=dict)


class AudienceLifecycle:
    """Counts who is there, whenever a minute is over; its one subject is everybody."""

    name: Final = "audience"
    state: Final = Audience
    silence: Final = (DAYS + 2) * DAY
    about: Final = (MinuteClosed, PeriodsUnited)

    def subject(self, event: MinuteClosed | PeriodsUnited) -> str | None:
        """Everybody."""
        if isinstance(event, PeriodsUnited) and event.whose not in _EVERYBODY:
            return None
        return "people"

    def is_open(self, state: Audience) -> bool:
        """As long as minutes come."""
        return True

    def saw(
        self, state: Audience | None, event: MinuteClosed | PeriodsUnited, moment: Moment
    ) -> Step:
        """A minute more, and with it an hour or a day, perhaps; then the windows are counted."""
        if isinstance(event, PeriodsUnited):
            return Step(state) if state is None else self._united(state, event)
        now, minute = event.now, event.minute
        if state is None:
            state = Audience(
                due=0.0, hour=int(minute * MINUTE // HOUR), day=int(minute * MINUTE // DAY)
            )
        state.due = now + self.silence
        this = int(now // MINUTE)
        if any(event.people):
            state.minutes[minute] = event.people
            state.this_hour = bytes(distinct.union(state.this_hour, event.people))
            state.today = bytes(distinct.union(state.today, event.people))
        state.minutes = {at: who for at, who in state.minutes.items() if this - at <= MINUTES}
        closed = tuple(_turned(state, now))
        return Step(state, closed or (_counted(state),))

    def _united(self, state: Audience, event: PeriodsUnited) -> Step:
        if event.whose == EVERYBODY_BY_HOUR:
            state.hours = event.people
        else:
            state.days = event.people
        return Step(state, (_counted(state),))

    def silent(self, state: Audience, moment: Moment) -> Step:
        """Nobody was there within the longest window."""
        return Step(None)


_EVERYBODY: Final = (EVERYBODY_BY_HOUR, EVERYBODY_BY_DAY)


def _turned(state: Audience, now: float) -> Iterator[Event]:
    """The hour and the day, where they are over."""
    hour, day = int(now // HOUR), int(now // DAY)
    if hour > state.hour:
        yield PeriodClosed(
            whose=EVERYBODY_BY_HOUR, period=state.hour, people=state.this_hour, now=hour
        )
        state.hour, state.this_hour = hour, NOBODY
    if day > state.day:
        yield PeriodClosed(whose=EVERYBODY_BY_DAY, period=state.day, people=state.today, now=day)
        state.day, state.today = day, NOBODY


def _counted(state: Audience) -> PeopleCounted:
    windows = (
        (Window.FIVE_MINUTES, distinct.union(NOBODY, *state.minutes.values())),
        (Window.DAY, distinct.union(state.hours, state.this_hour)),
        (Window.MONTH, distinct.union(state.days, state.today)),
    )
    return PeopleCounted(
        counts=tuple((window, round(distinct.estimate(people))) for window, people in windows)
    )


class Periods(State, gc=False, kw_only=True, omit_defaults=True):
    """The sketches of the closed hours or days in which anybody was there."""

    people: dict[int, bytes] = msgspec.field(default_factory=dict)


class PeriodsLifecycle:
    """Keeps closed hours and days for their window, and unites them when one is added."""

    name: Final = "audience_periods"
    state: Final = Periods
    silence: Final = (DAYS + 1) * DAY
    about: Final = (PeriodClosed,)

    def subject(self, event: PeriodClosed) -> str:
        """Whose hours or days they are."""
        return event.whose

    def is_open(self, state: Periods) -> bool:
        """As long as it keeps anything."""
        return True

    def saw(self, state: Periods | None, event: PeriodClosed, moment: Moment) -> Step:
        """One more, and the union of those that are still in the window, without the current."""
        state = state or Periods(due=0.0)
        state.due = moment.now + self.silence
        window = DAYS if event.whose == EVERYBODY_BY_DAY else HOURS
        if any(event.people):
            state.people[event.period] = event.people
        state.people = {
            period: people for period, people in state.people.items() if event.now - period < window
        }
        united = bytes(distinct.union(NOBODY, *state.people.values()))
        return Step(
            state if state.people else None, (PeriodsUnited(whose=event.whose, people=united),)
        )

    def silent(self, state: Periods, moment: Moment) -> Step:
        """Too old to be in any window."""
        return Step(None)


class AffectedPeople(State, gc=False, kw_only=True, omit_defaults=True):
    """Who met an error of one kind: in the current hour, and in the closed ones of the day."""

    error_type: ErrorType
    hour: int
    people: bytearray
    hours: bytes = NOBODY


class AffectedLifecycle:
    """Counts who met an error in the last day; its subjects are the kinds of errors."""

    name: Final = "affected"
    state: Final = AffectedPeople
    silence: Final = MINUTE
    about: Final = (told.ErrorMet, Affected, PeriodsUnited)

    def subject(self, event: told.ErrorMet | Affected | PeriodsUnited) -> str | None:
        """The kind of error; of an error with a session, the session tells whose it was."""
        if isinstance(event, PeriodsUnited):
            return None if event.whose in _EVERYBODY else event.whose
        if isinstance(event, told.ErrorMet) and (
            event.user_id is None or event.session_id is not None
        ):
            return None
        return event.error_type.value

    def is_open(self, state: AffectedPeople) -> bool:
        """As long as anybody is counted."""
        return True

    def saw(
        self,
        state: AffectedPeople | None,
        event: told.ErrorMet | Affected | PeriodsUnited,
        moment: Moment,
    ) -> Step:
        """Somebody more. An hour that is over was closed before: silence comes first."""
        if isinstance(event, PeriodsUnited):
            return Step(state) if state is None else _counted_affected(state, event.people)
        now = moment.now
        if state is None:
            state = AffectedPeople(
                due=_border(now),
                error_type=event.error_type,
                hour=int(now // HOUR),
                people=distinct.empty(),
            )
        distinct.add(state.people, event.person if isinstance(event, Affected) else _user(event))
        return Step(state)

    def silent(self, state: AffectedPeople, moment: Moment) -> Step:
        """A minute is over, and perhaps an hour."""
        now = moment.now
        state.due = _border(now)
        hour = int(now // HOUR)
        if hour == state.hour:
            return _counted_affected(state, state.hours)
        closed = PeriodClosed(
            whose=state.error_type.value, period=state.hour, people=bytes(state.people), now=hour
        )
        state.hour, state.people = hour, distinct.empty()
        return Step(state, (closed,))


def _counted_affected(state: AffectedPeople, hours: bytes) -> Step:
    state.hours = hours
    count = round(distinct.estimate(distinct.union(state.hours, state.people)))
    counted = AffectedCounted(error_type=state.error_type, count=count)
    return Step(state if count else None, (counted,))


LIFECYCLES: Final = (
    PresenceLifecycle(),
    AudienceLifecycle(),
    PeriodsLifecycle(),
    AffectedLifecycle(),
)

CONCLUSIONS: Final = (MinuteClosed, PeriodClosed, PeriodsUnited, PeopleCounted, AffectedCounted)

"""The life of one generation: it is asked for, it is attempted, and it ends exactly once.

A failure is a step where another attempt follows: it is final once nothing of another attempt
has come for a while. A delivery and a cancellation settle like the end of an upload. A delivery
beats everything, a cancellation beats a failure, and silence is a failure if an attempt failed and
nothing else is known, so the order in which things arrive decides when an end is counted, never
which. What comes after that takes nothing back: a video that is delivered then is counted apart,
with what it cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from exporter.event import Event, Moment, Step
from exporter.events.generation import told
from exporter.events.generation.classes import ErrorType, Outcome, Result
from exporter.events.generation.concluded import (
    Began,
    Clamped,
    DeliveredLate,
    Ended,
    ErrorMet,
    Measured,
    Rated,
    RatedLate,
    Segments,
)
from exporter.events.generation.state import Generation, Namer, Phase, Sign
from exporter.instant import LONGEST, Instant, between, earlier

BEST: Final = 10.0
MOST: Final = 1e9
"""Of any currency, for one video."""

MOST_BYTES: Final = 2.0**53
MOST_ATTEMPTS: Final = 100.0

OPEN: Final = frozenset({Phase.OPEN, Phase.FAILING, Phase.SETTLING})


class GenerationLifecycle:
    """The lifecycle of a generation; its subject is the generation id."""

    name: Final = "generation"
    state: Final = Generation
    silence: Final = 7200.0
    about: Final = (
        told.Requested,
        told.Started,
        told.Progressed,
        told.Completed,
        told.Failed,
        told.Cancelled,
        told.Recovered,
        told.Rated,
    )

    def subject(self, event: told.Told) -> str:
        """The generation id."""
        return event.generation_id

    def is_open(self, state: Generation) -> bool:
        """Until its end is counted, a generation goes on."""
        return state.phase in OPEN

    def saw(self, state: Generation | None, event: told.Told, moment: Moment) -> Step:
        """Learn from ``event``; a rating alone does not begin a generation."""
        conclusions: list[Event] = []
        if state is None:
            state = Generation(
                due=moment.now + moment.patience.settle,
                generation_id=event.generation_id,
                phase=Phase.UNBEGUN,
            )
        if state.phase is Phase.UNBEGUN and not isinstance(event, told.Rated):
            state.phase = Phase.OPEN
            conclusions.append(Began())
        conclusions += _learn(state, event, Instant(moment.now, event.at))
        if self.is_open(state):
            _go_on(state, event, moment)
        return Step(state, tuple(conclusions))

    def silent(self, state: Generation, moment: Moment) -> Step:
        """Nothing came: given up, failed for good, settled, or old enough to be forgotten."""
        if state.phase is Phase.UNBEGUN and not state.rated:
            # The generation is older than what is remembered, or was never told of.
            state.due = moment.now + moment.patience.remember
            return Step(state, tuple(_rate(state)))
        if not self.is_open(state):
            return Step(None)
        if state.outcome is None:
            state.outcome = Outcome.FAILED if state.failures else Outcome.LOST
        return Step(state, tuple(_end(state, moment)))


def _go_on(state: Generation, event: told.Told, moment: Moment) -> None:
    """How long to wait for more, after ``event``."""
    if state.outcome is not None:
        if state.phase is not Phase.SETTLING:
            state.phase, state.due = Phase.SETTLING, moment.now + moment.patience.settle
    elif state.phase is not Phase.FAILING:
        state.due = moment.now + moment.patience.silence
    elif isinstance(event, told.Failed):
        state.due = moment.now + moment.choices.retry_seconds


def _learn(  # noqa: C901 - a table of events, one line of meaning each
    state: Generation, event: told.Told, instant: Instant
) -> Iterator[Event]:
    state.attempt = max(state.attempt, event.attempt or 0)
    _learn_provider(state, event)
    if event.model is not None and (state.model is None or isinstance(event, told.Completed)):
        state.model = event.model
    match event:
        case told.Requested():
            state.requested = earlier(state.requested, instant)
        case told.Started():
            state.started = earlier(state.started, instant)
            _learn_attempt(state, event)
        case told.Progressed():
            _learn_attempt(state, event)
        case told.Recovered():
            state.recovered = True
            _learn_attempt(state, event)
        case told.Failed():
            yield from _learn_failure(state, event)
        case told.Completed():
            state.completed = earlier(state.completed, instant)
            yield from _learn_delivery(state, event)
        case told.Cancelled():
            if state.outcome is None:
                state.outcome = Outcome.CANCELLED
        case told.Rated():
            yield from _learn_rating(state, event)
        case _:
            raise AssertionError("about names no other event")


_WEIGHTS: Final[dict[type[told.Told], int]] = {told.Completed: 3, told.Failed: 2, told.Started: 1}
"""Whose word on the provider counts: whoever delivered, then whoever failed, then the latest."""


def _learn_provider(state: Generation, event: told.Told) -> None:
    if event.provider is not None:
        weight = _WEIGHTS.get(type(event), 0)
        namer = Namer(weight, event.attempt or 0, event.at or 0.0, event.provider)
        state.namer = namer if state.namer is None else max(state.namer, namer)


def _learn_attempt(state: Generation, event: told.Told) -> None:
    """There is an attempt; unless it is known to be older than the failure, it is another one."""
    sign = Sign(event.attempt, event.at)
    if state.went_on is None or sign.after(state.went_on) is not False:
        state.went_on = sign
    if (
        state.phase is Phase.FAILING
        and state.failed is not None
        and sign.after(state.failed) is not False
    ):
        state.phase = Phase.OPEN


def _learn_failure(state: Generation, event: told.Failed) -> Iterator[Event]:
    """An attempt failed; unless a later one is known to go on, it may have been the last."""
    error_type = event.error_type or ErrorType.OTHER
    mark = (event.attempt or 0, error_type)
    if mark in state.failures:
        return
    state.failures.add(mark)
    yield ErrorMet(provider=event.provider or state.provider, error_type=error_type)
    sign = Sign(event.attempt, event.at)
    if state.failed is None or sign.after(state.failed) is not False:
        state.failed = sign
    goes_on = state.went_on is not None and state.went_on.after(state.failed) is True
    if state.phase is Phase.OPEN and not goes_on:
        state.phase = Phase.FAILING


def _learn_delivery(state: Generation, event: told.Completed) -> Iterator[Event]:
    about = state.about
    if about is not None and (state.late or about.outcome is Outcome.SUCCEEDED):
        return
    state.outcome = Outcome.SUCCEEDED
    for name, value, most in (
        ("duration", event.duration_seconds, LONGEST),
        ("run", event.run_seconds, LONGEST),
        ("quality", event.quality_score, BEST),
        ("cost", event.cost, MOST),
        ("bytes", event.bytes, MOST_BYTES),
        ("attempts", event.attempts, MOST_ATTEMPTS),
    ):
        if value is None:
            continue
        if 0 <= value <= most:
            setattr(state, name, value)
        elif name not in state.absurd:
            state.absurd.add(name)
            yield Clamped()
    if event.currency is not None:
        state.currency = event.currency
    if about is not None:
        state.late = True
        yield from _deliver_late(state, about)


def _deliver_late(state: Generation, about: Segments) -> Iterator[Event]:
    """What a delivery brings that nobody waited for any more."""
    measured, absurd = _measured(state)
    for _ in range(absurd):
        yield Clamped()
    yield DeliveredLate(
        about=about,
        provider=state.provider,
        currency=state.currency if _listed(state) else None,
        measured=measured._replace(queue=None),
        unpriced=_unpriced(state),
    )


def _learn_rating(state: Generation, event: told.Rated) -> Iterator[Event]:
    if state.rating is None:
        state.rating = event.rating
        if state.about is not None:
            yield from _rate(state)
            yield RatedLate(about=state.about, rating=event.rating)


def _rate(state: Generation) -> Iterator[Event]:
    if state.rating is not None and not state.rated:
        state.rated = True
        provider = state.provider if state.about is None else state.about.provider
        yield Rated(provider=provider, rating=state.rating)


_KINDS: Final = tuple(ErrorType)
"""Of several errors, the first in here stands for all, in whatever order they came."""


def _end(state: Generation, moment: Moment) -> Iterator[Event]:
    if state.outcome is None:
        raise AssertionError("a generation ends with an outcome")
    state.phase = Phase.OVER
    state.due = moment.now + moment.patience.remember
    measured, absurd = _measured(state)
    for _ in range(absurd):
        yield Clamped()
    errors = [error_type for _, error_type in state.failures]
    state.about = Segments(
        state.outcome,
        state.provider,
        min(errors, key=_KINDS.index, default=None),
        state.currency if _listed(state) else None,
        moment.stamp,
    )
    yield from _rate(state)
    yield Ended(
        about=state.about,
        generation_id=state.generation_id,
        measured=measured,
        unpriced=_unpriced(state),
        recovery=_recovery(state, measured),
        errors=len(errors),
        rating=state.rating,
        model=state.model,
    )


def _listed(state: Generation) -> bool:
    """Whether its cost is known, in a currency that is listed."""
    return state.cost is not None and state.currency not in {None, "other"}


def _unpriced(state: Generation) -> bool:
    return state.cost is not None and not _listed(state)


def _measured(state: Generation) -> tuple[Measured, int]:
    """What is known of a generation at its end, and how many of its clocks were absurd."""
    queue, absurd_queue = between(state.requested, state.started)
    if state.outcome is not Outcome.SUCCEEDED:
        return Measured(queue=queue, attempts=_attempts(state)), int(absurd_queue)
    duration, absurd_duration = state.duration, False
    if duration is None:
        duration, absurd_duration = between(state.requested, state.completed)
    cost = state.cost if _listed(state) else None
    measured = Measured(
        duration, queue, state.quality, cost, state.bytes, _attempts(state), state.run
    )
    return measured, absurd_queue + absurd_duration


def _attempts(state: Generation) -> float:
    """As said, or as many as were seen."""
    if state.attempts:
        return state.attempts
    delivered = state.outcome is Outcome.SUCCEEDED
    seen = state.started is not None
    return float(max(state.attempt, len(state.failures) + delivered, seen))


def _recovery(state: Generation, measured: Measured) -> Result | None:
    """Whether it was delivered although an attempt failed; None where none did."""
    if not (state.failures or state.recovered or measured.attempts > 1):
        return None
    return Result.OK if state.outcome is Outcome.SUCCEEDED else Result.FAILED

"""The life of one upload: it starts, it is told about from two sides, and it ends exactly once.

Servers and pages tell about the same upload, in any order and repeatedly. The first word that
ends it decides how, after a short time to settle, in which the other side can still say what
kind of client it was (and a completion beats a failure). Silence means that it was abandoned.
After its end it is remembered, so that it cannot end twice and can still be rated.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Final

import msgspec

from exporter.event import Client, Event, Moment, Network, State, Step
from exporter.events.upload import told
from exporter.events.upload.classes import ErrorType, Outcome, Resolution, Result
from exporter.events.upload.concluded import (
    Amended,
    Began,
    Clamped,
    Ended,
    ErrorMet,
    Hinted,
    MeasuredLate,
    PreviewTimed,
    Rated,
    RecoveredLate,
    Segments,
)
from exporter.events.upload.measured import LONGEST, NOT_MEASURED, Measured
from exporter.events.upload.reported import PerformanceReported

MOST_CONTRADICTION: Final = 1800.0
"""Seconds by which the clocks of two senders may differ from ours before they are not believed."""

ABOUT: Final = (
    told.Started,
    told.ChunkReceived,
    told.Completed,
    told.Failed,
    told.PreviewShown,
    told.RecoveryTried,
    told.RecoverySucceeded,
    told.ExperienceReported,
    PerformanceReported,
)


class Phase(IntEnum):
    """Where an upload is in its life."""

    OPEN = 0
    SETTLING = 1
    OVER = 2


class Instant(msgspec.Struct, gc=False, array_like=True):
    """One moment by the server's clock, and by the sender's where it said."""

    server: float
    sender: float | None = None


class Upload(State, gc=False, kw_only=True, omit_defaults=True):
    """What is remembered of one upload."""

    upload_id: str
    began: float
    last: float
    phase: Phase = Phase.OPEN
    outcome: Outcome | None = None
    started: Instant | None = None
    first_chunk: Instant | None = None
    completed: Instant | None = None
    size: int | None = None
    resolution: Resolution = Resolution.OTHER
    client: Client = Client()
    network: Network = Network.OTHER
    chunks_done: set[int] = msgspec.field(default_factory=set)
    chunks_retried: set[int] = msgspec.field(default_factory=set)
    step_failed: bool = False
    tried: bool = False
    errors: list[ErrorType] = msgspec.field(default_factory=list)
    reported: Measured = NOT_MEASURED
    page_duration: float | None = None
    rating: int | None = None
    hinted: bool = False
    shown: Instant | None = None
    preview: float | None = None
    recovered_late: bool = False
    age: float = 0.0
    stamp: int = 0
    counted: Measured = NOT_MEASURED


class UploadLifecycle:
    """The lifecycle of an upload; its subject is the upload id."""

    name: Final = "upload"
    state: Final = Upload
    silence: Final = 1800.0
    about: Final = ABOUT

    def subject(self, event: told.Told | PerformanceReported) -> str | None:
        """The upload id; a performance report may come without one."""
        return event.upload_id

    def is_open(self, state: Upload) -> bool:
        """Until its end is counted, an upload goes on."""
        return state.phase is not Phase.OVER

    def saw(
        self, state: Upload | None, event: told.Told | PerformanceReported, moment: Moment
    ) -> Step:
        """Learn from ``event``; a preview alone does not begin an upload."""
        conclusions: list[Event] = []
        if state is None:
            if isinstance(event, told.PreviewShown):
                return Step(None)
            state = Upload(
                due=moment.now, upload_id=str(event.upload_id), began=moment.now, last=moment.now
            )
            conclusions.append(Began())
        conclusions += _learn(state, event, moment.now)
        if state.phase is Phase.OVER:
            conclusions += _late(state, event)
        elif state.phase is Phase.OPEN:
            _go_on(state, moment)
        return Step(state, tuple(conclusions))

    def silent(self, state: Upload, moment: Moment) -> Step:
        """Nothing came: given up, settled, or old enough to be forgotten."""
        if state.phase is Phase.OVER:
            return Step(None)
        if state.phase is Phase.OPEN:
            state.outcome = Outcome.ABANDONED
        return Step(state, tuple(_end(state, moment)))


def _go_on(state: Upload, moment: Moment) -> None:
    """Every sign of life gives new patience, until one of them is the end."""
    state.last = moment.now
    state.due = moment.now + moment.patience.silence
    if state.outcome is not None:
        state.phase = Phase.SETTLING
        state.due = moment.now + moment.patience.settle


def _learn(  # noqa: C901 - a table of events, one line of meaning each
    state: Upload, event: Event, now: float
) -> Iterator[Event]:
    instant = Instant(now, event.at)
    match event:
        case told.Started():
            _learn_client(state, event.client, event.network)
            state.started = state.started or instant
            state.size = event.file_size_bytes if state.size is None else state.size
            if event.resolution is not Resolution.OTHER:
                state.resolution = event.resolution
        case told.ChunkReceived():
            _learn_chunk(state, event, instant)
        case told.Completed():
            _learn_outcome(state, Outcome.COMPLETED)
            yield from _learn_completion(state, instant)
        case told.Failed():
            _learn_outcome(state, Outcome.FAILED)
            yield from _learn_error(state, event.error_type)
        case told.PreviewShown():
            yield from _learn_preview(state, event, instant)
        case told.RecoveryTried():
            state.step_failed = state.tried = True
            yield from _learn_error(state, event.error_type)
        case told.RecoverySucceeded():
            state.step_failed = state.tried = True
        case told.ExperienceReported():
            yield from _learn_experience(state, event, instant)
        case PerformanceReported():
            _learn_performance(state, event)
        case _:
            raise AssertionError("subject() lets no other event through")


def _learn_client(state: Upload, client: Client, network: Network) -> None:
    state.client = state.client.informed(client)
    if network is not Network.OTHER:
        state.network = network


def _learn_outcome(state: Upload, outcome: Outcome) -> None:
    if state.phase is Phase.OVER:
        return
    if state.outcome is None or outcome is Outcome.COMPLETED:
        state.outcome = outcome


def _learn_error(state: Upload, error_type: ErrorType | None) -> Iterator[Event]:
    if error_type is not None and error_type not in state.errors:
        state.errors.append(error_type)
        yield ErrorMet(error_type=error_type)


def _learn_chunk(state: Upload, event: told.ChunkReceived, instant: Instant) -> None:
    """Sets, so that no order and no repetition of the chunks changes what is counted."""
    if event.ok:
        state.chunks_done.add(event.index)
        if state.first_chunk is None or _earlier(instant, state.first_chunk):
            state.first_chunk = instant
    else:
        state.step_failed = True
    if not event.ok or (event.attempt or 1) > 1:
        state.chunks_retried.add(event.index)


def _earlier(one: Instant, other: Instant) -> bool:
    return one.sender is not None and other.sender is not None and one.sender < other.sender


def _learn_completion(state: Upload, instant: Instant) -> Iterator[Event]:
    if state.completed is None:
        state.completed = instant
        yield from _time_preview(state)


def _learn_preview(state: Upload, event: told.PreviewShown, instant: Instant) -> Iterator[Event]:
    if state.shown is not None:
        return
    state.shown = instant
    if event.after_seconds is None:
        yield from _time_preview(state)
    else:
        yield from _previewed(state, event.after_seconds)


def _time_preview(state: Upload) -> Iterator[Event]:
    if state.shown is None or state.completed is None or state.preview is not None:
        return
    seconds, absurd = between(state.completed, state.shown)
    if absurd:
        yield Clamped()
    if seconds is not None:
        yield from _previewed(state, seconds)


def _previewed(state: Upload, seconds: float) -> Iterator[Event]:
    state.preview = seconds
    yield PreviewTimed(client=state.client, seconds=seconds)
    if state.phase is Phase.OVER:
        yield Amended(about=_about(state), field="preview_seconds", value=seconds)


def _learn_experience(
    state: Upload, event: told.ExperienceReported, instant: Instant
) -> Iterator[Event]:
    state.client = state.client.informed(event.client)
    for error_type in event.errors:
        state.step_failed = True
        yield from _learn_error(state, error_type)
    state.tried = state.tried or event.went_on
    if event.outcome is not None:
        _learn_outcome(state, event.outcome)
    if event.outcome is Outcome.COMPLETED:
        # The page's report comes when the page likes; only its arrival says anything here.
        yield from _learn_completion(state, Instant(instant.server))
    if event.duration is not None:
        state.page_duration = event.duration
    if event.rating is not None and state.rating is None:
        state.rating = event.rating
        yield Rated(client=state.client, rating=event.rating)
        if state.phase is Phase.OVER:
            yield Amended(about=_about(state), field="rating", value=float(event.rating))
    if event.abandon_hint and not state.hinted:
        state.hinted = True
        yield Hinted()


def _learn_performance(state: Upload, event: PerformanceReported) -> None:
    _learn_client(state, event.client, event.network)
    state.reported = event.measured.over(state.reported)
    state.size = event.file_size_bytes if state.size is None else state.size
    if event.success is not None:
        _learn_outcome(state, Outcome.COMPLETED if event.success else Outcome.FAILED)


def _late(state: Upload, event: Event) -> Iterator[Event]:
    """What is still worth saying about an upload that is over."""
    completes = isinstance(event, told.Completed) or (
        isinstance(event, told.ExperienceReported) and event.outcome is Outcome.COMPLETED
    )
    if completes and state.outcome is not Outcome.COMPLETED and not state.recovered_late:
        state.recovered_late = True
        yield RecoveredLate()
    if isinstance(event, PerformanceReported):
        late = event.measured.without(state.counted)
        if late != NOT_MEASURED:
            state.counted = state.counted.over(late)
            yield MeasuredLate(about=_about(state), measured=late)


def _end(state: Upload, moment: Moment) -> Iterator[Event]:
    state.phase = Phase.OVER
    state.due = moment.now + moment.patience.remember
    state.stamp = moment.stamp
    told_by_server, absurd = _by_server(state)
    for _ in range(absurd):
        yield Clamped()
    by_page = Measured(duration=state.page_duration)
    state.counted = state.reported.over(told_by_server).over(by_page)
    if state.outcome is not Outcome.COMPLETED:
        state.counted = state.counted._replace(duration=None)
    # A server that tells everything in one batch gives no time between the first sign and the last.
    state.age = max(state.last - state.began, state.counted.duration or 0.0)
    yield Ended(
        about=_about(state),
        upload_id=state.upload_id,
        measured=state.counted,
        recovery=_recovery(state),
        errors=len(state.errors),
        rating=state.rating,
        preview=state.preview,
    )


def _recovery(state: Upload) -> Result | None:
    """Whether the upload went on after a failed step, and if so, whether it made it."""
    tried = state.tried or bool(state.chunks_done & state.chunks_retried)
    if not tried:
        return None
    return Result.OK if state.outcome is Outcome.COMPLETED else Result.FAILED


def _by_server(state: Upload) -> tuple[Measured, int]:
    """What the server's events say, and how many of its times were absurd."""
    duration, absurd_duration = between(state.started, state.completed)
    ttfb, absurd_ttfb = between(state.started, state.first_chunk)
    measured = Measured(
        duration=duration,
        ttfb=ttfb,
        throughput=state.size / duration if state.size and duration else None,
        chunks=len(state.chunks_done),
        first_try=len(state.chunks_done - state.chunks_retried),
    )
    return measured, absurd_duration + absurd_ttfb


def between(start: Instant | None, end: Instant | None) -> tuple[float | None, bool]:
    """Seconds from ``start`` to ``end``, and whether a clock was absurd and not used.

    The senders' clocks are finer than the arrival, so they count, unless they contradict the
    server's clock by more than half an hour: then two clocks were involved.
    """
    if start is None or end is None:
        return None, False
    arrived = end.server - start.server
    if start.sender is None or end.sender is None:
        return (arrived if arrived >= 0 else None), False
    said = end.sender - start.sender
    if 0 <= said <= LONGEST and abs(said - arrived) <= MOST_CONTRADICTION:
        return said, False
    return (arrived if arrived >= 0 else None), True


def _about(state: Upload) -> Segments:
    if state.outcome is None:
        raise AssertionError("an upload ends with an outcome")
    return Segments(
        state.client,
        state.network,
        state.size,
        state.resolution,
        state.outcome,
        state.errors[0] if state.errors else None,
        state.age,
        state.stamp,
    )

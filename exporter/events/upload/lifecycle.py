"""The life of one upload: it starts, it is told about from two sides, and it ends exactly once.

Servers and pages tell about the same upload, in any order and repeatedly. The first word that
ends it decides how, after a short time to settle, in which the other side can still say what
kind of client it was (and a completion beats a failure). Silence means that it was abandoned.
After its end it is remembered, so that it cannot end twice and can still be rated.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from exporter.event import Client, Event, Moment, Network, Step
from exporter.events.upload import told
from exporter.events.upload.classes import ErrorType, Interruption, Outcome, Resolution, Result
from exporter.events.upload.concluded import (
    Amended,
    Began,
    Clamped,
    Ended,
    ErrorMet,
    Hinted,
    Interrupted,
    MeasuredLate,
    PreviewTimed,
    Rated,
    RecoveredLate,
    Segments,
)
from exporter.events.upload.measured import NOT_MEASURED, Measured
from exporter.events.upload.reported import PerformanceReported
from exporter.events.upload.state import Phase, Upload
from exporter.instant import LONGEST, Instant, between, earlier

ABOUT: Final = (
    told.Started,
    told.ChunkReceived,
    told.Progressed,
    told.Completed,
    told.Failed,
    told.Cancelled,
    told.PreviewShown,
    told.RecoveryTried,
    told.RecoverySucceeded,
    told.ExperienceReported,
    PerformanceReported,
)


AFTERWARDS: Final = (told.PreviewShown, told.Cancelled)
"""What may be said of an upload when it is long forgotten, and so does not begin one."""

STILL_SECONDS: Final = 10.0
"""Without a new byte for longer than this, an upload stands still: servers tell every few seconds
how far it is."""

MOST_REQUESTS: Final = 1000
"""Of one upload, that are looked at for bytes that were sent again."""


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
        return state.phase in {Phase.OPEN, Phase.SETTLING}

    def saw(
        self, state: Upload | None, event: told.Told | PerformanceReported, moment: Moment
    ) -> Step:
        """Learn from ``event``; a preview or a cancellation alone does not begin an upload."""
        conclusions: list[Event] = []
        if state is None:
            state = _unbegun(str(event.upload_id), moment)
        if state.phase is Phase.UNBEGUN and not isinstance(event, AFTERWARDS):
            state.phase, state.began = Phase.OPEN, moment.now
            conclusions.append(Began())
        conclusions += _learn(state, event, moment.now)
        if state.phase is Phase.OVER:
            conclusions += _late(state, event)
        elif state.phase is Phase.OPEN:
            _go_on(state, moment)
        return Step(state, tuple(conclusions))

    def silent(self, state: Upload, moment: Moment) -> Step:
        """Nothing came: given up, settled, or old enough to be forgotten."""
        if not self.is_open(state):
            return Step(None)
        if state.phase is Phase.OPEN:
            state.outcome = Outcome.ABANDONED
        return Step(state, tuple(_end(state, moment)))


def _unbegun(upload_id: str, moment: Moment) -> Upload:
    return Upload(
        due=moment.now + moment.patience.silence,
        upload_id=upload_id,
        began=moment.now,
        last=moment.now,
        phase=Phase.UNBEGUN,
    )


def _go_on(state: Upload, moment: Moment) -> None:
    """Every sign of life gives new patience, until one of them is the end."""
    state.last = moment.now
    state.due = moment.now + moment.patience.silence
    if state.outcome is not None:
        state.phase = Phase.SETTLING
        state.due = moment.now + moment.patience.settle


def _learn(  # noqa: C901, PLR0912, PLR0915 - a table of events, one line of meaning each
    state: Upload, event: Event, now: float
) -> Iterator[Event]:
    instant = Instant(now, event.at)
    match event:
        case told.Started():
            _learn_start(state, event, instant)
        case told.ChunkReceived():
            _learn_chunk(state, event, instant)
        case told.Progressed():
            yield from _learn_progress(state, event, now)
        case told.Completed():
            _learn_outcome(state, Outcome.COMPLETED)
            state.completed = earlier(state.completed, instant)
            state.size = event.file_size_bytes if state.size is None else state.size
        case told.Cancelled():
            _learn_outcome(state, Outcome.ABANDONED)
            state.cancelled = True
        case told.Failed():
            _learn_outcome(state, Outcome.FAILED)
            yield from _learn_error(state, event.error_type)
        case told.PreviewShown():
            state.shown = earlier(state.shown, instant)
            if state.said_preview is None:
                state.said_preview = event.after_seconds
        case told.RecoveryTried():
            state.tried = True
            yield from _learn_error(state, event.error_type)
        case told.RecoverySucceeded():
            state.tried = True
        case told.ExperienceReported():
            yield from _learn_experience(state, event, instant)
        case PerformanceReported():
            _learn_performance(state, event)
        case _:
            raise AssertionError("subject() lets no other event through")


def _learn_start(state: Upload, event: told.Started, instant: Instant) -> None:
    _learn_client(state, event.client, event.network)
    if event.timed:
        state.started = earlier(state.started, instant)
    state.size = event.file_size_bytes if state.size is None else state.size
    if event.resolution is not Resolution.OTHER:
        state.resolution = event.resolution


def _learn_client(state: Upload, client: Client, network: Network) -> None:
    state.client = state.client.informed(client)
    if network is not Network.OTHER:
        state.network = network


def _learn_outcome(state: Upload, outcome: Outcome) -> None:
    if state.phase is Phase.OVER:
        return
    if state.outcome is None or _RANKS.index(outcome) > _RANKS.index(state.outcome):
        state.outcome = outcome


_RANKS: Final = (Outcome.ABANDONED, Outcome.FAILED, Outcome.COMPLETED)
"""The last of those that were told counts: a page that cleans up after a failure cancels too."""


def _learn_error(state: Upload, error_type: ErrorType | None) -> Iterator[Event]:
    if error_type is not None and error_type not in state.errors:
        state.errors.append(error_type)
        yield ErrorMet(error_type=error_type)


def _learn_chunk(state: Upload, event: told.ChunkReceived, instant: Instant) -> None:
    """Sets, so that no order and no repetition of the chunks changes what is counted."""
    again = (event.attempt or 1) > 1
    if event.ok:
        state.chunks_done.add(event.index)
        state.first_chunk = earlier(state.first_chunk, instant)
    if again or not event.ok:
        state.chunks_retried.add(event.index)
    state.tried = state.tried or again


def _learn_progress(state: Upload, event: told.Progressed, now: float) -> Iterator[Event]:
    """A new byte after a long time; what is repeated or comes late has none."""
    if state.phase is Phase.OVER:
        return
    began, received = event.from_bytes, event.received_bytes
    is_new = received > max(state.requests.values(), default=-1)
    if is_new and state.progressed is not None:
        still = now - state.progressed
        if still > STILL_SECONDS:
            goes_on = began in state.requests
            kind = Interruption.STALLED if goes_on else Interruption.RESUMED
            yield Interrupted(kind=kind, seconds=still)
    if is_new:
        state.progressed = now
    if began in state.requests or len(state.requests) < MOST_REQUESTS:
        state.requests[began] = max(received, state.requests.get(began, 0))


def _rewinds(state: Upload) -> int:
    """How many requests began before the end of the one before: what comes late changes nothing."""
    requests = sorted(state.requests.items())
    return sum(reached > began for (_, reached), (began, _) in pairwise(requests))


def _time_preview(state: Upload) -> Iterator[Event]:
    """Completion to preview, as soon as it is known and never again."""
    seconds, absurd = state.said_preview, False
    if seconds is None:
        seconds, absurd = between(state.completed, state.shown)
    elif seconds > LONGEST:
        seconds, absurd = None, True
    if state.preview_timed or (seconds is None and not absurd):
        return
    state.preview_timed, state.preview = True, seconds
    if absurd:
        yield Clamped()
    if seconds is not None:
        yield PreviewTimed(client=state.client, seconds=seconds)


def _learn_experience(
    state: Upload, event: told.ExperienceReported, instant: Instant
) -> Iterator[Event]:
    state.client = state.client.informed(event.client)
    for error_type in event.errors:
        yield from _learn_error(state, error_type)
    state.tried = state.tried or event.went_on
    if event.outcome is not None:
        _learn_outcome(state, event.outcome)
    if event.outcome is Outcome.COMPLETED:
        # The page's report comes when the page likes; only its arrival says anything here.
        state.completed = earlier(state.completed, Instant(instant.server))
    yield from _learn_page_duration(state, event)
    if event.rating is not None and state.rating is None:
        state.rating = event.rating
        if state.about is not None:
            yield Rated(client=state.client, rating=event.rating)
            yield Amended(about=state.about, field="rating", value=float(event.rating))
    if event.abandon_hint and not state.hinted:
        state.hinted = True
        yield Hinted()


def _learn_page_duration(state: Upload, event: told.ExperienceReported) -> Iterator[Event]:
    """A later report has the times of the earlier one again, absurd ones as well."""
    if event.duration is not None:
        state.page_duration = event.duration
    if event.clamped and not state.page_absurd:
        state.page_absurd = True
        yield Clamped()


def _learn_performance(state: Upload, event: PerformanceReported) -> None:
    _learn_client(state, event.client, event.network)
    state.reported = event.measured.over(state.reported)
    state.size = event.file_size_bytes if state.size is None else state.size
    if event.success is not None:
        _learn_outcome(state, Outcome.COMPLETED if event.success else Outcome.FAILED)


def _late(state: Upload, event: Event) -> Iterator[Event]:
    """What is still worth saying about an upload that is over."""
    if state.about is None:
        raise AssertionError("an upload that is over was counted")
    completed = state.outcome is Outcome.COMPLETED
    if _completes(event) and not completed and not state.recovered_late:
        state.recovered_late = True
        yield RecoveredLate()
    timed = list(_time_preview(state))
    yield from timed
    if timed and state.preview is not None:
        yield Amended(about=state.about, field="preview_seconds", value=state.preview)
    if isinstance(event, PerformanceReported):
        late = event.measured.without(state.counted)
        if not completed:
            late = late._replace(duration=None)
        if late != NOT_MEASURED:
            state.counted = state.counted.over(late)
            yield MeasuredLate(about=state.about, measured=late)


def _completes(event: Event) -> bool:
    match event:
        case told.Completed():
            return True
        case told.ExperienceReported():
            return event.outcome is Outcome.COMPLETED
        case PerformanceReported():
            return event.success is True
    return False


def _end(state: Upload, moment: Moment) -> Iterator[Event]:
    if state.outcome is None:
        raise AssertionError("an upload ends with an outcome")
    state.phase = Phase.OVER
    state.due = moment.now + moment.patience.remember
    state.counted, absurd = _measured(state)
    rewinds = _rewinds(state)
    state.tried = state.tried or rewinds > 0
    for _ in range(absurd):
        yield Clamped()
    yield from _time_preview(state)
    if state.rating is not None:
        yield Rated(client=state.client, rating=state.rating)
    state.about = Segments(
        state.client,
        state.network,
        state.size,
        state.resolution,
        state.outcome,
        min(state.errors, key=_KINDS.index, default=None),
        # A server that tells everything in one batch gives no time between first and last sign.
        max(state.last - state.began, state.counted.duration or 0.0),
        moment.stamp,
    )
    yield Ended(
        about=state.about,
        upload_id=state.upload_id,
        measured=state.counted,
        recovery=_recovery(state),
        errors=len(state.errors),
        rating=state.rating,
        preview=state.preview,
        cancelled=state.cancelled and state.outcome is Outcome.ABANDONED,
        rewinds=rewinds,
    )


_KINDS: Final = tuple(ErrorType)
"""Of several errors, the first in here stands for all, in whatever order they came."""


def _measured(state: Upload) -> tuple[Measured, int]:
    """What is known of an upload at its end, and how many of its times were absurd."""
    by_server, absurd = _by_server(state)
    by_page = Measured(duration=state.page_duration)
    # The server's clock knows better than the page, and the page better than when beacons came.
    if state.completed is not None and state.completed.sender is not None:
        by_both = by_server.over(by_page)
    else:
        by_both = by_page.over(by_server)
    measured = state.reported.over(by_both)
    if state.outcome is not Outcome.COMPLETED:
        measured = measured._replace(duration=None)
    return measured, absurd


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

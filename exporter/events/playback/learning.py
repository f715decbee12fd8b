"""What one event says of its play, and what of that is said for the first time."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from exporter.event import NOBODY, Event, Network
from exporter.events.playback import told
from exporter.events.playback.classes import (
    BeaconFormat,
    ErrorType,
    Outcome,
    Player,
    PlayerState,
    Preview,
)
from exporter.events.playback.concluded import Clamped, ErrorMet, Viewed
from exporter.events.playback.heard import Heard, Mean
from exporter.events.playback.order import sequence
from exporter.events.playback.path import Path
from exporter.events.playback.state import Facts
from exporter.events.playback.timeline import Change, Sign, Timeline
from exporter.events.playback.totals import NOTHING, UNSAID, Totals
from exporter.instant import LONGEST, Instant, earlier

MOST_COUNT: Final = 100_000.0
MOST_BITS: Final = 2.0**53

Concluded = list[Event]


def learn(facts: Facts, event: told.Told, now: float) -> Concluded:
    """Take over what ``event`` says; what it says for the first time may be a conclusion."""
    concluded: Concluded = []
    if facts.about is None:
        _learn_client(facts, event)
        _learn_video(facts, event, concluded)
        if event.sequence is not None:
            if facts.sequence is None:
                facts.sequence = sequence(event.sequence)
            elif not facts.sequence.saw(event.sequence):
                clamp(facts, "sequence", concluded)
    facts.wanted = facts.wanted or _wants(event)
    instant = Instant(now, event.at)
    means = _MEANS[type(event)](facts, event, instant, concluded)
    if means is not None and facts.about is None and event.format is not BeaconFormat.TRACKER:
        # The trackers of our pages count for themselves, and know no states.
        facts.timeline = facts.timeline or Timeline()
        number = -1 if event.sequence is None else event.sequence
        facts.timeline.saw(Sign(means[0], number, instant, *means[1:]))
    return concluded


_UNDECIDED: Final = frozenset(
    {told.Prepared, told.RenditionChanged, told.Paused, told.Seeked, told.Buffered, told.Left}
)
"""What may happen to a play that was prepared, and that nobody ever wants to begin."""


def _wants(event: told.Told) -> bool:
    if isinstance(event, told.Failed):
        return event.fatal
    if isinstance(event, told.Sampled):
        return _shows_attempt(event)
    return type(event) not in _UNDECIDED


def _learn_client(facts: Facts, event: told.Told) -> None:
    client = event.client
    if client is not facts.client:
        facts.client = client if facts.client is NOBODY else facts.client.informed(client)
    if event.network is not Network.OTHER:
        facts.network = event.network
    if event.cdn is not None:
        facts.cdn = event.cdn
    if event.player is not Player.OTHER and not facts.introduced:
        facts.player = event.player
    if facts.format is BeaconFormat.OTHER:
        facts.format = event.format


def _learn_video(facts: Facts, event: told.Told, concluded: Concluded) -> None:
    if facts.video is None and event.video_id is not None:
        facts.video = _shared(event.video_id)
    if facts.course is None and event.course_id is not None:
        facts.course = _shared(event.course_id)
    duration = _limited(facts, "duration", event.duration_seconds, LONGEST, concluded)
    # Nothing lasts 0 s: that is a player that does not know yet.
    if duration:
        facts.duration = max(facts.duration or 0.0, duration)


@lru_cache(16_384)
def _shared(name: str) -> str:
    """One string for all plays of a video."""
    return name


# -- what cannot be ------------------------------------------------------------------------------
_LIMITED: Final = (
    *("duration", "sequence", "startup", "stall", "bitrate", "position", "clock"),
    *Totals._fields,
    *("loading", "played", "measured"),
)
"""What can be absurd, each counted once for each play: a repetition is no other absurdity."""


def clamp(facts: Facts, name: str, concluded: Concluded) -> None:
    """A number of a play is absurd."""
    bit = 1 << _LIMITED.index(name)
    if not facts.absurd & bit:
        facts.absurd |= bit
        concluded.append(Clamped())


def _limited(
    facts: Facts, name: str, value: float | None, most: float, concluded: Concluded
) -> float | None:
    if value is None or 0.0 <= value <= most:
        return value
    clamp(facts, name, concluded)
    return None


# -- what each event means -----------------------------------------------------------------------
Means = tuple[Change, float] | tuple[Change, float, float, float, bool] | None
"""The :class:`Sign` of a change, but for when it was; None where there is none, or it is absurd."""


def _request(facts: Facts, event: told.Requested, instant: Instant, concluded: Concluded) -> Means:
    facts.requested = earlier(facts.requested, instant)
    facts.viewer = facts.viewer or event.viewer
    view(facts, event.preview, concluded)
    return Change.REQUESTED, 0.0


def view(facts: Facts, preview: bool, concluded: Concluded) -> None:
    """The first request says what was asked for; it is one view, however often it comes."""
    if facts.preview is None and facts.about is None:
        facts.preview = preview
        concluded.append(Viewed(video=facts.video, preview=Preview.of(preview)))


def _prepare(facts: Facts, event: told.Prepared, instant: Instant, concluded: Concluded) -> Means:
    facts.prepared = True
    facts.viewer = facts.viewer or event.viewer
    said = _limited(facts, "loading", event.loading_seconds, LONGEST, concluded)
    if said is not None:
        facts.said_loading = min(said, said if facts.said_loading is None else facts.said_loading)
    if event.ready:
        facts.ready = earlier(facts.ready, instant)
    elif event.ready is not None:
        facts.loading = earlier(facts.loading, instant)
    return None


def _start(facts: Facts, event: told.Started, instant: Instant, concluded: Concluded) -> Means:
    said = _limited(facts, "startup", event.startup_seconds, LONGEST, concluded)
    if said is not None:
        known = facts.said_startup
        facts.said_startup = said if known is None else min(said, known)
    return _move(facts, event, instant, concluded)


def _move(facts: Facts, event: told.Told, instant: Instant, concluded: Concluded) -> Means:
    facts.started = True
    facts.first_frame = earlier(facts.first_frame, instant)
    return Change.PLAYING, 0.0


def _buffer(facts: Facts, event: told.Buffered, instant: Instant, concluded: Concluded) -> Means:
    return Change.BUFFERED, 0.0


def _stall(facts: Facts, event: told.Stalled, instant: Instant, concluded: Concluded) -> Means:
    if event.seconds is None:
        return Change.STALLED, 0.0
    seconds = _limited(facts, "stall", event.seconds, LONGEST, concluded)
    return None if seconds is None else (Change.STALLED_FOR, seconds)


def _pause(facts: Facts, event: told.Paused, instant: Instant, concluded: Concluded) -> Means:
    return Change.PAUSED, 0.0


def _seek(facts: Facts, event: told.Seeked, instant: Instant, concluded: Concluded) -> Means:
    return Change.SEEKED, 0.0


def _change_rendition(
    facts: Facts, event: told.RenditionChanged, instant: Instant, concluded: Concluded
) -> Means:
    bitrate = _limited(facts, "bitrate", event.bitrate_bps, MOST_BITS, concluded)
    return None if bitrate is None else (Change.RENDITION, bitrate)


_LIMITS: Final = tuple(
    zip(
        Totals._fields,
        (LONGEST, MOST_COUNT, LONGEST, LONGEST, MOST_BITS, MOST_COUNT, MOST_COUNT, MOST_COUNT),
        strict=True,
    )
)


_SMALL: Final = {float(number): float(number) for number in range(64)}
"""One object for all plays that have paused once: most of the counts are small."""


def _progress(
    facts: Facts, event: told.Progressed, instant: Instant, concluded: Concluded
) -> Means:
    """Totals and position, and whether they show that the picture has moved."""
    said = (
        event.watched_seconds,
        event.stalls,
        event.stalled_seconds,
        event.media_seconds,
        event.bits,
        event.pauses,
        event.seeks,
        event.quality_changes,
    )
    usable = []
    for value, (name, most) in zip(said, _LIMITS, strict=True):
        if value is not None and 0.0 <= value <= most:
            usable.append(_SMALL.get(value, value))
            continue
        usable.append(UNSAID)
        if value is not None:
            clamp(facts, name, concluded)
    if max(usable) > UNSAID:
        facts.reported = (facts.reported or NOTHING).greatest(usable)
    position = _limited(facts, "position", event.position_seconds, LONGEST, concluded)
    if position is not None:
        facts.furthest = max(position, facts.furthest or 0.0)
        if facts.about is None:
            clock = instant.server if event.at is None else event.at
            facts.path = facts.path or Path()
            watched = clock if usable[0] < 0 else usable[0]
            facts.path.saw(watched, position, event.speed, instant.server)
    played = _limited(facts, "played", event.played_seconds, LONGEST, concluded)
    moved = usable[0] > 0 or bool(position) or bool(played)
    facts.started = facts.started or moved
    if played is not None:
        return Change.ALIVE, played
    return (Change.MOVED if moved else Change.ALIVE), 0.0


def _finish(facts: Facts, event: told.Finished, instant: Instant, concluded: Concluded) -> Means:
    _progress(facts, event, instant, concluded)
    facts.started = True
    _end(facts, Outcome.FINISHED)
    return Change.OVER, _usable(event.played_seconds)


def _leave(facts: Facts, event: told.Left, instant: Instant, concluded: Concluded) -> Means:
    _progress(facts, event, instant, concluded)
    facts.left = earlier(facts.left, instant)
    _end(facts, Outcome.LEFT)
    return Change.OVER, _usable(event.played_seconds)


def _usable(seconds: float | None) -> float:
    return seconds if seconds is not None and 0.0 <= seconds <= LONGEST else 0.0


_KINDS: Final = tuple(ErrorType)


def _fail(facts: Facts, event: told.Failed, instant: Instant, concluded: Concluded) -> Means:
    if event.error_type is not None:
        meet(facts, event.error_type, concluded)
    _learn_code(facts, event.error_code, instant)
    if not event.fatal:
        return Change.ALIVE, 0.0
    _end(facts, Outcome.FAILED)
    return Change.OVER, 0.0


def meet(facts: Facts, error_type: ErrorType, concluded: Concluded) -> None:
    """A play met an error; of each kind the first one counts."""
    bit = 1 << _KINDS.index(error_type)
    if not facts.errors & bit:
        facts.errors |= bit
        concluded.append(ErrorMet(error_type=error_type))


def _learn_code(facts: Facts, code: str | None, instant: Instant) -> None:
    """The code that was told first, whichever came first."""
    if code is not None:
        told_at = instant.server if instant.sender is None else instant.sender
        facts.error_code = min((told_at, code), facts.error_code or (math.inf, ""))


_OUTCOMES: Final = (Outcome.LEFT, Outcome.FAILED, Outcome.FINISHED)
"""Of several ends the last one in here counts, in whatever order they came."""


def _end(facts: Facts, outcome: Outcome) -> None:
    if facts.about is None:
        known = facts.outcome
        facts.outcome = outcome if known is None else max(known, outcome, key=_OUTCOMES.index)


# -- samples -------------------------------------------------------------------------------------
_CHANGES: Final = {
    PlayerState.PRELOADING: Change.IS_PRELOADING,
    PlayerState.STARTING: Change.IS_STARTING,
    PlayerState.PLAYING: Change.PLAYING,
    PlayerState.SEEKING: Change.IS_SEEKING,
    PlayerState.REBUFFERING: Change.IS_REBUFFERING,
    PlayerState.PAUSED: Change.PAUSED,
    PlayerState.WAITING: Change.IS_WAITING,
    PlayerState.ENDED: Change.IS_ENDED,
    PlayerState.FAILED: Change.OVER,
    PlayerState.QUIT: Change.OVER,
}
"""What each state means, if it is not the one that the play is in already."""

_BEFORE_START: Final = frozenset(
    {PlayerState.PRELOADING, PlayerState.STARTING, PlayerState.WAITING}
)
_SHOW_ATTEMPT: Final = frozenset(
    {
        PlayerState.STARTING,
        PlayerState.PLAYING,
        PlayerState.REBUFFERING,
        PlayerState.ENDED,
        PlayerState.FAILED,
    }
)


def _shows_attempt(event: told.Sampled) -> bool:
    """Whether somebody wanted the play to begin, and it will be known whether it has.

    dash.js is starting from the moment it is there, wanted or not; who wants it to begin also
    makes it tell how long that took, even if falsely. Shaka always tells that, or has not begun.
    """
    if event.state is PlayerState.STARTING and event.player is Player.DASH_JS:
        return event.startup_seconds is not None
    return (
        event.state in _SHOW_ATTEMPT
        or event.startup_seconds is not None
        or event.urgent is not None
        or event.starved
        or event.fatal is True
        or event.player is Player.SHAKA
    )


def _sample(facts: Facts, event: told.Sampled, instant: Instant, concluded: Concluded) -> Means:
    facts.prepared = True
    facts.viewer = facts.viewer or event.viewer
    heard = facts.heard = facts.heard or Heard()
    _measure(heard, facts, event, instant, concluded)
    for repair in event.repaired:
        heard.repair(repair)
    if event.error_type is not None:
        meet(facts, event.error_type, concluded)
        heard.erred = heard.erred or event.fatal is None
    _learn_code(facts, event.error_code, instant)
    heard.samples += event.at is not None
    state = event.state
    if event.fatal or state is PlayerState.FAILED:
        heard.failed = True
        _end(facts, Outcome.FAILED)
    elif state is PlayerState.ENDED:
        facts.started = True
        _end(facts, Outcome.FINISHED)
    elif state is PlayerState.QUIT:
        facts.left = earlier(facts.left, instant)
        _end(facts, Outcome.LEFT)
    elif state is PlayerState.PLAYING:
        facts.started = True
        facts.first_frame = earlier(facts.first_frame, instant)
    if state is None or state is PlayerState.OTHER:
        return None
    heard.stated = True
    startup = event.startup_seconds if state is PlayerState.PLAYING else None
    bitrate = _limited(facts, "bitrate", event.bitrate_bps, MOST_BITS, concluded)
    speed = 1.0 if event.speed is None else event.speed
    # A player that is loaded again counts from 0 again, in the same session.
    return _CHANGES[state], _usable(startup), UNSAID if bitrate is None else bitrate, speed, True


def _measure(
    heard: Heard, facts: Facts, event: told.Sampled, instant: Instant, concluded: Concluded
) -> None:
    """What the player has measured itself."""

    def usable(name: str, value: float | None, most: float) -> float | None:
        return _limited(facts, name, value, most, concluded)

    startup = usable("startup", event.startup_seconds, LONGEST)
    if startup is not None:
        heard.measure(startup, instant, premature=event.state in _BEFORE_START)
    position = usable("position", event.position_seconds, LONGEST)
    if position is not None:
        facts.furthest = max(position, facts.furthest or 0.0)
        if facts.about is None and event.at is not None:
            facts.path = facts.path or Path()
            facts.path.saw(event.at, position, event.speed, instant.server)
    length = usable("stall", event.stall_seconds, LONGEST)
    if length:
        heard.stall(length)
    heard.stalls = _most(heard.stalls, usable("stalls", event.stalls, MOST_COUNT))
    heard.stalled = _most(heard.stalled, usable("stalled", event.stalled_seconds, LONGEST))
    heard.starved += event.starved
    heard.calm = heard.calm or event.urgent is False
    top_bitrate = usable("bitrate", event.top_bitrate_bps, MOST_BITS)
    heard.top_bitrate = _most(heard.top_bitrate, top_bitrate)
    frames = usable("measured", event.dropped_frames, MOST_BITS)
    heard.dropped_frames = _most(heard.dropped_frames, frames)
    heard.throughput = _mean(heard.throughput, usable("measured", event.throughput_bps, MOST_BITS))
    heard.buffer = _mean(heard.buffer, usable("measured", event.buffer_seconds, LONGEST))
    heard.ttfb = _mean(heard.ttfb, usable("measured", event.ttfb_seconds, LONGEST))


def _most(known: float, said: float | None) -> float:
    return known if said is None else max(known, said)


def _mean(known: Mean | None, said: float | None) -> Mean | None:
    if said is None:
        return known
    mean = known or Mean()
    mean.add(said)
    return mean


_MEANS: Final[dict[type[told.Told], Callable[[Facts, Any, Instant, Concluded], Means]]] = {
    told.Requested: _request,
    told.Prepared: _prepare,
    told.Started: _start,
    told.Resumed: _move,
    told.Buffered: _buffer,
    told.Stalled: _stall,
    told.Paused: _pause,
    told.Seeked: _seek,
    told.RenditionChanged: _change_rendition,
    told.Progressed: _progress,
    told.Finished: _finish,
    told.Left: _leave,
    told.Failed: _fail,
    told.Sampled: _sample,
}
ABOUT: Final = tuple(_MEANS)

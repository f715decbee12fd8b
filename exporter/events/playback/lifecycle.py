"""The life of one play: it is asked for, it starts or does not, and it ends exactly once.

What a player has counted is cumulative: the greatest of each number is kept and its increase is
counted, so no order, repetition or loss of beacons changes what they add up to. Whatever depends
on order (states, positions) waits for a short time for what may overtake it, and so does the first
sign of a play, unless it is the request. An end settles in the same way: finished beats failed,
which beats left. Silence is ``idle``, or, before the first frame, a person who went away.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from exporter.event import Event, Moment, Step
from exporter.events.playback import told
from exporter.events.playback.classes import (
    CmcdPlayer,
    Completion,
    ErrorType,
    Outcome,
    Preview,
    Repair,
)
from exporter.events.playback.concluded import (
    Advanced,
    Amended,
    Began,
    Ended,
    Fields,
    FirstFrameShown,
    Repaired,
    Segments,
    StallTimed,
    StartupTimed,
)
from exporter.events.playback.heard import Heard
from exporter.events.playback.learning import ABOUT, clamp, learn, meet, view
from exporter.events.playback.path import Path
from exporter.events.playback.state import Facts, Phase, Play
from exporter.events.playback.timeline import Mode
from exporter.events.playback.totals import NOTHING, Kind
from exporter.instant import Instant, between, earlier

SHORTEST_WAIT: Final = 1.0
"""Seconds; who waits less before going away has not been kept waiting (Mux)."""

DISAGREEMENT: Final = 0.25
"""Seconds by which a player may have measured more startup than its states show."""

DETAILED: Final = 7200.0
"""Seconds after its end for which a play is remembered with its numbers, then only by name."""


class PlayLifecycle:
    """The lifecycle of a play; its subject is named by the play id."""

    name: Final = "play"
    state: Final = Play
    silence: Final = 1800.0
    about: Final = ABOUT

    def subject(self, event: told.Told) -> str:
        """The play id; of samples, with the video: a player's session may go on to another one."""
        if isinstance(event, told.Sampled) and event.video_id is not None:
            return f"{event.play_id}/{event.video_id}"
        return event.play_id

    def is_open(self, state: Play) -> bool:
        """Until its end is counted, a play goes on."""
        return state.phase is not Phase.OVER

    def saw(self, state: Play | None, event: told.Told, moment: Moment) -> Step:
        """Learn from ``event``, and count what is new."""
        now, patience = moment.now, moment.patience
        if state is None:
            facts = Facts(play_id=event.play_id, began=now, last=now)
            state = Play(due=now + patience.settle, facts=facts)
        elif state.facts is None:
            return Step(state)
        else:
            facts = state.facts
        concluded = learn(facts, event, now)
        if state.phase is Phase.OVER:
            return Step(state, (*concluded, *_late(facts)))
        requested = isinstance(event, told.Requested)
        if requested or state.phase is Phase.OPEN:
            concluded += _introduce(facts)
        # A request that comes again says nothing of how long somebody waited.
        facts.last = facts.last if requested else now
        concluded += _settle(facts, now - patience.settle)
        concluded += _advance(facts)
        if state.phase is Phase.SETTLING:
            return Step(state, tuple(concluded))
        if facts.outcome is not None:
            state.phase, state.due = Phase.SETTLING, now + patience.settle
        elif state.phase is Phase.OPEN:
            state.due = now + patience.silence
        return Step(state, tuple(concluded))

    def silent(self, state: Play, moment: Moment) -> Step:
        """Nothing came: the opening is over, or the play, or it is old enough to be forgotten."""
        facts, now, patience = state.facts, moment.now, moment.patience
        if facts is None:
            return Step(None)
        if state.phase is Phase.OVER:
            state.facts, state.due = None, now + max(patience.remember - DETAILED, 0.0)
            return Step(state)
        if state.phase is Phase.OPENING:
            concluded = [*_introduce(facts), *_settle(facts, now - patience.settle)]
            concluded += _advance(facts)
            first_frame = facts.first_frame
            if first_frame is not None and first_frame.server > now - patience.settle:
                state.due = first_frame.server + patience.settle
            else:
                state.phase, state.due = Phase.OPEN, facts.last + patience.silence
            return Step(state, tuple(concluded))
        if not _is_attempt(facts):
            return Step(None, tuple(_repair_at_end(facts)))
        return self._conclude(state, facts, moment)

    def _conclude(self, state: Play, facts: Facts, moment: Moment) -> Step:
        """It is over, unless a player has recovered from what it had called its end."""
        now, patience = moment.now, moment.patience
        concluded: list[Event] = []
        if facts.heard is not None and facts.heard.failed and state.phase is Phase.SETTLING:
            concluded = [*_introduce(facts), *_settle(facts, now), *_advance(facts)]
            if _goes_on(facts):
                state.phase, state.due = Phase.OPEN, facts.last + patience.silence
                return Step(state, tuple(concluded))
        state.phase = Phase.OVER
        state.due = now + min(patience.remember, DETAILED)
        return Step(state, (*concluded, *_end(facts, moment)))


def _is_attempt(facts: Facts) -> bool:
    """Whether somebody wanted it to begin, as opposed to a player that was only prepared."""
    return facts.wanted or facts.started or not facts.prepared


def _introduce(facts: Facts) -> Iterator[Event]:
    if not facts.introduced and _is_attempt(facts):
        facts.introduced = True
        yield Began(player=facts.player)
        if facts.heard is not None:
            # Samples have no request that would say what was asked for.
            viewed: list[Event] = []
            view(facts, False, viewed)
            yield from viewed


def _goes_on(facts: Facts) -> bool:
    """Whether a play went on that a state had called failed: players recover from some errors."""
    timeline = facts.timeline
    if (
        facts.outcome is not Outcome.FAILED
        or timeline is None
        or timeline.mode in {Mode.STARTING, Mode.OVER}
    ):
        return False
    facts.outcome = None
    return True


def _settle(facts: Facts, until: float) -> Iterator[Event]:
    """What can no longer be overtaken: everything that arrived up to ``until``."""
    if facts.timeline is not None:
        facts.timeline.preloaded = (
            facts.prepared and facts.requested is None and facts.heard is None
        )
        for seconds in facts.timeline.settle(until):
            yield StallTimed(seconds=seconds)
        if facts.timeline.absurd:
            yield from _clock_was_absurd(facts)
    if facts.path is not None:
        _walk(facts, facts.path, until)
    if facts.heard is not None:
        yield from _settle_samples(facts, facts.heard, until)
    first_frame = facts.first_frame
    if first_frame is not None and first_frame.server <= until and facts.introduced:
        yield from _time_startup(facts)
    if facts.ready is not None and facts.ready.server <= until and facts.introduced:
        yield from _time_loading(facts)


def _walk(facts: Facts, path: Path, until: float) -> None:
    """Where samples were after the end of the video is not where its play was."""
    ended = None if facts.timeline is None else facts.timeline.ended
    if ended is not None and ended.sender is not None:
        path.stop(ended.sender)
    path.settle(until)


def _settle_samples(facts: Facts, heard: Heard, until: float) -> Iterator[Event]:
    """What samples say of a play that tells no states, and what had to be repaired."""
    if not heard.stated:
        facts.started = facts.started or heard.calm
        measured_at = heard.measured_at
        if measured_at is not None and measured_at.server <= until:
            facts.started = True
            facts.first_frame = earlier(facts.first_frame, measured_at)
        for seconds in heard.lengths[heard.timed :]:
            yield StallTimed(seconds=seconds)
        heard.timed = len(heard.lengths)
    if facts.timeline is not None and facts.timeline.stalled_early:
        heard.repair(Repair.STALL_BEFORE_START)
    if facts.introduced and facts.about is None:
        yield from _repair(facts)


def _repair(facts: Facts) -> Iterator[Event]:
    heard = facts.heard
    if heard is not None:
        for repair in heard.repaired():
            yield Repaired(player=CmcdPlayer(facts.player), repair=repair)


def _repair_at_end(facts: Facts) -> Iterator[Event]:
    if facts.heard is not None and facts.heard.is_stateless:
        facts.heard.repair(Repair.NO_STATES)
    yield from _repair(facts)


def _requested(facts: Facts) -> Instant | None:
    """When the play was asked for, if anybody said that, or else when its states begin."""
    if facts.requested is None and facts.timeline is not None:
        return facts.timeline.asked
    return facts.requested


def _time_sampled(facts: Facts, heard: Heard, first_frame: Instant) -> Iterator[Event]:
    """States are believed, unless the player measured less: it may be starting all the time.

    What it has measured before there was a first frame is no startup; nor is more than there was.
    """
    seconds, absurd = between(_requested(facts), first_frame)
    if absurd:
        yield from _clock_was_absurd(facts)
        seconds = None
    measured = heard.measured
    if measured is not None:
        if heard.is_premature(first_frame):
            heard.repair(Repair.BOGUS_MSD)
        elif seconds is None or measured < seconds:
            if seconds is None and facts.timeline is not None:
                # Its states begin late: what went before them was watched as well.
                facts.timeline.watched += max(0.0, measured - facts.timeline.startup)
            seconds = measured
        elif measured > seconds + DISAGREEMENT:
            heard.repair(Repair.BOGUS_MSD)
    if seconds is not None:
        facts.startup_counted, facts.startup = True, seconds
        yield StartupTimed(kind=_kind(facts), seconds=seconds)


def _time_startup(facts: Facts) -> Iterator[Event]:
    """Request to first frame, once; the player's clock is believed before what it says of it."""
    requested, first_frame = facts.requested, facts.first_frame
    if facts.startup_counted or first_frame is None:
        return
    if facts.heard is not None:
        yield from _time_sampled(facts, facts.heard, first_frame)
        return
    seconds, absurd = between(requested, first_frame)
    if absurd:
        yield from _clock_was_absurd(facts)
    by_clock = requested is not None and None not in {requested.sender, first_frame.sender}
    if absurd or not by_clock:
        # What came in one body took no time to arrive, which says nothing.
        seconds = (seconds or None) if facts.said_startup is None else facts.said_startup
    if seconds is not None:
        facts.startup_counted, facts.startup = True, seconds
        yield StartupTimed(kind=_kind(facts), seconds=seconds)


def _time_loading(facts: Facts) -> Iterator[Event]:
    """Of a player that was prepared, and then began: how long it took until it could."""
    if facts.startup_counted or facts.requested is not None or not facts.started:
        return
    seconds = facts.said_loading
    if seconds is None:
        seconds, absurd = between(facts.loading, facts.ready)
        if absurd:
            yield from _clock_was_absurd(facts)
    if seconds is not None:
        facts.startup_counted, facts.startup = True, seconds
        yield StartupTimed(kind=_kind(facts), seconds=seconds)


def _clock_was_absurd(facts: Facts) -> list[Event]:
    clamped: list[Event] = []
    clamp(facts, "clock", clamped)
    return clamped


def _kind(facts: Facts) -> Kind:
    return Kind(facts.player, facts.client.device, facts.network, facts.cdn)


def _advance(facts: Facts) -> Iterator[Event]:
    """Count by how much the play has gone on, once it is known whose it is."""
    if not facts.introduced:
        return
    if facts.started and not facts.first_frame_counted and facts.about is None:
        facts.first_frame_counted = True
        yield FirstFrameShown(player=facts.player)
    known = facts.reported or NOTHING
    if facts.heard is not None and not facts.heard.stated:
        known = known.or_else(facts.heard.totals)
    elif facts.timeline is not None:
        known = known.or_else(facts.timeline.totals)
    if known is facts.counted:
        return
    grown = known.since(facts.counted)
    if min(grown) < 0:
        # States that were counted before the player said a smaller total stay counted.
        known = known.greatest(facts.counted)
        grown = known.since(facts.counted)
    facts.counted = known
    if any(grown):
        yield Advanced(
            video=facts.video, preview=Preview.of(facts.preview), kind=_kind(facts), grown=grown
        )


def _late(facts: Facts) -> Iterator[Event]:
    """A play that went on after its end: its totals still grow, its end stays what it was."""
    if facts.about is None:
        raise AssertionError("a play that is over was counted")
    advanced = tuple(_advance(facts))
    yield from advanced
    if advanced:
        yield Amended(about=facts.about, fields=_fields(facts))


def _end(facts: Facts, moment: Moment) -> Iterator[Event]:
    yield from _introduce(facts)
    yield from _settle(facts, moment.now)
    timeline = facts.timeline
    if timeline is not None and timeline.mode is Mode.STALLED and timeline.stall:
        # As far as it is known: until the last word.
        yield StallTimed(seconds=timeline.stall)
    yield from _time_startup(facts)
    yield from _advance(facts)
    yield from _repair_at_end(facts)
    found: list[Event] = []
    view(facts, False, found)
    if facts.outcome is Outcome.FAILED and not facts.errors:
        meet(facts, ErrorType.OTHER, found)
    yield from found
    duration = facts.duration
    if facts.outcome is Outcome.FINISHED and facts.furthest is None:
        # Who has come to the end of a video and does not say where that is was there.
        facts.furthest = duration
    ratio = _ratio(facts.furthest, duration)
    outcome = _outcome(facts)
    facts.about = Segments(
        facts.client,
        facts.network,
        facts.player,
        facts.cdn,
        facts.video,
        facts.course,
        Preview.of(facts.preview),
        outcome,
        Completion.of(ratio),
        moment.stamp,
    )
    order = facts.sequence
    yield Ended(
        video=facts.video,
        preview=Preview.of(facts.preview),
        about=facts.about,
        fields=_fields(facts),
        completed=None if ratio is None else ratio >= moment.choices.completion_ratio,
        engagement=_ratio(max(facts.counted.watched, 0.0), duration),
        path=b"" if facts.path is None else facts.path.runs,
        format=facts.format,
        expected=0 if order is None else order.expected,
        missing=0 if order is None else order.missing,
    )
    facts.path = facts.timeline = None


def _outcome(facts: Facts) -> Outcome:
    if facts.started:
        return facts.outcome or Outcome.IDLE
    erred = facts.heard is not None and facts.heard.erred
    if facts.outcome is Outcome.FAILED or erred:
        return Outcome.START_FAILED
    went = facts.left or Instant(facts.last)
    waited, _ = between(_requested(facts) or Instant(facts.began), went)
    if waited is not None and waited >= SHORTEST_WAIT:
        return Outcome.START_EXITED
    return Outcome.START_DROPPED


def _ratio(part: float | None, duration: float | None) -> float | None:
    """A share of the video, never above the whole; None where its duration is not known."""
    return None if duration is None else min((part or 0.0) / duration, 1.0)


def _fields(facts: Facts) -> Fields:
    """What is known of a play, as the fields of its point."""
    fields = [("play_id", facts.play_id), *facts.counted.fields()]
    for name, value in (
        ("viewer", facts.viewer),
        ("furthest_seconds", facts.furthest),
        ("duration_seconds", facts.duration),
        ("completion_ratio", _ratio(facts.furthest, facts.duration)),
        ("startup_seconds", facts.startup),
    ):
        if value is not None:
            fields.append((name, value))
    if facts.heard is not None:
        fields += facts.heard.fields()
    fields.append(("errors", facts.errors.bit_count()))
    if facts.error_code is not None:
        fields.append(("error_code", facts.error_code[1]))
    if facts.sequence is not None:
        fields.append(("beacons_expected", facts.sequence.expected))
        fields.append(("beacons_missing", facts.sequence.missing))
    return tuple(fields)

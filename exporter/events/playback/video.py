"""The totals of one video: of each minute, and where in it people watch, of each hour.

No client tells of a video as such: its totals are made of what plays conclude. A minute is told
once, when it is over; the heat map of an hour is told after its first minute and again as it
grows, with the timestamp of its hour, so that the later point replaces the earlier one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from zlib import crc32

import msgspec

from exporter.event import Event, Field, Moment, Point, State, Step
from exporter.events.playback.classes import Outcome, Preview
from exporter.events.playback.concluded import Advanced, Conclusion, Ended, OfVideo, Viewed
from exporter.events.playback.path import MOST_SEGMENTS, SEGMENT, reached, runs

MINUTE: Final = 60
HOUR: Final = 3600
EVERY: Final = 600
"""Seconds after which a heat map that has grown is told again."""

MOST_FIELDS: Final = 500
"""Fields of one point; a heat map with more becomes several points that make one."""

NANOSECONDS: Final = 1_000_000_000
SPREAD: Final = 30
"""Seconds behind a minute in which videos are told one after the other: a thousand of them take
40 ms, in which no beacon is answered."""

APART: Final = 1_000_000
"""Videos that share a tag, because there are too many of them, differ in these nanoseconds."""

_FAILURES: Final = frozenset({Outcome.START_FAILED, Outcome.FAILED})


class Heat(msgspec.Struct, gc=False, array_like=True):
    """Where a video is watched: by segment, by how much more or fewer it is than one before."""

    watched: dict[int, int] = {}
    """Changes in how often a segment was watched."""
    reached: dict[int, int] = {}
    """Changes in how many plays watched it at all."""
    left: dict[int, int] = {}
    """Plays that watched this segment last."""
    grown: bool = False
    """Whether there is anything that was not told yet."""
    told: bool = False
    """Whether anything was."""

    def add(self, path: bytes) -> None:
        """One more play; its cost is that of its jumps, however long the video is."""
        watched = tuple(runs(path))
        for first, last in watched:
            _raise(self.watched, first, last)
        for first, last in reached(path):
            _raise(self.reached, first, last)
        _, last = watched[-1]
        self.left[last] = self.left.get(last, 0) + 1
        self.grown = True

    def fields(self) -> Iterator[tuple[str, Field]]:
        """``s``, ``r`` and ``d`` with the second at which each segment begins, where not 0."""
        watched = seen = 0
        for segment in range(min(max(self.watched, default=0), MOST_SEGMENTS)):
            watched += self.watched.get(segment, 0)
            seen += self.reached.get(segment, 0)
            left = self.left.get(segment, 0)
            second = segment * SEGMENT
            if watched:
                yield f"s{second}", float(watched)
            if watched > seen:
                yield f"r{second}", float(watched - seen)
            if left:
                yield f"d{second}", float(left)


def _raise(changes: dict[int, int], first: int, last: int) -> None:
    changes[first] = changes.get(first, 0) + 1
    changes[last + 1] = changes.get(last + 1, 0) - 1


class Minute(msgspec.Struct, gc=False, array_like=True):
    """What happened in one minute."""

    views: float = 0.0
    ended: float = 0.0
    completions: float = 0.0
    failures: float = 0.0
    watched: float = 0.0
    stalled: float = 0.0


class Video(State, gc=False, kw_only=True, omit_defaults=True):
    """One video, as long as anybody watches it."""

    video: str
    preview: Preview
    begun: int
    """When the minute began that it is now; seconds since 1970."""
    minute: Minute | None = None
    heat: Heat | None = None


class VideoConclusion(Conclusion, frozen=True, kw_only=True, gc=False):
    """Totals of a period that began at ``begun``."""

    video: str
    preview: Preview
    begun: int

    def point(self, measurement: str, fields: tuple[tuple[str, Field], ...]) -> Point:
        """A point that replaces the one that was sent before for the same period."""
        tags = (("preview", self.preview), ("video", self.video))
        stamp = self.begun * NANOSECONDS + crc32(self.video.encode()) % APART
        return Point(measurement, tags, fields, stamp, open_tags=True)


class MinuteTotalled(
    VideoConclusion, frozen=True, kw_only=True, gc=False, tag="video.minute_totalled"
):
    """A minute is over in which somebody watched."""

    minute: Minute

    def points(self) -> list[Point]:
        """Its totals."""
        minute = self.minute
        fields = (
            ("views", minute.views),
            ("ended", minute.ended),
            ("completions", minute.completions),
            ("failures", minute.failures),
            ("watched_seconds", minute.watched),
            ("stalled_seconds", minute.stalled),
        )
        return [self.point("video_minute", fields)]


class HeatMapped(VideoConclusion, frozen=True, kw_only=True, gc=False, tag="video.heat_mapped"):
    """The heat map of an hour so far."""

    fields: tuple[tuple[str, Field], ...]

    def points(self) -> list[Point]:
        """One point, in pieces that a database takes."""
        return [
            self.point("video_heatmap", self.fields[first : first + MOST_FIELDS])
            for first in range(0, len(self.fields), MOST_FIELDS)
        ]


class VideoLifecycle:
    """The lifecycle of a video's totals; a preview is a video of its own."""

    name: Final = "video"
    state: Final = Video
    silence: Final = float(MINUTE)
    about: Final = (Viewed, Advanced, Ended)

    def subject(self, event: OfVideo) -> str | None:
        """The video id, in which a slash cannot be."""
        if event.video is None or event.preview is Preview.NO:
            return event.video
        return f"{event.video}/preview"

    def is_open(self, state: Video) -> bool:
        """As long as anything of it is not told yet, or may be told again."""
        return True

    def saw(self, state: Video | None, event: OfVideo, moment: Moment) -> Step:
        """Add up."""
        concluded: tuple[Event, ...] = ()
        begun = _begun(moment.now)
        if state is None:
            state = Video(due=0.0, video=str(event.video), preview=event.preview, begun=begun)
        else:
            concluded = tuple(_turn(state, begun))
        state.due = begun + MINUTE + _behind(state)
        minute = state.minute = state.minute or Minute()
        match event:
            case Viewed():
                minute.views += 1
            case Advanced():
                minute.watched += event.grown.watched
                minute.stalled += event.grown.stalled
            case Ended():
                minute.ended += 1
                minute.completions += bool(event.completed)
                minute.failures += event.about.outcome in _FAILURES
                if event.path:
                    state.heat = state.heat or Heat()
                    state.heat.add(event.path)
            case _:
                raise AssertionError("about names no other event")
        return Step(state, concluded)

    def silent(self, state: Video, moment: Moment) -> Step:
        """A minute is over."""
        begun = _begun(moment.now)
        concluded = tuple(_turn(state, begun))
        if state.heat is None:
            return Step(None, concluded)
        period = EVERY if state.heat.grown else HOUR
        state.due = begun - begun % period + period + _behind(state)
        return Step(state, concluded)


def _behind(state: Video) -> float:
    """Seconds between the end of a minute and the telling, always the same for one video."""
    return float(crc32(state.video.encode()) % SPREAD)


def _begun(now: float) -> int:
    return int(now // MINUTE) * MINUTE


def _turn(state: Video, begun: int) -> Iterator[Event]:
    """Tell what is over: the minute, and, now and then and at its end, the hour."""
    before, state.begun = state.begun, begun
    if begun == before:
        return
    if state.minute is not None:
        yield MinuteTotalled(
            video=state.video, preview=state.preview, begun=before, minute=state.minute
        )
        state.minute = None
    heat = state.heat
    if heat is None:
        return
    if heat.grown and (not heat.told or begun // EVERY != before // EVERY):
        heat.grown, heat.told = False, True
        yield HeatMapped(
            video=state.video,
            preview=state.preview,
            begun=before - before % HOUR,
            fields=tuple(heat.fields()),
        )
    if begun // HOUR != before // HOUR:
        state.heat = None

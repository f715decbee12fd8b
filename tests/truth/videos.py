"""Plays of known paths through their videos, as the trackers of pages tell of them, and the truth.

The truth is what a play has shown by the last beacon that arrives: who closes a page watches a
little more than anybody knows. A path is a list of runs, each watched without a jump.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil, floor
from typing import Any, NamedTuple

from tests.truth.plans import AGENTS, Random
from tests.truth.sending import Message, Step, Story

ANALYTICS = "/api/analytics"
SOON = 2.0
"""Seconds after which a player that tells of its jumps has told of one."""

SEGMENT = 10.0
VIEWERS = 300
UNKNOWN = "unknown"

Run = tuple[float, float]
"""From where to where, in seconds of the video."""


class Beacon(NamedTuple):
    """What a play has come to: watched so far, where it is, and the path up to there."""

    watched: float
    position: float
    path: tuple[Run, ...]


class Clip(NamedTuple):
    """A video."""

    name: str
    seconds: float
    weight: int
    """How much it is asked for."""
    known: bool = True
    """Whether players say how long it is."""
    every: float = 15.0
    """Seconds of watching between two beacons; more where most of them get lost."""


CLIPS = (
    Clip("intro", 95.0, 24),
    Clip("lesson-1", 600.0, 14),
    Clip("lesson-2", 600.0, 14),
    Clip("lesson-3", 720.0, 8),
    Clip("lecture", 7200.0, 4, every=150.0),
    Clip("clip", 40.0, 8),
    Clip("live", 900.0, 4, known=False),
    Clip("lesson.1", 300.0, 4),
    Clip("course:7.b-2", 300.0, 3),
    Clip("rare", 200.0, 1),
)


@dataclass
class Video:
    """What all plays of one video amount to."""

    views: int = 0
    viewers: set[str] = field(default_factory=set)
    watched: float = 0.0
    ratios: list[float] = field(default_factory=list)
    """Of plays of known length: the furthest position as a share of it."""
    buckets: Counter[str] = field(default_factory=Counter)
    completed: int = 0
    shown: Counter[int] = field(default_factory=Counter)
    """How often each segment was watched, by the second at which it begins."""
    again: Counter[int] = field(default_factory=Counter)
    """How often by somebody who had seen it in the same play."""
    left: Counter[int] = field(default_factory=Counter)
    """How many plays watched it last."""

    def add(self, clip: Clip, viewer: str, play: Beacon, furthest: float) -> None:
        """One more play."""
        self.views += 1
        self.viewers.add(viewer)
        self.watched += play.watched
        if clip.known:
            ratio = min(furthest / clip.seconds, 1.0)
            self.ratios.append(ratio)
            self.buckets["high" if ratio > 0.75 else "medium" if ratio >= 0.5 else "low"] += 1
            self.completed += ratio >= 0.9
        seen: set[int] = set()
        last = None
        for run in play.path:
            for second in segments(run):
                self.shown[second] += 1
                self.again[second] += second in seen
                seen.add(second)
                last = second
        if last is not None:
            self.left[last] += 1


def segments(run: Run) -> list[int]:
    """The segments in which something of a run lies, by the seconds at which they begin."""
    start, end = run
    numbers = range(floor(start / SEGMENT), ceil(end / SEGMENT)) if end > start else ()
    return [int(number * SEGMENT) for number in numbers]


@dataclass
class Truth:
    """What the database has to say."""

    stories: list[list[Story]] = field(default_factory=list)
    """The stories of one hour after the other."""
    videos: defaultdict[str, Video] = field(default_factory=lambda: defaultdict(Video))
    previews: defaultdict[str, Video] = field(default_factory=lambda: defaultdict(Video))
    jumps: Counter[str] = field(default_factory=Counter)
    """Of each video the jumps that no beacon told of at once."""
    beacons: int = 0


class Plays:
    """Makes the stories, and adds up what they amount to."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)
        self._told = 0
        self.truth = Truth()

    def hour(self, plays: int) -> None:
        """What goes on in one hour."""
        stories = [self._play(*self._choice()) for _ in range(plays)]
        stories += [self._nameless() for _ in range(3)]
        self.truth.stories.append(stories)

    def _choice(self) -> tuple[Clip, bool]:
        (clip,) = self._rng.choices(CLIPS, [each.weight for each in CLIPS])
        # A preview of a video has the id of the video.
        return clip, self._rng.likely(0.1)

    def twins(self) -> None:
        """Two videos with as many views, of which one has more viewers."""
        for name, viewers in (("twin-a", 2), ("twin-b", 5)):
            clip = Clip(name, 60.0, 0)
            for number in range(10):
                beacons = list(_beacons(clip, [(0.0, 60.0)], 1.0, tells=True))
                user = f"user-{number % viewers}"
                self.truth.stories[-1].append(self._tell(clip, False, beacons, 1.0, user))

    def jumpy(self, plays: int) -> None:
        """Plays with jumps between two beacons, of which no player tells: a video of their own."""
        clip = Clip("jumpy", 600.0, 0)
        for _ in range(plays):
            path = self._path(clip, jumps=self._rng.randrange(1, 4))
            self.truth.jumps[clip.name] += len(path) - 1
            beacons = list(_beacons(clip, path, 1.0, tells=False))
            self.truth.stories[-1].append(self._tell(clip, False, beacons, 1.0))

    def _play(self, clip: Clip, preview: bool) -> Story:
        rng = self._rng
        speed = rng.choices((1.0, 0.5, 2.0), (8, 1, 1))[0]
        path = self._path(clip, jumps=rng.choices((0, 1, 2, 4), (6, 2, 1, 1))[0])
        beacons = list(_beacons(clip, path, speed, tells=True))
        if rng.likely(0.15):
            # Cut off: nothing more arrives.
            beacons = beacons[: rng.randrange(len(beacons) + 1)]
        return self._tell(clip, preview, beacons, speed)

    def _path(self, clip: Clip, jumps: int) -> list[Run]:
        """Half seconds, which add up exactly; jumps are far enough not to be taken for watching."""
        rng, end = self._rng, clip.seconds
        at = rng.choices((0.0, self._somewhere(end * 0.6)), (4, 1))[0]
        path: list[Run] = []
        for _ in range(jumps):
            until = min(end, at + self._somewhere(120.0) + 5.0)
            places = [p for p in (self._somewhere(end) for _ in range(20)) if abs(p - until) > 30]
            if not places:
                break
            path.append((at, until))
            at = places[0]
        rest = end - at
        fate = rng.choices(("finished", "exactly", "left"), (5, 1, 4))[0]
        until = at + max(0.5, self._somewhere(rest))
        if fate == "finished":
            until = end
        elif fate == "exactly":
            # On the limits of the classes of completion, where nothing may be rounded.
            until = max(at + 0.5, end * rng.choice((0.5, 0.75, 0.9)))
        path.append((at, min(until, end)))
        return path

    def _somewhere(self, most: float) -> float:
        return self._rng.randrange(int(most * 2)) / 2

    def _tell(
        self, clip: Clip, preview: bool, beacons: Sequence[Beacon], speed: float, user: str = ""
    ) -> Story:
        rng, truth = self._rng, self.truth
        number = self._next()
        session = f"1699123{number:06}-kx7m2n{number % 10}"
        if not user and rng.likely(0.9):
            user = f"user-{min(rng.randrange(VIEWERS), rng.randrange(VIEWERS))}"
        agent = rng.choice([each for each in AGENTS if each.text]).text
        view = {
            "video_id": clip.name,
            "course_id": "course-1",
            "session_id": session,
            **({"user_id": user} if user else {}),
            "video_duration_seconds": clip.seconds if clip.known else None,
            "is_preview": preview,
            "referrer": "https://video.example.com/",
        }
        steps: list[Step] = [self._page("video-view", view, agent)]
        if rng.likely(0.05):
            # A page that is loaded again in the same session: it is the same view.
            steps.append(self._page("video-view", {**view, "referrer": None}, agent))
        finished = bool(beacons) and clip.known and beacons[-1].position == clip.seconds
        for beacon in beacons:
            last = finished and beacon is beacons[-1]
            body = _totals(session, beacon, speed)
            steps.append(
                self._page("video-complete" if last else "video-progress", body, agent, again=last)
            )
            if not last and rng.likely(0.1):
                # A player that is paused says the same again.
                steps.append(self._page("video-progress", body, agent, again=False))
        if rng.likely(0.3):
            rng.shuffle(steps)
        truth.beacons += len(steps)
        play = beacons[-1] if beacons else Beacon(0.0, 0.0, ())
        furthest = max((beacon.position for beacon in beacons), default=0.0)
        videos = truth.previews if preview else truth.videos
        videos[clip.name].add(clip, user or session, play, furthest)
        return Story(steps)

    def _nameless(self) -> Story:
        """The view got lost, and nobody knows what was watched."""
        number = self._next()
        session = f"1699124{number:06}-lost"
        beacons = list(_beacons(CLIPS[0], [(0.0, 60.0)], 1.0, tells=True))
        steps: list[Step] = [
            self._page("video-progress", _totals(session, each, 1.0), "curl/8.5.0", again=False)
            for each in beacons
        ]
        self.truth.beacons += len(steps)
        video = self.truth.videos[UNKNOWN]
        video.views += 1
        video.watched += beacons[-1].watched
        return Story(steps)

    def _next(self) -> int:
        self._told += 1
        return self._told

    def _page(self, name: str, body: dict[str, Any], agent: str, *, again: bool = True) -> Message:
        number = self._next()
        headers = {
            "Content-Type": "text/plain;charset=UTF-8",
            # Each from a network of its own, or its rate would be limited.
            "X-Forwarded-For": f"{60 + number // 65536}.{number // 256 % 256}.{number % 256}.7",
            "User-Agent": agent,
        }
        path = f"{ANALYTICS}/{name}"
        return Message(path, json.dumps(body).encode(), headers, ("beacon",), again=again)


def _totals(session: str, beacon: Beacon, speed: float) -> dict[str, Any]:
    return {
        "session_id": session,
        "current_position_seconds": beacon.position,
        "watch_time_seconds": beacon.watched,
        "play_count": 1,
        "pause_count": 0,
        "seek_count": max(0, len(beacon.path) - 1),
        "average_playback_speed": speed,
        "quality_changes": 0,
    }


def _beacons(clip: Clip, path: Sequence[Run], speed: float, *, tells: bool) -> Iterator[Beacon]:
    """Now and then and at the end; before and after each jump where a player tells of it."""
    watched, since = 0.0, 0.0
    seen: list[Run] = []
    for number, (start, end) in enumerate(path):
        at = start
        soon = tells and number > 0
        while at < end:
            wait = min(SOON if soon else clip.every - since, (end - at) / speed)
            at += wait * speed
            watched += wait
            since += wait
            over = at >= end and (tells or number == len(path) - 1)
            if soon or over or since >= clip.every:
                since, soon = 0.0, False
                yield Beacon(watched, at, (*seen, (start, at)))
        seen.append((start, end))

"""People who watch: which videos, how soon they start, where they stall, where people leave."""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random
from typing import Any, Final, NamedTuple

from demo.hours import GOOD, Weather
from demo.message import Message
from demo.scenes.flow import Times, flow, page, told
from demo.world import EXPERIMENT, VARIANTS, Person, pick, somebody, spread

PER_SECOND: Final = 0.5
TRACKED: Final = 0.25
"""Share of plays whose page has nothing but our tracker."""

REPORT_SECONDS: Final = 15.0
VIEWERS: Final = 3000
PLAYERS: Final = ((5.0, "hls.js"), (2.0, "dash.js"), (2.0, "shaka"), (1.0, "native"))
CDNS: Final = ((5.0, "cloudfront"), (3.0, "fastly"), (2.0, "akamai"))
LADDER: Final = (600_000.0, 1_200_000.0, 2_800_000.0, 5_200_000.0)
"""Bits per second of the renditions."""

FATAL: Final = (
    (4.0, "manifestLoadError: HTTP 503"),
    (3.0, "fragLoadTimeOut"),
    (2.0, "MEDIA_ERR_DECODE"),
    (1.0, "DRM license request failed"),
)


Said = tuple[float, dict[str, Any]]
"""What is said, and how many seconds after the request."""


class Video(NamedTuple):
    """A video of the catalogue: how popular, how long (s), where people leave (share), preview."""

    weight: float
    name: str
    seconds: float
    cliff: float
    preview: bool


VIDEOS: Final = tuple(
    Video(
        weight=12 / (place + 1),
        name=f"video-{place + 1:02}",
        seconds=(95.0, 180.0, 260.0, 330.0)[place % 4],
        cliff=(0.35, 0.55, 0.7)[place % 3],
        preview=place % 6 == 5,
    )
    for place in range(18)
)


class Viewing(NamedTuple):
    """One play: who watches what, with which player, and how things go."""

    times: Times
    rng: Random
    name: str
    began: float
    video: Video
    person: Person
    player: str
    cdn: str
    weather: Weather

    @property
    def agent(self) -> str:
        """What the browser says of itself."""
        return self.person.device.user_agent


def messages(times: Times, rng: Random) -> Iterator[Message]:
    """Plays that overlap."""
    return flow(times, rng, PER_SECOND, "play", lambda name, at: _play(times, rng, name, at))


def _play(times: Times, rng: Random, name: str, began: float) -> Iterator[Message]:
    weather = times.weather(began)
    viewing = Viewing(
        times,
        rng,
        name,
        began,
        video=pick(rng, [(each.weight, each) for each in VIDEOS]),
        person=somebody(rng, weather.slowing),
        player=pick(rng, PLAYERS),
        cdn=pick(rng, CDNS),
        weather=weather,
    )
    yield from _tracked(viewing) if rng.random() < TRACKED else _followed(viewing)


def _reached(viewing: Viewing) -> float:
    """How far somebody watches (s): most to the end, many leave at the video's cliff."""
    rng, video = viewing.rng, viewing.video
    if rng.random() < 0.62:
        return video.seconds
    share = rng.gauss(video.cliff, 0.04) if rng.random() < 0.6 else rng.random()
    return video.seconds * min(1.0, max(0.03, share))


def _tracked(viewing: Viewing) -> Iterator[Message]:
    """The page's tracker: a view, a report every 15 s, the end."""
    rng, video, name = viewing.rng, viewing.video, viewing.name
    at = viewing.began
    view = {
        "video_id": video.name,
        "course_id": f"course-{1 + int(video.name[-2:]) % 4}",
        "session_id": name,
        "user_id": f"viewer-{rng.randrange(VIEWERS)}",
        "video_duration_seconds": video.seconds,
        "is_preview": video.preview,
    }
    yield page(at, "/api/analytics/video-view", view, viewing.agent)
    reached, position, watched = _reached(viewing), 0.0, 0.0
    while position < reached:
        step = min(REPORT_SECONDS, reached - position)
        at, position, watched = at + step, position + step, watched + step
        yield page(
            at, "/api/analytics/video-progress", _progress(name, position, watched), viewing.agent
        )
    if reached >= video.seconds:
        body = _progress(name, position, watched)
        yield page(at + 0.2, "/api/analytics/video-complete", body, viewing.agent)


def _progress(name: str, position: float, watched: float) -> dict[str, Any]:
    return {
        "session_id": name,
        "current_position_seconds": round(position, 2),
        "watch_time_seconds": round(watched, 2),
        "play_count": 1,
        "pause_count": int(watched > 60),
        "seek_count": 0,
        "average_playback_speed": 1.0,
        "quality_changes": int(watched > 30),
    }


def _followed(viewing: Viewing) -> Iterator[Message]:
    """A player that says what it does: numbered events, one of which may get lost."""
    lost = 0.003 if viewing.weather is GOOD else 0.02
    for number, (after, event) in enumerate(_events(viewing)):
        if number and viewing.rng.random() < lost:
            continue
        at = viewing.began + after
        said = {**event, "play_id": viewing.name, "sequence": number, "player": viewing.player}
        yield told(viewing.times, at, said)


def _events(viewing: Viewing) -> Iterator[Said]:
    rng, video, person = viewing.rng, viewing.video, viewing.person
    slow = viewing.weather.slowing
    yield (
        0.0,
        {
            "type": "playback.requested",
            "video_id": video.name,
            "course_id": f"course-{1 + int(video.name[-2:]) % 4}",
            "duration_seconds": video.seconds,
            "preview": video.preview,
            "viewer": f"viewer-{rng.randrange(VIEWERS)}",
            "user_agent": viewing.agent,
            "country": person.country.code,
            "network": person.network,
            "cdn": viewing.cdn,
            "experiment": EXPERIMENT,
            "variant": rng.choice(VARIANTS),
        },
    )
    startup = spread(rng, 0.8 * math.sqrt(slow), 0.4)
    fails = 0.004 if viewing.weather is GOOD else 0.08
    if rng.random() < fails:
        yield startup, {"type": "playback.failed", "error": pick(rng, FATAL)}
        return
    if startup > 2 and rng.random() < 0.25:
        yield startup * 0.8, {"type": "playback.left"}
        return
    yield startup, {"type": "playback.started", "startup_seconds": round(startup, 3)}
    yield from _Watching(viewing, startup).events(fails)


class _Watching:
    """A play after its first frame, and what its player has counted of it."""

    def __init__(self, viewing: Viewing, startup: float) -> None:
        self._viewing = viewing
        self._rng = viewing.rng
        self._at = startup
        self._position = self._media = self._bits = 0.0
        speed = viewing.person.bytes_per_second * 8 * 0.8
        self._rung = max(0, sum(speed > rate for rate in LADDER) - 1)
        # Some players count their stalls, others only tell when one happens.
        self._counts = viewing.player != "native"
        self._totals: dict[str, float] = {"quality_changes": 0}
        if self._counts:
            self._totals |= {"stalls": 0, "stalled_seconds": 0.0}

    def events(self, fails: float) -> Iterator[Said]:
        """Everything until the end; an attempt of a minute fails in ``fails`` of all cases."""
        yield (
            self._at + 0.01,
            {"type": "playback.rendition_changed", "bitrate_bps": LADDER[self._rung]},
        )
        reached = _reached(self._viewing)
        while self._position < reached:
            step = min(REPORT_SECONDS, reached - self._position)
            self._position += step
            self._media += step
            self._at += step
            self._bits += step * LADDER[self._rung]
            yield from self._stalls()
            if self._rng.random() < fails / 4:
                yield self._at, {"type": "playback.failed", "error": pick(self._rng, FATAL)}
                return
            if self._position < reached:
                yield self._at, {"type": "playback.progressed", **self._counted()}
                yield from self._whims()
        ended = "finished" if reached >= self._viewing.video.seconds else "left"
        yield self._at, {"type": f"playback.{ended}", **self._counted()}

    def _stalls(self) -> Iterator[Said]:
        slow = self._viewing.weather.slowing
        if self._rng.random() >= 0.02 * slow**2:
            return
        took = spread(self._rng, 0.7 * slow, 0.5)
        if self._counts:
            self._totals["stalls"] += 1
            self._totals["stalled_seconds"] = round(self._totals["stalled_seconds"] + took, 3)
        else:
            yield self._at, {"type": "playback.stalled"}
            yield self._at + took, {"type": "playback.resumed"}
        self._at += took
        if self._rung:
            self._rung -= 1
            self._totals["quality_changes"] += 1

    def _whims(self) -> Iterator[Said]:
        """Now and then somebody jumps back, or pauses."""
        for share, kind, median in ((0.05, "seeked", 0.4), (0.03, "paused", 6.0)):
            if self._rng.random() < share:
                yield self._at + 0.1, {"type": f"playback.{kind}"}
                if kind == "seeked":
                    self._position = max(0.0, self._position - 2 * REPORT_SECONDS)
                self._at += 0.1 + spread(self._rng, median, 0.4)
                yield self._at, {"type": "playback.resumed"}

    def _counted(self) -> dict[str, float]:
        return {
            "position_seconds": round(self._position, 2),
            "watched_seconds": round(self._at, 3),
            "media_seconds": round(self._media, 2),
            "bits": round(self._bits),
            **self._totals,
        }

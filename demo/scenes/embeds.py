"""The service at partners: pages with Faro's SDK, players of EPAS and PeerTube, tusd."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from random import Random
from typing import Any, Final
from uuid import UUID

from demo.hours import GOOD
from demo.message import Message, encode
from demo.scenes.flow import Times, flow, page
from demo.world import Person, pick, somebody, spread

PER_SECOND: Final = 0.12
HOST: Final = "https://partner.example.org"
PAGES: Final = ((5.0, "/watch/1"), (2.0, "/courses/7"), (1.0, "/"))
UPLOADS: Final = 0.3
"""Share of the visits in which something is uploaded."""
LOGS: Final = ((6.0, "info"), (3.0, "warn"), (1.0, "error"))
SHARED: Final = 0.2
"""Share of the visits to a page with PeerTube's player."""
INTERRUPTED: Final = 0.3
"""Share of the uploads in which the line is gone for a while."""
REPORT_SECONDS: Final = 15.0


def messages(times: Times, rng: Random) -> Iterator[Message]:
    """Visits that overlap."""
    return flow(times, rng, PER_SECOND, "embed", lambda name, at: _visit(times, rng, name, at))


def _visit(times: Times, rng: Random, name: str, began: float) -> Iterator[Message]:
    person = somebody(rng, times.weather(began).slowing)
    session = _unique(name, "session")
    yield _batch(times, rng, began, person, session)
    if rng.random() < SHARED:
        yield from _shared(times, rng, began + 3.0, person)
    else:
        yield from _play(times, rng, began + 3.0, person, session)
    if rng.random() < UPLOADS:
        yield from _upload(times, rng, began + 5.0, person, session)


def _unique(name: str, part: str) -> str:
    return str(UUID(bytes=blake2b(f"{name} {part}".encode(), digest_size=16).digest()))


def _batch(times: Times, rng: Random, began: float, person: Person, session: str) -> Message:
    """What Faro posts when a page has loaded."""
    at, weather = began + 2.0, times.weather(began)
    stamp = datetime.fromtimestamp(times.epoch + at, UTC).isoformat().replace("+00:00", "Z")
    slow = weather.slowing**0.8

    def item(**said: Any) -> dict[str, Any]:
        return {**said, "timestamp": stamp}

    name = _unique(session, "page")
    lcp, ttfb = round(spread(rng, 1700 * slow, 0.4), 1), round(spread(rng, 250 * slow, 0.4), 1)
    startup = round(spread(rng, 900 * slow, 0.5))
    exceptions = []
    if rng.random() < (0.01 if weather is GOOD else 0.15):
        fatal = rng.random() < 0.2
        error = item(type="TypeError", value="Failed to fetch", context={}, fatal=fatal)
        exceptions.append(error)
    body = {
        "meta": {
            "sdk": {"name": "faro-web", "version": "2.12.1"},
            "browser": {"userAgent": person.device.user_agent},
            "page": {"id": name, "url": HOST + pick(rng, PAGES)},
            "session": {"id": session},
        },
        "measurements": [
            item(type="web-vitals", values={"lcp": lcp}, context={"id": f"v6-{name}-lcp"}),
            item(type="web-vitals", values={"ttfb": ttfb}, context={"id": f"v6-{name}-ttfb"}),
            item(type="video_startup", values={"startup_ms": startup}, context={}),
        ],
        "events": [
            item(name="session_start", domain="browser", attributes={}),
            item(name="captions_chosen", domain="player", attributes={}),
        ],
        "exceptions": exceptions,
        "logs": [item(message="player is ready", level=pick(rng, LOGS), context={})],
        "traces": {"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "load"}]}]}]},
    }
    return page(at, "/collect", body, person.device.user_agent)


def _play(
    times: Times, rng: Random, began: float, person: Person, session: str
) -> Iterator[Message]:
    """What an EPAS player tells of one play."""
    weather, duration = times.weather(began), rng.choice((300.0, 900.0))
    after, shown = 0.0, 0.0

    def say(event: str, **payload: Any) -> Message:
        body = {
            "event": event,
            "sessionId": session,
            "timestamp": times.milliseconds(began + after),
            "playhead": round(shown, 3),
            "duration": duration,
            **({"payload": payload} if payload else {}),
        }
        return page(began + after, "/epas", body, person.device.user_agent)

    yield say("init")
    yield say("metadata", contentId=f"video-{rng.randint(1, 18):02}", deviceType="desktop")
    yield say("loading")
    after += spread(rng, 0.8 * weather.slowing, 0.4)
    yield say("loaded")
    after += 0.3
    yield say("playing")
    yield say("bitrate_changed", bitrate=2800)
    for _ in range(rng.randrange(1, 6)):
        watched = rng.uniform(10.0, 30.0)
        after, shown = after + watched, shown + watched
        yield say("heartbeat")
        if rng.random() < (0.04 if weather is GOOD else 0.35):
            yield say("buffering")
            after += spread(rng, 1.5 * weather.slowing, 0.5)
            yield say("buffered")
    yield say("stopped", reason="aborted")


def _shared(times: Times, rng: Random, began: float, person: Person) -> Iterator[Message]:
    """What PeerTube's player has counted since its last report; it names no session."""
    weather = times.weather(began)
    video = f"video-{rng.randint(1, 18):02}"
    for number in range(1, rng.randrange(3, 10)):
        loaded = spread(rng, 4_000_000, 0.3)
        peers = rng.random() * 0.6
        body = {
            "playerMode": "p2p-media-loader",
            "resolution": 720,
            "fps": 30,
            "p2pEnabled": True,
            "p2pPeers": rng.randrange(6),
            "resolutionChanges": int(rng.random() < 0.1),
            "errors": int(rng.random() < (0.005 if weather is GOOD else 0.1)),
            "bufferStalled": int(rng.random() < 0.02 * weather.slowing**2),
            "downloadedBytesHTTP": round(loaded * (1 - peers)),
            "downloadedBytesP2P": round(loaded * peers),
            "uploadedBytesP2P": round(loaded * rng.random() * 0.5),
            "videoId": video,
        }
        at = began + number * REPORT_SECONDS
        yield page(at, "/api/v1/metrics/playback", body, person.device.user_agent)


def _upload(
    times: Times, rng: Random, began: float, person: Person, session: str
) -> Iterator[Message]:
    """What tusd tells of one upload: its beginning, how far it is, how it ended."""
    size = round(spread(rng, 12_000_000, 0.6))
    per_second = 2_000_000 / times.weather(began).slowing
    terminated = rng.random() < 0.05
    name = _unique(session, "upload").replace("-", "")

    takes = size / per_second
    half = max(1, int(takes) // 2)
    # Not as long as the demo waits before it takes an upload for abandoned.
    pause = rng.uniform(32.0, 50.0) if rng.random() < INTERRUPTED else 0.0
    resumes = pause > 0 and rng.random() < 0.5

    def hook(kind: str, after: float, offset: int) -> Message:
        upload = {"ID": name, "Size": size, "Offset": offset, "MetaData": {"filetype": "video/mp4"}}
        # Another request goes on where the one before ended.
        begun = round(half * per_second) if resumes and after > half else 0
        header = {"User-Agent": [person.device.user_agent], "Upload-Offset": [str(begun)]}
        request = {"Method": "PATCH", "URI": f"/files/{name}", "Header": header}
        body = {"Type": kind, "Event": {"Upload": upload, "HTTPRequest": request}}
        at = began + after + (pause if after > half else 0.0)
        return Message(at, "/hooks/tusd", {"Content-Type": "application/json"}, encode(body))

    yield hook("post-create", 0.0, 0)
    for second in range(1, int(takes)):
        yield hook("post-receive", float(second), round(second * per_second))
        if terminated and second > 1:
            yield hook("post-terminate", second + 0.5, round(second * per_second))
            return
    yield hook("post-finish", takes, size)

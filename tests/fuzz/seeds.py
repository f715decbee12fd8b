"""What each format is sent when all is well: where fuzzing begins."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

import msgspec

from exporter.formats.format import Format
from exporter.formats.webhooks import PATH, Knobs, Webhooks
from tests import hostile
from tests.beacons import EXPERIENCE, PERFORMANCE, PROGRESS, RESOURCES, VIEW
from tests.canaries import BODIES
from tests.formats import hooks
from tests.pipelines import CLEANER, FORMATS

CAPTURED: Final = Path(__file__).parents[1] / "clients" / "captured"
REPLICATE_SECRET: Final = "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cw=="  # noqa: S105 - of nobody
MUX_SECRET: Final = "secret of the tests"  # noqa: S105 - of nobody
SIGNED: Final = Webhooks(CLEANER, Knobs((REPLICATE_SECRET,), (MUX_SECRET,)))
EVERY: Final[Mapping[str, Format]] = {**FORMATS, **dict.fromkeys(SIGNED.paths, SIGNED)}
"""Every path, webhooks included, and who reads what comes there."""


class Seed(NamedTuple):
    """A beacon; ``query`` is the value of the one parameter that a format reads."""

    path: str
    body: bytes
    query: str = ""
    headers: tuple[str, ...] = ()
    """Values of the headers that the format reads, in their order."""


def name(form: Format) -> str:
    """What a format is called on the command line."""
    return type(form).__name__.lower()


def names() -> tuple[str, ...]:
    """Of all formats."""
    return tuple(dict.fromkeys(name(form) for form in EVERY.values()))


def of(wanted: str) -> tuple[Seed, ...]:
    """The beacons of one format."""
    return tuple(each for each in _every() if name(EVERY[each.path]) == wanted)


def words(wanted: str) -> tuple[str, ...]:
    """The names that a format may look for, and the texts that its clients send."""
    found: set[str] = set()
    for each in of(wanted):
        try:
            _gather(json.loads(each.body), found)
        except ValueError:
            found |= {part for part in each.body.decode(errors="ignore").split(",") if part}
    for shape in _shapes(msgspec.Struct):
        if shape.__module__.startswith("exporter."):
            found |= set(shape.__struct_encode_fields__)
    return tuple(sorted(each for each in found if len(each) < 200))


def _shapes(shape: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for each in shape.__subclasses__():
        yield each
        yield from _shapes(each)


def _gather(value: object, found: set[str]) -> None:
    if isinstance(value, str):
        found.add(value)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            found.add(key)
            _gather(each, found)
    elif isinstance(value, list):
        for each in value:
            _gather(each, found)


def _every() -> Iterator[Seed]:
    for path, bodies in BODIES.items():
        for body in bodies:
            yield Seed(path, body if isinstance(body, bytes) else json.dumps(body).encode())
    yield from _of_trackers()
    maker = hostile.Hostile(1)
    for event in hostile.TYPES:
        yield Seed("/v1/events", json.dumps({"events": [maker.of(event)]}).encode())
    for kind in ("pre-create", "post-create", "post-receive", "post-finish", "post-terminate"):
        yield Seed("/hooks/tusd", json.dumps(hooks.hook(kind)).encode(), "", (kind,))
        old = hooks.hook(kind, version=1, Offset=10)
        yield Seed("/hooks/tusd", json.dumps(old).encode(), "", (kind,))
    yield from _captured()
    yield from _of_webhooks()
    yield from _of_players()


def _of_trackers() -> Iterator[Seed]:
    for kind, body in (
        ("performance", PERFORMANCE),
        ("experience", EXPERIENCE),
        ("resource", RESOURCES),
        ("any", {"x": 1}),
    ):
        yield Seed("/api/analytics", json.dumps(body).encode(), kind)
    for path, body in (("video-view", VIEW), ("video-progress", PROGRESS)):
        yield Seed(f"/api/analytics/{path}", json.dumps(body).encode())


def _captured() -> Iterator[Seed]:
    for file in sorted(CAPTURED.glob("*.jsonl")):
        for line in file.read_text().splitlines()[:40]:
            said = json.loads(line)
            path = "/collect" if file.name.startswith("faro") else "/cmcd/hls.js"
            if body := said.get("body"):
                yield Seed(path, body.encode())
            if query := parse_qs(urlsplit(said["path"]).query).get("CMCD"):
                yield Seed(path, b"", query[0])


def _of_webhooks() -> Iterator[Seed]:
    prediction = {
        "id": "p1",
        "model": "someone/video",
        "status": "succeeded",
        "created_at": "2026-11-21T08:00:00.000Z",
        "started_at": "2026-11-21T08:00:01.000Z",
        "completed_at": "2026-11-21T08:00:31.5Z",
        "output": ["https://example.com/x.mp4"],
        "error": None,
        "metrics": {"predict_time": 30.5, "total_time": 31.5},
    }
    for status in ("starting", "processing", "succeeded", "failed", "canceled"):
        body = {**prediction, "status": status, "error": "out of memory"}
        yield Seed(f"{PATH}/replicate", json.dumps(body).encode(), "", ("msg_1",))
    data = {"id": "a1", "status": "ready", "duration": 23.5, "upload_id": "u1", "created_at": 1}
    errors = {"type": "invalid_input", "messages": ["it is no video"]}
    for kind in (
        *("video.upload.created", "video.upload.asset_created", "video.upload.errored"),
        *("video.upload.cancelled", "video.asset.created", "video.asset.ready"),
        *("video.asset.errored", "video.asset.deleted"),
    ):
        body = {"type": kind, "id": "e1", "created_at": "2026-11-21T08:00:00Z", "data": data}
        yield Seed(f"{PATH}/mux", json.dumps({**body, "data": {**data, "errors": errors}}).encode())


def _of_players() -> Iterator[Seed]:
    counts = ("errors", "resolutionChanges", "downloadedBytesHTTP", "downloadedBytesP2P")
    counted = dict.fromkeys((*counts, "uploadedBytesP2P", "bufferStalled", "resolution"), 3)
    yield Seed("/api/v1/metrics/playback", json.dumps({**counted, "videoId": "v"}).encode())
    report = {"e": "t", "sid": "s1", "sn": 1, "sta": "p", "ts": 1795227669142, "v": 2, "cid": "c"}
    times = {"bl": [21300], "br": [3200], "bs": True, "msd": 400, "pr": 1.08, "ec": ["E1"]}
    for said in ({**report, **times}, [report, {**report, "sn": 2, **times}]):
        yield Seed("/cmcd/dash.js", json.dumps(said).encode())
    for kind in ("init", "metadata", "playing", "paused", "seeking", "buffering", "ended", "error"):
        payload = {"duration": 60.5, "mode": "vod", "contentId": "v1", "message": "x", "level": "x"}
        body = {
            "event": kind,
            "sessionId": "s1",
            "timestamp": 1723640608474,
            "playhead": 10500,
            "duration": 60000,
            "payload": payload,
        }
        yield Seed("/epas", json.dumps(body).encode(), "", (kind,))
    session = "ebdb3da7-bc77-454e-9de0-a1dfa8091e84"
    for kind in ("START", "HEARTBEAT", "STOP", "ERROR"):
        data = {
            "browser": {"name": "Chrome", "user_agent": "Mozilla/5.0"},
            "device": {"id": "d1", "type": "phone"},
            "media": {"id": "urn:v:1", "origin": "https://example.com"},
            "os": {"name": "iOS", "version": "1"},
            "qoe_timings": {"asset": 300, "metadata": 100, "total": 400},
            "bitrate": 2000000,
            "duration": 60000,
            "playback_duration": 10000,
            "position": 10000,
            "stall": {"count": 1, "duration": 500},
            "stream_type": "On-demand",
            "message": "x",
            "name": "HlsError",
            "severity": "Fatal",
        }
        body = {
            "event_name": kind,
            "session_id": session,
            "timestamp": 1723640608474,
            "version": 1,
            "data": data,
        }
        yield Seed("/pillarbox", json.dumps(body).encode())

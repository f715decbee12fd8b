"""Whatever names somebody is sent through every format, and then looked for in all that is kept.

Each beacon is sent as its client sends it, with the canaries wherever it has room for text, and
then once more for each of its texts with a canary in that place alone: what is understood, what
is half understood and what is refused must all have forgotten who it was.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from exporter.settings import Influx
from tests import hostile
from tests.apps import Start
from tests.beacons import EXPERIENCE, PERFORMANCE, RESOURCES
from tests.pipelines import FORMATS
from tests.sinks.server import Sink

ADDRESS = "203.0.113.77"
EMAIL = "alice.canary@example.com"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOjF9.c2lnbmF0dXJlLWNhbmFyeQ"  # noqa: S105 - of nobody
URL = f"https://video.example.com/people/canary-page?token={TOKEN}&mail={EMAIL}"
AGENT = "Mozilla/5.0 (CanaryOS 7.7; rv:7) Gecko/20100101 CanaryBrowser/7.7"
TEXT = f"Alice Canary <{EMAIL}> at {ADDRESS} may not see {URL} with Bearer {TOKEN}"
SEEDS = (EMAIL, URL, AGENT, TEXT)
LOOKED_FOR = (ADDRESS, "alice", "Alice", "canary-page", "eyJjYW5hcnki", "CanaryOS", "CanaryBrowser")

HEADERS = {
    "User-Agent": AGENT,
    "Referer": URL,
    "Cookie": f"session={TOKEN}; mail={EMAIL}",
    "Authorization": f"Bearer {TOKEN}",
    "X-Forwarded-For": ADDRESS,
    "X-Real-IP": ADDRESS,
    "Forwarded": f"for={ADDRESS};by=canary-page",
    "X-Faro-Session-Id": EMAIL,
    "Idempotency-Key": EMAIL,
    "X-EPAS-Event": TEXT,
    "CMCD-Session": f'sid="{EMAIL}"',
}
ERROR = {"type": "javascript", "message": TEXT, "stack": TEXT, "url": URL, "userId": EMAIL}
PAGE = {"environment": TEXT, "user_agent": AGENT, "url": URL, "userId": EMAIL, "sessionId": EMAIL}
VIDEO = {"video_id": EMAIL, "course_id": EMAIL, "session_id": "p1", "user_id": EMAIL}
PLAYED = {"session_id": "p1", "current_position_seconds": 10, "watch_time_seconds": 10}
UPLOAD = {
    "ID": "5d892c228ec8d0451dfec588697e8930",
    "Size": 432724,
    "Offset": 10,
    "MetaData": {"filename": f"{TEXT}.mp4", "filetype": "video/mp4", "owner": EMAIL},
    "Storage": {"Type": "filestore", "Path": f"/data/{EMAIL}"},
}
REQUEST = {
    "Method": "PATCH",
    "URI": f"/files/5d892c?token={TOKEN}",
    "RemoteAddr": f"{ADDRESS}:59395",
    "Header": {"User-Agent": [AGENT], "Cookie": [TOKEN], "X-Forwarded-For": [ADDRESS]},
}
BODIES: dict[str, list[Any]] = {
    "/api/analytics/upload-performance": [
        {**PERFORMANCE, "systemInfo": {"userAgent": AGENT, "platform": TEXT}, "uploadId": EMAIL}
    ],
    "/api/analytics/upload-experience": [{**EXPERIENCE, "userAgent": AGENT}],
    "/api/analytics": [RESOURCES, {"kind": TEXT, "number": 1, "mail": EMAIL}],
    "/api/analytics/video-view": [{**VIDEO, "referrer": URL}, {**VIDEO, "video_id": "v1"}],
    "/api/analytics/video-progress": [PLAYED],
    "/api/analytics/video-complete": [PLAYED],
    "/api/metrics": [{"name": "web_vitals_lcp", "value": 900, "tags": PAGE}, {"name": TEXT}],
    "/api/errors": [{"errors": [ERROR, {**ERROR, "type": TEXT}, TEXT]}],
    "/api/analytics/events": [
        {"type": "page_view", "data": {**PAGE, "title": TEXT}, "timestamp": 1},
        {"type": "user_action", "data": {"action": "click", "text": TEXT, **PAGE}},
    ],
    "/api/health/status": [
        {"status": "down", "checks": {TEXT: {"status": "down", "message": TEXT}}, "summary": TEXT}
    ],
    "/collect": [
        {
            "meta": {
                "app": {"name": TEXT},
                "browser": {"name": TEXT, "userAgent": AGENT},
                "page": {"url": URL},
                "session": {"id": EMAIL, "attributes": {"mail": EMAIL}},
                "user": {"id": EMAIL, "email": EMAIL, "username": TEXT, "fullName": TEXT},
                "view": {"name": TEXT},
            },
            "exceptions": [{"type": "TypeError", "value": TEXT, "context": {"who": EMAIL}}],
            "events": [{"name": TEXT, "attributes": {"who": EMAIL}}],
            "logs": [{"message": TEXT, "level": "warn"}],
            "measurements": [{"type": TEXT, "values": {TEXT: 1}}],
        }
    ],
    "/web-vitals": [{"name": "LCP", "value": 900, "id": EMAIL, "page_location": URL}],
    "/pillarbox": [
        {
            "event_name": "START",
            "session_id": "ebdb3da7-bc77-454e-9de0-a1dfa8091e84",
            "timestamp": 1723640608474,
            "version": 1,
            "data": {"device": {"id": EMAIL}, "media": {"id": URL, "origin": URL}, "name": TEXT},
        },
        {"event_name": "ERROR", "session_id": EMAIL, "data": {"message": TEXT, "url": URL}},
    ],
    "/epas": [
        {"event": "init", "sessionId": EMAIL, "timestamp": 1},
        {
            "event": "metadata",
            "sessionId": "s1",
            "payload": {"contentTitle": TEXT, "userId": EMAIL},
        },
        {"event": "error", "sessionId": "s1", "payload": {"message": TEXT, "code": TEXT}},
    ],
    "/api/v1/metrics/playback": [{"playerMode": TEXT, "errors": 1, "videoId": EMAIL}],
    "/hooks/tusd": [
        {"Type": kind, "Event": {"Upload": UPLOAD, "HTTPRequest": REQUEST}}
        for kind in ("post-create", "post-receive", "post-finish", TEXT)
    ],
    "/cmcd": [
        f'cid="{EMAIL}",e=ps,sid="s1",sn=1,sta=p,ts=1795227669142,url="{URL}",v=2\n'.encode(),
        f'cid="{URL}",e=e,ec=("{TEXT}"),sid="{EMAIL}",sn=2,sta=f,ts=1795227669143,v=2\n'.encode(),
        f'cid="c",com.example-who="{TEXT}",e=zz,ts=1,v=2,{TEXT}'.encode(),
    ],
}
ALIKE = {"/api/events": "/pillarbox"}
"""Another path of the same format."""


def placed(body: Any, seed: str) -> Iterator[Any]:
    """The body with a canary in place of one of its texts, for each of them."""
    if isinstance(body, str):
        yield seed
    elif isinstance(body, Mapping):
        for name, value in body.items():
            for each in placed(value, seed):
                yield {**body, name: each}
    elif isinstance(body, list):
        for place, value in enumerate(body):
            for each in placed(value, seed):
                yield [*body[:place], each, *body[place + 1 :]]


def beacons() -> Iterator[tuple[str, Any]]:
    for path, bodies in BODIES.items():
        for body in bodies:
            yield path, body
            if not isinstance(body, bytes):
                for seed in SEEDS:
                    yield from ((path, each) for each in placed(body, seed))
    maker = hostile.Hostile(1)
    for event in hostile.TYPES:
        said = maker.of(event)
        for seed in SEEDS:
            texts = {k: v for k, v in said.items() if isinstance(v, str) and k != "type"}
            yield "/v1/events", {"events": [{**said, name: seed} for name in texts] or [said]}


def test_every_format_is_tried() -> None:
    tried = {*BODIES, *ALIKE, "/v1/events"}

    assert {path for path in FORMATS if not path.startswith("/cmcd/")} <= tried


def kept(folder: Path) -> dict[str, bytes]:
    """Every file of the instance as it is on the disk."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_nothing_that_is_kept_names_anybody(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with Sink().serving() as sink:
        app = await start(
            sessions={"settle_seconds": 0.0, "silence_seconds": {"play": 1.0, "upload": 1.0}},
            influx=Influx(url=sink.url, every_seconds=0.2),
        )
        files: dict[str, bytes] = {}
        for number, (path, body) in enumerate(beacons()):
            query = f"?token={TOKEN}&mail={EMAIL}" if number % 2 else ""
            await app.post(path + query, body, headers=HEADERS)
            if number % 20 == 0:
                # What is refused is kept, as far as there is room for it.
                app.engine.tick()
            if number % 200 == 0:
                files |= {f"{name} {number}": held for name, held in kept(tmp_path).items()}
        await app.counted()
        await app.engine.checkpoint()
        text = (await app.ask("GET", f"{app.operations}/metrics")).body
        await app.until(lambda: bool(sink.taken))
        assert app.engine.dead_letters > 100, "not all was understood"
        files |= kept(tmp_path)
    files |= {"/metrics": text, "points": "\n".join(sink.taken).encode()}
    files["log"] = json.dumps([str(vars(each)) for each in caplog.records]).encode()

    found = {
        (name, word) for name, held in files.items() for word in LOOKED_FOR if word.encode() in held
    }
    assert not found

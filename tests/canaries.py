"""What names somebody, in what every client sends, wherever it has room for text."""

import json
from typing import Any

from exporter.receiver import SAMPLE
from tests.beacons import EXPERIENCE, PERFORMANCE, RESOURCES

ADDRESS = "203.0.113.77"
EMAIL = "alice.canary@example.com"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOjF9.c2lnbmF0dXJlLWNhbmFyeQ"  # noqa: S105 - of nobody
URL = f"https://video.example.com/people/canary-page?token={TOKEN}&mail={EMAIL}"
AGENT = "Mozilla/5.0 (CanaryOS 7.7; rv:7) Gecko/20100101 CanaryBrowser/7.7"
TEXT = f"Alice Canary <{EMAIL}> at {ADDRESS} may not see {URL} with Bearer {TOKEN}"
SEEDS = (EMAIL, URL, AGENT, TEXT)
SECRET = "hunter2"  # noqa: S105 - of nobody
LOOKED_FOR = (
    ADDRESS,
    "alice",
    "Alice",
    "canary-page",
    "eyJjYW5hcnki",
    "CanaryOS",
    "CanaryBrowser",
    SECRET,
)

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
APP = "CanaryBrowser/7.7 (CanaryOS) okhttp/4.9.1"
WHO = {"user": "alice", "author": "Alice", "userAgent": APP, "agent": APP, "ua": APP}
MAY = dict.fromkeys(("token", "password", "secret", "phone", "auth"), SECRET)
WRONG: dict[str, Any] = {"events": 7, **WHO, **MAY, "authorization": f"Bearer {SECRET}"}


def cut(tail: str, at: str) -> bytes:
    """A beacon that nobody understands, of which what is kept ends within its tail."""
    head = '{"events": 7, "pad":"'
    room = SAMPLE - len(head) - tail.index(at) - len(at)
    return (head + "1 " * (room // 2) + "1" * (room % 2) + tail + "}").encode()


SHAPES: dict[str, bytes] = {
    "JSON": json.dumps(WRONG).encode(),
    "JSON in JSON": json.dumps({"events": 7, "message": json.dumps(WRONG)}).encode(),
    "JSON in JSON in JSON": json.dumps({"events": json.dumps({"m": json.dumps(WRONG)})}).encode(),
    "Python": str(WRONG).encode(),
    "Python in JSON": json.dumps({"events": 7, "message": str(WRONG)}).encode(),
    "header": f"Authorization: Bearer {SECRET}\nUser-Agent: {AGENT}\n".encode(),
    "form": f"user=alice&token={SECRET}&author=Alice".encode(),
    "slashes": json.dumps({"events": 7, "a": URL, "b": AGENT}).replace("/", "\\/").encode(),
    "list": json.dumps({"events": 7, "users": ["alice", "Alice"]}).encode(),
    "token": json.dumps({"events": 7, "session_id": TOKEN}).encode(),
    "cut name": cut('","viewer":"alice.canary.4711"', "alice"),
    "cut address": cut(f'","note":"{EMAIL}"', "alice.canary"),
    "cut words": cut('","message":"it was Alice Canary"', "Alice Can"),
    "cut JSON in JSON": cut('\\"viewer\\":\\"alice.canary.4711\\""', "alice"),
    "cut form": cut("&viewer=alice.canary.4711", "alice"),
}
"""How else a beacon that nobody understands may say who it was."""
BODIES["/v1/events"] = list(SHAPES.values())
ALIKE = {"/api/events": "/pillarbox"}
"""Another path of the same format."""

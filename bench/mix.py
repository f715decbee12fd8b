"""Everything at once: what trackers, players, pages and servers send, in turns.

Names come from pools, so that as many uploads, plays and pages begin as end; each body is
another one all the same, so that none is a repeat.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from bench import hooks, pages, sessions
from bench.load import AGENT, BODY, experience, request

__all__ = ["AGENT", "beacons", "requests"]

POOL: Final = 2000
"""How many of each kind there are at once."""

_CMCD: Final = (
    'bl=(2100),br=(2400),cid="movie-{video}",e=t,mtp=(14400),pr=1,rc=200,sf=h,'
    'sid="6e2fb550-c457-11e9-bb97-08000000{name}",sn={step},st=v,sta=p,ts={at},v=2\n'
)


class Turn(NamedTuple):
    """The number of a beacon, and of the pool's name it is about; ``step`` counts that name's."""

    number: int
    name: str
    step: int

    @property
    def milliseconds(self) -> int:
        return int(time.time() * 1000)


def _performance(turn: Turn) -> str:
    return BODY.format(time=4000 + turn.number % 9000, number=time.time_ns())


def _experience(turn: Turn) -> str:
    duration = 41_000 + turn.number % 1000
    return json.dumps(experience(f"page-{turn.name}", duration, turn.milliseconds))


def _view(turn: Turn) -> str:
    body = {
        "session_id": f"view-{turn.name}",
        "video_id": f"video-{turn.number % 500}",
        "course_id": "c1",
        "user_id": turn.name,
        "video_duration_seconds": 600,
        "is_preview": False,
    }
    return json.dumps(body)


def _progress(turn: Turn) -> str:
    body = {
        "session_id": f"view-{turn.name}",
        "current_position_seconds": turn.step * 15 % 600,
        "watch_time_seconds": turn.step * 15,
        "play_count": 1,
        "pause_count": turn.step // 9,
        "seek_count": 0,
    }
    return json.dumps(body)


def _complete(turn: Turn) -> str:
    return _progress(turn._replace(step=turn.step + 1))


def _events(turn: Turn) -> str:
    upload = {"upload_id": f"upload-{turn.number}"}
    made = {"generation_id": f"made-{turn.number}", "provider": "replicate"}
    at = time.time()
    return json.dumps(
        {
            "events": [
                {"type": "upload.started", "file_size_bytes": 24_000_000, "at": at - 9, **upload},
                *(
                    {"type": "upload.chunk_received", "index": n, "ok": True, **upload}
                    for n in range(3)
                ),
                {"type": "upload.completed", "at": at, **upload},
                {"type": "generation.requested", "at": at - 60, **made},
                {"type": "generation.completed", "at": at, "cost": 0.3, "currency": "USD", **made},
                {
                    "type": "api.called",
                    "request_id": f"r{turn.number}",
                    "method": "POST",
                    "route": "/api/uploads",
                    "status": 200,
                    "duration_seconds": 0.08,
                },
            ]
        }
    )


def _cmcd(turn: Turn) -> str:
    video = turn.number % 500
    return _CMCD.format(name=turn.name, step=turn.step, at=turn.milliseconds, video=video)


def _renamed(bodies: list[str]) -> Callable[[Turn], str]:
    """The bodies of a thousand people, each time of other ones."""

    def body(turn: Turn) -> str:
        person = turn.number % 1000
        return bodies[person].replace(str(person + 1001), turn.name)

    return body


class Source(NamedTuple):
    """A path, what its bodies are, and the body of a turn."""

    path: str
    body: Callable[[Turn], str]
    kind: str = "text/plain;charset=UTF-8"


_JSON: Final = "application/json"
SOURCES: Final = (
    Source("/api/analytics/upload-performance", _performance),
    Source("/api/analytics/upload-experience", _experience),
    Source("/api/analytics/video-view", _view),
    *(Source("/api/analytics/video-progress", _progress) for _ in range(4)),
    Source("/api/analytics/video-complete", _complete),
    *(Source("/v1/events", _events, _JSON) for _ in range(3)),
    *(Source("/cmcd", _cmcd, "application/cmcd") for _ in range(4)),
    Source("/collect", _renamed(pages.FARO), _JSON),
    Source("/web-vitals", _renamed(pages.WEB_VITALS)),
    Source("/pillarbox", _renamed(sessions.PILLARBOX_START), _JSON),
    Source("/pillarbox", _renamed(sessions.PILLARBOX_HEARTBEAT), _JSON),
    Source("/epas", _renamed(sessions.EPAS_STATE), _JSON),
    Source("/api/v1/metrics/playback", _renamed(sessions.PEERTUBE), _JSON),
    Source("/hooks/tusd", _renamed(hooks.RECEIVED), _JSON),
)


def turns() -> Iterator[Turn]:
    """Each name of the pool in turn, again and again."""
    for number in itertools.count():
        cycle, place = divmod(number // len(SOURCES), POOL)
        yield Turn(number, str(place + 3000), cycle)


def beacons() -> Iterator[tuple[Source, str]]:
    """The bodies of the mix, one source after the other."""
    for source, turn in zip(itertools.cycle(SOURCES), turns(), strict=False):
        yield source, source.body(turn)


def requests() -> Callable[[], bytes]:
    """The next request of the mix, each time it is called."""
    following = beacons()

    def take() -> bytes:
        source, body = next(following)
        return request(source.path, body.encode(), source.kind)

    return take

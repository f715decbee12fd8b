"""What our own trackers send.

Each of a thousand people has an upload, a play and a page view of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from bench.load import AGENT, BODY, experience

_PEOPLE = range(1001, 2001)
_BEGAN = 1_700_000_000_000
_URL = "https://video.example.com/watch"


def _bodies(body: Callable[[int], Any]) -> list[str]:
    return [json.dumps(body(person), separators=(",", ":")) for person in _PEOPLE]


PERFORMANCE = [BODY.format(time=4000 + person, number=_BEGAN + person) for person in _PEOPLE]
EXPERIENCE = _bodies(
    lambda person: experience(f"0195d2c0-77aa-{person}", 40_000 + person, _BEGAN + person)
)
RESOURCES = _bodies(
    lambda person: {
        "duration": 40_000 + person,
        "readings": [
            {
                "timestamp": _BEGAN + 5000 * n,
                "memory": {
                    "usedJSHeapSize": 50_000_000 + person * n,
                    "totalJSHeapSize": 80_000_000,
                },
                "cpu": {"estimated": 0.1 + n / 20},
                "batteryLevel": 0.9,
                "isCharging": False,
            }
            for n in range(8)
        ],
        "summary": {
            "memory": {"average": 52_000_000, "peak": 50_000_000 + person * 7},
            "cpu": {"average": 0.27, "peak": 0.45},
        },
    }
)
ANYTHING = _bodies(
    lambda person: {"type": "preview_rendered", "took": person, "retries": 1, "hardware": True}
)
VIEW = _bodies(
    lambda person: {
        "session_id": f"1699123456789-kx7m{person}",
        "video_id": f"video-{person}",
        "course_id": "course-7",
        "user_id": f"person-{person}",
        "video_duration_seconds": 600,
        "lesson_id": "lesson-3",
        "is_preview": False,
        "referrer": _URL,
    }
)
PROGRESS = _bodies(
    lambda person: {
        "session_id": f"1699123456789-kx7m{person}",
        "current_position_seconds": person / 7,
        "watch_time_seconds": person / 8,
        "play_count": 1,
        "pause_count": 1,
        "seek_count": 2,
        "average_playback_speed": 1.25,
        "quality_changes": 3,
    }
)


def _page(person: int) -> dict[str, Any]:
    return {
        "page_view_id": f"2b1c9a34-0f4e-4a7d-9c1d-1a2b3c4d{person}",
        "session_id": f"s-{person}",
        "page_url": f"{_URL}/number-{person}",
        "user_agent": AGENT,
        "effective_type": "4g",
    }


METRIC = _bodies(
    lambda person: {
        "name": "web_vitals_lcp",
        "value": 800.5 + person,
        "timestamp": _BEGAN + person,
        "tags": {**_page(person), "rating": "good", "id": f"v6-{_BEGAN}-{person}"},
    }
)
_STACK = "\n".join(f"    at f{n} ({_URL}/app.js:{n}:1)" for n in range(12))
ERRORS = _bodies(
    lambda person: {
        "errors": [
            {
                **_page(person),
                "type": kind,
                "id": f"{kind}-{person}",
                "message": message,
                "stack": stack,
                "timestamp": _BEGAN + person,
            }
            for kind, message, stack in (
                (
                    "javascript",
                    "TypeError: Cannot read properties of undefined (reading 'play')",
                    _STACK,
                ),
                ("promise", f"AbortError: play {person} was interrupted", _STACK),
                ("network", f"GET {_URL}/{person}/captions.vtt failed with 503", None),
            )
        ]
    }
)
HAPPENING = _bodies(
    lambda person: {
        "type": "user_action",
        "data": {**_page(person), "action": "click", "element": "button.play"},
        "timestamp": _BEGAN + person,
    }
)
HEALTH = _bodies(
    lambda person: {
        "status": "healthy",
        "timestamp": _BEGAN + person,
        "checks": {
            name: {"status": "healthy", "message": "answers", "responseTime": person / 10}
            for name in ("api", "database", "storage")
        },
        "summary": {"healthy": 3, "unhealthy": 0},
    }
)

"""What 100,000 sessions that go on at once take: every kind in a process of its own.

A session is told of as its clients do, from first word to the middle of its life, through the
decoder and the pipeline. What it takes is the growth of the process, index and queue included.
"""

from __future__ import annotations

import gc
import itertools
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import psutil

from bench import offline
from bench.load import AGENT
from exporter.record import Entry

GOAL_BYTES: Final = 1000
STRETCH: Final = 500
"""Sessions that are told of in one body."""

APART: Final = 15.0
"""Seconds between two words of one session."""

TRACED: Final = 1_000
"""Sessions of which every allocation is followed, which takes ten times as long."""

_AT: Final = 1_700_000_000.0

Told = Iterator[dict[str, Any]]


def _upload(number: int) -> Told:
    about = {"upload_id": f"5e0e2a0c-9d6a-4a4e-8d43-0d2a{number:08x}"}
    yield {
        "type": "upload.started",
        "file_size_bytes": 24_000_000 + number,
        "content_type": "video/mp4",
        "chunk_count": 16,
        "user_agent": AGENT,
        "network": "4g",
        "country": "DE",
        "width": 1920,
        "height": 1080,
        **about,
    }
    for index in range(8):
        yield {"type": "upload.chunk_received", "index": index, "ok": index != 3, **about}


def _hooked_upload(number: int) -> Told:
    """As tusd tells of it: how far it is, every second."""
    about = {"upload_id": f"5e0e2a0c-9d6a-4a4e-8d43-0d2a{number:08x}"}
    yield {"type": "upload.started", "file_size_bytes": 24_000_000 + number, **about}
    for step in range(8):
        received = (step + 1) * 1_000_000 + number
        yield {"type": "upload.progressed", "from_bytes": 0, "received_bytes": received, **about}


def _play(number: int) -> Told:
    """A player that tells states and counts for itself."""
    about = {"play_id": f"ebdb3da7-bc77-454e-9de0-a1df{number:08x}", "player": "native"}
    yield {
        "type": "playback.requested",
        "video_id": f"video-{number % 5000}",
        "course_id": f"course-{number % 100}",
        "viewer": f"person-{number}",
        "duration_seconds": 600.0 + number % 50,
        "user_agent": AGENT,
        "network": "4g",
        "country": "DE",
        "sequence": 0,
        **about,
    }
    yield {"type": "playback.started", "startup_seconds": 0.5 + number / 1e6, **about}
    for step in range(1, 9):
        yield {
            "type": "playback.progressed",
            "position_seconds": step * 15.0 + number / 1e6,
            "watched_seconds": step * 15.0 + number / 1e6,
            "pauses": step // 4,
            "sequence": step,
            **about,
        }


def _sampled_play(number: int) -> Told:
    """As CMCD tells of it: a state and measurements, each time."""
    about = {
        "play_id": f"6e2fb550-c457-11e9-bb97-0800{number:08x}",
        "video_id": f"video-{number % 5000}",
        "player": "hls.js",
        "user_agent": AGENT,
    }
    states = ("starting", "playing", "playing", "rebuffering", *("playing",) * 6)
    for step, state in enumerate(states):
        yield {
            "type": "playback.sampled",
            "state": state,
            "position_seconds": step * 10.0 + number / 1e6,
            "bitrate_bps": 2_000_000 + number % 7 * 100_000,
            "throughput_bps": 9_000_000 + number + step,
            "buffer_seconds": 12.0 + number / 1e6 + step,
            "ttfb_seconds": 0.05 + number / 1e9,
            "sequence": step,
            "at": _AT + number / 1e4 + step * 10,
            **about,
        }


def _generation(number: int) -> Told:
    about = {"generation_id": f"8e9242a4-60b6-48f9-8dfb-6ee4{number:08x}"}
    at = _AT + number / 1e4
    yield {"type": "generation.requested", "at": at, "provider": "replicate", **about}
    yield {"type": "generation.started", "at": at + 4, "attempt": 1, **about}
    failed = {"error": "503 overloaded", "provider": "replicate"}
    yield {"type": "generation.failed", "at": at + 9, "attempt": 1, **failed, **about}
    yield {"type": "generation.started", "at": at + 30, "attempt": 2, "provider": "mux", **about}
    yield {"type": "generation.progressed", "at": at + 40, "attempt": 2, **about}


def _page(number: int) -> Told:
    """A page view in a session of its own, so two sessions and what somebody is."""
    about = {
        "page_view_id": f"view-0d2a{number:08x}",
        "session_id": f"session-9d6a{number:08x}",
        "user_id": f"person-{number}",
        "url": "/watch/17",
        "user_agent": AGENT,
        "country": "DE",
    }
    at = _AT + number / 1e4
    yield {"type": "web.page_viewed", "at": at, **about}
    for vital, value in (("ttfb", 0.2), ("fcp", 1.1), ("lcp", 1.9), ("cls", 0.02), ("inp", 0.1)):
        measured = {"vital": vital, "value": value + number / 1e7}
        yield {"type": "web.vital_measured", "at": at + 2, **measured, **about}
    yield {
        "type": "web.navigation_timed",
        "at": at + 2,
        "load_seconds": 1.2 + number / 1e7,
        **about,
    }
    yield {"type": "web.action_taken", "at": at + 9, "action": "click", **about}


def _anonymous_vital(number: int) -> Told:
    """One of a page that names itself by the metric's id alone (web-vitals)."""
    yield {
        "type": "web.vital_measured",
        "at": _AT + number / 1e4,
        "vital": "lcp",
        "value": 1.9 + number / 1e7,
        "metric_id": f"v5-{number:013}",
        "url": "/watch/17",
        "user_agent": AGENT,
    }


def _request(number: int) -> Told:
    about = {"request_id": f"req-0d2a{number:08x}", "url": "/watch/17", "user_agent": AGENT}
    yield {"type": "web.request_made", "result": "ok", "duration_seconds": 0.3, **about}


KINDS: Final[dict[str, Callable[[int], Told]]] = {
    "upload, told by its server": _upload,
    "upload, told by hooks": _hooked_upload,
    "play, told by events": _play,
    "play, told by CMCD": _sampled_play,
    "generation": _generation,
    "page view with its session": _page,
    "vital of no page view": _anonymous_vital,
    "request of a page": _request,
}


class _Instance:
    """A pipeline that is told of sessions."""

    def __init__(self) -> None:
        self.pipeline = offline.pipeline()

    def tell(self, numbers: range, kind: Callable[[int], Told]) -> None:
        """All of the sessions, step by step, because they go on at once."""
        began = max(self.pipeline.now, _AT)
        for step in range(len(list(kind(0)))):
            for start in range(0, len(numbers), STRETCH):
                now = began + (step + start / len(numbers)) * APART
                some = numbers[start : start + STRETCH]
                self._tell([next(itertools.islice(kind(n), step, None)) for n in some], now)

    def _tell(self, events: list[dict[str, Any]], now: float) -> None:
        told = offline.parse("/v1/events", json.dumps({"events": events}))
        self.pipeline.apply(Entry(now, told))
        # What a checkpoint takes away.
        self.pipeline.points.clear()
        self.pipeline.sessions.changed()
        self.pipeline.dedup.fresh()

    def open(self) -> int:
        """How many sessions go on."""
        return sum(still for _, still, _ in self.pipeline.sessions.counts())


def measure(name: str, count: int) -> dict[str, float]:
    """In this process: bytes a session by growth, and by allocations that were followed."""
    kind = KINDS[name]
    instance = _Instance()
    # The first sessions fill what all share: caches, buffers, arenas.
    instance.tell(range(1000), kind)
    gc.collect()
    tracemalloc.start()
    instance.tell(range(1_000_000, 1_000_000 + TRACED), kind)
    gc.collect()
    allocated = tracemalloc.get_traced_memory()[0] / TRACED
    tracemalloc.stop()
    process, before = psutil.Process(), instance.open()
    resident = process.memory_info().rss
    instance.tell(range(2_000_000, 2_000_000 + count), kind)
    gc.collect()
    return {
        "allocated": allocated,
        "resident": (process.memory_info().rss - resident) / count,
        "open": (instance.open() - before) / count,
    }


def run(count: int) -> None:
    """Print what a session of each kind takes."""
    print(f"{'':28}  open each  allocated B  resident B  {count:,} of them, MB")
    for name in KINDS:
        command = [sys.executable, "-m", "bench.open_sessions", name, str(count)]
        said = subprocess.run(  # noqa: S603 - ourselves
            command, check=True, capture_output=True, text=True, cwd=Path.cwd()
        ).stdout
        found = json.loads(said)
        print(
            f"{name:28}  {found['open']:9.2f}  {found['allocated']:11.0f}  "
            f"{found['resident']:10.0f}  {found['resident'] * count / 1e6:8.1f}"
        )


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))

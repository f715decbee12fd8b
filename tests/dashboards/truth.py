"""Plays and uploads that are decided here, how pages and servers tell of them, and what is so then.

Whoever listens is a pipeline, or an exporter behind its port.
"""

from collections.abc import Mapping
from itertools import count
from typing import Any, NamedTuple, Protocol

LENGTH = 120
SENDERS = 2
"""How many tell of the plays, each of every second one."""


class Play(NamedTuple):
    """Somebody watches the first seconds of a video of two minutes."""

    video: str
    viewer: str
    seconds: int


PLAYS = (
    Play("harbour", "ann", 120),
    Play("harbour", "ann", 60),
    Play("harbour", "bob", 75),
    Play("harbour", "cid", 30),
    Play("lighthouse", "ann", 105),
    Play("lighthouse", "dot", 15),
    Play("tide", "bob", 120),
)
VIDEOS = sorted({play.video for play in PLAYS})

UPLOADS = {"DE": (4, 1), "IN": (2, 0), "BR": (3, 2)}
"""By country: how many uploads, and how many of them fail."""


class Listener(Protocol):
    """Who is told; time may pass for it or not."""

    def beacon(self, path: str, body: Mapping[str, Any]) -> None: ...

    def tell(self, *events: Mapping[str, Any]) -> None: ...

    def wait(self, seconds: float) -> None: ...


def send_plays(listener: Listener, number: int) -> None:
    """Every second play, from the first or from the second on."""
    numbers = count()
    for play in PLAYS[number::SENDERS]:
        session = f"17000000000{number}{next(numbers)}-abcdefg"
        view = {
            "video_id": play.video,
            "session_id": session,
            "user_id": play.viewer,
            "video_duration_seconds": LENGTH,
        }
        listener.beacon("/api/analytics/video-view", view)
        for at in range(15, play.seconds + 1, 15):
            listener.wait(15.0)
            told = {
                "session_id": session,
                "current_position_seconds": at,
                "watch_time_seconds": at,
            }
            listener.beacon("/api/analytics/video-progress", told)
        if play.seconds == LENGTH:
            listener.beacon("/api/analytics/video-complete", told)


def send_uploads(listener: Listener) -> None:
    """All uploads, one after the other."""
    for country, (uploads, failing) in UPLOADS.items():
        for number in range(uploads):
            upload = {"upload_id": f"{country}-{number}"}
            started = {"file_size_bytes": 20_000_000, "country": country}
            listener.tell({"type": "upload.started", **started, **upload})
            listener.wait(5.0)
            if number < failing:
                listener.tell({"type": "upload.failed", "error": "Failed to fetch", **upload})
            else:
                listener.tell({"type": "upload.completed", **upload})


# -- What is shown of them; of what there is none, nothing is shown --------------------------------

Rows = dict[str, dict[str, float]]
"""Columns by video or by country."""


def popular() -> Rows:
    """The popular list."""
    return {video: _fame([play for play in PLAYS if play.video == video]) for video in VIDEOS}


def _fame(plays: list[Play]) -> dict[str, float]:
    shares = [play.seconds / LENGTH for play in plays]
    row = {
        "views": len(plays),
        "viewers": len({play.viewer for play in plays}),
        "watched": sum(play.seconds for play in plays),
        "mean part seen": sum(shares) / len(shares),
        "high": sum(share > 0.75 for share in shares),
        "medium": sum(0.5 <= share <= 0.75 for share in shares),
        "low": sum(share < 0.5 for share in shares),
    }
    return {name: value for name, value in row.items() if value}


def heat(video: str) -> dict[str, float]:
    """The heat map of a video: watched in each segment, and left in it."""
    ends = [play.seconds for play in PLAYS if play.video == video]
    bars = {}
    for at in range(0, max(ends), 10):
        bars[f"sum_s{at}"] = sum(end > at for end in ends)
        bars[f"sum_d{at}"] = sum(at < end <= at + 10 for end in ends)
    return {name: value for name, value in bars.items() if value}


def _those(bars: dict[str, float], prefixes: tuple[str, ...]) -> dict[str, float]:
    return {name: value for name, value in bars.items() if name.startswith(prefixes)}


def countries() -> Rows:
    """The map."""
    return {
        country: {"uploads": uploads, **({"failed": failing} if failing else {})}
        for country, (uploads, failing) in UPLOADS.items()
    }


class Panel(NamedTuple):
    """A panel that shows it, what is chosen above it, and the rows that it has."""

    board: str
    title: str
    kind: str
    rows: Rows
    video: str = ""


CONTENT = "playback/playback-content.json"
PERFORMANCE = "upload/upload-performance.json"
# Bars of one second stand below each other, because both are placed by what was watched.
BARS = {"Where it is watched": ("sum_s",), "Where people leave": ("sum_s", "sum_d")}
PANELS = [
    Panel(CONTENT, "Popular videos", "table", popular()),
    *(
        Panel(CONTENT, title, "barchart", {video: _those(heat(video), prefixes)}, video)
        for title, prefixes in BARS.items()
        for video in VIDEOS
    ),
    Panel(PERFORMANCE, "Followed uploads by country", "geomap", countries()),
    Panel(PERFORMANCE, "Countries", "table", countries()),
]


def wrong(shown: Mapping[str, Mapping[str, Any]], truth: Rows) -> list[str]:
    """What a panel shows otherwise; columns of which there is no truth are its own affair."""
    known = {column for row in truth.values() for column in row}
    told = {
        (tag, column): value
        for tag, row in shown.items()
        for column, value in row.items()
        if value and (column in known or column.startswith("sum_"))
    }
    expected = {(tag, column): value for tag, row in truth.items() for column, value in row.items()}
    return [
        f"{tag}, {column}: {told.get((tag, column))}, should be {expected.get((tag, column))}"
        for tag, column in sorted({*told, *expected})
        if abs(told.get((tag, column), 0) - expected.get((tag, column), 0)) > 1e-9
    ]

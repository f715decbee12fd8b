"""What was sent is what the popular list, the heat map and the map ask for: the same figures.

Plays and uploads are decided here, sent to pipelines as pages and servers send them, written to a
real InfluxDB, and read back with the queries that stand in the dashboards. Two instances share the
plays of each video.
"""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from exporter.sinks.influx import line
from tests.dashboards.engines import InfluxDb, influxdb
from tests.pipelines import Piped

FOLDER = Path(__file__).parents[2] / "grafana" / "dashboards"
SINCE = 1_700_000_000 // 3600 * 3600.0  # an hour that is over, begun by a full one
FILLED = {
    "$timeFilter": "time > 0",
    "${device:regex}": ".*",
    "${browser:regex}": ".*",
    "${region:regex}": ".*",
    "${size_class:regex}": ".*",
    "${network:regex}": ".*",
}
LENGTH = 120


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

UPLOADS = {"DE": (4, 1), "IN": (2, 0), "BR": (3, 2)}
"""By country: how many uploads, and how many of them fail."""


INSTANCES = ("one", "two")


def send_plays(piped: Piped, number: int) -> None:
    """Every second play, from the first or from the second on."""
    numbers = count()
    for play in PLAYS[number :: len(INSTANCES)]:
        session = f"17000000000{number}{next(numbers)}-abcdefg"
        view = {
            "video_id": play.video,
            "session_id": session,
            "user_id": play.viewer,
            "video_duration_seconds": LENGTH,
        }
        piped.beacon("/api/analytics/video-view", view)
        for at in range(15, play.seconds + 1, 15):
            piped.wait(15.0)
            told = {
                "session_id": session,
                "current_position_seconds": at,
                "watch_time_seconds": at,
            }
            piped.beacon("/api/analytics/video-progress", told)
        if play.seconds == LENGTH:
            piped.beacon("/api/analytics/video-complete", told)


def send_uploads(piped: Piped) -> None:
    for country, (uploads, failing) in UPLOADS.items():
        for number in range(uploads):
            upload = {"upload_id": f"{country}-{number}"}
            started = {"file_size_bytes": 20_000_000, "country": country}
            piped.tell({"type": "upload.started", **started, **upload})
            piped.wait(5.0)
            if number < failing:
                piped.tell({"type": "upload.failed", "error": "Failed to fetch", **upload})
            else:
                piped.tell({"type": "upload.completed", **upload})


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDb]:
    with influxdb(tmp_path_factory.mktemp("influxdb")) as engine:
        for number, name in enumerate(INSTANCES):
            piped = Piped()
            piped.now = SINCE
            send_plays(piped, number)
            if number == 0:
                send_uploads(piped)
            for _ in range(120):
                piped.wait(60.0)
            engine.write(line(point, stamp, instance=name) for point, stamp in piped.points)
        yield engine


def rows(points: InfluxDb, board: str, title: str, kind: str, **chosen: str) -> dict[str, Any]:
    """What a panel shows: the answers of its queries by the tag that they are grouped by."""
    content = json.loads((FOLDER / board).read_text())
    (panel,) = [p for p in content["panels"] if (p["title"], p["type"]) == (title, kind)]
    found: dict[str, dict[str, Any]] = {}
    for target in panel["targets"]:
        query = target["query"]
        for name, value in {**FILLED, **chosen}.items():
            query = query.replace(name, value)
        for series in points.query(query):
            (tag,) = series["tags"].values()
            (values,) = series["values"]
            found.setdefault(tag, {}).update(zip(series["columns"], values, strict=True))
    return found


def test_the_popular_list_counts_views_viewers_and_how_far_was_watched(points: InfluxDb) -> None:
    shown = rows(points, "playback/playback-content.json", "Popular videos", "table")
    assert set(shown) == {play.video for play in PLAYS}
    for video, row in shown.items():
        plays = [play for play in PLAYS if play.video == video]
        shares = [play.seconds / LENGTH for play in plays]
        assert row["views"] == len(plays)
        assert row["viewers"] == len({play.viewer for play in plays})
        assert row["watched"] == sum(play.seconds for play in plays)
        assert row["mean part seen"] == pytest.approx(sum(shares) / len(shares))
        assert row.get("high", 0) == sum(share > 0.75 for share in shares)
        assert row.get("medium", 0) == sum(0.5 <= share <= 0.75 for share in shares)
        assert row.get("low", 0) == sum(share < 0.5 for share in shares)


@pytest.mark.parametrize("video", sorted({play.video for play in PLAYS}))
def test_the_heat_map_shows_which_seconds_were_watched_and_where_people_left(
    points: InfluxDb, video: str
) -> None:
    ends = [play.seconds for play in PLAYS if play.video == video]
    watched = {at: sum(end > at for end in ends) for at in range(0, max(ends), 10)}
    left = {at: sum(at < end <= at + 10 for end in ends) for at in range(0, max(ends), 10)}
    for title, prefix, truth in (
        ("Where it is watched", "sum_s", watched),
        ("Where people leave", "sum_d", {at: ended for at, ended in left.items() if ended}),
    ):
        board = "playback/playback-content.json"
        shown = rows(points, board, title, "barchart", **{"${video:regex}": video})
        assert set(shown) == {video}
        assert bars(shown[video], prefix) == truth, title
        # Bars of one second stand below each other, because both are placed by what was watched.
        assert bars(shown[video], "sum_s") == watched, title


def bars(row: dict[str, Any], prefix: str) -> dict[int, float]:
    return {
        int(name.removeprefix(prefix)): value
        for name, value in row.items()
        if name.startswith(prefix) and value is not None
    }


@pytest.mark.parametrize(
    ("title", "kind"), [("Followed uploads by country", "geomap"), ("Countries", "table")]
)
def test_the_map_and_its_table_count_uploads_and_failures_of_each_country(
    points: InfluxDb, title: str, kind: str
) -> None:
    shown = rows(points, "upload/upload-performance.json", title, kind)
    counted = {
        country: (row["uploads"], row.get("failed", 0))
        for country, row in shown.items()
        if "uploads" in row
    }
    assert counted == UPLOADS

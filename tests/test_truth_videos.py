"""What the dashboard of content says of each video equals the truth.

A real exporter is told of plays of which every second is known: repeated, shuffled, cut off, over
three hours of its clock, which is put forward instead of waiting. It writes into a real InfluxDB,
which is asked with the very queries of the dashboard. The truth imports nothing of the exporter.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.apps import Running, running
from tests.dashboards.choices import filled
from tests.durability.processes import InfluxDb, until
from tests.sinks.server import Sink
from tests.truth.sending import Courier
from tests.truth.videos import UNKNOWN, Plays, Truth, Video

FOLDER = Path(__file__).parents[1] / "grafana" / "dashboards"
BOARD = json.loads((FOLDER / "playback" / "playback-content.json").read_text())
PANELS = {panel["title"]: panel for panel in BOARD["panels"]}
POPULAR = "Popular videos"
HEAT_PREFIXES = {
    "Where it is watched": "s",
    "What is watched again": "r",
    "Where people leave": "d",
}
HEAT = {
    "Where it is watched": "shown",
    "What is watched again": "again",
    "Where people leave": "left",
}
SETTLE = 60.0
LIMIT_OF_VIEWERS = 0.02
WRONG_AT_A_JUMP = 3
"""Segments that a jump between two beacons may put wrong (docs/adr/0016)."""

Row = dict[str, Any]


@dataclass
class Said:
    """What the database answers."""

    popular: list[Row]
    """The rows of the table, in the order of its panel."""
    heat: dict[str, dict[str, Counter[int]]]
    """By panel and video: how much each bar is, by the second at which its segment begins."""
    minutes: dict[str, Row]
    """The sums of what was told of each minute."""
    accepted: int
    repeats: int


@pytest.fixture(scope="module")
def truth() -> Truth:
    plays = Plays(31)
    for _ in range(3):
        plays.hour(150)
        plays.jumpy(10)
    plays.twins()
    return plays.truth


@pytest.fixture(scope="module")
def said(truth: Truth, tmp_path_factory: pytest.TempPathFactory) -> Said:
    return asyncio.run(_say(truth, tmp_path_factory.mktemp("videos")))


async def _say(truth: Truth, folder: Path) -> Said:
    async with (
        InfluxDb(folder / "influxdb") as database,
        # Debian's InfluxDB takes lines elsewhere than newer ones do.
        Sink(f"{database.url}/write?db=video").serving() as sink,
    ):
        parts = {
            "receiver": {"proxies": "127.0.0.0/8"},
            # Longer than a slow machine needs for one play.
            "sessions": {"settle_seconds": SETTLE},
            "influx": {"url": sink.url, "every_seconds": 0.2},
        }
        async with running(folder / "exporter", **parts) as exporter:
            # A heat map has the time of its hour.
            began = exporter.engine.clock.now() // 3600 * 3600
            accepted = repeats = 0
            for number, stories in enumerate(truth.stories):
                courier = Courier(exporter.public, seed=number)
                await courier.send([story.steps for story in stories])
                accepted += courier.facts.accepted.total()
                repeats += courier.repeats
                await _let_time_pass(exporter, SETTLE + 5, SETTLE + 5, 600, 1800, 600, 480)
            await _let_time_pass(exporter, 3600)
            await until(lambda: _delivered(exporter))
            span = (began, exporter.engine.clock.now())
            return Said(
                popular=await _table(database, span),
                heat={
                    title: {name: await _bars(database, span, title, name) for name in truth.videos}
                    for title in HEAT
                },
                minutes={
                    row["video"]: row
                    for row in await database.query(
                        "SELECT sum(views) AS views, sum(completions) AS completions,"
                        " sum(watched_seconds) AS watched FROM video_minute"
                        " WHERE preview = 'no' GROUP BY video"
                    )
                },
                accepted=accepted,
                repeats=repeats,
            )


async def _let_time_pass(exporter: Running, *spans: float) -> None:
    """Put the clock of the exporter forward, and let it notice after each of the spans."""
    for seconds in spans:
        clock = exporter.engine.clock
        clock.not_before(clock.now() + seconds)
        exporter.engine.tick()
        await exporter.counted()


async def _delivered(exporter: Running) -> bool:
    engine = exporter.engine
    await engine.checkpoint()
    return not engine.pipeline.points and engine.backlog.points == 0


def _asked(title: str, span: tuple[float, float], video: str = "") -> Iterator[str]:
    """The queries of a panel, with what Grafana fills in."""
    began, ended = (round(at * 1000) for at in span)
    for target in PANELS[title]["targets"]:
        escaped = re.sub(r"([\\^$*+?.()|[\]{}/])", r"\\\1", video)
        query = filled(target["query"], BOARD, video=escaped)
        yield query.replace("$timeFilter", f"time >= {began}ms and time <= {ended}ms")


async def _table(database: InfluxDb, span: tuple[float, float]) -> list[Row]:
    """The answers of all queries in one table, in its order."""
    rows: dict[str, Row] = {}
    for query in _asked(POPULAR, span):
        for row in await database.query(query):
            rows.setdefault(row["video"], {}).update(row)
    found = list(rows.values())
    for key in reversed(PANELS[POPULAR]["options"]["sortBy"]):
        found.sort(key=lambda row: row.get(key["displayName"], 0), reverse=key["desc"])
    return found


async def _bars(
    database: InfluxDb, span: tuple[float, float], title: str, video: str
) -> Counter[int]:
    (query,) = _asked(title, span, video)
    rows = await database.query(query)
    # What the bars stand on, the seconds that are watched at all, is asked as well.
    prefix = HEAT_PREFIXES[title]
    assert len(rows) <= 1, f"{title} of {video} mixes {rows}"
    return Counter(
        {
            int(bar[1]): int(value)
            for row in rows
            for field, value in row.items()
            if (bar := re.fullmatch(rf"sum_{prefix}(\d+)", field)) and value is not None
        }
    )


def _wrong(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    return [
        f"{name}: {found.get(name)}, should be {expected.get(name)}"
        for name in sorted({*found, *expected})
        if found.get(name) != expected.get(name)
    ]


def _column(said: Said, name: str) -> dict[str, Any]:
    return {row["video"]: row[name] for row in said.popular if row.get(name) is not None}


def _of_videos(truth: Truth, what: Any) -> dict[str, Any]:
    return {name: what(video) for name, video in truth.videos.items() if what(video)}


def test_there_is_enough_to_get_wrong(truth: Truth, said: Said) -> None:
    assert said.accepted == truth.beacons > 5000
    assert said.repeats > 100
    viewers = set().union(*(video.viewers for video in truth.videos.values()))
    assert len(viewers) > 200
    assert sum(video.views for video in truth.previews.values()) > 30
    assert sum(video.again.total() for video in truth.videos.values()) > 100
    assert max(truth.videos["lecture"].shown) > 5000


def test_views_equal_the_truth(truth: Truth, said: Said) -> None:
    assert not _wrong(_column(said, "views"), _of_videos(truth, lambda video: video.views))


def test_unique_viewers_equal_the_truth(truth: Truth, said: Said) -> None:
    found = _column(said, "viewers")
    expected = _of_videos(truth, lambda video: len(video.viewers))
    assert max(expected.values()) > 60
    assert found.keys() == expected.keys()
    for name, viewers in expected.items():
        assert found[name] == pytest.approx(viewers, rel=LIMIT_OF_VIEWERS), name


def test_watch_time_equals_the_truth(truth: Truth, said: Said) -> None:
    expected = _of_videos(truth, lambda video: video.watched)
    assert _column(said, "watched") == pytest.approx(expected)


def test_the_completion_rate_equals_the_truth(truth: Truth, said: Said) -> None:
    expected = {
        name: sum(video.ratios) / len(video.ratios)
        for name, video in truth.videos.items()
        if video.ratios
    }
    assert _column(said, "mean part seen") == pytest.approx(expected)


@pytest.mark.parametrize("bucket", ["high", "medium", "low"])
def test_the_buckets_of_completion_equal_the_truth(truth: Truth, said: Said, bucket: str) -> None:
    expected = _of_videos(truth, lambda video: video.buckets[bucket])
    assert len(expected) > 5
    assert not _wrong(_column(said, bucket), expected)


def test_popular_is_what_has_most_views_and_then_most_viewers(truth: Truth, said: Said) -> None:
    def fame(name: str) -> tuple[int, int]:
        return truth.videos[name].views, len(truth.videos[name].viewers)

    found = [row["video"] for row in said.popular]
    assert [fame(name) for name in found] == sorted(map(fame, truth.videos), reverse=True)
    assert found.index("twin-b") + 1 == found.index("twin-a")


@pytest.mark.parametrize("title", HEAT)
def test_the_heat_map_equals_the_truth(truth: Truth, said: Said, title: str) -> None:
    for name, video in truth.videos.items():
        if not truth.jumps[name]:
            found, expected = said.heat[title][name], +_bars_of(video, title)
            wrong = {s for s in {*found, *expected} if found[s] != expected[s]}
            assert not wrong, f"{name}: {[(s, found[s], expected[s]) for s in sorted(wrong)]}"


def test_jumps_of_which_nobody_tells_put_few_segments_wrong(truth: Truth, said: Said) -> None:
    for name, jumps in truth.jumps.items():
        found = said.heat["Where it is watched"][name]
        expected = truth.videos[name].shown
        wrong = sum(abs(found[s] - expected[s]) for s in {*found, *expected})
        assert 0 < wrong <= WRONG_AT_A_JUMP * jumps, name
        assert found.total() == pytest.approx(expected.total(), rel=0.1), name


def _bars_of(video: Video, title: str) -> Counter[int]:
    bars: Counter[int] = getattr(video, HEAT[title])
    return bars


def test_minutes_add_up_to_the_same(truth: Truth, said: Said) -> None:
    known = {name: video for name, video in truth.videos.items() if name != UNKNOWN}
    assert said.minutes.keys() == known.keys()
    for name, video in known.items():
        row = said.minutes[name]
        assert (row["views"], row["completions"]) == (video.views, video.completed), name
        assert row["watched"] == pytest.approx(video.watched), name

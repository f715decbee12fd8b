"""What players measure is what the panels about CDN, network and player show: the same figures.

Players of CMCD report to a pipeline; its points go into a real InfluxDB, and come back by the
queries that stand in the dashboard.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import pytest

from exporter.sinks.influx import line
from tests.dashboards.choices import filled
from tests.dashboards.engines import InfluxDb, influxdb
from tests.pipelines import Piped

BOARD = Path(__file__).parents[2] / "grafana" / "dashboards" / "playback" / "playback-overview.json"
STALL = 2
WATCHED = 60  # startup and stalls are in it (docs/playback-ratios.md)


class Play(NamedTuple):
    """A minute with a stall of two seconds, and what its player has measured."""

    player: str
    cdn: str
    country: str
    kbps: int
    ttfb: int
    buffer: int


PLAYS = (
    Play("hls.js", "fastly", "DE", 9000, 40, 20_000),
    Play("hls.js", "fastly", "DE", 7000, 50, 24_000),
    Play("native", "fastly", "DE", 8000, 90, 3_000),
    Play("hls.js", "akamai", "DE", 4000, 200, 18_000),
    Play("native", "akamai", "IN", 900, 300, 1_000),
    Play("native", "akamai", "IN", 700, 700, 2_000),
    Play("hls.js", "akamai", "IN", 800, 400, 9_000),
)
REGIONS = {"DE": "europe", "IN": "asia"}


def watched(piped: Piped, number: int, play: Play) -> None:
    """One report after the other; the second one of a response."""
    told = (
        (0, "e=ps,sta=s"),
        (1, f"e=rr,sta=p,mtp=({play.kbps}),ttfb={play.ttfb},bl=({play.buffer})"),
        (0, "e=ps,sta=p"),
        (20, "e=ps,sta=r"),
        (STALL, "e=ps,sta=p"),
        (37, "e=ps,sta=e"),
    )
    for sequence, (after, said) in enumerate(told):
        if after:
            piped.wait(after)
        about = f'sid="play-{number}",cid="harbour",cdn="{play.cdn}",sn={sequence}'
        text = f"{said},{about},ts={round(piped.now * 1000)},v=2"
        piped.beacon(f"/cmcd/{play.player}", text.encode(), country=play.country)


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDb]:
    piped = Piped()
    for number, play in enumerate(PLAYS):
        watched(piped, number, play)
    piped.tell({"type": "playback.requested", "play_id": "who-measures-nothing"})
    piped.outlast()
    with influxdb(tmp_path_factory.mktemp("influxdb")) as engine:
        engine.write(line(point, stamp) for point, stamp in piped.points)
        yield engine


def shown(points: InfluxDb, title: str, **chosen: str) -> dict[tuple[str, ...], dict[str, Any]]:
    """The values of a panel by the tags that they are grouped by."""
    board = json.loads(BOARD.read_text())
    (panel,) = [each for each in board["panels"] if each["title"] == title]
    (target,) = panel["targets"]
    query = filled(target["query"], board, **chosen)
    query = query.replace("$timeFilter", "time > 0").replace("$__interval", "9000d")
    return {
        tuple(series["tags"].values()): dict(zip(series["columns"], *series["values"], strict=True))
        for series in points.query(query)
    }


def groups(*keys: str) -> dict[tuple[str, ...], list[Play]]:
    """The plays by what they have in common."""
    found: dict[tuple[str, ...], list[Play]] = {}
    for play in PLAYS:
        said = play._asdict() | {"region": REGIONS[play.country]}
        found.setdefault(tuple(said[key] for key in keys), []).append(play)
    return found


def test_the_table_tells_what_came_from_each_cdn_to_each_region(points: InfluxDb) -> None:
    rows = shown(points, "Delivery by CDN and region")
    truth = groups("cdn", "region")

    assert set(rows) == set(truth)
    for key, plays in truth.items():
        row = rows[key]
        assert row["plays"] == len(plays)
        assert row["stalled"] == pytest.approx(STALL * len(plays))
        assert row["watched"] == pytest.approx(WATCHED * len(plays))
        assert row["throughput"] == pytest.approx(1000 * median(each.kbps for each in plays))
        assert row["p95 first byte"] == pytest.approx(max(each.ttfb for each in plays) / 1000)
        assert row["buffer"] == pytest.approx(median(each.buffer for each in plays) / 1000)


@pytest.mark.parametrize("by", ["cdn", "region"])
def test_throughput_is_that_of_the_median_play(points: InfluxDb, by: str) -> None:
    name = {"cdn": "CDN"}.get(by, by)
    found = shown(points, f"Throughput by {name}, median")

    assert {key: row["median"] for key, row in found.items()} == {
        key: pytest.approx(1000 * median(each.kbps for each in plays))
        for key, plays in groups(by).items()
    }


def test_the_first_byte_is_that_of_the_slowest_and_the_buffer_that_of_the_median_play(
    points: InfluxDb,
) -> None:
    first = shown(points, "Time to the first byte by CDN, p95")
    ahead = shown(points, "Buffer by player, median")

    assert {key: row["percentile"] for key, row in first.items()} == {
        key: pytest.approx(max(each.ttfb for each in plays) / 1000)
        for key, plays in groups("cdn").items()
    }
    assert {key: row["median"] for key, row in ahead.items()} == {
        key: pytest.approx(median(each.buffer for each in plays) / 1000)
        for key, plays in groups("player").items()
    }


def test_what_is_chosen_is_what_is_shown(points: InfluxDb) -> None:
    found = shown(points, "Throughput by region, median", cdn="fastly", player="native")

    assert {key: row["median"] for key, row in found.items()} == {("europe",): 8_000_000}

"""What was sent is what the popular list, the heat map and the map ask for: the same figures.

Plays and uploads are decided here, sent to pipelines as pages and servers send them, written to a
real InfluxDB, and read back with the queries that stand in the dashboards. Two instances share the
plays of each video.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.sinks.influx import line
from tests.dashboards.choices import filled
from tests.dashboards.engines import InfluxDb, influxdb
from tests.dashboards.truth import PANELS, SENDERS, Panel, send_plays, send_uploads, wrong
from tests.pipelines import Piped

FOLDER = Path(__file__).parents[2] / "grafana" / "dashboards"
SINCE = 1_700_000_000 // 3600 * 3600.0  # an hour that is over, begun by a full one


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDb]:
    with influxdb(tmp_path_factory.mktemp("influxdb")) as engine:
        for number in range(SENDERS):
            piped = Piped()
            piped.now = SINCE
            send_plays(piped, number)
            if number == 0:
                send_uploads(piped)
            for _ in range(120):
                piped.wait(60.0)
            name = f"instance-{number}"
            engine.write(line(point, stamp, instance=name) for point, stamp in piped.points)
        yield engine


def rows(points: InfluxDb, panel: Panel) -> dict[str, Any]:
    """What a panel shows: the answers of its queries by the tag that they are grouped by."""
    content = json.loads((FOLDER / panel.board).read_text())
    named = panel.title, panel.kind
    (built,) = [each for each in content["panels"] if (each["title"], each["type"]) == named]
    found: dict[str, dict[str, Any]] = {}
    for target in built["targets"]:
        query = filled(target["query"], content, video=panel.video)
        for series in points.query(query.replace("$timeFilter", "time > 0")):
            (tag,) = series["tags"].values()
            (values,) = series["values"]
            found.setdefault(tag, {}).update(zip(series["columns"], values, strict=True))
    return found


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: f"{panel.title} {panel.video}")
def test_a_panel_shows_what_was_sent(points: InfluxDb, panel: Panel) -> None:
    assert wrong(rows(points, panel), panel.rows) == []

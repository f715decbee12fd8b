"""What InfluxDB adds to a report, from a real one."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from exporter.reports.formats.json import raw
from exporter.reports.influx import MOST_ROWS, details
from exporter.reports.questions import Period
from exporter.reports.report import Table
from exporter.settings import Influx
from tests.dashboards.engines import InfluxDb, influxdb
from tests.programs import free_port
from tests.reports.block import END, LAST

PERIOD = Period(END, 1)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDb]:
    with influxdb(tmp_path_factory.mktemp("influxdb")) as found:
        found.write(_lines())
        yield found


def _lines() -> Iterator[str]:
    def upload(tags: str, seconds: float, before: float) -> str:
        at = int(LAST - before) * 1_000_000_000
        fields = f"duration_seconds={seconds},throughput_bytes_per_second=250000.0"
        return f"upload,{tags} {fields} {at}"

    for number in range(20):
        yield upload("outcome=completed,country=DE", 1.0 + number, 60 + number)
    for number in range(10):
        yield upload("outcome=completed,country=FR", 5.0, 60 + number)
    yield upload("outcome=completed", 7.0, 60)
    yield upload("outcome=failed,country=IT", 7.0, 60)
    yield upload("outcome=completed,country=IT", 7.0, 86_401)  # the day before
    yield upload("outcome=completed,country=IT", 7.0, -1)  # after the end
    for number in range(MOST_ROWS + 5):
        at = int(LAST - 100 - number) * 1_000_000_000
        tags = f"error_type=javascript,fingerprint=f{number},new=no,page=home"
        for half in (0, 1):
            seen = f"first_seen={LAST - 5000}000.0,last_seen={LAST - 100 + half}000.0"
            fields = f'sample="Error {number} <b>",count={number + 1}.0,{seen}'
            yield f"web_error,{tags} {fields} {at + half}"
    for number in range(MOST_ROWS + 5):
        for minute in (1, 2):
            at = int(LAST - 60 * minute) * 1_000_000_000
            yield (
                f"video_minute,preview=no,video=v{number} views={number}.0,watched_seconds=30.0,"
                f"completions=1.0,ended={minute}.0 {at}"
            )
    at = int(LAST - 60) * 1_000_000_000
    yield f"video_minute,preview=yes,video=trailer views=1000.0,ended=0.0,completions=0.0 {at}"


def ask(url: str, **knobs: Any) -> dict[str, Table | str]:
    async def asked() -> dict[str, Table | str]:
        async with aiohttp.ClientSession() as http:
            return dict(await details(http, Influx(url=url, **knobs), PERIOD))

    return asyncio.run(asked())


def rows(found: Table | str) -> list[dict[str, Any]]:
    assert isinstance(found, Table), found
    ids = [column.id for column in found.columns]
    return [dict(zip(ids, map(raw, row), strict=True)) for row in found.rows]


def test_completed_uploads_of_the_period_by_country_the_most_first(engine: InfluxDb) -> None:
    assert rows(ask(engine.url)["countries"]) == [
        {"country": "DE", "count": 20, "p95": 19.0, "speed": 2e6},
        {"country": "FR", "count": 10, "p95": 5.0, "speed": 2e6},
        {"country": "unknown", "count": 1, "p95": 7.0, "speed": 2e6},
    ]


def test_errors_of_pages_are_added_up_by_fingerprint_the_most_first(engine: InfluxDb) -> None:
    found = rows(ask(engine.url)["samples"])
    most = MOST_ROWS + 5

    assert found[0] == {
        "fingerprint": f"f{most - 1}",
        "error_type": "javascript",
        "count": 2 * most,
        "first_seen": (END - timedelta(seconds=5000)).isoformat(),
        "last_seen": (END - timedelta(seconds=99)).isoformat(),
        "sample": f"Error {most - 1} <b>",
    }
    assert [each["count"] for each in found] == [2 * (most - n) for n in range(MOST_ROWS)]


def test_popular_videos_are_those_with_most_views_and_no_previews(engine: InfluxDb) -> None:
    found = rows(ask(engine.url)["videos"])
    most = MOST_ROWS + 4

    assert found[0] == {
        "video": f"v{most}",
        "views": 2 * most,
        "watched_seconds": 60.0,
        "completion_ratio": pytest.approx(2 / 3),
    }
    assert [each["video"] for each in found] == [f"v{most - n}" for n in range(MOST_ROWS)]


def test_without_an_address_nothing_is_asked() -> None:
    assert ask("") == {}


def test_an_influxdb_that_is_away_is_a_sentence_in_the_report_and_no_failure() -> None:
    found = ask(f"http://name:c4n4ry@127.0.0.1:{free_port()}", token="c4n4ry")  # noqa: S106

    assert set(found) == {"countries", "samples", "videos"}
    for said in found.values():
        assert isinstance(said, str)
        assert "did not answer: Client" in said
        assert "c4n4ry" not in said


def test_what_influxdb_refuses_is_said_in_its_words(engine: InfluxDb) -> None:
    found = ask(engine.url, bucket="nowhere")

    assert "database not found: nowhere" in str(found["countries"])


async def test_the_token_is_sent() -> None:
    tokens = []

    async def answer(request: web.Request) -> web.Response:
        tokens.append(request.headers.get("Authorization"))
        return web.json_response({"code": "unauthorized", "message": "no"}, status=401)

    app = web.Application()
    app.router.add_get("/query", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port := free_port()).start()
        async with aiohttp.ClientSession() as http:
            url = f"http://127.0.0.1:{port}"
            found = await details(http, Influx(url=url, token="secret"), PERIOD)  # noqa: S106
    finally:
        await runner.cleanup()

    assert tokens == ["Token secret"] * 3
    assert str(found["samples"]).endswith("did not answer: status 401.")

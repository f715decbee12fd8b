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
from tests.dashboards.engines import InfluxDb, free_port, influxdb
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
        yield (
            f'error_sample,domain=web,error_type=javascript message="Error {number} <b>",'
            f"count={number}.0 {at}"
        )


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


def test_the_newest_samples_with_whatever_fields_they_have(engine: InfluxDb) -> None:
    found = rows(ask(engine.url)["samples"])

    assert len(found) == MOST_ROWS
    assert found[0] == {
        "time": (END - timedelta(seconds=100)).isoformat(),
        "count": 0.0,
        "domain": "web",
        "error_type": "javascript",
        "message": "Error 0 <b>",
    }
    assert [each["message"] for each in found] == [f"Error {n} <b>" for n in range(MOST_ROWS)]


def test_without_an_address_nothing_is_asked() -> None:
    assert ask("") == {}


def test_an_influxdb_that_is_away_is_a_sentence_in_the_report_and_no_failure() -> None:
    found = ask(f"http://name:c4n4ry@127.0.0.1:{free_port()}", token="c4n4ry")  # noqa: S106

    assert set(found) == {"countries", "samples"}
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

    assert tokens == ["Token secret"] * 2
    assert str(found["samples"]).endswith("did not answer: status 401.")

"""From the exporter to real engines: nothing is lost while they are away, nothing is there twice.

Points come at least a millisecond apart, because that is what VictoriaMetrics can tell apart.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from tests.durability.processes import Exporter, InfluxDb, VictoriaMetrics, until
from tests.sinks.server import Fault, Sink, always, hang, refuse

SETTINGS = {
    "INFLUX__EVERY_SECONDS": 0.1,
    "INFLUX__TIMEOUT_SECONDS": 0.4,
    "JOURNAL__CHECKPOINT_SECONDS": 0.1,
    "SESSIONS__SETTLE_SECONDS": 0,
}


@pytest.fixture
async def exporter(tmp_path: Path) -> AsyncIterator[Exporter]:
    """An exporter that is not yet started, because its sink has no address yet."""
    instance = Exporter(tmp_path / "exporter", SETTINGS)
    yield instance
    await instance.__aexit__()


async def report(exporter: Exporter, numbers: range) -> None:
    """One point for each number, which is its time to the first byte in seconds."""
    async with aiohttp.ClientSession() as http:
        for number in numbers:
            await asyncio.sleep(0.002)
            body = {"ttfb": number * 1000.0, "success": True}
            async with http.post(
                f"{exporter.url}/api/analytics/upload-performance", json=body
            ) as answer:
                assert answer.status == 202


async def waiting(exporter: Exporter) -> float:
    return await exporter.value("exporter_outbox_points", sink="influx")


async def errors(exporter: Exporter, kind: str) -> float:
    return await exporter.value("exporter_sink_errors_total", sink="influx", kind=kind)


def told(lines: list[str]) -> list[int]:
    """The numbers of reports, out of lines."""
    return [int(float(line.partition("ttfb_seconds=")[2].split(" ")[0])) for line in lines]


async def stored(victoria: VictoriaMetrics) -> list[int]:
    """The numbers that VictoriaMetrics has, each as often as it has it."""
    series = await victoria.export("upload_report_ttfb_seconds")
    return sorted(int(value) for each in series for value in each["values"])


async def has_stored(victoria: VictoriaMetrics, number: int) -> bool:
    """Whether it has so many points; new series are found a moment after they were taken."""
    return len(await stored(victoria)) >= number


async def test_points_wait_while_victoria_metrics_is_away_and_are_filled_in(
    exporter: Exporter, tmp_path: Path
) -> None:
    async with VictoriaMetrics(tmp_path / "victoria") as victoria:
        exporter.configure({"INFLUX__URL": victoria.url})
        await exporter.start()
        await report(exporter, range(100))
        await exporter.delivered()
        await until(lambda: has_stored(victoria, 100))
        # Not killed: it acknowledges what it has not yet written down, which is not ours to mend.
        await victoria.stop()
        await report(exporter, range(100, 200))
        await until(lambda: tried(exporter, "unreachable"))
        # The last points reach the outbox with the next checkpoint.
        await until(lambda: has_waiting(exporter, 100))
        assert await exporter.value("exporter_sink_lag_seconds", sink="influx") > 0
        status, health = await exporter.health("ready")
        assert (status, health["status"]) == (200, "degraded")
        assert health["checks"]["influx"] == "unreachable"
        await exporter.kill()
        await exporter.start()
        await report(exporter, range(200, 250))
        await victoria.start()
        await exporter.delivered()
        await until(lambda: has_stored(victoria, 250))
        assert await stored(victoria) == list(range(250))
        assert (await exporter.health("ready"))[1]["status"] == "ready"


async def tried(exporter: Exporter, kind: str) -> bool:
    return await errors(exporter, kind) >= 2


async def test_points_wait_for_an_address(exporter: Exporter) -> None:
    await exporter.start()
    await report(exporter, range(20))
    await until(lambda: has_waiting(exporter, 20))
    assert await exporter.value("exporter_sink_configured", sink="influx") == 0
    assert (await exporter.health("ready"))[1]["status"] == "ready"
    assert await exporter.stop() == 0
    async with Sink().serving() as sink:
        exporter.configure({"INFLUX__URL": sink.url})
        await exporter.start()
        await exporter.delivered()
        assert told(sink.taken) == list(range(20))


async def has_waiting(exporter: Exporter, points: int) -> bool:
    return await waiting(exporter) == points


FAULTS: tuple[tuple[Fault, str], ...] = (
    (always(500, "broken"), "busy"),
    (always(429, "slowly"), "busy"),
    (always(404, "no such bucket"), "unreachable"),
    (hang(60), "unreachable"),
)


async def test_points_wait_until_the_sink_is_better(exporter: Exporter) -> None:
    async with Sink().serving() as sink:
        exporter.configure({"INFLUX__URL": sink.url})
        await exporter.start()
        healthy = sink.fault
        for place, (fault, kind) in enumerate(FAULTS):
            sink.fault = fault
            await outlast(exporter, kind, range(10 * place, 10 * place + 10))
            sink.fault = healthy
            await exporter.delivered()
            assert told(sink.taken) == list(range(10 * place + 10))


async def outlast(exporter: Exporter, kind: str, numbers: range) -> None:
    """Report while the sink is ill: it is asked again and again, and everything waits."""
    before = await errors(exporter, kind)

    async def asked_again() -> bool:
        return await errors(exporter, kind) >= before + 2

    await report(exporter, numbers)
    await until(asked_again)
    await until(lambda: has_waiting(exporter, len(numbers)))
    status, health = await exporter.health("ready")
    assert (status, health["checks"]["influx"]) == (200, kind)


async def test_one_refused_point_is_set_aside_and_the_others_arrive(exporter: Exporter) -> None:
    async with Sink().serving() as sink:
        sink.fault = always(503)
        exporter.configure({"INFLUX__URL": sink.url})
        await exporter.start()
        await report(exporter, range(50))
        await until(lambda: has_waiting(exporter, 50))
        sink.fault = refuse(lambda line: told([line]) == [17])
        await exporter.delivered()
        assert told(sink.taken) == [number for number in range(50) if number != 17]
        assert await exporter.value("exporter_sink_refused_points_total", sink="influx") == 1
        assert await exporter.value("exporter_sink_points_total", sink="influx") == 49
        assert await errors(exporter, "refused") == 1
        await exporter.stop()
    with closing(sqlite3.connect(exporter.directory / "state.db")) as db:
        ((reason, line),) = db.execute("SELECT reason, line FROM set_aside").fetchall()
    assert told([line]) == [17]
    assert "partial write" in reason


async def test_influxdb_has_one_row_for_each_upload_whatever_happens_on_the_way(
    exporter: Exporter, tmp_path: Path
) -> None:
    async with (
        InfluxDb(tmp_path / "influxdb") as influxdb,
        Sink(f"{influxdb.url}/write?db=video").serving() as sink,
        aiohttp.ClientSession() as http,
    ):
        answers = iter([True, False] * 1000)
        sink.lose_answer = lambda: next(answers)
        exporter.configure({"INFLUX__URL": sink.url})
        await exporter.start()
        for number in range(30):
            upload = f"u{number}"
            events = [
                {"type": f"upload.{w}", "upload_id": upload} for w in ("started", "completed")
            ]
            async with http.post(f"{exporter.url}/v1/events", json={"events": events}) as answer:
                assert answer.status == 202
        await until(lambda: rows(influxdb, 30))
        for number in range(10):
            feedback = {"type": "feedback", "data": {"rating": 1 + number % 5}}
            async with http.post(
                f"{exporter.url}/api/analytics/upload-experience",
                json={"uploadId": f"u{number}", "interactions": [feedback]},
            ) as answer:
                assert answer.status == 202
        await exporter.delivered()
        found = await influxdb.query("SELECT upload_id, outcome, rating FROM upload")
        assert {(row["upload_id"], row["outcome"], row["rating"]) for row in found} == {
            (f"u{number}", "completed", 1 + number % 5 if number < 10 else None)
            for number in range(30)
        }
        assert len(found) == 30
        assert len(sink.taken) > 40


async def rows(influxdb: InfluxDb, number: int) -> bool:
    return len(await influxdb.query("SELECT upload_id FROM upload")) == number

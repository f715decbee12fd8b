"""Reports by the clock: filed, told to a real Alertmanager, tried again, and never twice."""

import asyncio
import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from apscheduler.triggers.cron import CronTrigger

from exporter import telemetry
from exporter.clock import Clock
from exporter.jobs import RETRY_MINUTES, Hour, Job, Jobs
from exporter.reports.bulletin import bulletin
from exporter.reports.formats import FORMATS
from exporter.reports.kinds import KINDS
from exporter.reports.prometheus import AwayError
from exporter.reports.reporting import FILED, Reporting
from exporter.settings import Influx, Reports
from exporter.store import Store
from exporter.telemetry import ByJob, JobName
from tests.alertmanager.engine import Alertmanager, alertmanager, faster
from tests.alertmanager.sinks import sinks
from tests.apps import Running, Start
from tests.dashboards.engines import Prometheus
from tests.pipelines import CATALOGUE
from tests.programs import free_port
from tests.reports import block
from tests.reports.block import END, LAST, ZONE

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with block.prometheus(tmp_path_factory.mktemp("prometheus")) as found:
        yield found


class Now:
    """A clock that a test moves."""

    def __init__(self, at: float) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


def reports(engine: Prometheus, **knobs: object) -> Reports:
    return Reports(
        **{"prometheus_url": engine.url, "zone": ZONE.key, "alertmanager_url": "", **knobs}
    )


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# -- What is told ----------------------------------------------------------------------------------


async def told(manager: Alertmanager) -> dict[str, dict[str, str]]:
    """The alerts that Alertmanager has, by name: labels and annotations in one."""
    return {
        each["labels"]["alertname"]: {**each["labels"], **each["annotations"]}
        for each in await manager.alerts()
    }


async def test_a_report_arrives_with_its_errors_and_its_devices(
    engine: Prometheus, tmp_path: Path
) -> None:
    """The block is of the past, so the end of the alert is too; what is told is looked at here."""
    knobs = reports(engine)
    reporting = Reporting(knobs, Influx(), Now(LAST))
    async with reporting._client() as http:
        facts = await reporting._facts(http, KINDS["daily"], END)
    alert = bulletin(KINDS["daily"], facts, KINDS["daily"].write(facts))

    assert alert.labels == {
        "alertname": "DailyReport", "severity": "info", "domain": "platform", "day": "2026-03-30",
    }  # fmt: skip
    assert alert.begin == END
    assert alert.end == END + timedelta(days=1, minutes=5)
    assert alert.annotations["summary"] == (
        "Daily report: Performance score 80.0 (target 85.0, before 90.0). 3 of 4 KPIs meet their"
        " target; 1 without data. Alerts fired 4 times (2 critical, 1 high, 1 medium); 1 still"
        " firing."
    )
    assert alert.annotations["description"].splitlines() == [
        "Top errors: upload timeout 120, upload network 60, upload quota 12 (new).",
        "Devices, upload: mobile 67%, desktop 33%.",
        "Upload success is 93.0 %, target 98.0 %: device mobile contributes most, with 85.0 % there"
        " and 96.6 % elsewhere, over 33.2 % of the events; as good as elsewhere, the whole would be"
        " about 96.9 %.",
    ]
    assert alert.annotations["runbook_url"] == "/docs/reports.md#daily"
    assert {"## Daily", "## Weekly"} <= set((ROOT / "docs" / "reports.md").read_text().splitlines())
    uid = alert.annotations["dashboard_url"].removeprefix("/d/")
    assert list(ROOT.glob(f"grafana/dashboards/*/{uid}.json"))


async def test_it_is_filed_and_told_once_a_day_through_the_real_alertmanager(
    engine: Prometheus, tmp_path: Path
) -> None:
    today = datetime.now(ZONE).replace(minute=10)
    now = Now(today.timestamp())
    directory = tmp_path / "filed" / "reports"
    async with (
        sinks() as heard,
        alertmanager(faster(heard, tmp_path, "weekly-trend"), tmp_path) as manager,
    ):
        knobs = reports(engine, alertmanager_url=manager.url, directory=directory, hour=today.hour)
        reporting = Reporting(knobs, Influx(), now)
        await reporting.publish("daily")
        first = await told(manager)
        names = listed(directory)
        (directory / names[0]).unlink()
        now.at += 600
        await reporting.publish("daily")
        again = listed(directory)
        # After a restart it is made again; Alertmanager knows it.
        await Reporting(knobs, Influx(), now).publish("daily")
        await asyncio.sleep(2)
        second = await told(manager)

    assert names == [f"daily-{today:%Y-%m-%d}.{kept}" for kept in sorted(FILED)]
    assert again == names[1:], "what is done for the day is not done again"
    assert first["DailyReport"]["day"] == f"{today:%Y-%m-%d}"
    assert first == second
    messages = [each for each in heard.deliveries if each.channel == "webhook"]
    assert len(messages) == 1
    assert (
        messages[0].body["alerts"][0]["annotations"]["description"].startswith("Top errors: none.")
    )
    assert {each.channel for each in heard.deliveries} == {"slack", "webhook"}


async def test_what_is_filed_is_the_report_of_the_full_hour(
    engine: Prometheus, tmp_path: Path
) -> None:
    reporting = Reporting(reports(engine, directory=tmp_path), Influx(), Now(LAST + 1234.5))
    await reporting.publish("weekly")
    report = await reporting.report("weekly", END)

    for kept in FILED:
        assert (tmp_path / f"weekly-2026-03-30.{kept}").read_bytes() == FORMATS[kept](report)
    assert len(listed(tmp_path)) == len(FILED), "nothing half-written is left"


# -- What goes wrong -------------------------------------------------------------------------------


async def test_after_a_failure_it_is_done_at_the_next_turn_and_not_again(
    engine: Prometheus,
) -> None:
    port, told = free_port(), []
    url = f"http://127.0.0.1:{port}"
    reporting = Reporting(reports(engine, alertmanager_url=url), Influx(), Now(LAST))
    for _ in range(2):
        with pytest.raises(AwayError, match=rf"Alertmanager at {url}: Client"):
            await reporting.publish("daily")

    async def take(request: web.Request) -> web.Response:
        told.append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/api/v2/alerts", take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        for _ in range(3):
            await reporting.publish("daily")
    finally:
        await runner.cleanup()

    ((alert,),) = told
    assert alert["labels"]["alertname"] == "DailyReport"
    assert alert["startsAt"] == "2026-03-30T09:00:00+02:00"
    assert alert["endsAt"] == "2026-03-31T09:05:00+02:00"


async def test_a_prometheus_that_is_away_is_a_failure(engine: Prometheus, tmp_path: Path) -> None:
    knobs = reports(engine, prometheus_url="http://127.0.0.1:1", directory=tmp_path)

    with pytest.raises(AwayError, match=r"Prometheus at http://127.0.0.1:1: Client"):
        await Reporting(knobs, Influx(), Now(LAST)).publish("daily")
    assert listed(tmp_path) == []


async def test_an_alertmanager_that_refuses_is_a_failure_with_its_words(
    engine: Prometheus,
) -> None:
    reporting = Reporting(reports(engine, alertmanager_url=engine.url), Influx(), Now(LAST))

    with pytest.raises(AwayError, match=r"Alertmanager at .*: 404"):
        await reporting.publish("daily")


async def test_a_failure_is_counted_and_logged_and_the_timers_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    process = Store(telemetry.PROCESS, CATALOGUE.members)
    knobs = Reports(prometheus_url="http://127.0.0.1:1", alertmanager_url="")
    reporting = Reporting(knobs, Influx(), Now(LAST))

    async def publish() -> None:
        await reporting.publish("daily")

    jobs = Jobs(
        (Job(JobName.DAILY_REPORT, 0.02, publish),),
        process=process,
        clock=Clock(lambda: 1000.0, lambda: 0.0),
    )
    level = logging.getLogger("apscheduler").level
    jobs.start()
    async with asyncio.timeout(10):
        while process.value(telemetry.JOB_ERRORS, ByJob(JobName.DAILY_REPORT)) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await jobs.stop(1.0)
    logging.getLogger("apscheduler").setLevel(level)

    assert "the job daily_report failed and will run again" in caplog.text
    assert "Prometheus at http://127.0.0.1:1" in caplog.text


# -- When ------------------------------------------------------------------------------------------


def turns(hour: Hour, begin: datetime, count: int) -> list[datetime]:
    """The first turns of a job after a moment."""
    trigger = hour.trigger()
    assert trigger.pop("trigger") == "cron"
    cron, found, last = CronTrigger(**trigger), [], None
    now = begin
    for _ in range(count):
        last = cron.get_next_fire_time(last, now)
        assert last is not None
        now = last
        found.append(last)
    return found


def test_it_is_nine_o_clock_in_the_zone_and_tried_again_until_ten() -> None:
    saturday = datetime(2026, 3, 28, 12, 0, tzinfo=ZONE)
    found = turns(Hour(ZONE, 9), saturday, 7)

    assert [f"{each:%a %H:%M %Z}" for each in found] == [
        *(f"Sun 09:{minute:02} CEST" for minute in range(0, 60, RETRY_MINUTES)),
        "Mon 09:00 CEST",
    ]
    winter = turns(Hour(ZONE, 9), datetime(2026, 3, 27, 12, 0, tzinfo=ZONE), 1)
    assert [each.utcoffset() for each in (winter[0], found[0])] == [
        timedelta(hours=1),
        timedelta(hours=2),
    ]


def test_the_weekly_one_is_on_mondays() -> None:
    found = turns(
        Hour(ZoneInfo("Asia/Tokyo"), 9, "mon"), datetime(2026, 3, 28, 12, 0, tzinfo=ZONE), 7
    )

    assert f"{found[0]:%a %d %H:%M %Z}" == "Mon 30 09:00 JST"
    assert f"{found[6]:%a %d %H:%M %Z}" == "Mon 06 09:00 JST"


async def test_an_exporter_that_is_told_to_has_the_two_timers_and_is_not_stalled_by_them(
    start: Start,
) -> None:
    running = await start(reports=Reports(enabled=True, zone=ZONE.key, hour=7))
    jobs = {job.name: job.every for job in running.application._jobs._jobs}
    page = (await running.ask("GET", f"{running.operations}/metrics")).body.decode()

    assert jobs[JobName.DAILY_REPORT] == Hour(ZONE, 7)
    assert jobs[JobName.WEEKLY_REPORT] == Hour(ZONE, 7, "mon")
    assert 'exporter_job_errors_total{timer="daily_report"} 0.0' in page
    # An alert watches that everything with a last success has one of the last minute.
    assert 'exporter_job_last_success_timestamp_seconds{timer="daily_report"}' not in page


async def test_an_exporter_that_is_not_told_to_makes_none(app: Running) -> None:
    jobs = {job.name for job in app.application._jobs._jobs}

    assert jobs.isdisjoint({JobName.DAILY_REPORT, JobName.WEEKLY_REPORT})


def test_a_zone_that_does_not_exist_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="there is no time zone 'Europe/Atlantis'"):
        Reports(zone="Europe/Atlantis")


def test_the_json_of_a_report_is_json(engine: Prometheus) -> None:
    reporting = Reporting(reports(engine), Influx(), Now(LAST))
    report = asyncio.run(reporting.report("daily", END))

    assert json.loads(FORMATS["json"](report))["report"] == "daily"

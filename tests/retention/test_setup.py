"""``python -m exporter influx setup``: what it makes, that it does so once, and what it says."""

import argparse
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from pydantic import SecretStr

from exporter.retention.command import run
from exporter.retention.plan import DAY, DROPPED, plan
from exporter.settings import Influx
from tests.dashboards.engines import influxdb, run_server
from tests.programs import binary, free_port
from tests.retention.influx2 import Influx2, stranger

ROOT = Path(__file__).parents[2]


class Said(NamedTuple):
    code: int
    lines: list[str]
    err: str


Run = Callable[..., Any]


@pytest.fixture
async def server() -> AsyncIterator[Influx2]:
    async with Influx2().serving() as found:
        yield found


@pytest.fixture
def setup(capsys: pytest.CaptureFixture[str]) -> Run:
    async def runs(url: str, *, dry: bool = False, **knobs: Any) -> Said:
        settings = Influx(**{"url": url, "token": SecretStr(Influx2.token), **knobs})
        code = await run(settings, argparse.Namespace(dry_run=dry))
        printed = capsys.readouterr()
        return Said(code, printed.out.splitlines(), printed.err)

    return runs


def done(said: Said) -> list[str]:
    """What was done to each thing, without the thing; and what is said at the end."""
    return [line if line.endswith(".") else line[:12].strip() for line in said.lines]


async def test_it_makes_buckets_tasks_and_mappings(server: Influx2, setup: Run) -> None:
    said = await setup(server.url)

    assert said.code == 0
    assert said.lines == [
        "updated      bucket video, kept 90 days (was for ever)",
        "created      bucket video_hourly, kept 365 days",
        "created      bucket video_daily, kept 730 days",
        "created      task video_hourly",
        "created      task video_daily",
        "created      mapping video.autogen to bucket video",
        "created      mapping video.hourly to bucket video_hourly",
        "created      mapping video.daily to bucket video_daily",
    ]
    kept = {each["name"]: each["retentionRules"] for each in server.buckets}
    assert kept == {
        "video": [{"type": "expire", "everySeconds": 90 * DAY}],
        "video_hourly": [{"type": "expire", "everySeconds": 365 * DAY}],
        "video_daily": [{"type": "expire", "everySeconds": 730 * DAY}],
        "_tasks": [{"type": "expire", "everySeconds": 3 * DAY}],
    }
    assert [(each["name"], each["status"]) for each in server.tasks] == [
        ("video_hourly", "active"),
        ("video_daily", "active"),
    ]
    names = {each["id"]: each["name"] for each in server.buckets}
    assert [
        (each["database"], each["retention_policy"], names[each["bucketID"]], each["default"])
        for each in server.mappings
    ] == [
        ("video", "autogen", "video", True),
        ("video", "hourly", "video_hourly", False),
        ("video", "daily", "video_daily", False),
    ]


@pytest.mark.parametrize("missing_is_404", [False, True])
async def test_a_second_run_changes_nothing_and_says_so(setup: Run, missing_is_404: bool) -> None:
    async with Influx2(missing_is_404=missing_is_404).serving() as server:
        assert (await setup(server.url)).code == 0
        server.changes.clear()
        said = await setup(server.url)

    assert said.code == 0
    assert done(said) == ["unchanged"] * 8 + ["Nothing to do."]
    assert server.changes == []


async def test_a_dry_run_says_what_it_would_do_and_does_nothing(
    server: Influx2, setup: Run
) -> None:
    said = await setup(server.url, dry=True)
    real = await setup(server.url)

    assert said.code == 0
    assert done(said) == ["would update", *["would create"] * 7]
    assert done(real) == ["updated", *["created"] * 7]
    assert [line[13:] for line in said.lines] == [line[13:] for line in real.lines]
    assert done(await setup(server.url, dry=True))[-1] == "Nothing to do."


async def test_a_dry_run_changes_nothing_at_all(server: Influx2, setup: Run) -> None:
    await setup(server.url, dry=True)
    await setup(server.url, dry=True, daily_days=1000)

    assert server.changes == []


async def test_a_retention_that_changed_is_updated_and_nothing_else(
    server: Influx2, setup: Run
) -> None:
    await setup(server.url)
    server.changes.clear()
    said = await setup(server.url, daily_days=800)

    assert "updated      bucket video_daily, kept 800 days (was 730 days)" in said.lines
    assert done(said).count("unchanged") == 7
    assert len(server.changes) == 1
    (daily,) = [each for each in server.buckets if each["name"] == "video_daily"]
    assert daily["retentionRules"] == [{"type": "expire", "everySeconds": 800 * DAY}]


async def test_a_task_that_somebody_changed_or_stopped_is_put_right(
    server: Influx2, setup: Run
) -> None:
    await setup(server.url)
    first, second = server.tasks
    before = first["flux"]
    first["flux"] = before.replace("1h", "2h")
    second["status"] = "inactive"
    said = await setup(server.url)

    assert said.lines[3:5] == ["updated      task video_hourly", "updated      task video_daily"]
    assert first["flux"] == before
    assert second["status"] == "active"
    assert done(await setup(server.url))[-1] == "Nothing to do."


async def test_a_mapping_to_another_bucket_is_left_alone_and_said(
    server: Influx2, setup: Run
) -> None:
    await setup(server.url)
    server.mappings[1]["bucketID"] = server.buckets[1]["id"]
    said = await setup(server.url)

    assert said.code == 1
    assert "another bucket under video.hourly" in said.err
    assert len(said.err.splitlines()) == 1


async def test_a_mapping_that_is_no_default_any_more_becomes_it_again(
    server: Influx2, setup: Run
) -> None:
    await setup(server.url)
    server.mappings[0]["default"] = False
    said = await setup(server.url)

    assert said.lines[5] == "updated      mapping video.autogen to bucket video"
    assert server.mappings[0]["default"] is True


async def test_every_name_follows_that_of_the_bucket(server: Influx2, setup: Run) -> None:
    await setup(server.url, bucket="films")

    assert {each["name"] for each in server.buckets} >= {"films", "films_hourly", "films_daily"}
    assert {each["database"] for each in server.mappings} == {"films"}
    assert 'from(bucket: "films")' in server.tasks[0]["flux"]
    assert 'to(bucket: "films_hourly", org: "video")' in server.tasks[0]["flux"]


# -- What cannot be set up -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, "404 page not found\n"),  # InfluxDB 1
        (400, 'unsupported path requested: "/api/v2/orgs"'),  # VictoriaMetrics
        (404, ""),  # InfluxDB 3 Core
        (404, {"error": "not found"}),
        (200, "<html>"),
        (200, []),
    ],
)
async def test_what_is_no_influxdb_2_is_told_in_a_sentence(
    setup: Run, status: int, body: object
) -> None:
    async with stranger(status, body) as url:
        said = await setup(url)

    assert said.code == 1
    assert said.err == (
        f"What answers at {url} is not InfluxDB 2 ({status} on /api/v2/orgs): only that has"
        " buckets, tasks and mappings to set up.\n"
    )


def test_the_real_influxdb_1_is_told_apart(tmp_path: Path) -> None:
    with influxdb(tmp_path) as engine:
        ended = command(EXPORTER_INFLUX__URL=engine.url)
    assert ended.returncode == 1
    assert "is not InfluxDB 2 (404 on /api/v2/orgs)" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_the_real_victoriametrics_is_told_apart(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    program = (
        binary("victoria-metrics", "victoria-metrics"),
        f"-storageDataPath={tmp_path / 'data'}",
        f"-httpListenAddr={url.removeprefix('http://')}",
    )
    with run_server(program, tmp_path, f"{url}/health"):
        ended = command(EXPORTER_INFLUX__URL=url)
    assert ended.returncode == 1
    assert "is not InfluxDB 2 (400 on /api/v2/orgs)" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def command(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "exporter", "influx", "setup", *arguments],
        env={"PATH": "/usr/bin", **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


async def test_what_a_wrong_token_or_organisation_is_told(server: Influx2, setup: Run) -> None:
    token = await setup(server.url, token=SecretStr("c4n4ry"))
    org = await setup(server.url, org="nobody")

    assert (token.code, org.code) == (1, 1)
    assert "refuses the token on /api/v2/orgs (unauthorized access)" in token.err
    assert "c4n4ry" not in token.err
    assert "no organisation 'nobody' (EXPORTER_INFLUX__ORG)" in org.err


async def test_an_influxdb_that_is_away_or_not_configured(setup: Run) -> None:
    away = await setup(f"http://name:c4n4ry@127.0.0.1:{free_port()}")
    nothing = await setup("")

    assert (away.code, nothing.code) == (1, 1)
    assert "does not answer: Client" in away.err
    assert "c4n4ry" not in away.err
    assert "EXPORTER_INFLUX__URL is not set" in nothing.err


# -- The scripts -----------------------------------------------------------------------------------


def test_a_name_cannot_break_out_of_a_script() -> None:
    (hourly, _) = plan(Influx(bucket='a" b\\', org='c"')).tasks

    assert r'from(bucket: "a\" b\\")' in hourly.flux
    assert r'org: "c\""' in hourly.flux


def test_the_document_says_what_is_kept_and_what_is_dropped() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    wanted = plan(Influx())

    for bucket in wanted.buckets:
        assert f"| `{bucket.name}` | {bucket.days} days |" in page
    for tag in DROPPED:
        assert f"`{tag}`" in page
    for mapping in wanted.mappings:
        assert f'`"{mapping.policy}"`' in page


def test_compose_has_the_influxdb_that_can_be_set_up() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())

    assert compose["services"]["influxdb"]["image"].startswith("influxdb:2.")
